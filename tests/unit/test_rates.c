/* SPDX-License-Identifier: BSD-2-Clause */
/* From bins to estimates: intervals, losses, sliding windows, alarms and what begins anew. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "measure/rates.h"

#define MILLISECOND 1000000ULL
#define SECOND 1000000000ULL
#define REALTIME (1700000000 * SECOND)
#define IFINDEX 7
#define FAST 1.25e8 /* bytes/s: 1 Gbit/s, so 125000 bytes in 1 ms */

struct heard {
	int estimates;
	int turns;
	struct rate_estimate last;
};

struct bench {
	struct rates *rates;
	struct rates_config config;
	struct heard heard;
	uint64_t epoch;
};

static void estimated(void *context, const struct rate_report *link, enum direction direction,
		      const struct rate_estimate *previous)
{
	struct heard *heard = context;

	heard->estimates++;
	heard->last = link->estimate[direction];
	heard->turns += previous->alarm.on != heard->last.alarm.on;
}

static void bench_open(struct bench *bench, double capacity)
{
	const struct rates_hooks hooks = { .context = &bench->heard, .estimated = estimated };
	const struct rates_link link = { .ifindex = IFINDEX, .name = "eth0", .capacity = capacity };

	memset(bench, 0, sizeof(*bench));
	bench->config = (struct rates_config){
		.bin_ns = MILLISECOND,
		.estimation_ns = SECOND / 10,
		.cutoff = 0.99,
		.alarm_trigger = 0.95,
		.alarm_measured_trigger = NAN,
	};
	bench->epoch = 5000;
	assert_int_equal(rates_new(&bench->config, &hooks, &bench->rates), 0);
	rates_now(bench->rates, 0, REALTIME);
	assert_int_equal(rates_set_links(bench->rates, &link, 1), 0);
}

static void bench_close(struct bench *bench)
{
	assert_null(rates_free(bench->rates));
}

static void feed(struct bench *bench, uint64_t bytes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		rates_bins(bench->rates, IFINDEX, DIRECTION_INGRESS, bench->epoch++, &bytes, 1);
}

static struct rate_estimate shown(const struct bench *bench, double *capacity)
{
	struct rates_report report = { 0 };
	struct rate_estimate estimate;

	assert_int_equal(rates_report(bench->rates, &report), 0);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.links[0].interface, "eth0");
	estimate = report.links[0].estimate[DIRECTION_INGRESS];
	if (capacity)
		*capacity = report.links[0].capacity;
	free(report.links);
	return estimate;
}

/* --- the three kinds of link --- */

static void test_an_interval_ends_with_its_last_bin(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 99);
	assert_int_equal(bench.heard.estimates, 0);
	assert_false(shown(&bench, NULL).known);
	feed(&bench, 1100, 1);
	assert_int_equal(bench.heard.estimates, 1);
	assert_true(bench.heard.last.known);
	assert_int_equal(bench.heard.last.bins, 100);
	assert_near(bench.heard.last.mean, 1001000, 0, 1e-15);
	assert_near(bench.heard.last.variance, 1e6 * (100.0 * 100 / 100 - 1), 0, 1e-12);
	assert_true(bench.heard.last.time_ns == REALTIME + 5100 * MILLISECOND);
	/* It stands until the next. */
	feed(&bench, 5000, 50);
	assert_near(shown(&bench, NULL).mean, 1001000, 0, 1e-15);
	bench_close(&bench);
}

/* The first vector of the reference, made of bins: half of them 5·10^5 below the mean, half as much above. */
static void test_reference_from_bins(void **state)
{
	const uint64_t bins[] = { 500, 1500 };
	struct rate_estimate estimate;
	struct bench bench;

	(void)state;
	bench_open(&bench, 1.25e6);
	for (int i = 0; i < 50; i++, bench.epoch += 2)
		rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch, bins, 2);
	estimate = shown(&bench, NULL);
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
	bench_close(&bench);
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
		struct bench bench;

		bench_open(&bench, rows[i].capacity);
		feed(&bench, rows[i].bytes, 100);
		estimate = shown(&bench, NULL);
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
		bench_close(&bench);
	}
}

/* --- windows --- */

static void test_peaks_slide(void **state)
{
	struct rate_estimate estimate;
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 43);
	feed(&bench, 50000, 5); /* lies over the border of two windows of 10 ms that would not slide */
	feed(&bench, 1000, 52);
	estimate = shown(&bench, NULL);
	assert_near(estimate.peak[0], 5e7, 0, 1e-15);
	assert_near(estimate.peak[1], (5 * 50000 + 5 * 1000) / 0.010, 0, 1e-15);
	assert_near(estimate.peak[2], (5 * 50000 + 95 * 1000) / 0.100, 0, 1e-15);
	/* A burst over the border of two intervals is whole in the second one's window. */
	feed(&bench, 1000, 98);
	feed(&bench, 50000, 2);
	feed(&bench, 50000, 3);
	feed(&bench, 1000, 97);
	estimate = shown(&bench, NULL);
	assert_near(estimate.peak[1], (5 * 50000 + 5 * 1000) / 0.010, 0, 1e-15);
	bench_close(&bench);
}

