/* SPDX-License-Identifier: BSD-2-Clause */
/* One direction of one interface within an estimation interval; used by rates.c alone. */
#ifndef FLOWGAUGE_RATE_SIDE_H
#define FLOWGAUGE_RATE_SIDE_H

#include "measure/rate_histogram.h"
#include "measure/rate_moments.h"
#include "measure/rates.h"

#define RATE_WINDOW_BINS_MAX 1000 /* 100 ms of the shortest bins, 100 µs */

/* The last bins, and the bytes of those that lie in a window; sliding on costs one addition and one subtraction. */
struct rate_window {
	unsigned int bins; /* in the window; 0: a bin is longer than it */
	uint64_t bytes;
	uint64_t peak; /* bytes; of no meaning while `full` is false */
	bool full;     /* a whole window has been seen in this interval */
};

struct rate_side {
	bool begun;          /* next_epoch is known */
	uint64_t next_epoch; /* of the bin that comes next */
	uint64_t wanted;     /* epochs in an estimation interval */
	uint64_t lost;       /* of this interval */
	double seconds;      /* of a bin */
	double limit;        /* bytes of a bin at capacity · cutoff; NaN: not known */
	uint64_t over;       /* bins over it */
	struct rate_moments moments;
	struct rate_histogram histogram;
	struct rate_window window[RATE_WINDOWS];
	unsigned int run; /* bins in a row in the ring, up to RATE_WINDOW_BINS_MAX */
	unsigned int at;  /* where the next one goes */
	uint64_t ring[RATE_WINDOW_BINS_MAX];
};

void rate_side_restart(struct rate_side *side, const struct rates_config *config, double capacity);
void rate_side_clear(struct rate_side *side); /* begins the next interval; windows slide on */
void rate_side_add(struct rate_side *side, uint64_t bytes);
/* Goes on to an epoch; what is left out was lost, unless nothing had begun. Returns how many bins were lost. */
uint64_t rate_side_skip(struct rate_side *side, uint64_t next_epoch);
bool rate_side_is_complete(const struct rate_side *side);
/* Fills all but the time, lost_total and the alarms, and adds nothing to what was lost. */
void rate_side_estimate(const struct rate_side *side, double capacity, struct rate_estimate *out);

#endif
