/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bins of time, for the rates of links: how many bytes of frames had their time stamp in [epoch·bin_ns, (epoch+1)·bin_ns).
 *
 * Each CPU has a ring of bins for each direction of each interface, and writes no other. An interface's rings are one map:
 * the bin of an epoch is entry 2 (CPU << shift | the epoch's lowest bits) + direction. A bin is one word, so that nobody can
 * read the bytes of one epoch with the lap of another: the lower bits are bytes, the upper ones how often the ring had gone
 * round, by which what is stale is told.
 */
#ifndef FLOWGAUGE_RATE_BINS_H
#define FLOWGAUGE_RATE_BINS_H

#include <linux/types.h>

#define BIN_BYTES_BITS 36 /* 64 GiB: 5.5 Tbit/s of one CPU in the longest bin */
#define BIN_BYTES_MAX ((1ULL << BIN_BYTES_BITS) - 1)
#define BIN_LAPS (1ULL << (64 - BIN_BYTES_BITS)) /* before a lap has a number again: 17 years, as a ring lasts 2 s */

#define BIN_NS_LEAST 100000ULL   /* 10 000 bins a second */
#define BIN_NS_MOST 100000000ULL /* 10 */

/* Rings are short (2048 bins, 16 KiB) or long (256 KiB); either lasts 2 s at least. */
#define RING_SHIFT_SHORT 11
#define RING_SHIFT_LONG 15
#define RING_NS 2000000000ULL

/* The same for all interfaces. It changes only when no packet goes by the one before. */
struct rate_shape {
	__u64 bin_ns; /* 0: nothing is put into bins */
	__u32 shift;  /* a ring has 1 << shift bins: RING_SHIFT_SHORT or RING_SHIFT_LONG */
	__u32 reserved;
};

_Static_assert((BIN_NS_LEAST << RING_SHIFT_LONG) >= RING_NS, "long rings last");

#endif
