/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic of round-trip times: histogram, rounds as ping(8) sums them up, delay variation. Seconds throughout. */
#ifndef FLOWGAUGE_PING_STATISTICS_H
#define FLOWGAUGE_PING_STATISTICS_H

#include <stdint.h>

/* Bounds from 50 us to 10 s, each at most 25 % above the one before. What is over the last one is in no bucket. */
#define PING_BUCKETS 60
extern const double ping_bucket_bounds[PING_BUCKETS];

struct ping_histogram {
	uint64_t bucket[PING_BUCKETS]; /* not cumulative */
	uint64_t count;                /* those over the last bound, too */
	uint64_t sum_ns;               /* whole, so that a difference of two sums never falls by rounding */
};

void ping_histogram_observe(struct ping_histogram *histogram, double rtt);
void ping_histogram_subtract(struct ping_histogram *from, const struct ping_histogram *part);
void ping_histogram_cumulate(const struct ping_histogram *histogram, uint64_t cumulative[PING_BUCKETS]);

/* Some successive pings. Means and squares are kept as Welford does, so that small spreads of long times stay exact. */
struct ping_round {
	uint64_t sent, received;
	double min, max, mean; /* of those received; meaningless if there are none */
	double squares;        /* sum of squared differences from the mean */
};

void ping_round_add(struct ping_round *round, double rtt); /* NaN: no answer */
double ping_round_min(const struct ping_round *round);     /* NaN if nothing was received; likewise the others */
double ping_round_mean(const struct ping_round *round);
double ping_round_max(const struct ping_round *round);
double ping_round_stddev(const struct ping_round *round); /* over n, not n-1: ping(8)'s mdev */
double ping_round_loss(const struct ping_round *round);   /* 0 to 1; NaN if nothing was sent */

/* RFC 3550, 6.4.1, of round trips: J += (|D| - J) / 16, D the difference of two successive answered pings. */
struct delay_variation {
	uint64_t answered;
	double previous; /* the last answered ping's time */
	double value;
};

void delay_variation_add(struct delay_variation *variation, double rtt);
double delay_variation_value(const struct delay_variation *variation); /* NaN before the second answer */

#endif