static void test_windows_against_adding_up(void **state)
{
	unsigned int seed = 20250;
	uint64_t bins[700];

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 20; round++) {
		static const unsigned int lengths[] = { 1, 10, 100 };
		struct rate_estimate estimate;
		struct bench bench;

		bench_open(&bench, FAST);
		bench.config.estimation_ns = 700 * MILLISECOND;
		rates_configure(bench.rates, &bench.config);
		for (int i = 0; i < 700; i++)
			bins[i] = (uint64_t)random() % (random() % 20 ? 1000 : 200000);
		rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch, bins, 700);
		estimate = shown(&bench, NULL);
		for (int w = 0; w < RATE_WINDOWS; w++) {
			uint64_t most = 0;

			for (unsigned int from = 0; from + lengths[w] <= 700; from++) {
				uint64_t sum = 0;

				for (unsigned int i = 0; i < lengths[w]; i++)
					sum += bins[from + i];
				most = sum > most ? sum : most;
			}
			assert_near(estimate.peak[w], (double)most / (lengths[w] * 0.001), 0, 1e-14);
		}
		bench_close(&bench);
	}
}

/* Every length of a bin that may be asked for: windows that are shorter than it are unknown, not guessed. */
static void test_lengths_of_bins(void **state)
{
	static const struct {
		uint64_t bin_ns;
		double peak[RATE_WINDOWS]; /* of bins of 100 bytes */
	} rows[] = {
		{ 100000, { 1e6, 1e6, 1e6 } },
		{ 400000, { 2.5e5, 2.5e5, 2.5e5 } },
		{ 10 * MILLISECOND, { NAN, 1e4, 1e4 } },
		{ 100 * MILLISECOND, { NAN, NAN, 1e3 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rate_estimate estimate;
		struct bench bench;

		bench_open(&bench, FAST);
		bench.config.bin_ns = rows[i].bin_ns;
		bench.config.estimation_ns = SECOND;
		rates_configure(bench.rates, &bench.config);
		feed(&bench, 100, (unsigned int)(SECOND / rows[i].bin_ns));
		estimate = shown(&bench, NULL);
		assert_true(estimate.known);
		for (int w = 0; w < RATE_WINDOWS; w++)
			if (isnan(rows[i].peak[w]))
				assert_true(isnan(estimate.peak[w]));
			else
				assert_near(estimate.peak[w], rows[i].peak[w], 0, 1e-12);
		bench_close(&bench);
	}
}

/* --- losses --- */

static void test_what_is_left_out_was_lost(void **state)
{
	struct rate_estimate estimate;
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 40);
	bench.epoch += 25;
	feed(&bench, 3000, 34);
	assert_int_equal(bench.heard.estimates, 0);
	feed(&bench, 3000, 1);
	estimate = shown(&bench, NULL);
	assert_int_equal(estimate.bins, 75);
	assert_int_equal(estimate.lost, 25);
	assert_int_equal(estimate.lost_total, 25);
	assert_near(estimate.mean, 1e3 * (40 * 1000.0 + 35 * 3000.0) / 75, 0, 1e-14);
	/* No window goes over the hole: there was never one of 100 ms, and the one of 10 ms is of one side. */
	assert_true(isnan(estimate.peak[2]));
	assert_near(estimate.peak[1], 3e6, 0, 1e-14);
	assert_true(estimate.time_ns == REALTIME + bench.epoch * MILLISECOND);
	bench_close(&bench);
}

static void test_a_reader_that_slept_for_long(void **state)
{
	struct rate_estimate estimate;
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 10);
	rates_lost(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch += 100000);
	assert_int_equal(bench.heard.estimates, 1);
	estimate = shown(&bench, NULL);
	assert_true(estimate.known);
	assert_int_equal(estimate.bins, 10);
	assert_int_equal(estimate.lost, 100000);
	/* An interval of which nothing is left says nothing, and there is no division by zero. */
	rates_lost(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch += 500);
	estimate = shown(&bench, NULL);
	assert_false(estimate.known);
	assert_int_equal(estimate.lost_total, 100500);
	feed(&bench, 1000, 100);
	estimate = shown(&bench, NULL);
	assert_true(estimate.known && estimate.lost == 0);
	assert_int_equal(estimate.lost_total, 100500);
	bench_close(&bench);
}

