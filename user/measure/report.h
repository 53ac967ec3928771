/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report: what one tick found, made once and never changed, but that its rows are finished when somebody first asks for
 * them (report_flows). Every way out shows this same report. Whoever keeps it beyond a call takes a reference. Unknown
 * values are NaN (doubles) or have a flag; they are never 0.
 * Times are nanoseconds since the epoch (CLOCK_REALTIME), rates bytes/s, durations seconds. Counters are since the
 * flow (or the watch on the interface) began and never fall.
 */
#ifndef FLOWGAUGE_REPORT_H
#define FLOWGAUGE_REPORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/ping_sample.h"
#include "measure/rate_report.h"
#include "measure/rtt_report.h"
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
	/* bytes/s over the interval that really passed; NaN if that is unknown (a replay of one instant), or what the flow
	 * had before is (it was not followed) */
	double throughput;
	double goodput; /* payload bytes/s, likewise; of TCP without repeats */
	struct interarrival_report interarrival;
	/* Over the flow's life, every gap that is not over 2 s. */
	uint64_t gaps_total;
	double gap_seconds_total;
	double gap_squared_seconds_total;
	struct sequence_report sequence;
	struct tcp_report tcp;
	struct flow_rtt_report rtt;
	bool unanswered; /* TCP where round trips are timed: the other end's flow has not been found so far */
	bool top;        /* among those with the most bytes over the last minute */
};

/* The ledger of one interface and direction: seen = the sum over outcome[]; OUTCOME_FLOW = the sum over its flows. */
struct total_report {
	char interface[IF_NAMESIZE];
	enum direction direction;
	struct tally seen;
	struct tally outcome[OUTCOMES];
	double throughput;  /* bytes/s of seen over the interval */
	double packet_rate; /* packets/s */
	bool residual_known;
	uint64_t unaccounted_packets; /* charged as flow and in no flow: 0, or there is a defect */
	int64_t residual_packets; /* the kernel's own count of the interface, since it was attached, less what was seen */
};

/* Sums over all flows of a protocol; rates are of the interval. */
enum protocol_group { GROUP_TCP, GROUP_UDP, GROUP_ICMP, GROUP_OTHER, PROTOCOL_GROUPS }; /* ICMP: with ICMPv6 */
struct protocol_report {
	uint64_t flows; /* in the table now */
	double throughput, goodput;
	struct interarrival_report interarrival; /* of its followed flows together: pooled mean and deviation */
	struct sequence_report sequence;         /* sums; current is that of the flow seen last */
};

/* Counters of flows summed over all flows that ever were; they never fall. */
struct flow_sums {
	uint64_t packets, bytes, payload_bytes;
	uint64_t gaps;
	double gap_seconds, gap_squared_seconds;
	uint64_t received, reverse, small, big, lost, duplicate, reordered;
	uint64_t fresh_bytes; /* payload less repeats of TCP */
	uint64_t contended; /* packets that are in no gap and have no sequence number, as another CPU was in their flow */
	struct tcp_report tcp;
};

/* One series of a configured group: the flows that are alike in the parts that it is made by. See measure/groups.h. */
#define GROUP_NAME_SIZE 64
enum group_part {
	GROUP_BY_SRC = 1,
	GROUP_BY_DST = 2,
	GROUP_BY_SPORT = 4,
	GROUP_BY_DPORT = 8,
	GROUP_BY_PROTOCOL = 16,
	GROUP_BY_INTERFACE = 32,
	GROUP_BY_DIRECTION = 64,
};

struct group_report {
	char group[GROUP_NAME_SIZE];
	bool is_rest;        /* what no other series of the group has: nothing but the counts says anything */
	unsigned int parts;  /* enum group_part, or-ed: which of the members below say something */
	struct flow_key key; /* without ifindex; host bits of addresses are 0 */
	uint8_t src_prefix, dst_prefix; /* lengths */
	char interface[IF_NAMESIZE];
	uint64_t flows; /* in the table, as read */
	uint64_t packets, bytes, payload_bytes;
	double throughput; /* bytes/s over the interval; NaN if unknown */
};

struct interface_report {
	char name[IF_NAMESIZE];
	unsigned int ifindex;
	bool attached;
	const char *hook[DIRECTIONS]; /* "none", "xdp", "xdp-generic", "tcx", "clsact"; static */
	char reason[DIRECTIONS][256];
};

/* What the kernel counted of one direction of an interface; it never falls. */
struct device_tally {
	uint64_t packets, bytes, errors, drops;
};

/* What is to be said of an interface that is there. */
#define DEVICE_ADDRESS_SIZE 64
struct device_facts {
	bool up;             /* administratively */
	bool carrier;        /* known only while it is up */
	uint32_t mtu;        /* bytes */
	uint64_t speed;      /* bytes/s; 0: not known */
	unsigned char state; /* IF_OPER_*, RFC 2863 */
	char address[DEVICE_ADDRESS_SIZE];
};

