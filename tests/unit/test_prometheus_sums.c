/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sums over the series, held against the report's. Random reports have flows that differ in VLAN tags only, and
 * more flows than series. promtool, where there is one, has the last word on the text.
 */
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "exposition_reader.h"
#include "flow_model.h"
#include "table_sample.h"

#define ROUNDS 60

static struct report *random_report(uint64_t *random)
{
	size_t count = random_below(random, 300);
	struct report *report = sample_report(count, 0);

	for (size_t i = 0; i < count; i++) {
		struct flow_report *flow = &report->flows[i];
		char source[32];

		/* Few end points, so that many differ in VLAN tags or in the interface's index only. */
		snprintf(source, sizeof(source), random_below(random, 2) ? "10.0.0.%d" : "2001:db8::%d",
			 (int)random_below(random, 40));
		sample_ends(flow, source, (uint16_t)random_below(random, 3), strchr(source, ':') ? "::1" : "10.9.9.9",
			    80, random_below(random, 2) ? IPPROTO_TCP : IPPROTO_UDP);
		flow->key.vlan[0] = (uint16_t)random_below(random, 4);
		flow->key.ifindex = (uint32_t)random_below(random, 2);
		sample_rates(flow, (double)random_below(random, 1000), (double)random_below(random, 1000), 1, 1,
			     random_below(random, 1000000), random_below(random, 50) * 1000000);
		flow->payload_bytes = random_below(random, 100000);
		flow->gaps_total = random_below(random, 100000);
		flow->gap_seconds_total = (double)random_below(random, 1000000) / 1024;
		flow->gap_squared_seconds_total = (double)random_below(random, 1000000) / 1024;
		if (flow->key.protocol == IPPROTO_UDP && random_below(random, 2))
			flow->sequence = (struct sequence_report){
				SEQUENCE_PACKETS, 1, 2, 3, random_below(random, 9), 5, 6, 7, 8
			};
	}
	report->protocols[GROUP_UDP].sequence.kind = SEQUENCE_PACKETS;
	report->sums = (struct flow_sums){ .packets = 5555,
					   .bytes = 7777,
					   .payload_bytes = 3333,
					   .gaps = 4444,
					   .gap_seconds = 123.5,
					   .gap_squared_seconds = 88.25,
					   .lost = 99,
					   .small = 12 };
	sum_up(report);
	return report;
}

/* The sum over the series is the sum over all flows that ever were, whatever has a series of its own. */
static void test_sums_are_exact(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	(void)state;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < ROUNDS; round++) {
		struct report *report = random_report(&random);
		size_t max_flows = random_below(&random, 350);
		struct text text = exposition_of(report, max_flows, false, EXPOSITION_TEXT);
		const struct flow_sums *sums = &report->sums;
		double throughput = 0;

		for (size_t i = 0; i < report->flow_count; i++)
			throughput += report->flows[i].throughput;
		assert_well_formed(&text, EXPOSITION_TEXT);
		assert_true(sum_of(&text, "flowgauge_flow_packets_total", "") == (double)sums->packets);
		assert_true(sum_of(&text, "flowgauge_flow_bytes_total", "") == (double)sums->bytes);
		assert_true(sum_of(&text, "flowgauge_flow_payload_bytes_total", "") == (double)sums->payload_bytes);
		assert_true(sum_of(&text, "flowgauge_flow_interarrivals_total", "") == (double)sums->gaps);
		assert_true(sum_of(&text, "flowgauge_flow_interarrival_seconds_total", "") == sums->gap_seconds);
		assert_true(sum_of(&text, "flowgauge_flow_interarrival_squared_seconds_total", "") ==
			    sums->gap_squared_seconds);
		assert_true(sum_of(&text, "flowgauge_flow_sequence_errors_total", "small") == (double)sums->small);
		assert_true(sum_of(&text, "flowgauge_flow_lost_packets_total", "") == (double)sums->lost);
		assert_true(sum_of(&text, "flowgauge_flow_throughput_bytes_per_second", "") == throughput);
		text_free(&text);
		report_release(report);
	}
}

