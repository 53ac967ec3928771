/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records that the BPF programs write and the monitor reads: one definition for both halves.
 *
 * Counters only grow: the monitor takes the difference of two readings and never clears one. A record is read while it
 * is being written, so a reader may see one packet's effect in some fields and not yet in others; nothing here is wrong
 * for longer than that packet. Times are nanoseconds of CLOCK_MONOTONIC, or of the capture in a replay. Fields are in
 * host byte order where their type does not say __be.
 */
#ifndef FLOWGAUGE_RECORDS_H
#define FLOWGAUGE_RECORDS_H

#include <linux/types.h>
#include <stddef.h>

enum direction {
	DIRECTION_INGRESS = 0,
	DIRECTION_EGRESS = 1,
	DIRECTIONS = 2,
};

/* Which flow a packet belongs to: one direction of one conversation on one interface. */
#define VLAN_MAX_DEPTH 2
#define VLAN_PRESENT 0x1000 /* set in flow_key.vlan[i] when the tag is there: VLAN 0 is not "no tag" */
#define VLAN_ID_MASK 0x0fff

struct flow_key {
	__be32 src[4]; /* IPv4: the address in src[0], zero after it */
	__be32 dst[4];
	__be16 sport; /* 0 where the protocol has no ports */
	__be16 dport;
	__u32 ifindex;
	__u16 vlan[VLAN_MAX_DEPTH]; /* outermost first; VLAN_PRESENT | id, or 0 */
	__u8 protocol;              /* IP protocol number, extension headers looked through */
	__u8 family;                /* 4 or 6 */
	__u8 direction;             /* enum direction */
	__u8 reserved;              /* zero: it is hashed */
} __attribute__((aligned(8)));      /* it is compared eight bytes at a time */

/*
 * Sequence numbers of a flow. For everything but TCP the unit is one packet, and the number is the 32-bit big-endian
 * word in the payload that OFFSET or PATTERN names. For TCP the unit is one byte, the number is the header's, `highest` is
 * the end of the segment before, and only started, current, highest, received, reverse and big are there.
 */
struct sequence_record {
	__u32 started;  /* 1 from the first number on */
	__u32 current;  /* the number of the last packet that carried one */
	__u32 highest;  /* highest number so far, wrap-safe; TCP: end of the segment before */
	__u32 base;     /* lowest number of this run */
	__u64 received; /* packets that carried a number */
	__u32 suspect;  /* the number that, coming next, proves that the sender started again */
	__u32 reserved;
	__u64 window;      /* bit i: the number highest - i came */
	__u64 run_unique;  /* distinct numbers of this run: received less duplicates since its start */
	__u64 reverse;     /* difference to the packet before < 0 */
	__u64 small;       /* 0, or 2 to the threshold */
	__u64 big;         /* over the threshold; TCP: the segment leaves a hole before it */
	__u64 duplicate;   /* the number came before, within the window of 64 */
	__u64 reordered;   /* the number is below the highest and came for the first time, as far as the window knows */
	__u64 lost_before; /* lost in runs that ended when the sender started again */
};

/*
 * TCP, seen from here. The members that struct sequence_record has as well stand where it has them: they are read through
 * it. Sequence numbers are compared modulo 2^32. `next` and `highest` differ after a repeat: `highest` is the end of the
 * segment before.
 */
enum tcp_state {
	TCP_KNOWN = 1,      /* there was a segment */
	TCP_RAISED = 2,     /* the last one raised `next` */
	TCP_KEEP_ALIVE = 4, /* the last one was a keep-alive */
	TCP_PROBE = 8,      /* the last one was a probe of a window of 0 */
	TCP_OPENING = 16,   /* the last one was a SYN without ACK */
	TCP_NUMBERED = 32,  /* there was a segment that takes sequence numbers */
	TCP_ANSWERED = 64,  /* the other end's flow was found in the table; looked for where round trips are timed */
	TCP_MISSED = 128,   /* its connection does not know of the last segment, or of one before it */
};

struct tcp_record {
	__u32 started; /* as in sequence_record, like current, highest, received, reverse and big */
	__u32 current;
	__u32 highest;
	__u32 next; /* one above the highest byte seen */
	__u64 received;
	__u32 acknowledged; /* by the last segment, as its header says, ACK or not */
	__u16 window;       /* of the last segment, not scaled */
	__u8 state;         /* enum tcp_state, or-ed */
	__u8 duplicate_acks;
	__u64 next_ns; /* when `next` was raised; with TCP_RAISED, last_ns says it */
	__u32 rtt_ns;  /* from the SYN to the ACK that its sender sent next; 0: not seen */
	__u32 initial; /* the SYN's number; one below the first segment's, if that was none */
	__u64 reverse;
	__u32 hole;    /* where the first hole begins */
	__u32 missing; /* bytes of all holes together */
	__u64 big;
	__u64 retransmitted_packets;
	__u64 retransmitted_bytes; /* payload of those packets */
	__u64 repeated_bytes;      /* payload bytes that had been seen or acknowledged before */
	__u64 out_of_order;        /* packets */
	__u64 lost_segments;       /* packets that left a hole before them */
	__u64 zero_window;         /* packets that said so */
	__u64 syn;
	__u64 fin;
	__u64 rst;
};

