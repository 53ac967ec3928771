/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sequence numbers. A packet generator writes one into each packet; the difference to the number before tells what was
 * lost, repeated or out of order. TCP has numbers of its own: tcp.h.
 */
#ifndef FLOWGAUGE_SEQUENCE_H
#define FLOWGAUGE_SEQUENCE_H

#include "account.h"
#include "payload.h"

#define REORDER_WINDOW 64

/* What is not in order: judged with the rest of the flow's record at hand. */
static __always_inline void sequence_classify(struct flow_detail *detail, __s32 difference)
{
	if (difference == 1)
		return;
	if (difference < 0)
		detail->reverse++;
	else if (difference > (__s32)constants.sequence_threshold)
		detail->sequence.big++;
	else
		detail->sequence.small++;
}

static __always_inline void run_begin(struct slot_sequence *sequence, struct flow_detail *detail, __u32 number)
{
	detail->sequence.base = number;
	sequence->highest = number;
	sequence->window = 1;
	sequence->run_unique = 1;
}

/*
 * Numbers far below the window are late packets or a sender that started again: two in a row tell (RFC 3550, A.1).
 * The first of the two was taken for a late one; the new run begins with it.
 */
static __always_inline void sequence_far_below(struct slot_sequence *sequence, struct flow_detail *detail, __u32 number)
{
	if (number == detail->sequence.suspect) {
		__u32 expected = sequence->highest - detail->sequence.base + 1;
		__u64 unique = sequence->run_unique - 1;

		if (expected > unique)
			detail->sequence.lost_before += expected - unique;
		detail->sequence.reordered--;
		run_begin(sequence, detail, number - 1);
		sequence->highest = number;
		sequence->window = 3;
		sequence->run_unique = 2;
	} else {
		detail->sequence.reordered++;
		sequence->run_unique++;
	}
	detail->sequence.suspect = number + 1;
}

static __always_inline void sequence_raise(struct slot_sequence *sequence, __u32 number, __u32 ahead)
{
	sequence->window = ahead < REORDER_WINDOW ? sequence->window << ahead | 1 : 1;
	sequence->highest = number;
	sequence->run_unique++;
}

static __always_inline void sequence_place(struct slot_sequence *sequence, struct flow_detail *detail, __u32 number)
{
	__s32 ahead = number - sequence->highest;
	__u64 bit;

	if (ahead > 0) {
		sequence_raise(sequence, number, ahead);
		return;
	}
	if (ahead <= -REORDER_WINDOW) {
		sequence_far_below(sequence, detail, number);
		return;
	}
	bit = 1ULL << (-ahead & (REORDER_WINDOW - 1));
	if (sequence->window & bit) {
		detail->sequence.duplicate++;
		return;
	}
	sequence->window |= bit;
	detail->sequence.reordered++;
	sequence->run_unique++;
	if ((__s32)(number - detail->sequence.base) < 0)
		detail->sequence.base = number;
}

static __always_inline void sequence_judge(struct slot_sequence *sequence, __u32 index, __u32 number)
{
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (!detail)
		return;
	if (!sequence->received) {
		detail->sequence.suspect = number - 1; /* no number expected */
		run_begin(sequence, detail, number);
	} else {
		sequence_classify(detail, number - sequence->current);
		sequence_place(sequence, detail, number);
	}
}

/* The lock is held. The number after the last one, which is the highest, needs no more than the slot. */
static __always_inline void sequence_take(struct slot_sequence *sequence, __u32 index, __u32 number)
{
	if (sequence->received && number == sequence->current + 1 && sequence->current == sequence->highest)
		sequence_raise(sequence, number, 1);
	else
		sequence_judge(sequence, index, number);
	sequence->received++;
	sequence->current = number;
}

/* The number in one packet's payload; 0, or -1 if it carries none. */
static __always_inline int sequence_find(void *context, int is_xdp, __u32 offset, __u32 bytes, __u32 *number)
{
	__u32 at = constants.sequence_offset;

	if (constants.sequence_mode == SEQUENCE_AT_PATTERN) {
		int match = is_xdp ? search_xdp(context, offset, bytes) : search_skb(context, offset, bytes);

		if (match < 0)
			return -1;
		at += match;
	}
	return payload_word(context, is_xdp, offset, bytes, at, number);
}

static __always_inline int sequence_wanted(const struct facts *facts)
{
	return constants.sequence_mode != SEQUENCE_OFF && facts->key.protocol != IPPROTO_TCP && !is_cut(facts);
}

/* One packet of a merged buffer: its flow is locked anew, as the search for its number is not done under the lock. */
__noinline int sequence_skb(struct __sk_buff *context, const struct flow_key *key, __u32 index, __u32 offset,
			    __u32 bytes)
{
	struct found found = { .slot = bpf_map_lookup_elem(&flow_slots, &index), .index = index };
	__u32 number;

	if (!key || !found.slot || sequence_find(context, 0, offset, bytes, &number))
		return 0;
	found.word = slot_word(found.slot) | SLOT_LOCKED;
	if (slot_lock(key, &found) != LOCK_HELD)
		return 0;
	sequence_take(&found.slot->sequence, index, number);
	slot_unlock(&found);
	return 0;
}

/* Each packet of a merged buffer carries its own number. XDP sees no merged buffers. */
static __always_inline void sequence_of_merged(void *context, __u32 index, const struct facts *facts)
{
	__u32 offset = facts->payload_offset, left = facts->payload_bytes, step = facts->segment_size;

	for (int i = 0; i < SEGMENTS_MAX && left && step; i++) {
		__u32 bytes = left < step ? left : step;

		sequence_skb(context, &facts->key, index, offset, bytes);
		offset += bytes;
		left -= bytes;
	}
}

#endif
