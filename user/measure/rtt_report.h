/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round-trip times of real traffic, as part of a report. A pair is a sender and who answered it, by one method; the time is
 * from the sender's packet passing here to the answer passing here. Durations are seconds, NaN if unknown. Counters are
 * since the pair has been there, and those of the rest, in which the pairs end that are gone, never fall.
 */
#ifndef FLOWGAUGE_RTT_REPORT_H
#define FLOWGAUGE_RTT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtt_records.h"

#define RTT_SCOPES (RTT_SCOPE_FLOW + 1)
extern const char *const rtt_method_names[RTT_METHODS]; /* "tcp_timestamp", "tcp_handshake", "icmp" */
extern const char *const rtt_scope_names[RTT_SCOPES];   /* "host", "prefix", "flow" */

/*
 * Upper bounds of the shown histogram, in seconds, each twice the one before: 49.152 us to 12.88 s. They are bounds of the
 * kernel's finer buckets, too, so that what is counted below each is exact.
 */
#define RTT_BOUNDS 19
extern const double rtt_bounds[RTT_BOUNDS];

/* Quantiles come from buckets that are at most 25 % wide, as if what is in one lay evenly in it. */
struct rtt_spread {
	uint64_t count; /* round trips */
	double mean, p50, p95, p99;
};

struct rtt_pair_report {
	bool is_rest; /* of a method, pairs that are gone and what found no room: no more than the numbers is known */
	uint8_t family;
	uint8_t method;             /* enum rtt_method */
	uint8_t protocol;           /* by flow only; else 0, like the ports */
	uint8_t prefix;             /* length: 32 or 128 but by prefix */
	__be32 src[4], dst[4];      /* host bits are 0 */
	__be16 sport, dport;        /* network byte order */
	uint64_t count, sum_ns;     /* whole, so that a difference of two sums never falls by rounding */
	double min, last, smoothed; /* smoothed as in RFC 6298, by an eighth; of the rest unknown */
	uint64_t last_seen_ns;      /* since the epoch; 0: unknown */
	uint64_t cumulative[RTT_BOUNDS];
	struct rtt_spread interval, total; /* since the report before; since the pair has been there */
};

/* A router that said that a packet's time to live had run out, and for whom the packet was. */
struct hop_report {
	uint8_t family;
	__be32 hop[4], dst[4];
	uint64_t count;
};

struct rtts_report {
	bool enabled; /* else there is nothing else */
	enum rtt_scope scope;
	struct rtt_pair_report *pairs; /* most round trips of the interval first, the rest last; owned */
	size_t pair_count, live_pairs; /* live: those that are not the rest */
	uint64_t pairs_limit;
	struct hop_report *hops; /* most first; owned */
	size_t hop_count;
	uint64_t hops_rest;       /* of hops that are gone, or found no room */
	struct rtt_counts counts; /* as the kernel has them; they never fall */
	uint64_t flows_known,
		flows_one_way; /* followed flows with a round-trip time; those of which answers are not seen */
};

/* Of one followed flow, as its sender sees it. */
struct flow_rtt_report {
	bool known;   /* else there is no number */
	bool one_way; /* only this direction is seen here: the round-trip time cannot be known */
	uint64_t count;
	double last, min, smoothed;
};

#endif
