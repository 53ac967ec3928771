/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel half, as the rest of the monitor sees it: load the programs, put them on interfaces, read what they
 * counted. Nothing outside user/kernel/ includes a libbpf header.
 *
 * Functions return 0 or -errno. On failure `error` holds one line that says what, where and what would be right
 * (without the program's name and without a newline); nothing stays attached or loaded.
 */
#ifndef FLOWGAUGE_MONITOR_H
#define FLOWGAUGE_MONITOR_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"
#include "kernel/rule.h"
#include "records.h"
#include "rtt_records.h"

#define MONITOR_ERROR_SIZE 512
#define HOOK_REASON_SIZE 256

enum hook_choice { HOOK_AUTO, HOOK_XDP, HOOK_XDP_GENERIC, HOOK_TC, HOOK_CLSACT }; /* HOOK_CLSACT: tc, but never tcx */
enum hook { HOOK_NONE, HOOK_IS_XDP, HOOK_IS_XDP_GENERIC, HOOK_IS_TCX, HOOK_IS_CLSACT };
const char *hook_name(enum hook hook); /* "none", "xdp", "xdp-generic", "tcx", "clsact" */

/* Passive round-trip times. */
struct rtt_config {
	bool enabled;
	enum rtt_scope scope;
	uint32_t max_flows; /* connections that are followed, both directions one; 1 to RTT_FLOWS_MAX, rounded up */
	uint32_t max_pairs; /* pairs that have a histogram; 1 to RTT_PAIRS_MAX */
};
#define RTT_FLOWS_MAX 16777216
#define RTT_PAIRS_MAX 1000000

struct monitor_config {
	struct program_constants constants;
	enum hook_choice hook;
	bool direction[DIRECTIONS]; /* which directions are watched */
	uint32_t max_flows;
	struct rtt_config rtt;
	bool count_run_time; /* have the kernel time the programs (costs every packet) */
};

struct monitor;

int monitor_open(const struct monitor_config *config, struct monitor **out, char error[MONITOR_ERROR_SIZE]);
struct monitor *monitor_close(struct monitor *monitor); /* detaches everything; returns NULL */

/* Replaces the rules in one step while packets flow: each packet is judged by the old set or by the new one. */
int monitor_set_rules(struct monitor *monitor, const struct rule *rules, size_t count, char error[MONITOR_ERROR_SIZE]);

/* What watches one interface. */
struct attachment {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	enum hook hook[DIRECTIONS];                /* HOOK_NONE: this direction is not watched */
	char reason[DIRECTIONS][HOOK_REASON_SIZE]; /* why this hook: what was preferred and refused; may be "" */
};

/* Attaches the watched directions to an interface; `out` says how. -EEXIST if it is watched already. */
int monitor_attach(struct monitor *monitor, unsigned int ifindex, const char *name, struct attachment *out,
		   char error[MONITOR_ERROR_SIZE]);
/* Lets go of an interface, also one that has vanished. Its ledger goes on being read until the monitor is closed. */
void monitor_detach(struct monitor *monitor, unsigned int ifindex);

/* --- reading --- */

struct interface_counters; /* kernel/interface_counters.h */

/* Receives what one reading finds. Pointers are valid during the call only. */
struct monitor_visitor {
	void *context;
	/* `slot` is below max_flows, and the flow's own until monitor_retire frees it, which may be called from here. */
	void (*flow)(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record);
	/* The turn of the flow in this slot comes soon. NULL: not wanted. */
	void (*soon)(void *context, uint32_t slot);
	/* A flow is in the slot, but could not be read: a packet has held it all the time. NULL: not wanted. */
	void (*unread)(void *context, uint32_t slot);
	/* Packets, in `spilled` only, that came to a flow when it had just left the table. NULL: not wanted. */
	void (*left)(void *context, const struct flow_key *key, const struct flow_record *record);
	/* Cumulative since the interface was attached; called after all flows, so that ledger >= flows. NULL: the flows
	 * alone are read. */
	void (*ledger)(void *context, unsigned int ifindex, enum direction direction, const struct ledger_record *sum);
	/*
	 * Packets that the kernel's own counter of a watched interface rose by since it was attached, less those seen;
	 * called after all ledgers, and not for what is not known. NULL: it is not wanted.
	 */
	void (*residual)(void *context, unsigned int ifindex, enum direction direction, int64_t packets);
	/* What the kernel counted at an interface, watched or not; called after all ledgers. NULL: it is not wanted. */
	void (*device)(void *context, const struct interface_counters *counters);
};

struct monitor_reading {
	uint64_t monotonic_ns; /* taken next to the reading of the flows, before it */
	uint64_t realtime_ns;  /* the same moment in CLOCK_REALTIME; the difference turns records' times into dates */
	uint64_t duration_ns;  /* that reading took */
	uint64_t flows;        /* how many flows were visited */
};

int monitor_read(struct monitor *monitor, const struct monitor_visitor *visitor, struct monitor_reading *out);

/* How many flows are in the table now; cheap. */
uint32_t monitor_flows(const struct monitor *monitor);
/* The flow's slot; -ENOENT if it is not in the table. */
int monitor_find(struct monitor *monitor, const struct flow_key *key, uint32_t *slot);
/*
 * Takes a flow out of the table and gives its last record. -ENOENT if it is not in this slot; -EBUSY: ask again after the
 * next reading. After the last of a series, monitor_retire_end: packets that came too late go to the visitor's `left`.
 */
int monitor_retire(struct monitor *monitor, uint32_t slot, const struct flow_key *key, struct flow_record *last);
int monitor_retire_end(struct monitor *monitor, const struct monitor_visitor *visitor);

/* Kernel memory of the flow table, in bytes. */
uint64_t monitor_table_bytes(const struct monitor *monitor);

/* --- passive round-trip times (rtt_records.h) --- */

/* NULL: not wanted. */
struct rtt_visitor {
	void *context;
	/* What has no pair of its own: once a reading for each method, before all pairs; there may be no sample in it. */
	void (*other)(void *context, enum rtt_method method, const struct rtt_pair_record *record);
	/* Each live pair, once a reading. */
	void (*pair)(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record);
	/*
	 * A pair that had no sample for RTT_PAIR_IDLE_NS and was taken out, with its last counters, which are in no later
	 * reading. It comes in place of `pair`; the same key may come again, as a new pair.
	 */
	void (*gone)(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record);
	/* A hop that sent nothing for RTT_HOP_IDLE_NS comes once more, and then begins at 0. */
	void (*hop)(void *context, const struct rtt_hop_key *key, uint64_t count);
};
#define RTT_PAIR_IDLE_NS 300000000000ULL
#define RTT_HOP_IDLE_NS 3600000000000ULL

/* -ENODATA if they are not enabled. `now_ns`: monitor_reading.monotonic_ns, by which pairs are idle. */
int monitor_read_rtt(struct monitor *monitor, uint64_t now_ns, const struct rtt_visitor *visitor,
		     struct rtt_counts *counts);

/* Of what the flow's source sent, by whichever method. */
struct rtt_flow {
	uint64_t count; /* 0: the times are not known; modulo 2^32 */
	uint64_t last_ns, min_ns, smoothed_ns;
	bool one_way; /* nothing of the other direction was seen: no round-trip time can be known */
};

/* false: the connection is not followed, not yet answered, or no longer there: all of `out` is 0. Cheap: one look at mapped memory. */
bool monitor_flow_rtt(struct monitor *monitor, const struct flow_key *key, struct rtt_flow *out);

/* --- bins of the rate monitor --- */

/*
 * A bin holds the bytes of all frames of one direction of one interface, whatever the rules, whose time stamps, in ns of
 * CLOCK_MONOTONIC, lie in [epoch·bin_ns, (epoch+1)·bin_ns); summed over CPUs. Bins come in order, each once, empty ones
 * as 0, and only when they are over. Epochs that were overwritten before they were read are left out.
 */
struct bin_visitor {
	void *context;
	void (*bins)(void *context, unsigned int ifindex, enum direction direction, uint64_t first_epoch,
		     const uint64_t *bytes, size_t count);
	/* The epochs before `next_epoch` that did not come will not come any more. */
	void (*lost)(void *context, unsigned int ifindex, enum direction direction, uint64_t next_epoch);
};

/*
 * Bins of another length from now on, of 100 us to 100 ms; 0: none are kept, which is how a monitor opens. What was in bins is
 * forgotten. -EOPNOTSUPP: the monitor was opened without constants.bins.
 */
int monitor_set_bin_length(struct monitor *monitor, uint64_t bin_ns);
int monitor_read_bins(struct monitor *monitor, const struct bin_visitor *visitor);

/* What became of fragments, over all interfaces since the monitor was opened. */
int monitor_fragments(struct monitor *monitor, struct fragment_ledger *sum);

struct program_cost {
	const char *program; /* static */
	uint64_t runs;
	uint64_t run_ns;
};
#define PROGRAMS_MAX 8
/* Costs of the loaded programs; 0 of them if the kernel does not count. Returns how many were written. */
size_t monitor_program_costs(struct monitor *monitor, struct program_cost out[PROGRAMS_MAX]);

/* Which of the privileges that monitoring needs this process lacks, e.g. "CAP_BPF, CAP_NET_ADMIN"; NULL if none. */
const char *monitor_missing_capabilities(void);

#endif
