/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passive round-trip times: what the packet path keeps and the monitor reads. How they are measured, and what cannot be
 * known, is in docs/rtt.md.
 *
 * A round-trip time is from the moment a packet of `src` passes here to the moment the answer of `dst` to it passes here: the way
 * from here to `dst` and back. A connection that is seen both ways gives two, one for each end. Fields are in host byte
 * order where their type does not say __be.
 */
#ifndef FLOWGAUGE_RTT_RECORDS_H
#define FLOWGAUGE_RTT_RECORDS_H

#include <linux/types.h>
#include <stddef.h>

enum rtt_method {
	RTT_TCP_TIMESTAMP, /* the first segment of a time stamp that will be acknowledged, and the first to echo it */
	RTT_TCP_HANDSHAKE, /* SYN to SYN-ACK, SYN-ACK to ACK, where the answer has no time stamps */
	RTT_ICMP_ECHO,     /* request to reply, by id and sequence; ICMPv6 likewise */
	RTT_METHODS,
};

/* Whose packets share one histogram. */
enum rtt_scope {
	RTT_SCOPE_HOST,   /* a pair of addresses */
	RTT_SCOPE_PREFIX, /* a pair of networks: /24, /48 */
	RTT_SCOPE_FLOW,   /* addresses, protocol and ports */
};

#define RTT_LIFE_NS 10000000000ULL /* an answer that comes later is none */

/*
 * Four buckets a power of two, the bounds 2^12 ns to 12.9 s. Bucket 0 has what is below rtt_bucket_end(0), bucket i what is from
 * rtt_bucket_end(i - 1) to below rtt_bucket_end(i); the last one has no end.
 */
#define RTT_BUCKETS 88
#define RTT_FIRST_POWER 12
#define RTT_STEPS 4

static inline __u64 rtt_bucket_end(unsigned int bucket)
{
	return (__u64)(RTT_STEPS + bucket % RTT_STEPS) << (RTT_FIRST_POWER - 2 + bucket / RTT_STEPS);
}

struct rtt_pair_key {
	__be32 src[4]; /* of whom was answered; as in flow_key, and masked with RTT_SCOPE_PREFIX */
	__be32 dst[4]; /* of whom answered */
	__be16 sport;  /* 0 but for RTT_SCOPE_FLOW */
	__be16 dport;
	__u8 protocol; /* 0 but for RTT_SCOPE_FLOW */
	__u8 family;   /* 4 or 6 */
	__u8 method;   /* enum rtt_method */
	__u8 reserved; /* zero: it is hashed */
	__u32 ifindex;
};

/* Of one pair. Counters only grow while the pair lives. */
struct rtt_pair_record {
	__u64 count;
	__u64 sum_ns;
	__u64 min_ns;
	__u64 last_ns;
	__u64 smoothed_ns; /* RFC 6298, 1/8; of two samples at the same moment on two CPUs one may be missing in it */
	__u64 seen_ns;     /* when the last sample was taken, to 0.1 s */
	__u64 buckets[RTT_BUCKETS];
};

/* Who says that a packet's life ended on its way to whom: ICMP time exceeded in transit. */
struct rtt_hop_key {
	__be32 hop[4]; /* as in flow_key */
	__be32 dst[4]; /* of the packet that it quotes */
	__u32 ifindex;
	__u8 family;
	__u8 reserved[3]; /* zero: it is hashed */
};

/* Over all connections since the start. */
struct rtt_counts {
	__u64 matched[RTT_METHODS]; /* samples */
	__u64 unmatched[RTT_METHODS]; /* noted and given up: no answer in 10 s, passed over by a later one, or sent again */
	__u64 unasked[RTT_METHODS]; /* answers to what was not noted, or given up; not counted for TCP_TIMESTAMP */
	__u64 skipped[RTT_METHODS]; /* not noted, because enough packets of the connection waited for their answer */
	__u64 overflow;             /* packets whose connection found no room */
	__u64 pairs_overflow;       /* samples in "other", because there were max_pairs pairs */
	__u64 hops_overflow;        /* time-exceeded messages that found no room */
	__u64 connections_bytes;    /* kernel memory of connections, and */
	__u64 pairs_bytes;          /* of pairs */
};

_Static_assert(sizeof(struct rtt_pair_key) == 44, "rtt_pair_key has no implicit padding");
_Static_assert(sizeof(struct rtt_hop_key) == 40, "rtt_hop_key has no implicit padding");

#endif
