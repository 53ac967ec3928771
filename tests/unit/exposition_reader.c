/* SPDX-License-Identifier: BSD-2-Clause */
#include "exposition_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table_sample.h"

#define LINES_MAX 100000

/* Of equal ones the first. */
static size_t larger_ones(const struct report *report, size_t flow)
{
	size_t count = 0;

	for (size_t i = 0; i < report->flow_count; i++)
		count += report->flows[i].bytes > report->flows[flow].bytes ||
			 (report->flows[i].bytes == report->flows[flow].bytes && i < flow);
	return count;
}

struct text exposition_of(struct report *report, size_t top, bool legacy, enum exposition format)
{
	const struct prometheus_config config = { .legacy = legacy };
	struct text text = TEXT_EMPTY;

	for (size_t i = 0; i < report->flow_count; i++)
		report->flows[i].top = larger_ones(report, i) < top;

	prometheus_render(&config, report, format, &text);
	assert_false(text.failed);
	return text;
}

/* What follows `series` and a space on the one line that starts so. */
const char *value_of(const struct text *text, const char *series)
{
	static char value[64];
	const char *found = NULL;
	size_t length = strlen(series);

	for (const char *line = text->bytes; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, series, length) != 0 || line[length] != ' ')
			continue;
		assert_null(found);
		found = line + length + 1;
	}
	if (!found)
		return NULL;
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(found, "\n"), found);
	return value;
}

void assert_value(const struct text *text, const char *series, const char *expected)
{
	const char *value = value_of(text, series);

	if (!value && expected)
		fail_msg("%s is missing", series);
	if (value && !expected)
		fail_msg("%s is %s and should be absent", series, value);
	if (value)
		assert_string_equal(value, expected);
}

double sum_of(const struct text *text, const char *name, const char *part)
{
	size_t length = strlen(name);
	double sum = 0;

	for (const char *line = text->bytes; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *end = line + strcspn(line, "\n"), *value = memrchr(line, ' ', (size_t)(end - line));

		if (strncmp(line, name, length) != 0 || line[length] != '{')
			continue;
		if (!memmem(line, (size_t)(value - line), part, strlen(part)))
			continue;
		sum += strtod(value, NULL);
	}
	return sum;
}

struct family {
	char name[128], type[16];
};

static bool has_suffix(const char *name, size_t length, const char *family, const char *suffix)
{
	return length == strlen(family) + strlen(suffix) && !strncmp(name, family, strlen(family)) &&
	       !strncmp(name + strlen(family), suffix, strlen(suffix));
}

/* The sample's name is one that its family may have. */
static bool belongs(const struct family *family, const char *name, size_t length, enum exposition format)
{
	if (!strcmp(family->type, "histogram"))
		return has_suffix(name, length, family->name, "_bucket") ||
		       has_suffix(name, length, family->name, "_sum") ||
		       has_suffix(name, length, family->name, "_count");
	if (!strcmp(family->type, "counter") && format == EXPOSITION_OPENMETRICS)
		return has_suffix(name, length, family->name, "_total");
	return has_suffix(name, length, family->name, "");
}

/* Reads {a="b",c="d"}; returns what follows. */
static const char *read_labels(const char *at)
{
	if (*at != '{')
		return at;
	do {
		at++;
		assert_true(strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") > 0);
		at += strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"'; at++) {
			assert_true(*at && *at != '\n');
			if (*at == '\\') {
				at++;
				assert_non_null(strchr("\\\"n", *at));
			}
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void assert_well_formed(const struct text *text, enum exposition format)
{
	char **series = calloc(LINES_MAX, sizeof(*series)), **families = calloc(LINES_MAX, sizeof(*families));
	char *copy = strdup(text->bytes), *rest = copy, *line;
	size_t series_count = 0, family_count = 0;
	struct family family = { "", "" };
	bool ended = false;

	assert_true(series && families && copy);
	assert_int_equal(text->bytes[text->length - 1], '\n');
	while ((line = strsep(&rest, "\n")) && *line) {
		const char *value;
		char *end;

		assert_false(ended);
		if (!strncmp(line, "# HELP ", 7)) {
			int name_length = (int)strcspn(line + 7, " ");

			snprintf(family.name, sizeof(family.name), "%.*s", name_length, line + 7);
			assert_true(strlen(line + 7) > (size_t)name_length + 1);
			line = strsep(&rest, "\n");
			assert_non_null(line);
			assert_int_equal(sscanf(line, "# TYPE %*s %15s", family.type), 1);
			assert_memory_equal(line + 7, family.name, strlen(family.name));
			assert_int_equal(line[7 + strlen(family.name)], ' ');
			families[family_count++] = strdup(family.name);
			continue;
		}
		if (!strcmp(line, "# EOF")) {
			ended = true;
			continue;
		}
		assert_true(belongs(&family, line, strcspn(line, "{ "), format));
		value = read_labels(line + strcspn(line, "{ "));
		assert_int_equal(*value, ' ');
		strtod(value + 1, &end);
		assert_true(end > value + 1 && !*end);
		if (strcmp(family.type, "gauge") != 0)
			assert_true(strtod(value + 1, NULL) >= 0);
		*(char *)value = '\0';
		assert_true(series_count < LINES_MAX);
		series[series_count++] = line;
	}
	assert_int_equal(ended, format == EXPOSITION_OPENMETRICS);
	qsort(series, series_count, sizeof(*series), compare_lines);
	for (size_t i = 1; i < series_count; i++)
		assert_string_not_equal(series[i - 1], series[i]);
	qsort(families, family_count, sizeof(*families), compare_lines);
	for (size_t i = 1; i < family_count; i++)
		assert_string_not_equal(families[i - 1], families[i]);
	for (size_t i = 0; i < family_count; i++)
		free(families[i]);
	free(families);
	free(series);
	free(copy);
}

void sum_up(struct report *report)
{
	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *flow = &report->flows[i];

		report->sums.packets += flow->packets;
		report->sums.bytes += flow->bytes;
		report->sums.payload_bytes += flow->payload_bytes;
		report->sums.gaps += flow->gaps_total;
		report->sums.gap_seconds += flow->gap_seconds_total;
		report->sums.gap_squared_seconds += flow->gap_squared_seconds_total;
		report->sums.received += flow->sequence.received;
		report->sums.reverse += flow->sequence.reverse;
		report->sums.small += flow->sequence.small;
		report->sums.big += flow->sequence.big;
		report->sums.lost += flow->sequence.lost;
		report->sums.duplicate += flow->sequence.duplicate;
		report->sums.reordered += flow->sequence.reordered;
	}
}

struct report *summed_mixed(void)
{
	struct report *report = sample_mixed();

	report->protocols[GROUP_TCP].sequence.kind = SEQUENCE_BYTES;
	sum_up(report);
	return report;
}
