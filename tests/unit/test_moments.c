/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps between packets, against tables and against a slow and obvious judge of random packets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "flow_model.h"
#include "near.h"
#include "measure/moments.h"

#define START (1000 * SECOND)

/* --- gaps: tables --- */

struct gap_case {
	const char *name;
	uint64_t gaps_ms[6]; /* up to the first 0 */
	int read_after;      /* packets in the reading before; 0: none */
	uint64_t count;
	double mean, stddev;
	uint64_t count_between;
	double seconds_between;
};

static const struct gap_case gap_cases[] = {
	{ "one packet", { 0 }, 0, 0, NAN, NAN, 0, 0 },
	{ "two packets", { 10 }, 0, 1, 0.010, NAN, 1, 0.010 },
	{ "equal gaps", { 10, 10, 10 }, 0, 3, 0.010, 0, 3, 0.030 },
	{ "10, 20, 30 ms", { 10, 20, 30 }, 0, 3, 0.020, 0.010, 3, 0.060 },
	{ "only what came since", { 500, 10, 20, 30 }, 2, 3, 0.020, 0.010, 3, 0.060 },
	{ "nothing came since", { 10, 20 }, 3, 0, NAN, NAN, 0, 0 },
	{ "a gap of 2 s is a gap", { 2000, 2000 }, 0, 2, 2.0, 0, 2, 4.0 },
	{ "a gap over 2 s ends the measure", { 10, 2001, 20, 30 }, 0, 2, 0.025, 0.0070710678118654752, 3, 0.060 },
	{ "stopped twice", { 3000, 10, 5000, 20, 40 }, 0, 2, 0.030, 0.014142135623730951, 3, 0.070 },
	{ "the packet after a stop is alone", { 10, 10, 9000 }, 0, 0, NAN, NAN, 2, 0.020 },
	{ "stopped before the reading", { 10, 9000, 20, 40 }, 3, 2, 0.030, 0.014142135623730951, 2, 0.060 },
	{ "stopped after the reading", { 10, 20, 9000, 40 }, 2, 1, 0.040, NAN, 2, 0.060 },
};

static void test_gap_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gap_cases) / sizeof(*gap_cases); i++) {
		const struct gap_case *row = &gap_cases[i];
		struct flow_record before = { 0 }, now = { 0 };
		struct interarrival_report report;
		struct gap_sums between;
		uint64_t at = START;

		print_message("  %s\n", row->name);
		model_packet(&now, at);
		for (int gap = 0; gap < 6 && row->gaps_ms[gap]; gap++) {
			if (gap + 1 == row->read_after)
				before = now;
			model_packet(&now, at += row->gaps_ms[gap] * MILLISECOND);
		}
		if ((uint64_t)row->read_after == now.packets)
			before = now;
		report = interarrival_of(gaps_of_interval(row->read_after ? &before : NULL, &now));
		between = gaps_between(&before, &now);
		assert_int_equal(report.count, row->count);
		assert_int_equal(between.count, row->count_between);
		assert_near(between.seconds, row->seconds_between, 1e-12, 0);
		if (row->count)
			assert_near(report.mean, row->mean, 1e-12, 0);
		else
			assert_true(isnan(report.mean));
		if (row->count > 1)
			assert_near(report.stddev, row->stddev, 1e-6, 1e-3);
		else
			assert_true(isnan(report.stddev));
	}
}

static void test_blank_record_has_no_gaps(void **state)
{
	struct flow_record blank = { 0 };

	(void)state;
	assert_int_equal(gaps_of_interval(NULL, &blank).count, 0);
	assert_int_equal(gaps_between(&blank, &blank).count, 0);
	assert_true(gaps_between(NULL, &blank).seconds == 0);
}