/* An interface of the network namespace, watched or not, or what is left of some that are gone. */
struct device_report {
	char name[IF_NAMESIZE];
	bool present; /* else the facts are not known */
	struct device_facts facts;
	struct device_tally sides[DIRECTIONS];
};

/* What the monitor costs. Histogram buckets are cumulative as in Prometheus; the last bound is +Inf, not stored. */
#define SNAPSHOT_BUCKETS 10
extern const double snapshot_bucket_bounds[SNAPSHOT_BUCKETS]; /* seconds */

struct program_report {
	const char *program; /* static */
	uint64_t runs;
	double seconds;
};

/* What became of the records for OpenStack. */
struct openstack_report {
	bool enabled;                 /* false: there is nothing else */
	bool answered;                /* the last request that ended was answered as it should be */
	uint64_t sent, refused, lost; /* records; lost: the queue was full, or the monitor ended */
	uint64_t tokens, failures;    /* tokens received; requests that will be repeated */
	uint64_t queued, queue_limit; /* records */
	uint64_t success_ns;          /* when the server last took records, since the epoch; 0: never */
};

/* How pushing to a Pushgateway goes. */
enum push_failure {
	PUSH_FAILURE_RESOLVE,
	PUSH_FAILURE_CONNECT,
	PUSH_FAILURE_TLS,
	PUSH_FAILURE_TIMEOUT,
	PUSH_FAILURE_HTTP,     /* it answered, but did not take it */
	PUSH_FAILURE_PASSWORD, /* the password could not be read: nothing was sent */
	PUSH_FAILURE_TRANSFER, /* anything else */
	PUSH_FAILURES,
};
struct push_report {
	bool on; /* else the rest says nothing */
	bool up_known, up;
	uint64_t successes, failures[PUSH_FAILURES];
	uint64_t skipped;         /* the one before was still under way */
	uint64_t sent_bytes;      /* of bodies, as compressed */
	uint64_t last_success_ns; /* since the epoch; 0: none yet */
};

/* Why a flow was taken out of the table. */
enum freed_reason { FREED_IDLE, FREED_PRESSURE, FREED_REASONS };

struct self_report {
	uint64_t start_ns; /* when the monitor started, since the epoch */
	uint64_t flows_limit;
	uint64_t table_bytes;          /* kernel memory of the flow table */
	uint64_t freed[FREED_REASONS]; /* flows */
	struct program_report programs[8];
	size_t program_count; /* 0: the kernel does not count */
	struct fragment_ledger fragments;
	struct push_report push;
	uint64_t snapshot_bucket[SNAPSHOT_BUCKETS];
	uint64_t snapshot_count;
	double snapshot_seconds;
	struct openstack_report openstack;
};
void self_observe_snapshot(struct self_report *self, double seconds);

struct report {
	unsigned int references; /* one thread: not atomic */
	uint64_t time_ns;
	double interval;     /* seconds since the report before, as measured; NaN in the first one without traffic */
	uint64_t late_ticks; /* whole periods that this tick came late */
	struct flow_report *flows; /* those followed; whoever looks at them asks report_flows; owned */
	size_t flow_count;
	struct report_rest *rest;                 /* what the rows lack until then; NULL: nothing; owned */
	uint64_t live_flows;                      /* in the table, followed or not */
	uint64_t followed_flows;                  /* in the table and followed; `flows` has those that left it, too */
	uint64_t followed_limit;                  /* flows that may be followed at once */
	double others_throughput, others_goodput; /* rates of all flows that have no rates of their own in `flows` */
	struct total_report *totals; /* by interface name, ingress before egress; also interfaces that are gone; owned */
	size_t total_count;
	struct protocol_report protocols[PROTOCOL_GROUPS];
	struct flow_sums sums; /* over all flows that ever were: sums - shown flows is what the others had */
	struct interface_report *interfaces; /* owned */
	size_t interface_count;
	struct group_report *groups; /* by group, as configured, largest by bytes first, the rest last; owned */
	size_t group_count;
	struct device_report *devices; /* by name; owned */
	size_t device_count;
	struct self_report self;
	struct ping_sample *pings; /* NULL: nothing is pinged; owned */
	struct rtts_report rtt;
	struct rates_report rates; /* of the rate monitor, whose intervals are its own */
};

/* The rows, sorted by throughput, then bytes, largest first. The first call makes what takes long: rates, gaps, the order. */
const struct flow_report *report_flows(const struct report *report);

struct report *report_reference(struct report *report);
struct report *report_release(struct report *report); /* frees it with the last reference; returns NULL */

#endif
