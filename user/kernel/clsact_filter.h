/* SPDX-License-Identifier: BSD-2-Clause */
/* The filters of a clsact qdisc, for the parts of clsact.h. */
#ifndef FLOWGAUGE_CLSACT_FILTER_H
#define FLOWGAUGE_CLSACT_FILTER_H

#include <bpf/libbpf.h>
#include <stdint.h>

#include "kernel/clsact.h"

struct clsact_entry {
	uint32_t handle;
	uint32_t priority;
	uint32_t program_id; /* 0: not a BPF filter */
	const char *name;    /* of a BPF filter's program, as its maker wrote it; valid during the visit */
};

typedef void clsact_visit(void *context, const struct clsact_entry *entry);

/* Visits every filter, of any kind and maker. 0 or -errno; no qdisc is no filter. */
int clsact_list(unsigned int ifindex, enum direction direction, clsact_visit *visit, void *context);

/* -EMEDIUMTYPE if the qdisc that is there is the older "ingress", which takes egress filters and runs them at ingress. */
int clsact_check(unsigned int ifindex);

/* Removes one filter if it is still the same, and the qdisc if it is ours and empty. */
void clsact_filter_remove(const struct clsact_filter *filter);

/* Where a filter is, as libbpf wants to be told. */
void clsact_hook(const struct clsact_filter *filter, struct bpf_tc_hook *out);
void clsact_options(const struct clsact_filter *filter, struct bpf_tc_opts *out);

#endif
