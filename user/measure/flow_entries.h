/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the book remembers between two readings: 8 bytes of every flow in the table, found by the flow's slot, and an
 * entry of each flow that is followed.
 */
#ifndef FLOWGAUGE_FLOW_ENTRIES_H
#define FLOWGAUGE_FLOW_ENTRIES_H

#include <string.h>

#include "measure/flow_counts.h"

#define NO_ROW UINT32_MAX
#define NO_SLOT UINT32_MAX

/* What the mathematics of gaps needs of the record read last: a third of it. packets 0: there was none. */
struct gap_memory {
	uint64_t packets, first_ns, last_ns, gap_squares, merged;
	uint64_t restarts, stopped_ns, restart_ns, restart_packets;
};

struct flow_entry {
	struct flow_key key;
	uint32_t index;
	uint32_t next;    /* among the free ones */
	uint32_t slot;    /* NO_SLOT: the slot is another flow's now */
	uint32_t row;     /* of the report in the making, or NO_ROW */
	uint32_t reading; /* number of the reading that saw it last */
	uint32_t place;   /* index of its interface in the book */
	float score;      /* bytes of the last minute */
	bool used;
	bool retired; /* it left the kernel's table and leaves the book with the next report */
	bool pinned;  /* a counter may have turned over: it stays followed */
	bool late;    /* followed since later than its birth: nothing is known of this interval */
	bool top;     /* in the last report */
	uint32_t square_turns;
	struct gap_memory gaps;
	struct flow_counts held; /* the counters as reported last: they never fall */
};

/* Entries never move. Their indexes are dense: those of entries that left are given again first. */
#define ENTRY_SLAB 1024
struct flow_entries {
	struct flow_entry **slabs;
	size_t slab_count;
	uint32_t end;  /* above the highest index ever used */
	uint32_t free; /* index + 1 of a free entry; 0: none */
	size_t used;
};

void entries_close(struct flow_entries *entries);
struct flow_entry *entries_at(const struct flow_entries *entries, uint32_t index);
/* Into the cache, as it is needed soon. */
static inline void entry_fetch(const struct flow_entry *entry)
{
	for (size_t at = 0; at < sizeof(*entry); at += 64)
		__builtin_prefetch((const char *)entry + at, 1);
}
/* A new entry, all zero but its index, slot and row. NULL: no memory. */
struct flow_entry *entries_take(struct flow_entries *entries);
void entries_give(struct flow_entries *entries, struct flow_entry *entry);

/* --- the 8 bytes of a slot; 0: the book knows of no flow there --- */

#define WORD_FOLLOWED (1ULL << 63)
#define WORD_KNOWN (1ULL << 62)
#define WORD_TURNS_SHIFT 58 /* 4 bits: how often the squares turned over */
#define WORD_TURNS_MAX 15U
#define WORD_OCTANT_SHIFT 55 /* 3 bits: in which eighth of 2^64 the squares stand */
#define WORD_SCORE_SHIFT 32  /* 23 bits: a float without its sign and its last 8 bits */
#define WORD_SCORE_MASK 0x7fffffU
#define SQUARES_OCTANT_SHIFT 61
#define BYTES_UNIT 16 /* of the lower 32 bits of the flow's bytes */

/* Of a flow that is not followed. */
struct slot_state {
	float score;           /* bytes of the last minute; not below 0 */
	uint32_t bytes_units;  /* bytes / BYTES_UNIT, modulo 2^32 */
	uint32_t square_turns; /* up to WORD_TURNS_MAX */
	uint32_t octant;
};

static inline bool word_is_followed(uint64_t word)
{
	return word & WORD_FOLLOWED;
}

static inline uint64_t word_of_entry(uint32_t index)
{
	return WORD_FOLLOWED | index;
}

static inline uint32_t word_entry(uint64_t word)
{
	return (uint32_t)word;
}

/* In line: as results of calls, their parts would go through memory. */
static inline uint64_t word_of_state(struct slot_state state)
{
	uint32_t bits;

	memcpy(&bits, &state.score, sizeof(bits));
	return WORD_KNOWN | (uint64_t)state.square_turns << WORD_TURNS_SHIFT |
	       (uint64_t)state.octant << WORD_OCTANT_SHIFT |
	       (uint64_t)(bits >> 8 & WORD_SCORE_MASK) << WORD_SCORE_SHIFT | state.bytes_units;
}

static inline struct slot_state word_state(uint64_t word)
{
	struct slot_state state = {
		.bytes_units = (uint32_t)word,
		.square_turns = (uint32_t)(word >> WORD_TURNS_SHIFT) & WORD_TURNS_MAX,
		.octant = (uint32_t)(word >> WORD_OCTANT_SHIFT) & 7,
	};
	uint32_t bits = ((uint32_t)(word >> WORD_SCORE_SHIFT) & WORD_SCORE_MASK) << 8;

	memcpy(&state.score, &bits, sizeof(bits));
	return state;
}

#endif
