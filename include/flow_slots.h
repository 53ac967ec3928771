/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table as it lies in memory that the programs and the monitor share. How a slot lives, and why no step of it
 * loses a packet or mixes two flows, is in docs/flow-table.md.
 *
 * Whoever holds a slot's lock may change its record; all else in here is changed by compare-and-swap or by its one
 * owner. The one exception is key.reserved, which is 0 always: anybody may write that 0. Numbers are in host byte order
 * where their type does not say __be.
 */
#ifndef FLOWGAUGE_FLOW_SLOTS_H
#define FLOWGAUGE_FLOW_SLOTS_H

#include <linux/types.h>
#include <stddef.h>

#include "records.h"

/* flow_slot.word: the two lowest bits, and above them a version that each change of hands raises. */
#define SLOT_LOCKED 1U
#define SLOT_LIVE 2U
#define SLOT_VERSION 4U /* what the version is raised by */

/* Of a flow whose packets carry numbers; everything but TCP. */
struct slot_sequence {
	__u32 current; /* the members of struct sequence_record (records.h) */
	__u32 highest;
	__u64 received;
	__u64 window;
	__u64 run_unique;
};

struct slot_tcp {
	__u32 current; /* the members of struct tcp_record */
	__u32 highest;
	__u32 received; /* the lower half */
	__u32 stamps;   /* of the last segment that had time stamps, since the flow is answered: both, mixed */
	__u32 next;
	__u32 acknowledged;
	__u16 window;
	__u8 state; /* enum tcp_state, or-ed */
	__u8 duplicate_acks;
	__u32 initial;
};

/* Two cache lines: all that a packet in order touches of its flow. */
struct flow_slot {
	struct flow_key key;
	__u32 word;
	__u32 verdict; /* of the rules: (generation + 1) * 2 + wanted, in one word */
	__u64 packets;

	__u64 bytes;
	__u64 payload_bytes;
	__u64 last_ns; /* of a slot without packets: when it was claimed */
	__u64 gap_squares;
	union {
		struct slot_sequence sequence;
		struct slot_tcp tcp;
	};
};

/* Counts of 32 bits turn over; the monitor takes differences. */
struct detail_sequence {
	__u32 base;
	__u32 suspect;
	__u32 small;
	__u32 big;
	__u32 duplicate;
	__u32 reordered;
	__u64 lost_before;
};

#define TCP_NEXT_SHIFT 10 /* unit of next_time: 1024 ns, which turns over after 73 minutes */

struct detail_tcp {
	__u32 next_time; /* when `next` was raised, in 2^TCP_NEXT_SHIFT ns */
	__u32 rtt_ns;
	__u32 hole;
	__u32 missing;
	__u32 retransmitted_packets;
	__u32 big;
	__u32 out_of_order;
	__u32 lost_segments;
	__u32 zero_window;
	__u32 syn;
	__u32 fin;
	__u32 rst;
	__u64 retransmitted_bytes;
	__u64 repeated_bytes;
};

/* What packets out of the ordinary touch besides. */
struct flow_detail {
	__u64 first_ns;
	__u64 stopped_ns;
	__u64 restart_ns;
	__u64 restart_squares;
	__u32 restart_packets; /* the lower half */
	__u32 restarts;
	__u32 merged;
	__u32 reverse;
	union {
		struct detail_sequence sequence;
		struct detail_tcp tcp;
	};
};

/*
 * A flow's hash names a slot and its neighbour, its home. The flows that found neither free are in the index. One cache
 * line of it: where those whose hash leads here have their slots. Lines come in pairs, 2n and 2n + 1: an entry stands in
 * its own line, or in the pair's other one if that was full. `lock` of the even line is the pair's: it is held while a
 * flow is entered. A tag of 0 is a free entry.
 */
#define LINE_ENTRIES 12

struct index_line {
	__u8 tags[LINE_ENTRIES];
	__u32 lock;
	__u32 slots[LINE_ENTRIES];
};

#define FLOWS_A_PAIR \
	9 /* of 2 * LINE_ENTRIES: at a Poisson mean of 9, one pair in 116 000 is asked for more than it has */

#define FLOWS_NEAR 8192 /* the slots of so many fit a CPU's own cache of 1 MB */

#define SPILLED_MAX 4096 /* flows at a time that have packets in `spilled`; those of others are overflow */

_Static_assert(sizeof(struct flow_slot) == 128, "a slot is two cache lines");
_Static_assert(offsetof(struct flow_slot, bytes) == 64, "the key's line, and the counters' line");
_Static_assert(sizeof(struct slot_sequence) == 32 && sizeof(struct slot_tcp) == 32, "no implicit padding");
_Static_assert(sizeof(struct flow_detail) == 112, "flow_detail has no implicit padding");
_Static_assert(sizeof(struct index_line) == 64, "an index line is one cache line");

#endif
