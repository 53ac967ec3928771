/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP as seen from here: which segments came before, which left a hole, which are merely late. A segment that continues
 * where the one before ended needs nothing else. For any other one the record of the opposite direction is looked up:
 * what it acknowledged, and how often, tells a repeat from a segment that was overtaken.
 *
 * The rules are those of tshark (tcp.analysis), so that the counts can be held against it; docs/metrics.md has them, and
 * where they differ. Nothing is written to the opposite direction's record, whose lock is not held.
 */
#ifndef FLOWGAUGE_TCP_H
#define FLOWGAUGE_TCP_H

#include "account.h"
#include "tcp_other.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_CONTROL (TCP_SYN | TCP_FIN | TCP_RST)
#define TCP_KEPT (TCP_NUMBERED | TCP_ANSWERED | TCP_MISSED) /* of the state, whatever comes */

#define DUPLICATE_ACKS_MAX 255
#define DUPLICATE_ACKS_TELL 2           /* a repeat is asked for; more may not have been seen */
#define FAST_RETRANSMISSION_NS 20000000 /* after the last duplicate acknowledgement */
#define OUT_OF_ORDER_NS 3000000         /* where the round trip is not known */
#define RTT_MAX_NS 0xffffffffU

/* The place of a segment in the stream, judged by it and the highest byte before it. */
struct tcp_segment {
	__u32 sequence;
	__u32 length; /* payload bytes */
	__u32 space;  /* sequence numbers it takes: SYN and FIN have one each */
	__s32 ahead;  /* from the next byte expected to its first */
};

static __always_inline void tcp_step(__u32 index, __s32 difference)
{
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (!detail)
		return;
	if (difference < 0)
		detail->reverse++;
	else
		detail->tcp.big++;
}

/*
 * A segment is held against the end of the one before it. A pure ACK has no place in the stream. `state`: the flow's so far;
 * given back as it is after the segment.
 */
static __always_inline __u32 tcp_sequence(struct slot_tcp *tcp, __u32 state, __u32 index, const struct facts *facts)
{
	__u32 length = facts->payload_bytes;
	__s32 difference;

	if (facts->tcp_flags & (TCP_SYN | TCP_FIN))
		length++;
	if (!length)
		return state;
	difference = state & TCP_NUMBERED ? facts->tcp_sequence - tcp->highest : 0;
	if (difference)
		tcp_step(index, difference);
	tcp->received += facts->packets;
	tcp->current = facts->tcp_sequence;
	tcp->highest = facts->tcp_sequence + length;
	return state | TCP_NUMBERED;
}

static __always_inline int tcp_is_bare_ack(const struct facts *facts)
{
	return !facts->payload_bytes && facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL);
}

/* Says the same as the segment before. */
static __always_inline int tcp_is_repeated_ack(const struct slot_tcp *tcp, const struct facts *facts)
{
	return tcp_is_bare_ack(facts) && facts->tcp_acknowledged == tcp->acknowledged &&
	       facts->tcp_window == tcp->window;
}

static __always_inline void tcp_remember(struct slot_tcp *tcp, const struct facts *facts, __u32 state)
{
	if (facts->tcp_acknowledged != tcp->acknowledged)
		tcp->duplicate_acks = 0;
	tcp->acknowledged = facts->tcp_acknowledged;
	tcp->window = facts->tcp_window;
	tcp->state = state;
}

/*
 * While each segment raises the highest byte, the time of that is the time of the packet before; it is written down when
 * one does not, so that a stream in order needs no more than the slot.
 */
static __always_inline void tcp_settle(struct flow_detail *detail, __u64 before)
{
	detail->tcp.next_time = before >> TCP_NEXT_SHIFT;
}

/* The stream goes on, or is acknowledged further; nothing to be judged. */
static __always_inline int tcp_is_plain(const struct slot_tcp *tcp, __u32 state, const struct facts *facts)
{
	if ((state & (TCP_KNOWN | TCP_PROBE | TCP_OPENING)) != TCP_KNOWN || facts->tcp_sequence != tcp->next ||
	    !facts->tcp_window || facts->tcp_flags & TCP_CONTROL)
		return 0;
	return facts->payload_bytes > 1 || (!facts->payload_bytes && !tcp_is_repeated_ack(tcp, facts));
}

static __always_inline __u32 tcp_plain(struct slot_tcp *tcp, __u32 state, __u32 index, const struct facts *facts,
				       __u64 before)
{
	__u32 kept = TCP_KNOWN | (state & TCP_KEPT);
	struct flow_detail *detail;

	if (facts->payload_bytes) {
		tcp->next += facts->payload_bytes;
		kept |= TCP_RAISED;
	} else if (state & TCP_RAISED) {
		detail = bpf_map_lookup_elem(&flow_details, &index);
		if (detail)
			tcp_settle(detail, before);
	}
	tcp_remember(tcp, facts, kept);
	return kept;
}

