/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table, as the monitor uses it: read in place, and slots freed. The programs' side is bpf/flow_table.h; why both
 * may work at once is in docs/flow-table.md. Functions return 0 or -errno.
 */
#ifndef FLOWGAUGE_SLOTS_H
#define FLOWGAUGE_SLOTS_H

#include <stdint.h>

#include "records.h"

struct flowgauge_bpf;
struct slots;

/* Bytes of kernel memory that a table for so many flows takes. */
uint64_t slots_bytes(uint32_t flows);

/* Before the load: sizes of the maps, and a secret of its own for the hash. */
int slots_prepare(struct flowgauge_bpf *skeleton, uint32_t flows);
/* After it. The skeleton outlives the table. */
int slots_open(struct flowgauge_bpf *skeleton, struct slots **out);
struct slots *slots_close(struct slots *table);

struct slots_visitor {
	void *context;
	/* Pointers are valid during the call only. The record has no `spilled`. */
	void (*flow)(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record);
	/* The slot's turn comes soon; may be NULL. */
	void (*soon)(void *context, uint32_t slot);
	/* A packet has held the slot all the time that could be waited. */
	void (*unread)(void *context, uint32_t slot);
};

/* Visits the flows that are there, each as it was between two packets, in the order of their slots. */
void slots_visit(struct slots *table, const struct slots_visitor *visitor, uint64_t *flows);

/* How many slots are taken; cheap. */
uint32_t slots_taken(const struct slots *table);

/* The slot of a flow; -ENOENT if it is not in the table. */
int slots_find(struct slots *table, const struct flow_key *key, uint32_t *slot);

/*
 * Frees the slot if it is this flow's, and gives the flow's last record, without `spilled`: every packet is in it, or in
 * what became of the flow after it. -ENOENT: it is not; -EBUSY: a packet holds it, ask again later.
 * A series of these goes between slots_free_begin and slots_free_end.
 */
int slots_free_begin(struct slots *table);
int slots_free(struct slots *table, uint32_t slot, const struct flow_key *key, struct flow_record *last);
void slots_free_end(struct slots *table);

#endif
