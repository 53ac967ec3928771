/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report: what one tick found, made once and never changed. Every way out shows this same report. Whoever keeps it
 * beyond a call takes a reference. Unknown values are NaN (doubles) or have a flag; they are never 0.
 * Times are nanoseconds since the epoch (CLOCK_REALTIME), rates bytes/s, durations seconds. Counters are since the
 * flow (or the watch on the interface) began and never fall.
 */
#ifndef FLOWGAUGE_REPORT_H
#define FLOWGAUGE_REPORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/rate_report.h"
#include "records.h"

enum sequence_kind {
	SEQUENCE_NONE,    /* no packet of the flow carried a number: the record's sequence is null */
	SEQUENCE_PACKETS, /* one number a packet: all members known */
	SEQUENCE_BYTES,   /* TCP: current, received, reverse and big only */
};

struct sequence_report {
	enum sequence_kind kind;
	uint32_t current;
	uint64_t received, reverse, small, big;
	uint64_t lost, duplicate, reordered;
};

/* TCP as seen at this interface; see docs/metrics.md for what each count is and is not. */
struct tcp_report {
	bool known; /* the flow is TCP */
	uint64_t retransmitted_packets, retransmitted_bytes, out_of_order, lost_segments, zero_window;
	uint64_t syn, fin, rst;
};

/* Inter-arrival times of the interval, since the last gap over 2 s. */
struct interarrival_report {
	uint64_t count;  /* gaps */
	uint64_t merged; /* of them, gaps of 0 inside a merged buffer */
	double mean;     /* seconds; NaN if count < 1 */
	double stddev;   /* seconds, n-1; NaN if count < 2 */
};

struct flow_report {
	struct flow_key key;
	char interface[IF_NAMESIZE];
	uint64_t packets, bytes, payload_bytes;
	uint64_t first_seen_ns, last_seen_ns;
	double throughput; /* bytes/s over the interval that really passed; NaN if that is unknown (a replay of one instant) */
	double goodput; /* payload bytes/s, likewise; of TCP without repeats */
	struct interarrival_report interarrival;
	/* Over the flow's life, every gap that is not over 2 s. */
	uint64_t gaps_total;
	double gap_seconds_total;
	double gap_squared_seconds_total;
	struct sequence_report sequence;
	struct tcp_report tcp;
};

/* The ledger of one interface and direction: seen = the sum over outcome[]. */
struct total_report {
	char interface[IF_NAMESIZE];
	enum direction direction;
	struct tally seen;
	struct tally outcome[OUTCOMES];
	double throughput;  /* bytes/s of seen over the interval */
	double packet_rate; /* packets/s */
	bool residual_known;
	int64_t residual_packets; /* the kernel's own count of the interface, since it was attached, less what was seen */
};

/* Sums over all flows of a protocol; rates are of the interval. */
enum protocol_group { GROUP_TCP, GROUP_UDP, GROUP_ICMP, GROUP_OTHER, PROTOCOL_GROUPS }; /* ICMP: with ICMPv6 */
struct protocol_report {
	uint64_t flows; /* in the table now */
	double throughput, goodput;
	struct interarrival_report interarrival; /* of all flows of the group together: pooled mean and deviation */
	struct sequence_report sequence;         /* sums; current is that of the flow seen last */
};

/* Counters of flows summed over all flows that ever were; they never fall. */
struct flow_sums {
	uint64_t packets, bytes, payload_bytes;
	uint64_t gaps;
	double gap_seconds, gap_squared_seconds;
	uint64_t received, reverse, small, big, lost, duplicate, reordered;
	uint64_t fresh_bytes; /* payload less repeats of TCP */
	struct tcp_report tcp;
};

struct interface_report {
	char name[IF_NAMESIZE];
	unsigned int ifindex;
	bool attached;
	const char *hook[DIRECTIONS]; /* "none", "xdp", "xdp-generic", "tcx", "clsact"; static */
	char reason[DIRECTIONS][256];
};

/* What the monitor costs. Histogram buckets are cumulative as in Prometheus; the last bound is +Inf, not stored. */
#define SNAPSHOT_BUCKETS 10
extern const double snapshot_bucket_bounds[SNAPSHOT_BUCKETS]; /* seconds */

struct program_report {
	const char *program; /* static */
	uint64_t runs;
	double seconds;
};

struct self_report {
	uint64_t start_ns; /* when the monitor started, since the epoch */
	uint64_t flows_limit;
	struct program_report programs[8];
	size_t program_count; /* 0: the kernel does not count */
	struct fragment_ledger fragments;
	uint64_t snapshot_bucket[SNAPSHOT_BUCKETS];
	uint64_t snapshot_count;
	double snapshot_seconds;
};
void self_observe_snapshot(struct self_report *self, double seconds);

struct report {
	unsigned int references; /* one thread: not atomic */
	uint64_t time_ns;
	double interval;     /* seconds since the report before, as measured; NaN in the first one without traffic */
	uint64_t late_ticks; /* whole periods that this tick came late */
	struct flow_report *flows; /* sorted by throughput, then bytes, largest first; owned */
	size_t flow_count;
	struct total_report *totals; /* by interface name, ingress before egress; also interfaces that are gone; owned */
	size_t total_count;
	struct protocol_report protocols[PROTOCOL_GROUPS];
	struct flow_sums sums; /* packets and bytes from the ledger, so that sums - shown flows is what the others had */
	struct interface_report *interfaces; /* owned */
	size_t interface_count;
	struct self_report self;
	struct rates_report rates; /* of the rate monitor, whose intervals are its own */
};

struct report *report_reference(struct report *report);
struct report *report_release(struct report *report); /* frees it with the last reference; returns NULL */

#endif