static void test_merged_buffers(void **state)
{
	struct flow_record before, now = { 0 };
	struct gap_sums sums;

	(void)state;
	model_buffer(&now, START, 10, 15000, 14000);
	before = now;
	model_buffer(&now, START + 10 * MILLISECOND, 5, 7500, 7000);
	sums = gaps_of_interval(NULL, &before);
	assert_int_equal(sums.count, 9);
	assert_int_equal(sums.merged, 9);
	sums = gaps_of_interval(&before, &now);
	assert_int_equal(sums.count, 5);
	assert_int_equal(sums.merged, 4);
	assert_near(sums.seconds, 0.010, 1e-15, 0);
	model_buffer(&now, START + 10 * SECOND, 3, 4500, 4200); /* after a stop: two gaps of 0 */
	sums = gaps_of_interval(&before, &now);
	assert_int_equal(sums.count, 2);
	assert_true(sums.merged <= sums.count);
	assert_true(sums.seconds == 0);
}

/* --- gaps: precision --- */

static void test_large_equal_gaps_do_not_cancel(void **state)
{
	static const uint64_t gaps_ns[] = { 1000, 12345, 333333, 1000001, 100000007, 999999937, 1999999973 };
	static const uint64_t counts[] = { 2, 100, 10000, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(gaps_ns) / sizeof(*gaps_ns); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(*counts); j++) {
			struct flow_record before = { 0 }, now;
			struct interarrival_report report;

			/* An hour at most, as of a tick; late in the life of a flow. */
			if (gaps_ns[i] * counts[j] > 3600 * SECOND)
				continue;
			model_packet(&before, START);
			before.packets = 123456789;
			before.last_ns += 30 * 86400 * SECOND;
			before.gap_squares = UINT64_MAX - 5;
			now = before;
			for (uint64_t packet = 0; packet < counts[j]; packet++)
				model_packet(&now, now.last_ns + gaps_ns[i]);
			report = interarrival_of(gaps_of_interval(&before, &now));
			assert_int_equal(report.count, counts[j]);
			assert_near(report.mean, (double)gaps_ns[i] * 1e-9, 1e-15, 1e-12);
			assert_near(report.stddev, 0, 1e-6, 0);
		}
}

/* 1.8 s and 2 s in turn: the deviation is 0.1 s, and the squares turn over after 79 minutes. */
static void add_slow_packets(struct flow_record *record, uint64_t packets)
{
	for (uint64_t i = 0; i < packets; i++)
		model_packet(record, record->packets ? record->last_ns + (i & 1 ? 1800 : 2000) * MILLISECOND : START);
}

static void test_squares_turn_over(void **state)
{
	struct flow_record now = { 0 };
	double life = 0, month = 30 * 86400;
	uint64_t turns = 0, ticks = 0;
	struct interarrival_report report;

	(void)state;
	while ((double)(now.last_ns - now.first_ns) < month * 1e9) {
		struct flow_record before = now;

		add_slow_packets(&now, 1895);
		turns += now.gap_squares < before.gap_squares;
		report = interarrival_of(gaps_of_interval(&before, &now));
		assert_near(report.mean, 1.9, 1e-3, 0);
		assert_near(report.stddev, 0.1, 1e-6, 1e-3);
		life += gaps_between(&before, &now).squared_seconds;
		ticks++;
	}
	assert_true(ticks > 700);
	assert_true(turns > 300);
	assert_near(life, gaps_between(NULL, &now).seconds * 1.905263, 0, 1e-4);
}

/* One reading over a day: the turns that it cannot see are found by the mean. */
static void test_turns_between_readings(void **state)
{
	struct flow_record now = { 0 };
	struct interarrival_report report;

	(void)state;
	add_slow_packets(&now, 86400 * 10 / 19);
	report = interarrival_of(gaps_of_interval(NULL, &now));
	assert_int_equal(report.count, now.packets - 1);
	assert_near(report.mean, 1.9, 1e-3, 0);
	assert_near(report.stddev, 0.1, 1e-6, 1e-3);
}

