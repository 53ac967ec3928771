/* SPDX-License-Identifier: BSD-2-Clause */
/* rtt: round-trip times of the traffic, a line a pair and method, those with most of them in the last interval first. */
#include <stdio.h>

#include "app/controller.h"
#include "base/log.h"
#include "control_protocol.h"

#define CELL_SIZE 24
#define END_SIZE 64
#define MS_PER_SECOND 1e3

static const cJSON *member_of(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *string_of(const cJSON *object, const char *key, const char *otherwise)
{
	const cJSON *item = member_of(object, key);

	return cJSON_IsString(item) ? item->valuestring : otherwise;
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = member_of(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Milliseconds to the microsecond; "-" if they are not known. */
static const char *cell(const cJSON *object, const char *key, char out[CELL_SIZE])
{
	const cJSON *item = member_of(object, key);

	if (cJSON_IsNumber(item))
		snprintf(out, CELL_SIZE, "%.3f", item->valuedouble * MS_PER_SECOND);
	else
		snprintf(out, CELL_SIZE, "-");
	return out;
}

static const char *end_of(const cJSON *pair, const char *address, const char *port, char out[END_SIZE])
{
	const cJSON *number = member_of(pair, port);

	if (cJSON_IsNumber(number))
		snprintf(out, END_SIZE, "%s %.0f", string_of(pair, address, "other"), number->valuedouble);
	else
		snprintf(out, END_SIZE, "%s", string_of(pair, address, "other"));
	return out;
}

static void print_pair(const cJSON *pair)
{
	const cJSON *interval = member_of(pair, "interval");
	char last[CELL_SIZE], min[CELL_SIZE], smoothed[CELL_SIZE], p50[CELL_SIZE], p95[CELL_SIZE], p99[CELL_SIZE];
	char src[END_SIZE], dst[END_SIZE];

	printf("%-39s %-39s %-13s %10.0f %9s %9s %9s %9s %9s %9s\n", end_of(pair, "src", "sport", src),
	       end_of(pair, "dst", "dport", dst), string_of(pair, "method", "?"), number_of(pair, "count"),
	       cell(pair, "last_seconds", last), cell(pair, "min_seconds", min),
	       cell(pair, "smoothed_seconds", smoothed), cell(interval, "p50_seconds", p50),
	       cell(interval, "p95_seconds", p95), cell(interval, "p99_seconds", p99));
}

static void print_pairs(const struct controller *controller, const cJSON *report)
{
	const cJSON *pairs = member_of(report, "pairs"), *pair;
	int count = cJSON_GetArraySize(pairs), shown = 0;

	if (!count) {
		puts("no round-trip time has been measured yet");
		return;
	}
	printf("%-39s %-39s %-13s %10s %9s %9s %9s %9s %9s %9s\n", "FROM", "TO, AND BACK", "METHOD", "COUNT",
	       "LAST(ms)", "MIN", "SMOOTHED", "P50", "P95", "P99");
	cJSON_ArrayForEach (pair, pairs) {
		if (controller->top && shown == controller->top)
			break;
		print_pair(pair);
		shown++;
	}
	if (shown < count)
		printf("... and %d more\n", count - shown);
}

static void print_hops(const cJSON *report)
{
	const cJSON *hops = member_of(report, "hops"), *hop;

	if (!cJSON_GetArraySize(hops))
		return;
	printf("\n%-39s %-39s %13s\n", "HOP", "DESTINATION", "TIME EXCEEDED");
	cJSON_ArrayForEach (hop, hops)
		printf("%-39s %-39s %13.0f\n", string_of(hop, "hop", "?"), string_of(hop, "dst", "?"),
		       number_of(hop, "time_exceeded"));
}

static void print_report(const struct controller *controller, const cJSON *report)
{
	const char *note = string_of(report, "note", NULL);

	if (!cJSON_IsTrue(member_of(report, "enabled"))) {
		puts("round-trip times are not measured: rtt.enabled is false");
		return;
	}
	if (note)
		puts(note);
	else
		print_pairs(controller, report);
	print_hops(report);
}

int controller_rtt(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, "rtt", NULL, error);
	const cJSON *report = member_of(answer, "report");
	int status = EXIT_DONE;
	char *text;

	if (!answer) {
		log_error("%s", error);
		return EXIT_FAILED;
	}
	if (!controller->json) {
		print_report(controller, report);
	} else if ((text = cJSON_Print(report))) {
		puts(text);
		cJSON_free(text);
	} else {
		log_error("out of memory");
		status = EXIT_FAILED;
	}
	cJSON_Delete(answer);
	return status;
}
