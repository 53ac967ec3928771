/* SPDX-License-Identifier: BSD-2-Clause */
/* What the book remembers of each flow between two readings, found by the flow's key. */
#ifndef FLOWGAUGE_FLOW_TABLE_H
#define FLOWGAUGE_FLOW_TABLE_H

#include "measure/report.h"

#define NO_ROW UINT32_MAX

/* What the mathematics of gaps needs of the record read last: a third of it. packets 0: there was none. */
struct gap_memory {
	uint64_t packets, first_ns, last_ns, gap_squares, merged;
	uint64_t restarts, stopped_ns, restart_ns, restart_packets;
};

struct flow_entry {
	struct flow_key key;
	struct flow_entry *next; /* in the bucket, or among the free ones */
	uint32_t row;            /* of the report in the making, or NO_ROW */
	uint32_t reading;        /* number of the reading that saw it last */
	uint32_t place;          /* index of its interface in the book */
	uint32_t retired;        /* 1: it left the kernel's table and leaves the book with the next report */
	struct gap_memory gaps;
	struct flow_sums reported; /* the counters as reported last: they never fall */
};

/* Entries never move. They lie in slabs in the order of their coming. */
struct flow_slab;
struct flow_table {
	struct flow_entry **buckets; /* a power of two */
	size_t bucket_count;
	size_t count;
	struct flow_entry *free;
	struct flow_entry *guess; /* behind the one found last: readings come in much the same order */
	struct flow_slab *slabs;
	uint64_t seed; /* keeps a sender from choosing flows that share a bucket */
};

int flow_table_open(struct flow_table *table, uint64_t seed); /* 0 or -ENOMEM */
void flow_table_close(struct flow_table *table);
struct flow_entry *flow_table_find(struct flow_table *table, const struct flow_key *key);
/* A new entry, all zero but the key and NO_ROW; the key is not in the table yet. NULL: no memory. */
struct flow_entry *flow_table_insert(struct flow_table *table, const struct flow_key *key);
/* Removes the entries that `leaves` says so of. */
void flow_table_sweep(struct flow_table *table, bool (*leaves)(const struct flow_entry *entry, const void *context),
		      const void *context);

#endif
