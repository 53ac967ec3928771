/* SPDX-License-Identifier: GPL-2.0-only */
/* Passive round-trip times of a packet that was counted in a flow. Its own record is not locked any more. */
#ifndef FLOWGAUGE_RTT_H
#define FLOWGAUGE_RTT_H

#include "payload.h"
#include "rtt_icmp.h"
#include "rtt_tcp.h"

#define STAMPS_FACTOR 0x9e3779b1U /* odd, and far from small fractions of 2^32 */
#define RTT_HEADER_REACH 1023     /* a TCP header that starts further in is read by the kernel */
#define RTT_LOOK_AGAIN 256        /* packets */

static __always_inline __u64 rtt_stamps_word(__u32 value, __u32 echo)
{
	return (__u64)value << 32 | echo;
}

/* The options as nearly all have them, where they can be read in place. 1: so it is. */
static __always_inline int rtt_stamps_plain(void *context, int is_xdp, const struct facts *facts, __u64 *stamps)
{
	__u32 offset = facts->payload_offset - facts->tcp_header + sizeof(struct tcphdr);
	void *start, *end;
	const __be32 *option;

	if (facts->tcp_header < sizeof(struct tcphdr) + TCP_STAMPS_BYTES || offset > RTT_HEADER_REACH)
		return 0;
	payload_in_place(context, is_xdp, &start, &end);
	barrier_var(offset);
	option = start + (offset & RTT_HEADER_REACH);
	if ((void *)option + TCP_STAMPS_BYTES > end || option[0] != bpf_htonl(TCP_TIMESTAMP_ALIGNED))
		return 0;
	*stamps = rtt_stamps_word(bpf_ntohl(option[1]), bpf_ntohl(option[2]));
	return 1;
}

/* All other ways to write them. */
static __always_inline int rtt_stamps_any(void *context, int is_xdp, const struct facts *facts, __u64 *stamps)
{
	__u32 bytes = facts->tcp_header - sizeof(struct tcphdr);
	struct scratch *scratch = scratch_get();
	struct tcp_stamps found;

	if (!scratch || facts->tcp_header < sizeof(struct tcphdr) + TCP_TIMESTAMP_BYTES || bytes > TCP_OPTIONS_BYTES)
		return 0;
	barrier_var(bytes);
	bytes &= OPTIONS_MASK;
	if (!bytes || bytes > TCP_OPTIONS_BYTES ||
	    payload_copy(context, is_xdp, facts->payload_offset - facts->tcp_header + sizeof(struct tcphdr),
			 scratch->window, bytes) ||
	    !options_stamps(scratch->window, bytes, &found))
		return 0;
	*stamps = rtt_stamps_word(found.value, found.echo);
	return 1;
}

__noinline int rtt_options_skb(struct __sk_buff *context)
{
	struct scratch *scratch = scratch_get();

	return scratch ? rtt_stamps_any(context, 0, &scratch->facts, &scratch->stamps) : 0;
}

__noinline int rtt_options_xdp(struct xdp_md *context)
{
	struct scratch *scratch = scratch_get();

	return scratch ? rtt_stamps_any(context, 1, &scratch->facts, &scratch->stamps) : 0;
}

static __always_inline int rtt_stamps_of(void *context, int is_xdp, const struct facts *facts, __u64 *stamps)
{
	struct scratch *scratch;

	if (rtt_stamps_plain(context, is_xdp, facts, stamps))
		return 1;
	if (facts->tcp_header < sizeof(struct tcphdr) + TCP_TIMESTAMP_BYTES)
		return 0;
	if (is_xdp ? !rtt_options_xdp(context) : !rtt_options_skb(context))
		return 0;
	scratch = scratch_get();
	if (!scratch)
		return 0;
	*stamps = scratch->stamps;
	return 1;
}

/*
 * Most segments have the time stamps of the one before, or are of a flow that nobody answers, and then the connection is not
 * looked at. Where it was for the segment before, it is taken to be for this one: its memory comes while the flow is looked for.
 */
static __always_inline void rtt_ahead(void *context, int is_xdp, const struct facts *facts, struct flow_sum sum,
				      __u64 hash)
{
	struct rtt_look *look = rtt_look(facts);

	look->known = 0; /* of the packet before */
	if (is_cut(facts))
		return;
	look->fingerprint = hash_of_conversation(&constants.secret, sum);
	look->number = rtt_nth(look->fingerprint, 0);
	look->known = rtt_stamps_of(context, is_xdp, facts, &look->stamps) ? RTT_STAMPS : 0;
	if (look->fresh & RTT_FRESH) {
		home_touch(hash); /* first, as it is needed first */
		rtt_touch(look->number);
	}
}