static __always_inline void tcp_count_flags(struct detail_tcp *counts, const struct facts *facts)
{
	if (facts->tcp_flags & TCP_SYN)
		counts->syn++;
	if (facts->tcp_flags & TCP_FIN)
		counts->fin++;
	if (facts->tcp_flags & TCP_RST)
		counts->rst++;
}

/* The first segment, or a SYN with another number than the first: ports used for a new connection. */
static __always_inline int tcp_is_new(const struct slot_tcp *tcp, const struct facts *facts)
{
	return !(tcp->state & TCP_KNOWN) || (facts->tcp_flags & TCP_SYN && facts->tcp_sequence != tcp->initial);
}

static __always_inline __u32 tcp_opening(const struct facts *facts)
{
	return (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? TCP_OPENING : 0;
}

static __always_inline void tcp_begin(struct slot_tcp *tcp, struct detail_tcp *counts, const struct facts *facts,
				      const struct tcp_segment *segment)
{
	tcp->initial = facts->tcp_flags & TCP_SYN ? segment->sequence : segment->sequence - 1;
	tcp->next = segment->sequence + segment->space;
	tcp->duplicate_acks = 0;
	counts->rtt_ns = 0;
	counts->missing = 0;
	if (!facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL))
		counts->zero_window += facts->packets;
	tcp_remember(tcp, facts, TCP_KNOWN | TCP_RAISED | (tcp->state & TCP_KEPT) | tcp_opening(facts));
}

