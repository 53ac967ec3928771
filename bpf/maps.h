/* SPDX-License-Identifier: GPL-2.0-only */
/* Every map and global of the programs. Sizes that the user chooses are set by the monitor before the load. */
#ifndef FLOWGAUGE_MAPS_H
#define FLOWGAUGE_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "constants.h"
#include "facts.h"
#include "flow_slots.h"
#include "rate_bins.h"
#include "records.h"
#include "rtt_connections.h"
#include "rules.h"

const volatile struct program_constants constants = {};

struct interface_slot interface_slots[INTERFACE_SLOTS];
struct rule_state rule_state;
__u8 spilled_side; /* 0 or 1: where packets are spilled to */
struct rate_shape rate_shape;
__u32 flows_far; /* 1: there are more than FLOWS_NEAR, as of the last reading */

/*
 * One flow table for all CPUs: a flow that moves between CPUs keeps one history, and memory does not grow with cores. It is
 * an index and arrays of slots, all mapped by the monitor, which sets their sizes; see flow_table.h.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_slot);
} flow_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_detail);
} flow_details SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct index_line);
} flow_index SEC(".maps");

/* Bit i of word n: slot 64 n + i is taken. Packets set bits, each by an atomic operation; the monitor clears them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} flow_bitmap SEC(".maps");

/*
 * Packets that could not have their flow's lock, by key, whose `reserved` is the side. There are almost never any, so the
 * memory is taken when it is needed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SPILLED_MAX);
	__type(key, struct flow_key);
	__type(value, struct spilled_record);
} spilled SEC(".maps");

/* Flows that no rule wants, with the generation of the rules that said so. What is forgotten is judged again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, __u32);
} unwanted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * INTERFACES_MAX);
	__type(key, __u32);
	__type(value, struct ledger_cell);
} ledger SEC(".maps");

/*
 * Bins by place in the ledger. There are rings only for what is watched, so that memory does not depend on what could be. The
 * two maps differ in how long rings are: were each map of its own length, finding a bin would take a call of a function. The
 * monitor gives the length before the load.
 */
struct rate_ring {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, INTERFACES_MAX);
	__type(key, __u32);
	__array(values, struct rate_ring);
} rate_short SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, INTERFACES_MAX);
	__type(key, __u32);
	__array(values, struct rate_ring);
} rate_long SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FRAGMENTS_MAX);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragment_firsts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fragment_ledger);
} fragment_ledgers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_PREFIXES_MAX);
	__type(key, struct rule_prefix);
	__type(value, struct rule_bits);
} rule_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RULE_SETS * RULE_ENDS * 65536);
	__type(key, __u32);
	__type(value, __u32);
} rule_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RULE_SETS * RULE_ENDS * RULE_PORT_CLASSES_MAX);
	__type(key, __u32);
	__type(value, struct rule_bits);
} rule_port_classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RULE_SETS * 256);
	__type(key, __u32);
	__type(value, struct rule_bits);
} rule_protocols SEC(".maps");

/* Connections whose round-trip times are measured; rtt_table.h. The monitor sets the sizes of these four. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rtt_connection);
} rtt_connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rtt_samples);
} rtt_samples SEC(".maps");

/* Their histograms, slot 0 being "other"; rtt_pairs.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rtt_pair);
} rtt_pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct rtt_pair_key);
	__type(value, struct rtt_pair_ref);
} rtt_pair_index SEC(".maps");

/* Slots that were given back. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} rtt_pairs_free SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rtt_tally);
} rtt_tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RTT_HOPS_MAX);
	__type(key, struct rtt_hop_key);
	__type(value, struct rtt_hop);
} rtt_hops SEC(".maps");

/*
 * What a packet needs room for, one a CPU: no packet is interrupted by another on the same CPU. The verifier does not
 * follow what stands in a map, so that after the parser all paths through the headers are one to it; with the facts on
 * the stack it would follow each of them through every later stage.
 */
#define WINDOW_BYTES 72

/* The bin of now, so that it is found again without a division. */
struct bin_clock {
	__u64 start_ns, bin_ns;
	__u64 lap;   /* as a bin has it */
	__u32 index; /* of this CPU's pair of bins */
	__u32 reserved;
};

/* What a segment has to do with its connection. */
enum rtt_fresh {
	RTT_STALE = 0, /* nothing: it has the time stamps of its flow's last one, or the flow is not answered */
	RTT_FRESH = 1, /* other time stamps */
	RTT_DUE = 2,   /* whether the flow is answered is to be looked into */
	RTT_GAP = 4,   /* or-ed: segments before it were not looked at */
};

/* What is found out of a TCP segment before its flow is looked for. */
struct rtt_look {
	__u64 stamps;      /* TSval above TSecr */
	__u64 fingerprint; /* of its connection */
	__u32 number;      /* of the one that stands where it is looked for first */
	__u32 known;       /* RTT_STAMPS, or nothing */
	__u32 fresh;       /* enum rtt_fresh, or-ed; until the flow is found, of the segment before */
};

struct scratch {
	struct facts facts; /* first: see rates_charge */
	struct bin_clock bin_clock;
	struct rtt_look rtt;
	struct facts inner;        /* of a merged tunnel */
	struct flow_key opposite;  /* of a TCP flow */
	__u64 stamps;              /* TSval above TSecr */
	struct rtt_pair_key pair;  /* on the stack it would be too much */
	__u8 window[WINDOW_BYTES]; /* of a payload, or of TCP's options, that cannot be read in place */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

#endif
