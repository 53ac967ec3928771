/* SPDX-License-Identifier: BSD-2-Clause */
/* The mathematics of rates: published vectors, exact arithmetic, and sorting everything as the slow and obvious judge. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "near.h"
#include "measure/lognormal.h"
#include "measure/rate_histogram.h"
#include "measure/rate_moments.h"

#define EXACT 1e-14

/* --- the model --- */

struct vector {
	double capacity, mean, deviation; /* bytes/s */
	double sigma_squared, mu;         /* NaN: not published */
	double risk_percent;              /* at a cutoff of 0.99 */
};

static const struct vector vectors[] = {
	{ 1.25e6, 1e6, 5e5, 0.223144, 13.703939, 24.5948 },
	{ 1.25e8, 6e7, 3e7, NAN, NAN, 3.84736 },
	{ 1.25e8, 1.2e8, 1e7, NAN, NAN, 34.0355 },
};

static void test_published_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *vector = &vectors[i];
		struct lognormal model = lognormal_fit(vector->mean, vector->deviation * vector->deviation);

		/* As many digits as are published: half a unit of the last one is the most they may be off. */
		assert_near(100 * lognormal_above(&model, vector->capacity * 0.99), vector->risk_percent, 0, 1e-5);
		if (isnan(vector->mu))
			continue;
		assert_near(model.sigma_squared, vector->sigma_squared, 5e-7, 0);
		assert_near(model.mu, vector->mu, 5e-7, 0);
	}
}

/* To more digits than are published, by the formulas in arithmetic of 50 digits. */
static void test_vectors_to_six_digits(void **state)
{
	static const double risks[] = { 24.5948371621151482, 3.84735980659581490, 34.0355065094015196 };

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *vector = &vectors[i];
		struct lognormal model = lognormal_fit(vector->mean, vector->deviation * vector->deviation);

		assert_near(100 * lognormal_above(&model, vector->capacity * 0.99), risks[i], 0, 1e-12);
	}
}

static void test_idle_and_constant(void **state)
{
	struct lognormal idle = lognormal_fit(0, 0), constant = lognormal_fit(1e6, 0);

	(void)state;
	assert_true(idle.mu == 0 && idle.sigma_squared == 0);
	assert_true(lognormal_above(&idle, 1e6) == 0);
	assert_true(constant.sigma_squared == 0);
	assert_near(constant.mu, log(1e6), 0, EXACT);
	assert_true(lognormal_above(&constant, 1000001) == 0);
	assert_true(lognormal_above(&constant, 1e6) == 0);
	assert_true(lognormal_above(&constant, 999999) == 1);
	assert_true(lognormal_below(&constant, 1e6) == 1 && lognormal_below(&constant, 999999) == 0);
	assert_true(lognormal_at(&constant, 3) == 1e6);
}

static void test_above_and_below_are_the_whole(void **state)
{
	struct lognormal model = lognormal_fit(6e7, 9e14);

	(void)state;
	for (double rate = 1e5; rate < 1e10; rate *= 3)
		assert_near(lognormal_above(&model, rate) + lognormal_below(&model, rate), 1, 1e-15, 0);
	assert_true(lognormal_below(&model, 0) == 0 && lognormal_above(&model, 0) == 1);
	/* The quantile of a share is where that share is: 97.5 % at 1.96 deviations. */
	assert_near(lognormal_below(&model, lognormal_at(&model, 1.959963984540054)), 0.975, 1e-15, 0);
	assert_near(lognormal_at(&model, 0), exp(model.mu), 0, EXACT);
}

/* A variance far below the mean's square still has its digits: ln(1 + x) would be 0 here. */
static void test_small_spread(void **state)
{
	struct lognormal model = lognormal_fit(1.25e10, 100);

	(void)state;
	assert_near(model.sigma_squared, 100 / 1.25e10 / 1.25e10, 0, EXACT);
}

/* --- moments --- */

static void test_moments_of_few(void **state)
{
	struct rate_moments moments = { 0 };

	(void)state;
	assert_true(isnan(rate_moments_mean(&moments)) && isnan(rate_moments_variance(&moments)));
	rate_moments_add(&moments, 7);
	assert_true(rate_moments_mean(&moments) == 7 && rate_moments_variance(&moments) == 0);
	rate_moments_add(&moments, 10);
	assert_true(rate_moments_mean(&moments) == 8.5 && rate_moments_variance(&moments) == 2.25);
}

