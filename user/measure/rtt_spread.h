/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic of the kernel's histograms of round-trip times: sums of them, quantiles, and fewer buckets to show. */
#ifndef FLOWGAUGE_RTT_SPREAD_H
#define FLOWGAUGE_RTT_SPREAD_H

#include "measure/rtt_report.h"

struct rtt_sums {
	uint64_t sum_ns;
	uint64_t buckets[RTT_BUCKETS];
};

void rtt_sums_add(struct rtt_sums *to, const struct rtt_sums *more);
struct rtt_sums rtt_sums_less(const struct rtt_sums *now, const struct rtt_sums *before);
/* The count is that of the buckets: a packet that is being counted while they are read is in all of a report or in none of it. */
uint64_t rtt_sums_count(const struct rtt_sums *sums);
struct rtt_spread rtt_sums_spread(const struct rtt_sums *sums);
void rtt_sums_cumulate(const struct rtt_sums *sums, uint64_t cumulative[RTT_BOUNDS]);

/*
 * Seconds that a share of the round trips, 0 to 1, does not exceed, as if they lay evenly within their bucket; of those above the
 * last bound that bound. NaN if there are none.
 */
double rtt_sums_quantile(const struct rtt_sums *sums, double share);

#endif
