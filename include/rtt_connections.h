/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passive round-trip times as they lie in memory that the programs and the monitor share. Nothing here is locked: what
 * has to be one is one word, and a sample that two CPUs race for is taken once or not at all. docs/rtt.md has the rules.
 */
#ifndef FLOWGAUGE_RTT_CONNECTIONS_H
#define FLOWGAUGE_RTT_CONNECTIONS_H

#include <linux/types.h>
#include <stddef.h>

#include "rtt_records.h"

#define RTT_TIME_SHIFT 4   /* unit of times and round-trip times: 16 ns, which turns over after 68 s */
#define RTT_SWEPT_SHIFT 24 /* unit of `swept`: 16.8 ms */
#define RTT_SIDES 2
#define RTT_WAITING 2 /* packets of one side that wait for their answer at a time */
#define RTT_SET 4     /* connections that share a place: number 4 n to 4 n + 3 */

/*
 * A packet that waits for its answer: when it passed, in the upper half, and the token that the answer will have: TSval, the
 * number above a SYN's, or ICMP's id and sequence. A time of 0: none waits.
 */
#define RTT_TOKEN(word) ((__u32)(word))
#define RTT_TIME(word) ((__u32)((word) >> 32))

enum rtt_state {
	RTT_SEEN = 1,    /* something of this side passed */
	RTT_STARTED = 2, /* its `seen` is set */
	RTT_ECHOED = 4,  /* its `echoed` is set */
	RTT_SYN = 8,     /* the token in `opened` is set */
	RTT_OUT = 16,    /* what was noted last went out (DIRECTION_EGRESS): it may come by again as coming in */
	RTT_STAMPED = 32 /* its SYN had a time stamp */
};

/* Written by packets of this side, but for `waiting`, which the answers clear. */
struct rtt_side {
	__u32 seen;   /* the newest TSval */
	__u32 echoed; /* the newest TSecr; of others than TCP with time stamps, the last token that was answered */
	__u64 waiting[RTT_WAITING];
};

/* Of the packets of one side, in units of 16 ns. */
struct rtt_summary {
	__u32 count;
	__u32 last;
	__u32 min;
	__u32 smoothed;
};

/* Both directions of a conversation; the side 0 is the endpoint that is smaller. One line, which is all that most packets touch. */
struct rtt_connection {
	__u64 fingerprint; /* of the conversation: a hash with a secret; 0: free; 1: being taken */
	__u32 swept;       /* when it was last looked through, at most 4 s before its last packet */
	__u8 state[RTT_SIDES];
	__u8 protocol;
	__u8 closing; /* a FIN or RST was there */
	struct rtt_side side[RTT_SIDES];
};

/* The rest of the connection of the same number: what samples touch besides. */
struct rtt_samples {
	struct rtt_summary summary[RTT_SIDES];
	__u64 opened[RTT_SIDES]; /* the SYN that waits for its answer */
	__u64 pair[RTT_SIDES];   /* where samples go: struct rtt_pair_ref, with the method; 0: to be looked up */
};

/* pair[]: generation << 32 | method << 28 | slot */
#define RTT_PAIR_METHOD_SHIFT 28
#define RTT_PAIR_SLOT_MASK 0x0fffffffU

struct rtt_pair_ref {
	__u32 slot;
	__u32 generation;
};

/*
 * The slots below RTT_METHODS are "other", one a method. `generation` is raised when the slot is taken from its pair; that of
 * "other" when slots have become free: a reference is good while it has the generation of its slot.
 */
#define RTT_OTHERS RTT_METHODS

struct rtt_pair {
	__u32 generation;
	__u32 fresh; /* of slot 0: pairs' slots that somebody had, or a little more than there are */
	__u64 sum_ns;
	__u64 min_ns; /* 0: no sample yet */
	__u64 last_ns;
	__u64 smoothed_ns;
	__u64 seen_ns;
	__u64 reserved[2];

	struct rtt_pair_key key;
	__u32 live; /* 1: the key is written */
	__u64 reserved_too[2];

	__u64 buckets[RTT_BUCKETS];
};

/* On one CPU. */
struct rtt_tally {
	__u64 unmatched[RTT_METHODS];
	__u64 unasked[RTT_METHODS];
	__u64 skipped[RTT_METHODS];
	__u64 overflow;
	__u64 pairs_overflow;
	__u64 hops_overflow;
};

#define RTT_HOPS_MAX 4096 /* hops and destinations that are counted */

struct rtt_hop {
	__u64 count;
	__u64 seen_ns;
};

_Static_assert(sizeof(struct rtt_connection) == 64, "a connection is one cache line for most packets");
_Static_assert(sizeof(struct rtt_samples) == 64, "and one more for samples");
_Static_assert(offsetof(struct rtt_pair, key) == 64 && offsetof(struct rtt_pair, buckets) == 128, "lines of their own");

#endif
