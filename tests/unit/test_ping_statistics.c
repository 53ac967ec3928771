/* SPDX-License-Identifier: BSD-2-Clause */
/* Round-trip times summed up, against a slow and obvious version over random pings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "measure/ping_statistics.h"
#include "near.h"

#define PINGS 500

static double random_rtt(void)
{
	return pow(10, -5 + 7 * drand48());
}

static void test_bounds(void **state)
{
	(void)state;
	assert_true(ping_bucket_bounds[0] == 50e-6 && ping_bucket_bounds[PING_BUCKETS - 1] == 10);
	for (int i = 1; i < PING_BUCKETS; i++) {
		assert_true(ping_bucket_bounds[i] > ping_bucket_bounds[i - 1]);
		assert_true(ping_bucket_bounds[i] <= ping_bucket_bounds[i - 1] * 1.25 * (1 + 1e-12));
	}
}

static void test_histogram(void **state)
{
	struct ping_histogram histogram = { 0 };
	uint64_t cumulative[PING_BUCKETS], counts[PING_BUCKETS] = { 0 };
	double sum = 0;

	(void)state;
	for (int i = 0; i < PINGS; i++) {
		double rtt = i < PING_BUCKETS ? ping_bucket_bounds[i] : random_rtt();

		ping_histogram_observe(&histogram, rtt);
		sum += rtt;
		for (int j = 0; j < PING_BUCKETS; j++)
			counts[j] += rtt <= ping_bucket_bounds[j];
	}
	ping_histogram_cumulate(&histogram, cumulative);
	for (int j = 0; j < PING_BUCKETS; j++)
		assert_int_equal(cumulative[j], counts[j]);
	assert_int_equal(histogram.count, PINGS);
	assert_near((double)histogram.sum_ns * 1e-9, sum, PINGS * 1e-9, 0);
	ping_histogram_subtract(&histogram, &histogram);
	assert_int_equal(histogram.count + histogram.sum_ns + histogram.bucket[3], 0);
}

static void test_round(void **state)
{
	(void)state;
	for (int turn = 0; turn < 50; turn++) {
		struct ping_round round = { 0 };
		double rtts[PINGS], sum = 0, squares = 0, min = INFINITY, max = 0, mean;
		int received = 0, sent = 1 + (int)(drand48() * (PINGS - 1));

		for (int i = 0; i < sent; i++) {
			double rtt = drand48() < 0.2 ? NAN : 1000 + random_rtt();

			ping_round_add(&round, rtt);
			if (isnan(rtt))
				continue;
			rtts[received++] = rtt;
			sum += rtt;
			min = fmin(min, rtt);
			max = fmax(max, rtt);
		}
		mean = sum / received;
		for (int i = 0; i < received; i++)
			squares += (rtts[i] - mean) * (rtts[i] - mean);
		assert_int_equal(round.sent, sent);
		assert_int_equal(round.received, received);
		if (!received)
			continue;
		assert_near(ping_round_mean(&round), mean, 1e-9, 0);
		assert_near(ping_round_stddev(&round), sqrt(squares / received), 1e-9, 1e-9);
		assert_true(ping_round_min(&round) == min && ping_round_max(&round) == max);
		assert_near(ping_round_loss(&round), 1 - (double)received / sent, 1e-12, 0);
	}
}

/* ping -c 4 printed: rtt min/avg/max/mdev = 10.000/25.000/40.000/11.180 ms, 20 % packet loss. */
static void test_round_as_ping_prints_it(void **state)
{
	const double rtts[] = { 0.010, 0.020, NAN, 0.030, 0.040 };
	struct ping_round round = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		ping_round_add(&round, rtts[i]);
	assert_near(ping_round_mean(&round), 0.025, 1e-12, 0);
	assert_near(ping_round_stddev(&round), 0.0111803398875, 1e-12, 0);
	assert_near(ping_round_loss(&round), 0.2, 1e-12, 0);
}

static void test_unknown(void **state)
{
	struct ping_round round = { 0 };
	struct delay_variation variation = { 0 };

	(void)state;
	assert_true(isnan(ping_round_loss(&round)));
	ping_round_add(&round, NAN);
	assert_true(isnan(ping_round_min(&round)) && isnan(ping_round_mean(&round)) && isnan(ping_round_max(&round)));
	assert_true(isnan(ping_round_stddev(&round)) && ping_round_loss(&round) == 1);
	assert_true(isnan(delay_variation_value(&variation)));
	delay_variation_add(&variation, 0.1);
	assert_true(isnan(delay_variation_value(&variation)));
}

/* RFC 3550, A.8: s->jitter += (1./16.) * ((double)d - s->jitter). */
static void test_delay_variation(void **state)
{
	struct delay_variation variation = { 0 };
	double previous = 0.02, jitter = 0;

	(void)state;
	delay_variation_add(&variation, previous);
	for (int i = 0; i < PINGS; i++) {
		double rtt = random_rtt();

		jitter += 1. / 16. * (fabs(rtt - previous) - jitter);
		previous = rtt;
		delay_variation_add(&variation, rtt);
		assert_near(delay_variation_value(&variation), jitter, 0, 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),  cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_round),   cmocka_unit_test(test_round_as_ping_prints_it),
		cmocka_unit_test(test_unknown), cmocka_unit_test(test_delay_variation),
	};
	long seed = time(NULL);

	print_message("seed %ld\n", seed);
	srand48(seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
