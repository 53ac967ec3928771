/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What windows of all widths make of the table, and its orders. No number may ever be cut, at whatever width, so all
 * of them are tried; orders are compared with a slow and obvious sort.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "export/console.h"
#include "export/grid.h"
#include "export/table.h"
#include "table_sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct console_config everything = { .show_throughput = true, .show_goodput = true, .show_jitter = true };

static char *render(const struct console_config *config, const struct report *report)
{
	struct text text = TEXT_EMPTY;

	console_render(config, report, &text);
	assert_false(text.failed);
	return text.bytes;
}

static void assert_contains(const struct console_config *config, const struct report *report, const char *part)
{
	char *shown = render(config, report);

	if (!strstr(shown, part))
		fail_msg("\"%s\" is missing in:\n%s", part, shown);
	free(shown);
}

/* `piece` stands in `line` between spaces or ends. */
static bool has_word(const char *line, const char *piece)
{
	size_t length = strlen(piece);

	for (const char *at = strstr(line, piece); at; at = strstr(at + 1, piece))
		if ((at == line || at[-1] == ' ' || at[-1] == '\n') &&
		    (!at[length] || at[length] == ' ' || at[length] == '\n'))
			return true;
	return false;
}

/* Every number below the head line of the narrow table is one of the wide table's, whole. */
static void assert_numbers_whole(const char *narrow, const char *wide)
{
	char *copy = strdup(strchr(narrow, '\n')), *rest = NULL;

	assert_non_null(copy);
	for (char *word = strtok_r(copy, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (word[strspn(word, "-.0123456789")] == '\0' && !has_word(wide, word))
			fail_msg("\"%s\" is in the narrow table only:\n%s", word, narrow);
	free(copy);
}

static void assert_fits(const char *shown, unsigned int width)
{
	for (const char *line = shown; *line;) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		if (grid_text_width(line, (size_t)(end - line)) > width)
			fail_msg("wider than %u: %.*s", width, (int)(end - line), line);
		line = end + 1;
	}
}

static void test_every_width(void **state)
{
	struct console_config config = everything;
	struct report *report = sample_mixed();
	char *wide;

	(void)state;
	report->totals[0].outcome[OUTCOME_OVERFLOW] = (struct tally){ 12, 3456 };
	report->totals[1].outcome[OUTCOME_UNPARSED] = (struct tally){ 1, 60 };
	report->flows[1].key.vlan[0] = VLAN_PRESENT | 100;
	config.show_sequence = true;
	wide = render(&config, report);
	/* 39: two addresses of 9, a throughput, and the two spaces; the ledger's overflow needs as much. */
	for (config.width = 39; config.width < 240; config.width++) {
		char *narrow = render(&config, report);

		assert_fits(narrow, config.width);
		assert_numbers_whole(narrow, wide);
		free(narrow);
	}
	free(wide);
	report_release(report);
}

struct width_case {
	unsigned int width;
	const char *titles; /* the line of titles */
	const char *row;    /* of the TCP flow */
};

static const struct width_case width_cases[] = {
	{ 132,
	  "INTERFACE  DIR  PROTO  SOURCE             DESTINATION          THROUGHPUT     GOODPUT  JITTER(ms)   GAP(ms)  "
	  "PACKETS     BYTES",
	  "eth0       out  TCP    [2001:db8::1]:443  [2001:db8::2]:50000  1.500 MB/s  1.200 MB/s           -  500.0000  "
	  "      3      4500" },
	{ 116,
	  "INTERFACE DIR PROTO SOURCE            DESTINATION         THROUGHPUT    GOODPUT JITTER(ms)  GAP(ms) PACKETS    "
	  "BYTES",
	  "eth0      out TCP   [2001:db8::1]:443 [2001:db8::2]:50000 1.500 MB/s 1.200 MB/s          - 500.0000       3     "
	  "4500" },
	{ 110,
	  "INTERFACE DIR PROTO SOURCE          DESTINATION     THROUGHPUT    GOODPUT JITTER(ms)  GAP(ms) PACKETS    BYTES",
	  "eth0      out TCP   [2001…8::1]:443 [200…::2]:50000 1.500 MB/s 1.200 MB/s          - 500.0000       3     4500" },
	{ 80, "DIR PROTO SOURCE            DESTINATION         THROUGHPUT    GOODPUT JITTER(ms)",
	  "out TCP   [2001:db8::1]:443 [2001:db8::2]:50000 1.500 MB/s 1.200 MB/s          -" },
	{ 40, "SOURCE         DESTINATION    THROUGHPUT", "[2001…::1]:443 [200…:2]:50000 1.500 MB/s" },
};

/* The second line of what is shown, and the fourth. */
static void assert_lines(const char *shown, const struct width_case *expected)
{
	char *copy = strdup(shown), *rest = NULL, *lines[4] = { NULL };

	assert_non_null(copy);
	for (size_t i = 0; i < COUNT(lines); i++)
		lines[i] = strtok_r(i ? NULL : copy, "\n", &rest);
	assert_string_equal(lines[1], expected->titles);
	assert_string_equal(lines[3], expected->row);
	free(copy);
}

static void test_widths(void **state)
{
	struct console_config config = everything;
	struct report *report = sample_mixed();

	(void)state;
	for (size_t i = 0; i < COUNT(width_cases); i++) {
		char *shown;

		config.width = width_cases[i].width;
		shown = render(&config, report);
		assert_lines(shown, &width_cases[i]);
		free(shown);
	}
	report_release(report);
}

static void test_left_out_is_said(void **state)
{
	struct console_config config = everything;
	struct report *report = sample_mixed();

	(void)state;
	config.width = 100;
	assert_contains(&config, report, "3 flows  no room for PACKETS BYTES  by throughput\n");
	config.order = ORDER_BYTES;
	assert_contains(&config, report, "3 flows  no room for GAP(ms) PACKETS  by bytes\n");
	config.width = 80;
	assert_contains(&config, report, "3 flows  no room for 4 columns\n");
	report_release(report);
}

/* The slow, obvious order. */
static const struct report *sorted_report;
static enum console_order sorted_by;

static double value_of(size_t index)
{
	const struct flow_report *flow = &sorted_report->flows[index];
	double value = NAN;

	switch (sorted_by) {
	case ORDER_THROUGHPUT:
	case CONSOLE_ORDERS:
		value = -(double)index;
		break;
	case ORDER_GOODPUT:
		value = flow->goodput;
		break;
	case ORDER_PACKETS:
		value = (double)flow->packets;
		break;
	case ORDER_BYTES:
		value = (double)flow->bytes;
		break;
	case ORDER_JITTER:
		value = flow->interarrival.stddev;
		break;
	case ORDER_AGE:
		value = -(double)flow->first_seen_ns;
		break;
	}
	return isnan(value) ? -INFINITY : value;
}

static int compare(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	double x = value_of(i), y = value_of(j);

	if (x != y)
		return x > y ? -1 : 1;
	return i < j ? -1 : 1;
}

static void assert_order(const struct report *report, enum console_order order)
{
	uint32_t expected[256];

	sorted_report = report;
	sorted_by = order;
	for (uint32_t i = 0; i < report->flow_count; i++)
		expected[i] = i;
	qsort(expected, report->flow_count, sizeof(*expected), compare);
	for (size_t first = 0; first <= report->flow_count; first += 1 + (size_t)rand() % 7) {
		size_t count = (size_t)rand() % (report->flow_count - first + 1);
		uint32_t *indexes = NULL;

		assert_int_equal(table_order(report, order, first, count, &indexes), 0);
		assert_memory_equal(indexes, expected + first, count * sizeof(*indexes));
		free(indexes);
	}
}

static void test_orders(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("  seed %u\n", seed);
	srand(seed);
	for (size_t flows = 0; flows < 200; flows += 1 + flows / 4) {
		struct report *report = sample_many(flows);

		for (size_t i = 0; i < flows; i++) {
			report->flows[i].goodput = rand() % 3 ? rand() % 10 : NAN;
			report->flows[i].packets = (uint64_t)(rand() % 10);
			report->flows[i].bytes = (uint64_t)rand();
			report->flows[i].interarrival.stddev = rand() % 2 ? rand() % 5 : NAN;
			report->flows[i].first_seen_ns -= (uint64_t)(rand() % 20) * 1000000000;
		}
		for (int order = 0; order < CONSOLE_ORDERS; order++)
			assert_order(report, (enum console_order)order);
		report_release(report);
	}
}

/* The column is there as soon as one flow has a round-trip time; of the others it is not known. */
static void test_round_trips(void **state)
{
	struct console_config config = { .order = ORDER_THROUGHPUT };
	struct report *report = sample_mixed();
	char *shown = render(&config, report);

	(void)state;
	assert_null(strstr(shown, "RTT"));
	free(shown);
	report->flows[1].rtt = (struct flow_rtt_report){ .known = true, .count = 1, .smoothed = 0.0123456 };
	report->flows[2].rtt.one_way = true;
	shown = render(&config, report);
	assert_non_null(strstr(shown, "  RTT(ms)  PACKETS"));
	assert_non_null(strstr(shown, "[2001:db8::2]:50000  12.3456        3"));
	assert_non_null(strstr(shown, "10.1.0.2                   -        1"));
	free(shown);
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_width),      cmocka_unit_test(test_widths),
		cmocka_unit_test(test_left_out_is_said), cmocka_unit_test(test_orders),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
