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

static __always_inline void sequence_classify(struct sequence_record *sequence, __s32 difference)
{
	if (difference == 1)
		return;
	if (difference < 0)
		sequence->reverse++;
	else if (difference > (__s32)constants.sequence_threshold)
		sequence->big++;
	else
		sequence->small++;
}

static __always_inline void run_begin(struct sequence_record *sequence, __u32 number)
{
	sequence->base = number;
	sequence->highest = number;
	sequence->window = 1;
	sequence->run_unique = 1;
}

/*
 * Numbers far below the window are late packets or a sender that started again: two in a row tell (RFC 3550, A.1).
 * The first of the two was taken for a late one; the new run begins with it.
 */
static __always_inline void sequence_far_below(struct sequence_record *sequence, __u32 number)
{
	if (number == sequence->suspect) {
		__u32 expected = sequence->highest - sequence->base + 1;
		__u64 unique = sequence->run_unique - 1;

		if (expected > unique)
			sequence->lost_before += expected - unique;
		sequence->reordered--;
		run_begin(sequence, number - 1);
		sequence->highest = number;
		sequence->window = 3;
		sequence->run_unique = 2;
	} else {
		sequence->reordered++;
		sequence->run_unique++;
	}
	sequence->suspect = number + 1;
}

static __always_inline void sequence_place(struct sequence_record *sequence, __u32 number)
{
	__s32 ahead = number - sequence->highest;
	__u64 bit;

	if (ahead > 0) {
		sequence->window = ahead < REORDER_WINDOW ? sequence->window << ahead | 1 : 1;
		sequence->highest = number;
		sequence->run_unique++;
		return;
	}
	if (ahead <= -REORDER_WINDOW) {
		sequence_far_below(sequence, number);
		return;
	}
	bit = 1ULL << (-ahead & (REORDER_WINDOW - 1));
	if (sequence->window & bit) {
		sequence->duplicate++;
		return;
	}
	sequence->window |= bit;
	sequence->reordered++;
	sequence->run_unique++;
	if ((__s32)(number - sequence->base) < 0)
		sequence->base = number;
}

static __always_inline void sequence_take(struct sequence_record *sequence, __u32 number)
{
	sequence->received++;
	if (!sequence->started) {
		sequence->started = 1;
		sequence->suspect = number - 1; /* no number expected */
		run_begin(sequence, number);
	} else {
		sequence_classify(sequence, number - sequence->current);
		sequence_place(sequence, number);
	}
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
	return constants.sequence_mode != SEQUENCE_OFF && facts->key.protocol != IPPROTO_TCP && !facts->fragment &&
	       !facts->partial;
}

/* One packet of a merged buffer. The search is done before the lock is taken. */
static __always_inline void sequence_segment(void *context, int is_xdp, struct flow_record *flow, __u32 offset,
					     __u32 bytes)
{
	__u32 number;

	if (sequence_find(context, is_xdp, offset, bytes, &number) || !flow_lock(flow))
		return;
	sequence_take(&flow->sequence, number);
	flow_unlock(flow);
}

/* Functions of their own for the same reason as the parser: see flowgauge.bpf.c. */
__noinline int sequence_skb(struct __sk_buff *context, struct flow_record *flow, __u32 offset, __u32 bytes)
{
	if (flow)
		sequence_segment(context, 0, flow, offset, bytes);
	return 0;
}

/* Each packet of a merged buffer carries its own number. XDP sees no merged buffers. */
static __always_inline void sequence_of_merged(void *context, struct flow_record *flow, const struct facts *facts)
{
	__u32 offset = facts->payload_offset, left = facts->payload_bytes, step = facts->segment_size;

	for (int i = 0; i < SEGMENTS_MAX && left && step; i++) {
		__u32 bytes = left < step ? left : step;

		sequence_skb(context, flow, offset, bytes);
		offset += bytes;
		left -= bytes;
	}
}

#endif
