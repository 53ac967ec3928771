/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bins of the packet path (rate_bins.h), as the monitor keeps and reads them: monitor.h says what a visitor gets. Times
 * are those of the packets' clock. Functions return 0 or -errno.
 */
#ifndef FLOWGAUGE_BINS_H
#define FLOWGAUGE_BINS_H

#include <stdint.h>

#include "kernel/monitor.h"

/* A bin is read when it has been over for so long: the time that a packet may take from its time stamp to its bin. */
#define BINS_MARGIN_NS 10000000ULL
#define BINS_RING_NS 2000000000ULL /* a ring lasts for it at least */

struct flowgauge_bpf;
struct bins;

/* After the load, with constants.bins. The skeleton outlives it. `cpus`: possible ones. */
int bins_open(const struct flowgauge_bpf *skeleton, unsigned int cpus, struct bins **out);
struct bins *bins_close(struct bins *bins);

/* How many bins a ring has, as a power of two, that lasts BINS_RING_NS. */
unsigned int bins_shift(uint64_t bin_ns);

/* -EINVAL: neither 0 nor BIN_NS_LEAST to BIN_NS_MOST. On another failure no bins are kept. */
int bins_set_length(struct bins *bins, uint64_t bin_ns);
/* Keeps bins for one direction in a place of the ledger, in which none are kept. */
int bins_add(struct bins *bins, unsigned int place, enum direction direction, unsigned int ifindex);
void bins_remove(struct bins *bins, unsigned int place, enum direction direction);

/* Says what time it is to rings that have never been read: their first bin is the next one. */
void bins_begin(struct bins *bins, uint64_t now_ns);
void bins_read(struct bins *bins, uint64_t now_ns, const struct bin_visitor *visitor);

#endif
