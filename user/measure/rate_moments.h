/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mean and variance of bins without rounding: sums of bytes and of their squares are whole numbers of 128 bits, so that
 * neither a large mean beside a small spread nor a month of bins costs a digit. With fewer than 2^44 bytes a bin nothing
 * wraps in 2^40 bins, 127 days of the shortest.
 */
#ifndef FLOWGAUGE_RATE_MOMENTS_H
#define FLOWGAUGE_RATE_MOMENTS_H

#include <stdint.h>

struct rate_moments {
	uint64_t count;
	unsigned __int128 sum;         /* bytes */
	unsigned __int128 sum_squares; /* bytes² */
};

void rate_moments_add(struct rate_moments *moments, uint64_t bytes);
double rate_moments_mean(const struct rate_moments *moments);     /* bytes a bin; NaN if there is none */
double rate_moments_variance(const struct rate_moments *moments); /* population variance, bytes²; NaN if there is none */

#endif