static void test_round_trip_of_sums(void **state)
{
	struct flow_record now = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		struct gap_sums sums, again;
		struct interarrival_report report;

		model_packet(&now, START + i * i * 7 * MILLISECOND);
		sums = gaps_of_interval(NULL, &now);
		report = interarrival_of(sums);
		again = gaps_of_report(&report);
		assert_int_equal(again.count, i);
		assert_near(again.seconds, sums.seconds, 1e-15, 1e-12);
		assert_near(again.squared_seconds, sums.squared_seconds, 1e-15, 1e-12);
	}
}

/* --- gaps: random packets --- */

#define JUDGE_GAPS_MAX 4096

/* The gaps of the interval as a list. */
struct judge {
	double gaps[JUDGE_GAPS_MAX];
	size_t count;
	uint64_t life_count;
	double life_seconds, life_squares;
};

static void judge_gap(struct judge *judge, double gap)
{
	if (gap > 2.0) {
		judge->count = 0;
		return;
	}
	judge->gaps[judge->count++] = gap;
	judge->life_count++;
	judge->life_seconds += gap;
	judge->life_squares += gap * gap;
}

static void judge_interval(const struct judge *judge, const struct interarrival_report *report)
{
	double mean = 0, squares = 0;

	assert_int_equal(report->count, judge->count);
	for (size_t i = 0; i < judge->count; i++)
		mean += judge->gaps[i] / (double)judge->count;
	for (size_t i = 0; i < judge->count; i++)
		squares += (judge->gaps[i] - mean) * (judge->gaps[i] - mean);
	if (judge->count > 0)
		assert_near(report->mean, mean, 1e-9, 1e-9);
	if (judge->count > 1)
		assert_near(report->stddev, sqrt(squares / (double)(judge->count - 1)), 1e-6, 1e-3);
}

static uint64_t random_gap(uint64_t *random)
{
	switch (random_below(random, 40)) {
	case 0:
		return GAP_STOPPED_NS + 1 + random_below(random, 100 * SECOND);
	case 1:
	case 2:
		return random_below(random, GAP_STOPPED_NS + 1);
	case 3:
		return 0;
	default:
		return random_below(random, 20 * MILLISECOND);
	}
}

static void random_flow(uint64_t *random)
{
	static struct judge judge;
	struct flow_record before = { 0 }, now = { 0 };
	double squares = 0;
	uint64_t at = START + random_below(random, 1ULL << 50);

	memset(&judge, 0, sizeof(judge));
	now.gap_squares = before.gap_squares = 0;
	model_packet(&now, at);
	for (int reading = 0; reading < 30; reading++) {
		uint64_t packets = random_below(random, 60);
		struct interarrival_report report;

		for (uint64_t i = 0; i < packets; i++) {
			uint64_t gap = random_gap(random), merged = random_below(random, 10) ? 1 : 4;

			at += gap;
			model_buffer(&now, at, merged, 100 * merged, 50 * merged);
			judge_gap(&judge, (double)gap * 1e-9);
			for (uint64_t more = 1; more < merged; more++)
				judge_gap(&judge, 0);
		}
		report = interarrival_of(gaps_of_interval(&before, &now));
		judge_interval(&judge, &report);
		squares += gaps_between(&before, &now).squared_seconds;
		judge.count = 0;
		before = now;
	}
	assert_int_equal(gaps_between(NULL, &now).count, judge.life_count);
	assert_near(gaps_between(NULL, &now).seconds, judge.life_seconds, 1e-6, 1e-9);
	assert_near(squares, judge.life_squares, 1e-6, 1e-6);
}

static void test_random_gaps(void **state)
{
	uint64_t random = random_seed();

	(void)state;
	print_message("  seed %llu\n", (unsigned long long)random);
	for (int i = 0; i < 500; i++)
		random_flow(&random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gap_table),          cmocka_unit_test(test_blank_record_has_no_gaps),
		cmocka_unit_test(test_merged_buffers),     cmocka_unit_test(test_large_equal_gaps_do_not_cancel),
		cmocka_unit_test(test_squares_turn_over),  cmocka_unit_test(test_turns_between_readings),
		cmocka_unit_test(test_round_trip_of_sums), cmocka_unit_test(test_random_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
