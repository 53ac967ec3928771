/* SPDX-License-Identifier: BSD-2-Clause */
/* A number for each flow of the kernel's hash: the flow's own from its first reading until it is taken out. */
#ifndef FLOWGAUGE_SLOTS_H
#define FLOWGAUGE_SLOTS_H

#include "records.h"

struct slots;

struct slots *slots_new(__u32 max_flows); /* NULL: no memory */
struct slots *slots_free(struct slots *slots);
/* The flow's number, below max_flows; given, if it has none. -1: there is none left. */
__s64 slots_take(struct slots *slots, const struct flow_key *key);
void slots_give(struct slots *slots, __u32 slot);

#endif
