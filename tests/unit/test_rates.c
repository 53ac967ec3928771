/* SPDX-License-Identifier: BSD-2-Clause */
/* From bins to estimates: intervals, alarms and what begins anew. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "near.h"
#include "rates_bench.h"

/* --- estimates --- */

static void test_an_interval_ends_with_its_last_bin(void **state)
{
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 99);
	assert_int_equal(bench.heard.estimates, 0);
	assert_false(rates_bench_shown(&bench, NULL).known);
	rates_bench_feed(&bench, 1100, 1);
	assert_int_equal(bench.heard.estimates, 1);
	assert_true(bench.heard.last.known);
	assert_int_equal(bench.heard.last.bins, 100);
	assert_near(bench.heard.last.mean, 1001000, 0, 1e-15);
	assert_near(bench.heard.last.variance, 1e6 * (100.0 * 100 / 100 - 1), 0, 1e-12);
	assert_true(bench.heard.last.time_ns == REALTIME + 5100 * MILLISECOND);
	/* It stands until the next. */
	rates_bench_feed(&bench, 5000, 50);
	assert_near(rates_bench_shown(&bench, NULL).mean, 1001000, 0, 1e-15);
	rates_bench_close(&bench);
}

/* The first vector of the reference, made of bins: half of them 5·10^5 below the mean, half as much above. */
static void test_reference_from_bins(void **state)
{
	const uint64_t bins[] = { 500, 1500 };
	struct rate_estimate estimate;
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, 1.25e6);
	for (int i = 0; i < 50; i++, bench.epoch += 2)
		rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch, bins, 2);
	estimate = rates_bench_shown(&bench, NULL);
	assert_near(estimate.mean, 1e6, 0, 1e-15);
	assert_near(estimate.variance, 2.5e11, 0, 1e-15);
	assert_near(estimate.sigma_squared, 0.223144, 5e-7, 0);
	assert_near(estimate.mu, 13.703939, 5e-7, 0);
	assert_near(100 * estimate.risk, 24.5948, 0, 1e-5);
	assert_near(estimate.above, 0.5, 0, 1e-15);
	assert_near(estimate.quantile[0], 5e5, 0, 1.0 / 512);
	assert_near(estimate.quantile[3], 1.5e6, 0, 1.0 / 512);
	assert_near(estimate.quantile_fit[0], exp(13.703939), 0, 1e-6);
	assert_near(estimate.quantile_fit[1], exp(13.703939 + 1.6448536 * sqrt(0.223144)), 0, 1e-5);
	assert_true(estimate.fit_distance > 0.3 && estimate.fit_distance <= 0.5);
	rates_bench_close(&bench);
}

static void test_idle_constant_and_unknown(void **state)
{
	static const struct {
		double capacity;
		uint64_t bytes;
		double risk;
	} rows[] = {
		{ FAST, 0, 0 }, { FAST, 123749, 0 }, { FAST, 123751, 1 }, { NAN, 1000, NAN }, { NAN, 0, NAN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rate_estimate estimate;
		struct rates_bench bench;

		rates_bench_open(&bench, rows[i].capacity);
		rates_bench_feed(&bench, rows[i].bytes, 100);
		estimate = rates_bench_shown(&bench, NULL);
		assert_true(estimate.known);
		assert_near(estimate.mean, (double)rows[i].bytes * 1000, 0, 1e-15);
		assert_true(estimate.variance == 0 && estimate.sigma_squared == 0);
		assert_near(estimate.mu, rows[i].bytes ? log((double)rows[i].bytes * 1000) : 0, 0, 1e-15);
		if (isnan(rows[i].risk))
			assert_true(isnan(estimate.risk) && isnan(estimate.above));
		else
			assert_true(estimate.risk == rows[i].risk && estimate.above == rows[i].risk);
		assert_true(isnan(estimate.fit_distance));
		assert_int_equal(estimate.alarm.on, rows[i].risk > 0.95);
		rates_bench_close(&bench);
	}
}

/* --- alarms --- */

static void test_alarm_turns_and_says_when(void **state)
{
	struct rate_estimate estimate;
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 100);
	assert_false(bench.heard.last.alarm.on);
	assert_true(bench.heard.last.alarm.changed_ns == 0);
	rates_bench_feed(&bench, 125000, 100);
	assert_true(bench.heard.last.alarm.on);
	assert_true(bench.heard.last.alarm.changed_ns == REALTIME + 5200 * MILLISECOND);
	rates_bench_feed(&bench, 125000, 100);
	assert_int_equal(bench.heard.turns, 1);
	assert_true(bench.heard.last.alarm.changed_ns == REALTIME + 5200 * MILLISECOND);
	/* It survives what begins estimates anew, and turns with the next one. */
	rates_restart(bench.rates);
	estimate = rates_bench_shown(&bench, NULL);
	assert_true(estimate.alarm.on && !estimate.known);
	bench.epoch += 1234; /* nothing had begun, so nothing is lost */
	rates_bench_feed(&bench, 0, 100);
	assert_int_equal(bench.heard.turns, 2);
	assert_false(bench.heard.last.alarm.on);
	assert_int_equal(bench.heard.last.lost_total, 0);
	rates_bench_close(&bench);
}

