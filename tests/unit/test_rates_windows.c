/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows that slide over the bins, and bins that were lost: no window goes over a hole, and nothing is counted twice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "near.h"
#include "rates_bench.h"

static void test_peaks_slide(void **state)
{
	struct rate_estimate estimate;
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 43);
	rates_bench_feed(&bench, 50000, 5); /* lies over the border of two windows of 10 ms that would not slide */
	rates_bench_feed(&bench, 1000, 52);
	estimate = rates_bench_shown(&bench, NULL);
	assert_near(estimate.peak[0], 5e7, 0, 1e-15);
	assert_near(estimate.peak[1], (5 * 50000 + 5 * 1000) / 0.010, 0, 1e-15);
	assert_near(estimate.peak[2], (5 * 50000 + 95 * 1000) / 0.100, 0, 1e-15);
	/* A burst over the border of two intervals is whole in the second one's window. */
	rates_bench_feed(&bench, 1000, 98);
	rates_bench_feed(&bench, 50000, 2);
	rates_bench_feed(&bench, 50000, 3);
	rates_bench_feed(&bench, 1000, 97);
	estimate = rates_bench_shown(&bench, NULL);
	assert_near(estimate.peak[1], (5 * 50000 + 5 * 1000) / 0.010, 0, 1e-15);
	rates_bench_close(&bench);
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
		struct rates_bench bench;

		rates_bench_open(&bench, FAST);
		bench.config.estimation_ns = 700 * MILLISECOND;
		rates_configure(bench.rates, &bench.config);
		for (int i = 0; i < 700; i++)
			bins[i] = (uint64_t)random() % (random() % 20 ? 1000 : 200000);
		rates_bins(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch, bins, 700);
		estimate = rates_bench_shown(&bench, NULL);
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
		rates_bench_close(&bench);
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
		struct rates_bench bench;

		rates_bench_open(&bench, FAST);
		bench.config.bin_ns = rows[i].bin_ns;
		bench.config.estimation_ns = SECOND;
		rates_configure(bench.rates, &bench.config);
		rates_bench_feed(&bench, 100, (unsigned int)(SECOND / rows[i].bin_ns));
		estimate = rates_bench_shown(&bench, NULL);
		assert_true(estimate.known);
		for (int w = 0; w < RATE_WINDOWS; w++)
			if (isnan(rows[i].peak[w]))
				assert_true(isnan(estimate.peak[w]));
			else
				assert_near(estimate.peak[w], rows[i].peak[w], 0, 1e-12);
		rates_bench_close(&bench);
	}
}

/* --- losses --- */

static void test_what_is_left_out_was_lost(void **state)
{
	struct rate_estimate estimate;
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 40);
	bench.epoch += 25;
	rates_bench_feed(&bench, 3000, 34);
	assert_int_equal(bench.heard.estimates, 0);
	rates_bench_feed(&bench, 3000, 1);
	estimate = rates_bench_shown(&bench, NULL);
	assert_int_equal(estimate.bins, 75);
	assert_int_equal(estimate.lost, 25);
	assert_int_equal(estimate.lost_total, 25);
	assert_near(estimate.mean, 1e3 * (40 * 1000.0 + 35 * 3000.0) / 75, 0, 1e-14);
	/* No window goes over the hole: there was never one of 100 ms, and the one of 10 ms is of one side. */
	assert_true(isnan(estimate.peak[2]));
	assert_near(estimate.peak[1], 3e6, 0, 1e-14);
	assert_true(estimate.time_ns == REALTIME + bench.epoch * MILLISECOND);
	rates_bench_close(&bench);
}

static void test_a_reader_that_slept_for_long(void **state)
{
	struct rate_estimate estimate;
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
	rates_bench_feed(&bench, 1000, 10);
	rates_lost(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch += 100000);
	assert_int_equal(bench.heard.estimates, 1);
	estimate = rates_bench_shown(&bench, NULL);
	assert_true(estimate.known);
	assert_int_equal(estimate.bins, 10);
	assert_int_equal(estimate.lost, 100000);
	/* An interval of which nothing is left says nothing, and there is no division by zero. */
	rates_lost(bench.rates, IFINDEX, DIRECTION_INGRESS, bench.epoch += 500);
	estimate = rates_bench_shown(&bench, NULL);
	assert_false(estimate.known);
	assert_int_equal(estimate.lost_total, 100500);
	rates_bench_feed(&bench, 1000, 100);
	estimate = rates_bench_shown(&bench, NULL);
	assert_true(estimate.known && estimate.lost == 0);
	assert_int_equal(estimate.lost_total, 100500);
	rates_bench_close(&bench);
}

static void test_bins_that_were_there_are_not_counted_twice(void **state)
{
	const uint64_t bins[] = { 1000, 1000, 1000, 1000 };
	struct rates_bench bench;

	(void)state;
	rates_bench_open(&bench, FAST);
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
	rates_bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peaks_slide),
		cmocka_unit_test(test_windows_against_adding_up),
		cmocka_unit_test(test_lengths_of_bins),
		cmocka_unit_test(test_what_is_left_out_was_lost),
		cmocka_unit_test(test_a_reader_that_slept_for_long),
		cmocka_unit_test(test_bins_that_were_there_are_not_counted_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
