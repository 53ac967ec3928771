/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/ping_statistics.h"

#include <math.h>

#define RFC3550_GAIN 16

/* Eleven bounds a decade: as round as steps of at most 25 % can be. */
const double ping_bucket_bounds[PING_BUCKETS] = {
	50e-6,  60e-6,  75e-6,  90e-6,                                                           //
	100e-6, 120e-6, 150e-6, 185e-6,  230e-6, 280e-6, 350e-6, 430e-6, 530e-6, 650e-6, 800e-6, //
	1e-3,   1.2e-3, 1.5e-3, 1.85e-3, 2.3e-3, 2.8e-3, 3.5e-3, 4.3e-3, 5.3e-3, 6.5e-3, 8e-3,   //
	10e-3,  12e-3,  15e-3,  18.5e-3, 23e-3,  28e-3,  35e-3,  43e-3,  53e-3,  65e-3,  80e-3,  //
	0.1,    0.12,   0.15,   0.185,   0.23,   0.28,   0.35,   0.43,   0.53,   0.65,   0.8,    //
	1,      1.2,    1.5,    1.85,    2.3,    2.8,    3.5,    4.3,    5.3,    6.5,    8,      //
	10,
};

static int bucket_of(double rtt)
{
	int low = 0, high = PING_BUCKETS;

	while (low < high) {
		int middle = (low + high) / 2;

		if (rtt <= ping_bucket_bounds[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void ping_histogram_observe(struct ping_histogram *histogram, double rtt)
{
	int bucket = bucket_of(rtt);

	if (bucket < PING_BUCKETS)
		histogram->bucket[bucket]++;
	histogram->count++;
	histogram->sum_ns += (uint64_t)llround(rtt * 1e9);
}

void ping_histogram_subtract(struct ping_histogram *from, const struct ping_histogram *part)
{
	for (int i = 0; i < PING_BUCKETS; i++)
		from->bucket[i] -= part->bucket[i];
	from->count -= part->count;
	from->sum_ns -= part->sum_ns;
}

void ping_histogram_cumulate(const struct ping_histogram *histogram, uint64_t cumulative[PING_BUCKETS])
{
	uint64_t sum = 0;

	for (int i = 0; i < PING_BUCKETS; i++)
		cumulative[i] = sum += histogram->bucket[i];
}

void ping_round_add(struct ping_round *round, double rtt)
{
	double difference;

	round->sent++;
	if (isnan(rtt))
		return;
	if (!round->received || rtt < round->min)
		round->min = rtt;
	if (!round->received || rtt > round->max)
		round->max = rtt;
	if (!round->received)
		round->mean = 0;
	round->received++;
	difference = rtt - round->mean;
	round->mean += difference / (double)round->received;
	round->squares += difference * (rtt - round->mean);
}

double ping_round_min(const struct ping_round *round)
{
	return round->received ? round->min : NAN;
}

double ping_round_mean(const struct ping_round *round)
{
	return round->received ? round->mean : NAN;
}

double ping_round_max(const struct ping_round *round)
{
	return round->received ? round->max : NAN;
}

double ping_round_stddev(const struct ping_round *round)
{
	return round->received ? sqrt(fmax(round->squares, 0) / (double)round->received) : NAN;
}

double ping_round_loss(const struct ping_round *round)
{
	return round->sent ? (double)(round->sent - round->received) / (double)round->sent : NAN;
}

void delay_variation_add(struct delay_variation *variation, double rtt)
{
	if (variation->answered++)
		variation->value += (fabs(rtt - variation->previous) - variation->value) / RFC3550_GAIN;
	variation->previous = rtt;
}

double delay_variation_value(const struct delay_variation *variation)
{
	return variation->answered > 1 ? variation->value : NAN;
}
