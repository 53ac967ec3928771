/* SPDX-License-Identifier: BSD-2-Clause */
/* The rates of one interface, fed with bins, and what they say when an interval ends. Include cmocka.h first. */
#ifndef FLOWGAUGE_RATES_BENCH_H
#define FLOWGAUGE_RATES_BENCH_H

#include "measure/rates.h"

#define MILLISECOND 1000000ULL
#define SECOND 1000000000ULL
#define REALTIME (1700000000 * SECOND)
#define IFINDEX 7
#define FAST 1.25e8 /* bytes/s: 1 Gbit/s, so 125000 bytes in 1 ms */

struct rates_heard {
	int estimates;
	int turns;
	struct rate_estimate last;
};

struct rates_bench {
	struct rates *rates;
	struct rates_config config;
	struct rates_heard heard;
	uint64_t epoch;
};

/* Intervals of 100 bins of 1 ms, and no trigger of the measured share. */
void rates_bench_open(struct rates_bench *bench, double capacity);
void rates_bench_close(struct rates_bench *bench);
/* So many bins of so many bytes, of what comes in. */
void rates_bench_feed(struct rates_bench *bench, uint64_t bytes, unsigned int count);
/* The last estimate of what comes in, and the capacity, if it is asked for. */
struct rate_estimate rates_bench_shown(const struct rates_bench *bench, double *capacity);

#endif
