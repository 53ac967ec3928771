/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps of a record that was read in the middle of a packet, or whose clock went back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_model.h"
#include "near.h"
#include "measure/moments.h"

#define START (1000 * SECOND)

/* The stop is written down; the packet that ended it is not in yet. */
static struct flow_record torn_at_restart(const struct flow_record *before, const struct flow_record *after)
{
	struct flow_record torn = *after;

	torn.packets = before->packets;
	torn.bytes = before->bytes;
	torn.payload_bytes = before->payload_bytes;
	torn.last_ns = before->last_ns;
	return torn;
}

/* `restarts`: whether the reading caught the count of restarts already raised. */
static void read_torn_restart(uint64_t restarts)
{
	struct flow_record first, now = { 0 }, torn;
	struct gap_sums interval, sums;

	for (int i = 0; i < 4; i++)
		model_packet(&now, START + (uint64_t)i * 10 * MILLISECOND);
	first = now;
	model_packet(&now, START + 100 * SECOND);
	torn = torn_at_restart(&first, &now);
	torn.restarts = restarts;

	interval = gaps_of_interval(&first, &torn);
	assert_int_equal(interval.count, 0);
	assert_true(isnan(interarrival_of(interval).mean));
	sums = gaps_between(&first, &torn);
	assert_int_equal(sums.count, 0);
	assert_true(sums.seconds == 0);

	model_packet(&now, START + 100 * SECOND + 20 * MILLISECOND);
	model_packet(&now, START + 100 * SECOND + 40 * MILLISECOND);
	interval = gaps_of_interval(&torn, &now);
	assert_int_equal(interval.count, 2);
	assert_near(interarrival_of(interval).mean, 0.020, 1e-12, 0);
	assert_near(interarrival_of(interval).stddev, 0, 1e-6, 0);
	sums = gaps_between(&torn, &now);
	assert_int_equal(sums.count, 2);
	assert_near(sums.seconds, 0.040, 1e-12, 0);
}

static void test_torn_restart(void **state)
{
	(void)state;
	read_torn_restart(1);
	read_torn_restart(0);
}

/* The same at a later stop, the count of restarts not raised yet: no gap reaches over the stop. */
static void test_torn_restart_of_many(void **state)
{
	struct flow_record first, now = { 0 }, torn;

	(void)state;
	model_packet(&now, START);
	model_packet(&now, START + 10 * SECOND);
	model_packet(&now, START + 11 * SECOND);
	first = now;
	model_packet(&now, START + 100 * SECOND);
	torn = torn_at_restart(&first, &now);
	torn.restarts = first.restarts;
	assert_int_equal(gaps_of_interval(&first, &torn).count, 0);
	model_packet(&now, START + 101 * SECOND);
	assert_int_equal(gaps_of_interval(&torn, &now).count, 1);
	assert_near(gaps_of_interval(&torn, &now).seconds, 1.0, 1e-12, 0);
}

/* Any field a packet ahead of the others: nothing below 0, nothing that is not a number. */
static void test_torn_fields_are_clamped(void **state)
{
	struct flow_record before = { 0 }, now, torn[4];

	(void)state;
	for (int i = 0; i < 5; i++)
		model_packet(&before, START + (uint64_t)i * 50 * MILLISECOND);
	now = before;
	model_packet(&now, before.last_ns + 50 * MILLISECOND);
	for (int i = 0; i < 4; i++)
		torn[i] = before;
	torn[0].packets = now.packets;
	torn[1].last_ns = now.last_ns;
	torn[2].gap_squares = now.gap_squares;
	torn[3].merged = 7;
	for (int i = 0; i < 4; i++)
		for (int back = 0; back < 2; back++) {
			const struct flow_record *from = back ? &torn[i] : &before, *to = back ? &now : &torn[i];
			struct gap_sums sums = gaps_of_interval(from, to);
			struct interarrival_report report = interarrival_of(sums);

			assert_true(sums.seconds >= 0 && sums.squared_seconds >= 0);
			assert_true(sums.count || (sums.seconds == 0 && sums.squared_seconds == 0));
			assert_true(report.count <= 1);
			assert_true(report.merged <= report.count);
			assert_true(report.count ? report.mean >= 0 : isnan(report.mean));
			assert_true(isnan(report.stddev));
			report = interarrival_of(gaps_of_interval(NULL, to));
			assert_true(report.mean > 0 && report.stddev >= 0);
		}
}

static void test_clock_going_back(void **state)
{
	struct flow_record now = { 0 };
	struct gap_sums sums;

	(void)state;
	model_packet(&now, START);
	model_packet(&now, START - MILLISECOND); /* a capture whose packets are out of order */
	sums = gaps_of_interval(NULL, &now);
	assert_int_equal(sums.count, 1);
	assert_true(sums.seconds == 0);
	model_packet(&now, START - 100 * SECOND); /* a clock that was set: the measure starts anew */
	model_packet(&now, START - 99 * SECOND);
	sums = gaps_of_interval(NULL, &now);
	assert_int_equal(sums.count, 1);
	assert_near(sums.seconds, 1.0, 1e-12, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn_restart),
		cmocka_unit_test(test_torn_restart_of_many),
		cmocka_unit_test(test_torn_fields_are_clamped),
		cmocka_unit_test(test_clock_going_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
