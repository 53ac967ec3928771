/* SPDX-License-Identifier: BSD-2-Clause */
/* Used by bins.c and bins_read.c alone. */
#ifndef FLOWGAUGE_BINS_INTERNAL_H
#define FLOWGAUGE_BINS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rate_bins.h"
#include "records.h"

#define BINS_AT_ONCE 1024
#define RING_LENGTHS 2
static const unsigned int ring_shifts[RING_LENGTHS] = { RING_SHIFT_SHORT, RING_SHIFT_LONG };

/* All CPUs' rings of one interface, in both directions. */
struct binned_place {
	bool wanted;
	unsigned int ifindex;
	int fd;                          /* while there are words */
	uint64_t *words;                 /* mapped; NULL: there are none */
	uint64_t next_epoch[DIRECTIONS]; /* to be read; 0: not begun */
};

struct bins {
	struct rate_shape *shape;     /* the programs'; NULL before they are loaded */
	int pattern_fd[RING_LENGTHS]; /* what maps of rings have to be like: until the load */
	int rings_fd[RING_LENGTHS];
	unsigned int cpus;
	struct binned_place places[INTERFACES_MAX];
	uint64_t sums[BINS_AT_ONCE];
};

#endif
