/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages behind the parser, in their order: the same for every hook. */
#ifndef FLOWGAUGE_WATCH_H
#define FLOWGAUGE_WATCH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "fragments.h"
#include "maps.h"
#include "merged.h"
#include "rates.h"
#include "rtt.h"
#include "sequence.h"
#include "tcp.h"

/* What a replay says of the frame; NULL where it says nothing. */
static __always_inline const struct packet_note *packet_note(struct xdp_md *xdp)
{
	struct packet_note *note = (void *)(long)xdp->data_meta;

	return (void *)(note + 1) <= (void *)(long)xdp->data ? note : NULL;
}

static __always_inline __u64 packet_time(void *context, int is_xdp)
{
	const struct packet_note *note;

	if (constants.clock == CLOCK_OF_KERNEL)
		return bpf_ktime_get_ns();
	if (!is_xdp)
		return ((struct __sk_buff *)context)->tstamp;
	note = packet_note(context);
	return note ? note->time_ns : 0;
}

/* The lock is held, and let go. Gives what the segment's round-trip time needs of the flow. */
static __always_inline __u32 segment_count(struct found *found, struct facts *facts, __u64 now)
{
	__u64 before = found->slot->last_ns;
	__u32 known;

	account(found->slot, found->index, facts, now);
	known = found->slot->tcp.state & TCP_OPENING ? RTT_OPENING : 0;
	known |= tcp_take(&found->slot->tcp, found->index, facts, now, before) & TCP_RAISED ? RTT_RAISED : 0;
	if (constants.rtt_sets)
		rtt_compare(found->slot, facts, rtt_look(facts), known);
	slot_unlock(found);
	return known;
}

/*
 * What takes long is done before the flow is looked for: the clock has been read, and the sequence number is found. Reading
 * the clock waits for all loads before it, so the flow's, which may come from far, are asked for after it; but see home_order().
 */
static __always_inline enum outcome watch_segment(void *context, int is_xdp, struct facts *facts, __u64 now)
{
	struct flow_sum sum = flow_sum(&constants.secret, &facts->key);
	__u64 hash = hash_of_flow(&constants.secret, sum, facts->key.direction);
	enum outcome outcome;
	struct found found;
	__u32 known = 0, word = 0;

	if (constants.rtt_sets)
		rtt_ahead(context, is_xdp, facts, sum, hash);
	outcome = flow_take(&facts->key, hash, &found, now);
	if (outcome != OUTCOME_FLOW)
		return outcome;
	if (found.slot) {
		known = segment_count(&found, facts, now);
		word = found.word + SLOT_VERSION;
	} else {
		outcome = account_spilled(facts) ? OUTCOME_OVERFLOW : OUTCOME_FLOW;
		rtt_look(facts)->fresh = rtt_fresh_unlocked(found.index);
	}
	if (constants.rtt_sets)
		rtt_take_segment(facts, now, known, found.index, word);
	return outcome;
}

/* Any other packet. */
static __always_inline enum outcome watch_datagram(void *context, int is_xdp, struct facts *facts, __u64 now)
{
	int numbered = sequence_wanted(facts), merged = !is_xdp && numbered && facts->packets > 1;
	enum outcome outcome;
	struct found found;
	__u32 number = 0;

	if (numbered)
		numbered = !merged &&
			   !sequence_find(context, is_xdp, facts->payload_offset, facts->payload_bytes, &number);
	outcome = flow_take(&facts->key, flow_hash(&constants.secret, &facts->key), &found, now);
	if (outcome != OUTCOME_FLOW)
		return outcome;
	if (found.slot) {
		account(found.slot, found.index, facts, now);
		if (numbered)
			sequence_take(&found.slot->sequence, found.index, number);
		slot_unlock(&found);
		if (merged)
			sequence_of_merged(context, found.index, facts);
	} else if (account_spilled(facts)) {
		outcome = OUTCOME_OVERFLOW;
	}
	if (constants.rtt_sets && facts->key.protocol != IPPROTO_UDP)
		rtt_take_other(context, is_xdp, facts, now);
	return outcome;
}

static __always_inline void watch(void *context, int is_xdp, struct facts *facts, int parsed)
{
	enum outcome outcome;
	__u64 now = 0;
	__u32 place;

	if (parsed == PARSED_IP && constants.ignore_vlan)
		facts->key.vlan[0] = facts->key.vlan[1] = 0;
	/* Where slots are near, this would cost more than it spares. */
	if (parsed == PARSED_IP && !constants.flows_off && *(volatile __u32 *)&flows_far)
		home_order(&facts->key);
	if (parsed == PARSED_IP || constants.bins)
		now = packet_time(context, is_xdp);
	if (parsed == PARSED_IP) {
		if (facts->irregular && (facts->fragment || facts->fragment_first))
			fragments(facts, now);
		if (constants.flows_off)
			outcome = OUTCOME_FILTERED;
		else if (facts->key.protocol == IPPROTO_TCP)
			outcome = watch_segment(context, is_xdp, facts, now);
		else
			outcome = watch_datagram(context, is_xdp, facts, now);
	} else {
		outcome = parsed == PARSED_NON_IP ? OUTCOME_NON_IP : OUTCOME_UNPARSED;
	}
	/* The flow first, then the ledger: one that is read after the flows has at least what they have. */
	place = ledger_of(facts->key.ifindex);
	ledger_charge(place, facts, outcome);
	rates_charge(place, facts, now);
}

static __always_inline struct tunnels tunnels_wanted(void)
{
	return (struct tunnels){
		.kinds = constants.tunnels.kinds,
		.vxlan_port = constants.tunnels.vxlan_port,
		.geneve_port = constants.tunnels.geneve_port,
		.gtpu_port = constants.tunnels.gtpu_port,
	};
}

#endif
