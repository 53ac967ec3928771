/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: the ledger of an interface, and the record of a flow. */
#ifndef FLOWGAUGE_ACCOUNT_H
#define FLOWGAUGE_ACCOUNT_H

#include "flow_enter.h"
#include "judge.h"
#include "maps.h"

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
static __always_inline void ledger_charge(__u32 place, const struct facts *facts, enum outcome outcome)
{
	__u32 index = 2 * place + (facts->key.direction & 1);
	struct ledger_cell *cell = bpf_map_lookup_elem(&ledger, &index);

	if (!cell)
		return;
	cell->started++;
	barrier();
	cell->outcome[outcome].packets += facts->packets;
	cell->outcome[outcome].bytes += facts->bytes;
	barrier();
	cell->finished++;
}

static __always_inline __u32 verdict_of(__u32 generation, int wanted)
{
	return (generation + 1) * 2 + (wanted ? 1 : 0);
}

static __always_inline int is_stale(__u32 verdict, __u32 generation)
{
	return verdict >> 1 != generation + 1;
}

/*
 * A flow that is not in the table, or was just taken out of it. LOCK_GONE: there is no room for it. LOCK_BUSY: it may have
 * a slot by now.
 */
static __always_inline enum locked flow_enter(const struct flow_key *key, __u64 hash, struct found *found,
					      __u32 generation, __u64 now)
{
	__u64 entered = table_enter(key, hash, verdict_of(generation, 1), now);

	found->index = entered;
	found->slot = bpf_map_lookup_elem(&flow_slots, &found->index);
	if (!found->slot)
		return entered & PAIR_BUSY ? LOCK_BUSY : LOCK_GONE;
	if (entered & ENTERED) {
		found->word = slot_word(found->slot) & ~SLOT_LOCKED;
		return LOCK_HELD;
	}
	found->word = slot_word(found->slot) | SLOT_LOCKED; /* not read before the key: the first try looks again */
	return slot_lock(key, found);
}

/* The lock is held. After a reload a flow that is in the table is judged once more. */
static __always_inline int is_wanted(struct flow_slot *slot, const struct flow_key *key, __u32 generation)
{
	if (is_stale(slot->verdict, generation))
		slot->verdict = verdict_of(generation, judge(key, generation));
	return slot->verdict & 1;
}

/*
 * Locks the flow that a packet is to be counted in. OUTCOME_FLOW: it is locked, or `found->slot` is NULL, because others
 * held the lock, or the pair's, for too long. Rules judge a flow once; after a reload, once more.
 */
static __always_inline enum outcome flow_take(const struct flow_key *key, __u64 hash, struct found *found, __u64 now)
{
	__u32 generation = rules_now();
	enum locked locked = LOCK_GONE;

	table_find(key, hash, found);
	if (found->slot)
		locked = slot_lock(key, found);
	if (locked == LOCK_GONE) {
		if (!judge_once(key, generation))
			return OUTCOME_FILTERED;
		locked = flow_enter(key, hash, found, generation, now);
	}
	if (locked == LOCK_GONE)
		return OUTCOME_OVERFLOW;
	if (locked == LOCK_BUSY) {
		found->slot = NULL;
		return OUTCOME_FLOW;
	}
	if (is_wanted(found->slot, key, generation))
		return OUTCOME_FLOW;
	slot_unlock(found);
	return OUTCOME_FILTERED;
}

/*
 * A packet whose flow's lock could not be had. -1: there is no room for that either. The map has two sides, told apart in the
 * key, so that the monitor can empty one that no packet writes to.
 */
__noinline int account_spilled(const struct facts *facts)
{
	static const struct spilled_record none;
	struct spilled_record *record;
	struct flow_key key;

	if (!facts)
		return -1;
	key = facts->key;
	key.reserved = *(volatile __u8 *)&spilled_side;
	record = bpf_map_lookup_elem(&spilled, &key);
	if (!record) {
		/* Another CPU may insert it first: then its record is the one. */
		bpf_map_update_elem(&spilled, &key, &none, BPF_NOEXIST);
		record = bpf_map_lookup_elem(&spilled, &key);
	}
	if (!record)
		return -1;
	__sync_fetch_and_add(&record->packets, facts->packets);
	__sync_fetch_and_add(&record->bytes, facts->bytes);
	__sync_fetch_and_add(&record->payload_bytes, facts->payload_bytes);
	return 0;
}

/* A gap over 2 s, or a clock that went back as far, ends the measure; what came before is kept as its base. */
static __always_inline void gap_restart(struct flow_slot *slot, __u32 index, __s64 gap, __u64 now)
{
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (!detail)
		return;
	detail->stopped_ns += gap;
	detail->restart_packets = slot->packets;
	detail->restart_squares = slot->gap_squares;
	detail->restart_ns = now;
	detail->restarts++;
}

static __always_inline void gap_first(__u32 index, __u64 now)
{
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (detail)
		detail->first_ns = now;
}

static __always_inline void account_gap(struct flow_slot *slot, __u32 index, __u64 now)
{
	__s64 gap = now - slot->last_ns;

	if (!slot->packets)
		gap_first(index, now);
	else if (gap > GAP_STOPPED_NS || gap < -GAP_STOPPED_NS)
		gap_restart(slot, index, gap, now);
	else
		slot->gap_squares += ((__u64)(gap * gap) + (1ULL << (GAP_SQUARE_SHIFT - 1))) >> GAP_SQUARE_SHIFT;
	slot->last_ns = now;
}

static __always_inline void account_merged(__u32 index, __u32 packets)
{
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (detail)
		detail->merged += packets - 1;
}

/* The lock is held. */
static __always_inline void account(struct flow_slot *slot, __u32 index, const struct facts *facts, __u64 now)
{
	account_gap(slot, index, now);
	slot->packets += facts->packets;
	slot->bytes += facts->bytes;
	slot->payload_bytes += facts->payload_bytes;
	if (facts->packets > 1)
		account_merged(index, facts->packets);
}

#endif
