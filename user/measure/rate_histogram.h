/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often a bin had how many bytes, in memory that does not depend on how many bins there were: up to 511 bytes each
 * number has a bucket of its own, above that each power of two has 256 buckets of equal width. So a quantile, given as
 * the middle of its bucket, is within 1/512 (0.2 %) of the exact one, and the counts at the buckets' edges are exact.
 */
#ifndef FLOWGAUGE_RATE_HISTOGRAM_H
#define FLOWGAUGE_RATE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "measure/lognormal.h"

#define RATE_BIN_BITS 44                           /* a bin has fewer than 2^44 bytes: 1.4 Pbit/s in 100 ms */
#define RATE_BIN_MAX ((1ULL << RATE_BIN_BITS) - 1) /* bytes */
#define RATE_SUB_BITS 8
#define RATE_EXACT (2U << RATE_SUB_BITS)
#define RATE_BUCKETS (RATE_EXACT + ((RATE_BIN_BITS - RATE_SUB_BITS - 1U) << RATE_SUB_BITS))

struct rate_histogram {
	uint64_t count;
	uint64_t least, most;          /* bytes; of no meaning while count is 0 */
	uint64_t bucket[RATE_BUCKETS]; /* those not between least and most are 0, and perhaps never touched */
};

void rate_histogram_add(struct rate_histogram *histogram, uint64_t bytes); /* at most RATE_BIN_MAX */
void rate_histogram_clear(struct rate_histogram *histogram);
/* Bytes of the bin that a share of 0 to 1 of all bins does not exceed (nearest rank); NaN if there are none. */
double rate_histogram_quantile(const struct rate_histogram *histogram, double share);
/*
 * The distance of Kolmogorov and Smirnov between the bins and the model of their rate (`seconds` a bin), 0 to 1: the most
 * by which the two disagree on the share of time over any one rate. NaN if there is no bin, or no spread to fit.
 */
double rate_histogram_distance(const struct rate_histogram *histogram, const struct lognormal *model, double seconds);

#endif