/* From a SYN to what its sender says next. */
static __always_inline void tcp_take_rtt(const struct slot_tcp *tcp, struct detail_tcp *counts,
					 const struct facts *facts, __u64 now, __u64 before)
{
	__u64 rtt = now - before;

	if (tcp->state & TCP_OPENING && !counts->rtt_ns && (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK)
		counts->rtt_ns = rtt < RTT_MAX_NS ? rtt : RTT_MAX_NS;
}

static __always_inline void tcp_hole(const struct slot_tcp *tcp, struct detail_tcp *counts,
				     const struct tcp_segment *segment)
{
	counts->lost_segments++;
	if (!counts->missing)
		counts->hole = tcp->next;
	counts->missing += segment->ahead;
}

/*
 * How many of `covered` bytes, all of them below the highest, fill a hole. Of the holes are known where the first one
 * begins and how many bytes they have together: their sum is right when all are filled, whatever comes between.
 */
static __always_inline __u32 tcp_fill(const struct slot_tcp *tcp, struct detail_tcp *counts,
				      const struct tcp_other *other, const struct tcp_segment *segment, __u32 covered)
{
	__u32 end = segment->sequence + covered, fresh = covered;

	if (!counts->missing)
		return 0;
	/* What was acknowledged did come through, but not past here. */
	if (other->slot && (__s32)(other->slot->tcp.acknowledged - counts->hole) > 0) {
		__u32 acknowledged = other->slot->tcp.acknowledged;
		__s32 open = tcp->next - acknowledged;

		if (open < 0)
			open = 0;
		counts->hole = acknowledged;
		if (counts->missing > (__u32)open)
			counts->missing = open;
	}
	if ((__s32)(end - counts->hole) <= 0)
		return 0;
	if ((__s32)(segment->sequence - counts->hole) <= 0) {
		fresh = end - counts->hole;
		counts->hole = end;
	}
	if (fresh > counts->missing)
		fresh = counts->missing;
	counts->missing -= fresh;
	return fresh;
}

static __always_inline int tcp_is_fast(const struct tcp_other *other, const struct tcp_segment *segment, __u64 now)
{
	return other->slot && other->slot->tcp.duplicate_acks >= DUPLICATE_ACKS_TELL &&
	       other->slot->tcp.acknowledged == segment->sequence &&
	       now - other->slot->last_ns < FAST_RETRANSMISSION_NS;
}

/* It came so soon after the highest byte that nobody can have asked for it. */
static __always_inline int tcp_is_late(const struct detail_tcp *counts, const struct tcp_other *other,
				       const struct tcp_segment *segment, __u64 now)
{
	__u64 soon = counts->rtt_ns, passed = (__u32)(now >> TCP_NEXT_SHIFT) - counts->next_time;

	if (!soon && other->detail)
		soon = other->detail->tcp.rtt_ns;
	if (!soon)
		soon = OUT_OF_ORDER_NS;
	/* One that ends with the highest byte is a repeat of it. */
	return segment->ahead + (__s32)segment->space != 0 && passed << TCP_NEXT_SHIFT < soon;
}

/* The segment starts below the highest byte. Of a merged buffer, those packets count that do. */
static __always_inline void tcp_below(const struct slot_tcp *tcp, struct detail_tcp *counts,
				      const struct tcp_other *other, const struct facts *facts,
				      const struct tcp_segment *segment, __u64 now)
{
	__u32 below = -segment->ahead, covered = segment->length < below ? segment->length : below;
	__u32 packets = 1, bytes = segment->length, size = facts->segment_size;
	int acknowledged = other->slot && other->slot->tcp.acknowledged && segment->length &&
			   (__s32)(segment->sequence + segment->length - other->slot->tcp.acknowledged) <= 0;

	if (acknowledged)
		counts->repeated_bytes += covered;
	else
		counts->repeated_bytes += covered - tcp_fill(tcp, counts, other, segment, covered);
	if (facts->packets > 1 && size) {
		packets = (below + size - 1) / size;
		if (packets > facts->packets)
			packets = facts->packets;
		bytes = packets * size < bytes ? packets * size : bytes;
	}
	if (!acknowledged) {
		/* More than a byte that starts at the last one: new data after a probe of the window. */
		if (segment->ahead == -1 && segment->length > 1)
			return;
		if (!tcp_is_fast(other, segment, now) && tcp_is_late(counts, other, segment, now)) {
			counts->out_of_order += packets;
			return;
		}
	}
	counts->retransmitted_packets += packets;
	counts->retransmitted_bytes += bytes;
}

/* Whether the segment only asks whether the other end is alive, or has room again. */
static __always_inline __u32 tcp_question(const struct tcp_other *other, const struct facts *facts,
					  const struct tcp_segment *segment)
{
	if (segment->length > 1 || facts->packets > 1)
		return 0;
	if (segment->ahead == -1 && !(facts->tcp_flags & TCP_CONTROL))
		return TCP_KEEP_ALIVE;
	if (segment->length == 1 && !segment->ahead && other->slot && !other->slot->tcp.window)
		return TCP_PROBE;
	return 0;
}

static __always_inline __u32 tcp_raise(struct slot_tcp *tcp, const struct tcp_segment *segment, __u32 question)
{
	__s32 beyond = segment->ahead + (__s32)segment->space;

	if (beyond <= 0 || question == TCP_PROBE)
		return 0;
	tcp->next += beyond;
	return TCP_RAISED;
}

/* The segment follows others, or repeats them. */
static __always_inline void tcp_follow(struct slot_tcp *tcp, struct flow_detail *detail, const struct facts *facts,
				       struct tcp_segment *segment, __u64 now, __u64 before)
{
	struct detail_tcp *counts = &detail->tcp;
	struct tcp_other other;
	__u32 question;

	tcp_find_other(&facts->key, &other);
	if (tcp->state & TCP_RAISED)
		tcp_settle(detail, before);
	if (tcp->state & TCP_PROBE && other.slot && other.slot->tcp.acknowledged == tcp->next + 1)
		tcp->next++; /* the other end took the probe's byte */
	segment->ahead = segment->sequence - tcp->next;
	question = tcp_question(&other, facts, segment);
	if (!facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL) && question != TCP_PROBE)
		counts->zero_window += facts->packets;
	if (segment->ahead > 0 && !(facts->tcp_flags & TCP_RST))
		tcp_hole(tcp, counts, segment);
	if (!segment->ahead && tcp_is_repeated_ack(tcp, facts) && tcp->duplicate_acks < DUPLICATE_ACKS_MAX &&
	    !(other.slot && other.slot->tcp.state & TCP_KEEP_ALIVE))
		tcp->duplicate_acks++;
	if (question == TCP_KEEP_ALIVE)
		counts->repeated_bytes += segment->length;
	else if (segment->ahead < 0 && segment->space)
		tcp_below(tcp, counts, &other, facts, segment, now);
	tcp_take_rtt(tcp, counts, facts, now, before);
	tcp_remember(tcp, facts,
		     TCP_KNOWN | (tcp->state & TCP_KEPT) | tcp_raise(tcp, segment, question) | question |
			     tcp_opening(facts));
}

/* A function of its own, so that the verifier proves it once. The lock is held. */
__noinline int tcp_judge(__u32 index, const struct facts *facts, __u64 now, __u64 before)
{
	struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);
	struct tcp_segment segment;

	if (!slot || !detail || !facts)
		return 0;
	segment.sequence = facts->tcp_sequence;
	segment.length = facts->payload_bytes;
	segment.space = segment.length + (facts->tcp_flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	tcp_count_flags(&detail->tcp, facts);
	if (tcp_is_new(&slot->tcp, facts))
		tcp_begin(&slot->tcp, &detail->tcp, facts, &segment);
	else
		tcp_follow(&slot->tcp, detail, facts, &segment, now, before);
	return 0;
}

/* The lock is held; `before` is the time of the flow's packet before this one. Gives the flow's state after it. */
static __always_inline __u32 tcp_take(struct slot_tcp *tcp, __u32 index, const struct facts *facts, __u64 now,
				      __u64 before)
{
	__u32 state = tcp->state;

	if (is_cut(facts))
		return state;
	state = tcp_sequence(tcp, state, index, facts);
	if (tcp_is_plain(tcp, state, facts))
		return tcp_plain(tcp, state, index, facts, before);
	tcp->state = state;
	tcp_judge(index, facts, now, before);
	return tcp->state;
}

#endif