/* n·Σx² - (Σx)² in whole numbers that hold it, for bins of all sizes. */
static void test_moments_of_random_bins(void **state)
{
	unsigned int seed = 20261121;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 2000; round++) {
		struct rate_moments moments = { 0 };
		int count = 1 + (int)(random() % 300), bits = 1 + (int)(random() % 44);
		unsigned __int128 sum = 0, squares = 0;

		for (int i = 0; i < count; i++) {
			uint64_t bytes = (((uint64_t)random() << 31) ^ (uint64_t)random()) & ((1ULL << bits) - 1);

			rate_moments_add(&moments, bytes);
			sum += bytes;
			squares += (unsigned __int128)bytes * bytes;
		}
		assert_near(rate_moments_mean(&moments), (double)sum / count, 0, 1e-15);
		assert_near(rate_moments_variance(&moments),
			    (double)(squares * (unsigned int)count - sum * sum) / count / count, 0, EXACT);
	}
}

/*
 * A month of 1 ms bins on a link of 100 Gbit/s that is full but for a spread of a few bytes, the hardest case: the
 * variance is 2·10^13 times smaller than the square of the mean. An hour is added bin by bin; a month is 744 such
 * hours, and whole numbers are the same however they are added up. In doubles, as the textbook has it, nothing is left.
 */
static void test_a_month_at_100_gbit(void **state)
{
	const uint64_t base = 12500000, hour = 3600000, hours = 744;
	struct rate_moments moments = { 0 }, first;
	double sum = 0, squares = 0, mean;

	(void)state;
	for (uint64_t i = 0; i < hour; i++) {
		uint64_t bytes = base - 8 + i % 9;

		rate_moments_add(&moments, bytes);
		sum += (double)bytes;
		squares += (double)bytes * (double)bytes;
	}
	first = moments;
	for (uint64_t i = 1; i < hours; i++) {
		moments.count += first.count;
		moments.sum += first.sum;
		moments.sum_squares += first.sum_squares;
	}
	assert_true(moments.count == 2678400000);
	/* 0 to 8 in equal shares: their mean is 4, their variance (9² - 1) / 12. */
	assert_true(rate_moments_mean(&moments) == (double)(base - 4));
	assert_near(rate_moments_variance(&moments), 80.0 / 12, 0, EXACT);
	mean = sum / (double)hour;
	assert_false(fabs(squares / (double)hour - mean * mean - 80.0 / 12) < 1e-3);
}

/* A month from idle to full: a large spread, and sums beyond 64 bits. */
static void test_a_month_of_all_rates(void **state)
{
	const uint64_t steps = 12500, times = 214272;
	struct rate_moments moments = { 0 };
	double n = (double)steps;

	(void)state;
	for (uint64_t i = 0; i < steps; i++)
		rate_moments_add(&moments, i * 1000);
	moments.count *= times;
	moments.sum *= times;
	moments.sum_squares *= times;
	assert_true(moments.count == 2678400000 && moments.sum_squares >> 64);
	assert_near(rate_moments_mean(&moments), 1000 * (n - 1) / 2, 0, 1e-15);
	assert_near(rate_moments_variance(&moments), 1e6 * (n * n - 1) / 12, 0, EXACT);
}

/* --- quantiles and fit --- */

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static uint64_t random_bytes(int bits)
{
	uint64_t bytes = (((uint64_t)random() << 31) ^ (uint64_t)random()) & RATE_BIN_MAX;

	return bytes >> (random() % bits);
}

static void test_quantiles_against_sorting(void **state)
{
	static const double shares[] = { 0, 0.001, 0.5, 0.95, 0.99, 0.999, 1 };
	struct rate_histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t *bins = calloc(3000, sizeof(*bins));
	unsigned int seed = 4711;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	assert_non_null(histogram);
	assert_non_null(bins);
	for (int round = 0; round < 100; round++) {
		size_t count = 1 + (size_t)random() % 3000;
		int bits = 1 + (int)(random() % RATE_BIN_BITS);

		rate_histogram_clear(histogram); /* what the round before left must not show */
		for (size_t i = 0; i < count; i++) {
			bins[i] = random_bytes(bits);
			rate_histogram_add(histogram, bins[i]);
		}
		qsort(bins, count, sizeof(*bins), by_size);
		for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
			size_t rank = (size_t)ceil(shares[i] * (double)count);
			uint64_t truth = bins[rank ? rank - 1 : 0];

			assert_near(rate_histogram_quantile(histogram, shares[i]), (double)truth,
				    truth < RATE_EXACT ? 0 : 0.5, 1.0 / 512);
		}
	}
	free(bins);
	free(histogram);
}