static void test_bins_that_were_there_are_not_counted_twice(void **state)
{
	const uint64_t bins[] = { 1000, 1000, 1000, 1000 };
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	for (uint64_t epoch = 100; epoch < 196; epoch++)
		rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, epoch, bins, 4);
	/* 96 times four bins, three of which were there before each time: 99 epochs. */
	assert_int_equal(bench.heard.estimates, 0);
	rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, 3, bins, 4);
	rates_lost(bench.rates, IFINDEX, DIRECTION_INGRESS, 3);
	assert_int_equal(bench.heard.estimates, 0);
	rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, 196, bins, 4);
	assert_int_equal(bench.heard.estimates, 1);
	assert_int_equal(bench.heard.last.bins, 100);
	rates_bins(bench.rates, IFINDEX + 1, DIRECTION_INGRESS, 200, bins, 4);
	assert_int_equal(bench.heard.estimates, 1);
	bench_close(&bench);
}

/* --- alarms --- */

static void test_alarm_turns_and_says_when(void **state)
{
	struct rate_estimate estimate;
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 100);
	assert_false(bench.heard.last.alarm.on);
	assert_true(bench.heard.last.alarm.changed_ns == 0);
	feed(&bench, 125000, 100);
	assert_true(bench.heard.last.alarm.on);
	assert_true(bench.heard.last.alarm.changed_ns == REALTIME + 5200 * MILLISECOND);
	feed(&bench, 125000, 100);
	assert_int_equal(bench.heard.turns, 1);
	assert_true(bench.heard.last.alarm.changed_ns == REALTIME + 5200 * MILLISECOND);
	/* It survives what begins estimates anew, and turns with the next one. */
	rates_restart(bench.rates);
	estimate = shown(&bench, NULL);
	assert_true(estimate.alarm.on && !estimate.known);
	bench.epoch += 1234; /* nothing had begun, so nothing is lost */
	feed(&bench, 0, 100);
	assert_int_equal(bench.heard.turns, 2);
	assert_false(bench.heard.last.alarm.on);
	assert_int_equal(bench.heard.last.lost_total, 0);
	bench_close(&bench);
}

/* "Exceeds" is strict, for the modelled risk as for the measured share. */
static void test_trigger_is_strict(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	bench.config.alarm_trigger = 1;
	bench.config.alarm_measured_trigger = 0.10;
	rates_configure(bench.rates, &bench.config);
	feed(&bench, 125000, 100);
	assert_true(bench.heard.last.risk == 1 && !bench.heard.last.alarm.on);
	assert_true(bench.heard.last.measured_alarm.on);
	feed(&bench, 1000, 90);
	feed(&bench, 125000, 10);
	assert_true(bench.heard.last.above == 0.10 && !bench.heard.last.measured_alarm.on);
	feed(&bench, 1000, 89);
	feed(&bench, 125000, 11);
	assert_true(bench.heard.last.measured_alarm.on);
	/* Off is off, and a change of a trigger begins nothing anew. */
	bench.config.alarm_measured_trigger = NAN;
	feed(&bench, 125000, 50);
	rates_configure(bench.rates, &bench.config);
	feed(&bench, 125000, 50);
	assert_int_equal(bench.heard.last.bins, 100);
	assert_false(bench.heard.last.measured_alarm.on);
	bench_close(&bench);
}

/* --- what begins anew --- */

static void test_changes_begin_anew(void **state)
{
	const struct rates_link slower = { .ifindex = IFINDEX, .name = "eth0", .capacity = FAST / 10 };
	struct bench bench;
	double capacity;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 20000, 150);
	assert_true(bench.heard.last.risk == 0);
	assert_int_equal(rates_set_links(bench.rates, &slower, 1), 0);
	assert_false(shown(&bench, &capacity).known);
	assert_true(capacity == FAST / 10);
	feed(&bench, 20000, 100);
	assert_true(bench.heard.last.risk == 1 && bench.heard.last.bins == 100);
	bench.config.cutoff = 0.5;
	rates_configure(bench.rates, &bench.config);
	assert_false(shown(&bench, NULL).known);
	/* The same links again change nothing. */
	feed(&bench, 20000, 100);
	assert_int_equal(rates_set_links(bench.rates, &slower, 1), 0);
	assert_true(shown(&bench, NULL).known);
	bench_close(&bench);
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
	struct bench bench;

	(void)state;
	bench_open(&bench, FAST);
	feed(&bench, 1000, 100);
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
	feed(&bench, 1000, 100); /* nobody's */
	assert_int_equal(bench.heard.estimates, 1);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_interval_ends_with_its_last_bin),
		cmocka_unit_test(test_reference_from_bins),
		cmocka_unit_test(test_idle_constant_and_unknown),
		cmocka_unit_test(test_peaks_slide),
		cmocka_unit_test(test_windows_against_adding_up),
		cmocka_unit_test(test_lengths_of_bins),
		cmocka_unit_test(test_what_is_left_out_was_lost),
		cmocka_unit_test(test_a_reader_that_slept_for_long),
		cmocka_unit_test(test_bins_that_were_there_are_not_counted_twice),
		cmocka_unit_test(test_alarm_turns_and_says_when),
		cmocka_unit_test(test_trigger_is_strict),
		cmocka_unit_test(test_changes_begin_anew),
		cmocka_unit_test(test_links_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