/*
 * What one flow did, as the monitor reads it out of the flow table (flow_slots.h): whole packets only. A packet that
 * could not have the slot's lock is in `spilled`: it is counted, but has no gap and no sequence number. So a flow had
 * packets + spilled.packets, and so on.
 *
 * Inter-arrival gaps: packets - 1 - restarts of them, whose sum is last_ns - first_ns - stopped_ns.
 * The packets of a merged buffer share one time, so all but one of their gaps are 0.
 */
#define GAP_STOPPED_NS 2000000000LL /* a gap over this means that the flow had stopped: the measure starts anew */
#define GAP_SQUARE_SHIFT 9          /* unit of the squares: 512 ns^2, so that 3600 s of 2 s gaps fit 64 bits */

struct spilled_record {
	__u64 packets;
	__u64 bytes;
	__u64 payload_bytes;
};

struct flow_record {
	__u64 packets;
	__u64 bytes;         /* frames on the wire, link header included, no preamble or FCS */
	__u64 payload_bytes; /* after the transport header, by the IP length: no padding */
	__u64 last_ns;
	__u64 gap_squares; /* sum of gap^2, each rounded to 2^GAP_SQUARE_SHIFT ns^2; differences are modulo 2^64 */
	__u64 first_ns;
	__u64 merged; /* packets that share the time of another packet of their buffer; modulo 2^32 */
	union {
		struct sequence_record sequence; /* all but TCP */
		struct tcp_record tcp;
	};
	/* Where the measure last started anew; restarts is 0 if it never did. */
	__u64 restarts;   /* modulo 2^32 */
	__u64 stopped_ns; /* sum of the gaps over 2 s */
	__u64 restart_ns;
	__u64 restart_packets; /* packets before the one that ended the stop */
	__u64 restart_squares;
	struct spilled_record spilled;
};

/* What became of a packet. Each packet seen has exactly one outcome. */
enum outcome {
	OUTCOME_FLOW = 0, /* counted in a flow */
	OUTCOME_OVERFLOW, /* wanted, but the flow table had no room */
	OUTCOME_FILTERED, /* no rule wants it */
	OUTCOME_UNPARSED, /* a header is cut short or lies about its length */
	OUTCOME_NON_IP,   /* neither IPv4 nor IPv6 */
	OUTCOMES,
};

struct tally {
	__u64 packets;
	__u64 bytes;
};

/*
 * The ledger of one interface and direction on one CPU. `started` is raised before an update and `finished` after it;
 * a copy made in address order in which both are equal holds whole packets only.
 */
struct ledger_cell {
	__u64 finished;
	struct tally outcome[OUTCOMES];
	__u64 started;
};

/* Of all CPUs together, as the monitor reads it. Each packet has one outcome: what was seen is their sum. */
struct ledger_record {
	struct tally seen;
	struct tally outcome[OUTCOMES];
};

/* First fragments, by datagram: the later ones have no ports of their own. */
#define FRAGMENTS_MAX 16384
#define FRAGMENT_LIFE_NS 60000000000ULL /* a datagram is reassembled within it, or not at all (RFC 8200, 4.5) */

struct fragment_key {
	__be32 src[4]; /* as in flow_key */
	__be32 dst[4];
	__be32 ident;
	__u32 ifindex;
	__u8 protocol;
	__u8 family;
	__u8 direction;
	__u8 reserved; /* zero: it is hashed */
};

struct fragment_ports {
	__u64 time_ns; /* of the first fragment */
	__be16 sport;
	__be16 dport;
	__u32 reserved;
};

enum fragment_fate {
	FRAGMENT_FIRST,  /* remembered */
	FRAGMENT_JOINED, /* a later one, counted in its first one's flow */
	FRAGMENT_ORPHAN, /* a later one whose first one is not known: counted in the flow with ports 0 */
	FRAGMENT_FATES,
};

struct fragment_ledger {
	__u64 packets[FRAGMENT_FATES]; /* of protocols with ports */
};

/* Interfaces: the programs find an interface's place in the ledger here, by open addressing on the index. */
#define INTERFACES_MAX 256
#define INTERFACE_SLOTS 1024
#define INTERFACE_PROBES 8

struct interface_slot {
	__u32 ifindex; /* 0: free */
	__u32 ledger;  /* ledger entries 2 * ledger + direction */
};

_Static_assert(sizeof(struct flow_key) == 48, "flow_key has no implicit padding");
_Static_assert(offsetof(struct flow_key, ifindex) == 36, "flow_key layout");
_Static_assert(sizeof(struct sequence_record) == 96, "sequence_record has no implicit padding");
_Static_assert(sizeof(struct tcp_record) == 144, "tcp_record has no implicit padding");
_Static_assert(offsetof(struct tcp_record, received) == offsetof(struct sequence_record, received) &&
		       offsetof(struct tcp_record, highest) == offsetof(struct sequence_record, highest) &&
		       offsetof(struct tcp_record, reverse) == offsetof(struct sequence_record, reverse) &&
		       offsetof(struct tcp_record, big) == offsetof(struct sequence_record, big),
	       "what TCP shares with sequence_record");
_Static_assert(sizeof(struct flow_record) == 264, "flow_record has no implicit padding");
_Static_assert(sizeof(struct fragment_key) == 44, "fragment_key has no implicit padding");
_Static_assert(sizeof(struct fragment_ports) == 16, "fragment_ports has no implicit padding");
_Static_assert(sizeof(struct ledger_cell) == 96, "ledger_cell has no implicit padding");

#endif