/* "Exceeds" is strict, for the modelled risk as for the measured share. */
static void test_trigger_is_strict(void **state)
{
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	bench.config.alarm_trigger = 1;
	bench.config.alarm_measured_trigger = 0.10;
	rates_configure(bench.rates, &bench.config);
	rates_bench_feed(&bench, 125000, 100);
	assert_true(bench.heard.last.risk == 1 && !bench.heard.last.alarm.on);
	assert_true(bench.heard.last.measured_alarm.on);
	rates_bench_feed(&bench, 1000, 90);
	rates_bench_feed(&bench, 125000, 10);
	assert_true(bench.heard.last.above == 0.10 && !bench.heard.last.measured_alarm.on);
	rates_bench_feed(&bench, 1000, 89);
	rates_bench_feed(&bench, 125000, 11);
	assert_true(bench.heard.last.measured_alarm.on);
	/* Off is off, and a change of a trigger begins nothing anew. */
	bench.config.alarm_measured_trigger = NAN;
	rates_bench_feed(&bench, 125000, 50);
	rates_configure(bench.rates, &bench.config);
	rates_bench_feed(&bench, 125000, 50);
	assert_int_equal(bench.heard.last.bins, 100);
	assert_false(bench.heard.last.measured_alarm.on);
	rates_bench_close(&bench);
}

/* --- what begins anew --- */

static void test_changes_begin_anew(void **state)
{
	const struct rates_link slower = { .ifindex = IFINDEX, .name = "eth0", .capacity = FAST / 10 };
	struct rates_bench bench;
	double capacity;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 20000, 150);
	assert_true(bench.heard.last.risk == 0);
	assert_int_equal(rates_set_links(bench.rates, &slower, 1), 0);
	assert_false(rates_bench_shown(&bench, &capacity).known);
	assert_true(capacity == FAST / 10);
	rates_bench_feed(&bench, 20000, 100);
	assert_true(bench.heard.last.risk == 1 && bench.heard.last.bins == 100);
	bench.config.cutoff = 0.5;
	rates_configure(bench.rates, &bench.config);
	assert_false(rates_bench_shown(&bench, NULL).known);
	/* The same links again change nothing. */
	rates_bench_feed(&bench, 20000, 100);
	assert_int_equal(rates_set_links(bench.rates, &slower, 1), 0);
	assert_true(rates_bench_shown(&bench, NULL).known);
	rates_bench_close(&bench);
}

static void test_links_come_and_go(void **state)
{
	const struct rates_link links[] = {
		{ .ifindex = 9, .name = "wlan0", .capacity = NAN },
		{ .ifindex = IFINDEX, .name = "eth1", .capacity = FAST },
		{ .ifindex = 3, .name = "eth0", .capacity = FAST },
		{ .ifindex = 3, .name = "eth0", .capacity = FAST },
	};
	struct rates_report report = { 0 };
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 100);
	assert_int_equal(rates_set_links(bench.rates, links, 4), 0);
	assert_int_equal(rates_report(bench.rates, &report), 0);
	assert_int_equal(report.count, 3);
	assert_string_equal(report.links[0].interface, "eth0");
	assert_string_equal(report.links[1].interface, "eth1"); /* another name, the same interface */
	assert_true(report.links[1].estimate[DIRECTION_INGRESS].known);
	assert_false(report.links[1].estimate[DIRECTION_EGRESS].known);
	assert_string_equal(report.links[2].interface, "wlan0");
	free(report.links);
	assert_int_equal(rates_set_links(bench.rates, NULL, 0), 0);
	assert_int_equal(rates_report(bench.rates, &report), 0);
	assert_int_equal(report.count, 0);
	free(report.links);
	rates_bench_feed(&bench, 1000, 100); /* nobody's */
	assert_int_equal(bench.heard.estimates, 1);
	rates_bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_interval_ends_with_its_last_bin),
		cmocka_unit_test(test_reference_from_bins),
		cmocka_unit_test(test_idle_constant_and_unknown),
		cmocka_unit_test(test_alarm_turns_and_says_when),
		cmocka_unit_test(test_trigger_is_strict),
		cmocka_unit_test(test_changes_begin_anew),
		cmocka_unit_test(test_links_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