static int descending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* The flows with a series are the largest by bytes, and as many as asked for. */
static void test_largest_are_shown(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	(void)state;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < ROUNDS; round++) {
		size_t count = 1 + random_below(&random, 400), shown = random_below(&random, count + 2), found = 0;
		struct report *report = sample_many(count);
		uint64_t *bytes = calloc(count, sizeof(*bytes));
		struct text text;

		assert_non_null(bytes);
		for (size_t i = 0; i < count; i++)
			bytes[i] = report->flows[i].bytes = 1 + random_below(&random, 1000000000) * 1000 + i;
		qsort(bytes, count, sizeof(*bytes), descending);
		text = exposition_of(report, shown, false, EXPOSITION_TEXT);
		for (size_t i = 0; i < count; i++) {
			char value[40];

			snprintf(value, sizeof(value), "protocol=\"TCP\"} %llu\n", (unsigned long long)bytes[i]);
			found += strstr(text.bytes, value) != NULL;
			assert_int_equal(found, i < shown ? i + 1 : shown < count ? shown : count);
		}
		free(bytes);
		text_free(&text);
		report_release(report);
	}
}

/* The sums may be a packet behind the flows; a counter below 0 would be no counter. */
static void test_rest_is_never_negative(void **state)
{
	struct report *report = summed_mixed();
	struct text text;
	(void)state;

	report->sums = (struct flow_sums){ .packets = 3, .gap_seconds = 1e-9 };
	report->flows[0].gap_seconds_total = 1;
	text = exposition_of(report, 1000, false, EXPOSITION_TEXT);
	assert_well_formed(&text, EXPOSITION_TEXT);
	assert_value(&text, "flowgauge_flow_packets_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_bytes_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_interarrival_seconds_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_lost_packets_total" OTHER, "0");
	text_free(&text);
	report_release(report);
}

/*
 * Flows that have left stand at one third of a second, while the flow that is shown goes on: to the rest nothing
 * happens, and the rounding of two growing sums must not show.
 */
static void test_standing_counter_stands(void **state)
{
	struct report *report = sample_report(1, 0);
	char first[64] = "";
	(void)state;

	sample_ends(&report->flows[0], "10.1.0.1", 5001, "10.1.0.2", 6001, IPPROTO_UDP);
	report->sums.gap_seconds = 1000.0 / 3;
	for (int tick = 0; tick < 3000; tick++) {
		struct text text;
		const char *value;

		report->flows[0].gap_seconds_total += 0.1;
		report->sums.gap_seconds += 0.1;
		if (report->sums.gap_seconds < 512) /* another power of two has another last digit */
			continue;
		text = exposition_of(report, 10, false, EXPOSITION_TEXT);
		value = value_of(&text, "flowgauge_flow_interarrival_seconds_total" OTHER);
		assert_non_null(value);
		if (!*first)
			strcpy(first, value);
		assert_string_equal(value, first);
		text_free(&text);
	}
	assert_true(fabs(strtod(first, NULL) - 1000.0 / 3) < 1e-6);
	report_release(report);
}

/* promtool reads what Prometheus reads, and knows the habits of names. */
static void test_promtool(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	struct report *reports[] = { summed_mixed(), random_report(&random), sample_report(0, 0) };
	(void)state;

	if (system("command -v promtool >/dev/null") != 0)
		skip();
	print_message("seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct text text = exposition_of(reports[i], 100, false, EXPOSITION_TEXT);
		FILE *promtool = popen("promtool check metrics", "w");
		int status;

		assert_non_null(promtool);
		assert_int_equal(fwrite(text.bytes, 1, text.length, promtool), text.length);
		status = pclose(promtool);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		text_free(&text);
	}
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		report_release(reports[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_are_exact),
		cmocka_unit_test(test_largest_are_shown),
		cmocka_unit_test(test_rest_is_never_negative),
		cmocka_unit_test(test_standing_counter_stands),
		cmocka_unit_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
