/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: the ledger of an interface, and the record of a flow. */
#ifndef FLOWGAUGE_ACCOUNT_H
#define FLOWGAUGE_ACCOUNT_H

#include "judge.h"
#include "maps.h"

#define LOCK_TRIES 32 /* a holder is done in some 20 ns */

/* Whether this packet may update the record. The compare-and-swap is a full barrier. */
static __always_inline int flow_lock(struct flow_record *flow)
{
	for (int i = 0; i < LOCK_TRIES; i++)
		if (!__sync_val_compare_and_swap(&flow->lock, 0, 1))
			return 1;
	return 0;
}

static __always_inline void flow_unlock(struct flow_record *flow)
{
#ifdef __TARGET_ARCH_x86
	barrier(); /* stores become visible in program order */
	*(volatile __u32 *)&flow->lock = 0;
#else
	__sync_lock_test_and_set(&flow->lock, 0);
#endif
}

static __always_inline __u32 ledger_of(__u32 ifindex)
{
	for (__u32 i = 0; i < INTERFACE_PROBES; i++) {
		struct interface_slot *slot = &interface_slots[(ifindex + i) & (INTERFACE_SLOTS - 1)];

		if (slot->ifindex == ifindex)
			return slot->ledger;
	}
	return 0; /* the place of interfaces that are not in the table */
}

/* Per CPU, and never interrupted by another packet: no atomics. */
static __always_inline void ledger_charge(const struct facts *facts, enum outcome outcome)
{
	__u32 index = 2 * ledger_of(facts->key.ifindex) + (facts->key.direction & 1);
	struct ledger_record *record = bpf_map_lookup_elem(&ledger, &index);

	if (!record)
		return;
	record->started++;
	barrier();
	record->seen.packets += facts->packets;
	record->seen.bytes += facts->bytes;
	record->outcome[outcome].packets += facts->packets;
	record->outcome[outcome].bytes += facts->bytes;
	barrier();
	record->finished++;
}

/* A zeroed record to insert: too large for the stack. */
static const struct flow_record blank_record;

static __always_inline __u32 verdict_of(__u32 generation, int wanted)
{
	return (generation + 1) * 2 + (wanted ? 1 : 0);
}

/*
 * The record that a packet is to be counted in, or NULL with the reason in `outcome`. Rules judge a flow once; after a
 * reload, once more. The verdict and its generation are one word, so that no CPU sees one without the other.
 */
static __always_inline struct flow_record *flow_find(const struct flow_key *key, enum outcome *outcome)
{
	__u32 generation = rules_now();
	struct flow_record *flow = bpf_map_lookup_elem(&flows, key);

	if (!flow) {
		*outcome = OUTCOME_FILTERED;
		if (!judge_once(key, generation))
			return NULL;
		/* Another CPU may insert it first: then its record is the one. */
		bpf_map_update_elem(&flows, key, &blank_record, BPF_NOEXIST);
		flow = bpf_map_lookup_elem(&flows, key);
		*outcome = OUTCOME_OVERFLOW;
		if (!flow)
			return NULL;
		flow->verdict = verdict_of(generation, 1);
	} else if (flow->verdict >> 1 != verdict_of(generation, 0) >> 1) {
		flow->verdict = verdict_of(generation, judge(key, generation));
	}
	*outcome = flow->verdict & 1 ? OUTCOME_FLOW : OUTCOME_FILTERED;
	return flow->verdict & 1 ? flow : NULL;
}

/* A gap over 2 s, or a clock that went back as far, ends the measure; what came before is kept as its base. */
static __always_inline void gap_restart(struct flow_record *flow, __s64 gap, __u64 now)
{
	flow->stopped_ns += gap;
	flow->restart_packets = flow->packets;
	flow->restart_squares = flow->gap_squares;
	flow->restart_ns = now;
	flow->restarts++;
}

static __always_inline void account_gap(struct flow_record *flow, __u64 now)
{
	__s64 gap = now - flow->last_ns;

	if (!flow->packets)
		flow->first_ns = now;
	else if (gap > GAP_STOPPED_NS || gap < -GAP_STOPPED_NS)
		gap_restart(flow, gap, now);
	else
		flow->gap_squares += ((__u64)(gap * gap) + (1ULL << (GAP_SQUARE_SHIFT - 1))) >> GAP_SQUARE_SHIFT;
	flow->last_ns = now;
}

/* The lock is held. */
static __always_inline void account(struct flow_record *flow, const struct facts *facts, __u64 now)
{
	account_gap(flow, now);
	flow->packets += facts->packets;
	flow->bytes += facts->bytes;
	flow->payload_bytes += facts->payload_bytes;
	if (facts->packets > 1)
		flow->merged += facts->packets - 1;
}

static __always_inline void account_spilled(struct flow_record *flow, const struct facts *facts)
{
	__sync_fetch_and_add(&flow->spilled.packets, facts->packets);
	__sync_fetch_and_add(&flow->spilled.bytes, facts->bytes);
	__sync_fetch_and_add(&flow->spilled.payload_bytes, facts->payload_bytes);
}

#endif