/*
 * Whether the other end's flow is to be looked for: when the flow's packets come to another power of two, from the second on, and
 * once every RTT_LOOK_AGAIN.
 */
static __always_inline int rtt_is_due(const struct flow_slot *slot, const struct facts *facts)
{
	__u64 before = slot->packets - facts->packets, changed = before ^ slot->packets;

	return before && (changed > before || changed >= RTT_LOOK_AGAIN);
}

/*
 * The lock of the flow is not held; `word` is what this packet left in the slot. 1: the other end has a flow, and this one's record
 * knows it from now on. Not if another packet of the flow came meanwhile: it was not looked at.
 */
__noinline int rtt_meet(const struct flow_key *key, __u32 index, __u32 word)
{
	struct found found = { .slot = bpf_map_lookup_elem(&flow_slots, &index), .index = index, .word = word };

	if (!key || !found.slot || tcp_other_slot(key) == NO_SLOT)
		return 0;
	if (__sync_val_compare_and_swap(&found.slot->word, word, word | SLOT_LOCKED) != word)
		return 0;
	found.slot->tcp.state = (found.slot->tcp.state & ~TCP_MISSED) | TCP_ANSWERED;
	slot_unlock(&found);
	return 1;
}

/* A segment of the handshake, or the last one: its connection is looked at in any case. */
static __always_inline int rtt_is_control(const struct facts *facts, __u32 known)
{
	return facts->tcp_flags & TCP_CONTROL || known & RTT_OPENING;
}

/* The lock of the flow is held; it is not answered so far. */
static __always_inline __u32 rtt_wait_for_answer(struct flow_slot *slot, const struct facts *facts, __u32 known)
{
	__u32 state = slot->tcp.state, fresh = state & TCP_MISSED ? RTT_GAP : 0;
	__u32 after = rtt_is_control(facts, known) && !is_cut(facts) ? state & ~TCP_MISSED : state | TCP_MISSED;

	if (after != state)
		slot->tcp.state = after;
	/* Who has seen the answer to its SYN is answered. */
	return known & RTT_OPENING || rtt_is_due(slot, facts) ? fresh | RTT_DUE : fresh;
}

/* The lock of the flow is held, and the packet counted. Two that differ little never mix to the same. */
static __always_inline void rtt_compare(struct flow_slot *slot, const struct facts *facts, struct rtt_look *look,
					__u32 known)
{
	__u32 mixed = (__u32)(look->stamps >> 32) * STAMPS_FACTOR + (__u32)look->stamps;

	look->fresh = RTT_STALE;
	if (!(slot->tcp.state & TCP_ANSWERED)) {
		look->fresh = rtt_wait_for_answer(slot, facts, known);
	} else if (look->known) {
		if (slot->tcp.stamps != mixed)
			look->fresh = RTT_FRESH;
		slot->tcp.stamps = mixed;
	}
}

/* A segment that could not have its flow's lock, and so cannot leave word that it was missed: its connection is looked at. */
static __always_inline __u32 rtt_fresh_unlocked(__u32 index)
{
	const struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);

	return slot && slot->tcp.state & TCP_ANSWERED ? RTT_FRESH : RTT_FRESH | RTT_GAP;
}

/* `known`: RTT_RAISED, RTT_OPENING. `index`, `word`: of the flow's slot, as this packet left it. */
static __always_inline void rtt_take_segment(const struct facts *facts, __u64 now, __u32 known, __u32 index, __u32 word)
{
	struct rtt_look *look = rtt_look(facts);

	if (is_cut(facts))
		return;
	if (look->fresh & RTT_DUE && rtt_meet(&facts->key, index, word))
		look->fresh |= RTT_FRESH;
	if (look->fresh & RTT_GAP)
		known |= RTT_ANEW;
	if (rtt_is_control(facts, known))
		rtt_tcp_control(facts, now, known);
	else if (look->known && look->fresh & RTT_FRESH)
		rtt_tcp_data(facts, look, now, known);
}

/* A packet of neither TCP nor UDP. */
static __always_inline void rtt_take_other(void *context, int is_xdp, const struct facts *facts, __u64 now)
{
	if (facts->key.protocol != (facts->key.family == 4 ? IPPROTO_ICMP : PROTOCOL_ICMPV6) || is_cut(facts))
		return;
	if (is_xdp)
		rtt_icmp_xdp(context, facts, now);
	else
		rtt_icmp_skb(context, facts, now);
}

#endif
