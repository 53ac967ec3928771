/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rtt_spread.h"

#include <math.h>

#define NS_PER_SECOND 1e9
#define BOUND_FIRST_NS 49152ULL /* 1.5 * 2^15 */

const char *const rtt_method_names[RTT_METHODS] = {
	[RTT_TCP_TIMESTAMP] = "tcp_timestamp",
	[RTT_TCP_HANDSHAKE] = "tcp_handshake",
	[RTT_ICMP_ECHO] = "icmp",
};

const char *const rtt_scope_names[RTT_SCOPES] = {
	[RTT_SCOPE_HOST] = "host",
	[RTT_SCOPE_PREFIX] = "prefix",
	[RTT_SCOPE_FLOW] = "flow",
};

const double rtt_bounds[RTT_BOUNDS] = {
	49.152e-6,   98.304e-6,    196.608e-6,   393.216e-6,   786.432e-6,   1.572864e-3, 3.145728e-3,
	6.291456e-3, 12.582912e-3, 25.165824e-3, 50.331648e-3, 0.100663296,  0.201326592, 0.402653184,
	0.805306368, 1.610612736,  3.221225472,  6.442450944,  12.884901888,
};

void rtt_sums_add(struct rtt_sums *to, const struct rtt_sums *more)
{
	to->sum_ns += more->sum_ns;
	for (int i = 0; i < RTT_BUCKETS; i++)
		to->buckets[i] += more->buckets[i];
}

struct rtt_sums rtt_sums_less(const struct rtt_sums *now, const struct rtt_sums *before)
{
	struct rtt_sums less = { .sum_ns = now->sum_ns - before->sum_ns };

	for (int i = 0; i < RTT_BUCKETS; i++)
		less.buckets[i] = now->buckets[i] - before->buckets[i];
	return less;
}

uint64_t rtt_sums_count(const struct rtt_sums *sums)
{
	uint64_t count = 0;

	for (int i = 0; i < RTT_BUCKETS; i++)
		count += sums->buckets[i];
	return count;
}

void rtt_sums_cumulate(const struct rtt_sums *sums, uint64_t cumulative[RTT_BOUNDS])
{
	uint64_t below = 0;
	unsigned int bucket = 0;

	for (int i = 0; i < RTT_BOUNDS; i++) {
		uint64_t bound_ns = BOUND_FIRST_NS << i;

		for (; bucket < RTT_BUCKETS - 1 && rtt_bucket_end(bucket) <= bound_ns; bucket++)
			below += sums->buckets[bucket];
		cumulative[i] = below;
	}
}

static double start_ns(unsigned int bucket)
{
	return bucket ? (double)rtt_bucket_end(bucket - 1) : 0;
}

static double quantile_of(const struct rtt_sums *sums, uint64_t count, double share)
{
	double wanted = share * (double)count, below = 0;

	if (!count)
		return NAN;
	for (unsigned int i = 0; i < RTT_BUCKETS - 1; i++) {
		double in = (double)sums->buckets[i];
		double start = start_ns(i), end = start_ns(i + 1);

		if (in > 0 && below + in >= wanted)
			return (start + (end - start) * (wanted - below) / in) / NS_PER_SECOND;
		below += in;
	}
	return start_ns(RTT_BUCKETS - 1) / NS_PER_SECOND;
}

double rtt_sums_quantile(const struct rtt_sums *sums, double share)
{
	return quantile_of(sums, rtt_sums_count(sums), share);
}

struct rtt_spread rtt_sums_spread(const struct rtt_sums *sums)
{
	uint64_t count = rtt_sums_count(sums);

	return (struct rtt_spread){
		.count = count,
		.mean = count ? (double)sums->sum_ns / (double)count / NS_PER_SECOND : NAN,
		.p50 = quantile_of(sums, count, 0.5),
		.p95 = quantile_of(sums, count, 0.95),
		.p99 = quantile_of(sums, count, 0.99),
	};
}
