/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rate_histogram.h"

#include <math.h>
#include <string.h>

static unsigned int bucket_of(uint64_t bytes)
{
	unsigned int power;

	if (bytes < RATE_EXACT)
		return (unsigned int)bytes;
	power = 63U - (unsigned int)__builtin_clzll(bytes);
	return RATE_EXACT + ((power - RATE_SUB_BITS - 1) << RATE_SUB_BITS) +
	       (unsigned int)(bytes >> (power - RATE_SUB_BITS)) - (1U << RATE_SUB_BITS);
}

/* The least number of bytes in a bucket; of the one after the last, the least that has none. */
static uint64_t lower_edge(unsigned int bucket)
{
	unsigned int above = bucket - RATE_EXACT;
	uint64_t part = (1U << RATE_SUB_BITS) + (above & ((1U << RATE_SUB_BITS) - 1));

	return bucket < RATE_EXACT ? bucket : part << ((above >> RATE_SUB_BITS) + 1);
}

void rate_histogram_add(struct rate_histogram *histogram, uint64_t bytes)
{
	histogram->bucket[bucket_of(bytes)]++;
	if (!histogram->count || bytes < histogram->least)
		histogram->least = bytes;
	if (!histogram->count || bytes > histogram->most)
		histogram->most = bytes;
	histogram->count++;
}

void rate_histogram_clear(struct rate_histogram *histogram)
{
	unsigned int first = bucket_of(histogram->least), last = bucket_of(histogram->most);

	if (!histogram->count)
		return;
	memset(&histogram->bucket[first], 0, (last - first + 1) * sizeof(histogram->bucket[0]));
	histogram->count = 0;
}

double rate_histogram_quantile(const struct rate_histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->count), below = 0;
	unsigned int bucket = bucket_of(histogram->least);
	double middle;

	if (!histogram->count)
		return NAN;
	rank = rank < 1 ? 1 : rank > histogram->count ? histogram->count : rank;
	for (; bucket + 1 < RATE_BUCKETS; bucket++) {
		below += histogram->bucket[bucket];
		if (below >= rank)
			break;
	}
	middle = ((double)lower_edge(bucket) + (double)(lower_edge(bucket + 1) - 1)) / 2;
	return fmin(fmax(middle, (double)histogram->least), (double)histogram->most);
}

double rate_histogram_distance(const struct rate_histogram *histogram, const struct lognormal *model, double seconds)
{
	unsigned int first = bucket_of(histogram->least), last = bucket_of(histogram->most);
	double worst = 0;
	uint64_t below = 0;

	if (!histogram->count || !(model->sigma_squared > 0))
		return NAN;
	/*
	 * Both sides of each bucket that has bins. Bytes are whole, so the model's share of a count goes to half a byte on
	 * either side of it; but no rate is under 0, and a bin without a byte is where the model has nothing at all.
	 */
	for (unsigned int bucket = first; bucket <= last; bucket++) {
		double low, high, before = (double)below / (double)histogram->count, after;

		if (!histogram->bucket[bucket])
			continue;
		below += histogram->bucket[bucket];
		after = (double)below / (double)histogram->count;
		low = bucket ? lognormal_below(model, ((double)lower_edge(bucket) - 0.5) / seconds) : 0;
		high = bucket ? lognormal_below(model, ((double)lower_edge(bucket + 1) - 0.5) / seconds) : 0;
		worst = fmax(worst, fmax(fabs(before - low), fabs(after - high)));
	}
	return worst;
}
