/* SPDX-License-Identifier: BSD-2-Clause */
/* Passive round-trip times: the monitor's side of what bpf/rtt.h keeps. What is read of them is in monitor.h. */
#ifndef FLOWGAUGE_KERNEL_RTT_H
#define FLOWGAUGE_KERNEL_RTT_H

#include "kernel/monitor.h"

struct flowgauge_bpf;
struct rtt;

/* Before the load: constants, and the sizes of the maps. 0 or -errno; -EINVAL: a limit is out of its range. */
int rtt_prepare(struct flowgauge_bpf *skeleton, const struct rtt_config *config);
/* After it. `out` is NULL if they are not measured. The skeleton outlives it. */
int rtt_open(const struct flowgauge_bpf *skeleton, const struct rtt_config *config, struct rtt **out);
struct rtt *rtt_close(struct rtt *rtt); /* NULL */

/* As the functions of monitor.h that have their names. */
int rtt_read(struct rtt *rtt, uint64_t now_ns, const struct rtt_visitor *visitor, struct rtt_counts *counts);
bool rtt_flow(const struct rtt *rtt, const struct flow_key *key, struct rtt_flow *out);

#endif
