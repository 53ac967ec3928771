/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rate_moments.h"

#include <math.h>

typedef unsigned __int128 u128;

void rate_moments_add(struct rate_moments *moments, uint64_t bytes)
{
	moments->count++;
	moments->sum += bytes;
	moments->sum_squares += (u128)bytes * bytes;
}

double rate_moments_mean(const struct rate_moments *moments)
{
	uint64_t whole, part;

	if (!moments->count)
		return NAN;
	whole = (uint64_t)(moments->sum / moments->count);
	part = (uint64_t)(moments->sum % moments->count);
	return (double)whole + (double)part / (double)moments->count;
}

/*
 * Taken about q, the mean rounded down, with r = sum - n·q left over: Σ(x-q)² = Σx² - q·(sum + r), exactly, and the
 * variance is (Σ(x-q)² - r²/n) / n. What is subtracted in floating point is less than n, and less than the rest.
 */
double rate_moments_variance(const struct rate_moments *moments)
{
	u128 about, mean, rest, exact;

	if (!moments->count)
		return NAN;
	mean = moments->sum / moments->count;
	rest = moments->sum % moments->count;
	about = moments->sum_squares - mean * (moments->sum + rest);
	if (about >> 64) /* r²/n is below n, and so far below this that its rounding does not show */
		return ((double)about - (double)(rest * rest) / (double)moments->count) / (double)moments->count;
	exact = about * moments->count - rest * rest;
	return (double)exact / (double)moments->count / (double)moments->count;
}
