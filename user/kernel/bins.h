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

struct flowgauge_bpf;
struct bins;

int bins_new(unsigned int cpus, struct bins **out); /* `cpus`: possible ones */
/* Before a load, which may be tried again with another skeleton; and after it. The skeleton outlives the bins. */
int bins_prepare(const struct bins *bins, struct flowgauge_bpf *skeleton);
void bins_open(struct bins *bins, struct flowgauge_bpf *skeleton);
struct bins *bins_close(struct bins *bins); /* at any time; NULL */

/* As monitor_set_bin_length. On another failure than -EINVAL no bins are kept. */
int bins_set_length(struct bins *bins, uint64_t bin_ns);
/* Keeps bins for a place of the ledger, for which none are kept. */
int bins_add(struct bins *bins, unsigned int place, unsigned int ifindex);
void bins_remove(struct bins *bins, unsigned int place);

/* Says what time it is to places that have never been read: their first bin is the next one. */
void bins_begin(struct bins *bins, uint64_t now_ns);
void bins_read(struct bins *bins, uint64_t now_ns, const struct bin_visitor *visitor);

#endif