static void test_edges_of_buckets(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 511, 512, 513, 1023, 1024, 1U << 20, (1ULL << 32) - 1, RATE_BIN_MAX };
	struct rate_histogram *histogram = calloc(1, sizeof(*histogram));

	(void)state;
	assert_non_null(histogram);
	assert_true(isnan(rate_histogram_quantile(histogram, 0.5)));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		rate_histogram_clear(histogram);
		rate_histogram_add(histogram, sizes[i]);
		assert_true(rate_histogram_quantile(histogram, 0.5) == (double)sizes[i]);
	}
	rate_histogram_clear(histogram);
	for (unsigned int i = 0; i < RATE_BUCKETS; i++)
		assert_true(histogram->bucket[i] == 0);
	free(histogram);
}

/* A standard normal number: Box and Muller. */
static double normal(void)
{
	double a = ((double)random() + 1) / ((double)RAND_MAX + 2), b = (double)random() / ((double)RAND_MAX + 1);

	return sqrt(-2 * log(a)) * cos(2 * M_PI * b);
}

static void test_distance_of_what_fits_and_what_does_not(void **state)
{
	struct rate_histogram *histogram = calloc(1, sizeof(*histogram));
	struct rate_moments moments = { 0 };
	struct lognormal model;
	double good, gap;
	const int count = 20000;

	(void)state;
	srandom(99);
	assert_non_null(histogram);
	for (int i = 0; i < count; i++) {
		uint64_t bytes = (uint64_t)llround(exp(10 + 0.5 * normal()));

		rate_histogram_add(histogram, bytes);
		rate_moments_add(&moments, bytes);
	}
	model = lognormal_fit(1000 * rate_moments_mean(&moments), 1e6 * rate_moments_variance(&moments));
	good = rate_histogram_distance(histogram, &model, 0.001);
	/* Of the right model, all but one in 10^5 are below 2.5/√n; a bucket's width comes on top. */
	assert_true(good > 0 && good < 2.5 / sqrt(count) + 0.003);

	/* On-off: half the bins empty, half full. The model has nothing at 0, so it is off by a half there at least. */
	rate_histogram_clear(histogram);
	moments = (struct rate_moments){ 0 };
	for (int i = 0; i < count; i++) {
		rate_histogram_add(histogram, i % 2 ? 100000 : 0);
		rate_moments_add(&moments, i % 2 ? 100000 : 0);
	}
	model = lognormal_fit(1000 * rate_moments_mean(&moments), 1e6 * rate_moments_variance(&moments));
	gap = rate_histogram_distance(histogram, &model, 0.001);
	assert_near(gap, fmax(0.5, fabs(0.5 - lognormal_below(&model, 1e8))), 0.01, 0);
	free(histogram);
}

static void test_distance_is_unknown_without_spread(void **state)
{
	struct rate_histogram *histogram = calloc(1, sizeof(*histogram));
	struct lognormal constant = lognormal_fit(1e6, 0), spread = lognormal_fit(1e6, 1e10);

	(void)state;
	assert_non_null(histogram);
	assert_true(isnan(rate_histogram_distance(histogram, &spread, 0.001)));
	rate_histogram_add(histogram, 1000);
	assert_true(isnan(rate_histogram_distance(histogram, &constant, 0.001)));
	free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_vectors_to_six_digits),
		cmocka_unit_test(test_idle_and_constant),
		cmocka_unit_test(test_above_and_below_are_the_whole),
		cmocka_unit_test(test_small_spread),
		cmocka_unit_test(test_moments_of_few),
		cmocka_unit_test(test_moments_of_random_bins),
		cmocka_unit_test(test_a_month_at_100_gbit),
		cmocka_unit_test(test_a_month_of_all_rates),
		cmocka_unit_test(test_quantiles_against_sorting),
		cmocka_unit_test(test_edges_of_buckets),
		cmocka_unit_test(test_distance_of_what_fits_and_what_does_not),
		cmocka_unit_test(test_distance_is_unknown_without_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
