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

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_CONTROL (TCP_SYN | TCP_FIN | TCP_RST)

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

/* A segment is held against the end of the one before it. A pure ACK has no place in the stream. */
static __always_inline void tcp_sequence(struct tcp_record *tcp, const struct facts *facts)
{
	__u32 length = facts->payload_bytes;
	__s32 difference;

	if (facts->tcp_flags & (TCP_SYN | TCP_FIN))
		length++;
	if (!length)
		return;
	difference = tcp->started ? facts->tcp_sequence - tcp->highest : 0;
	if (difference < 0)
		tcp->reverse++;
	else if (difference > 0)
		tcp->big++;
	tcp->started = 1;
	tcp->received += facts->packets;
	tcp->current = facts->tcp_sequence;
	tcp->highest = facts->tcp_sequence + length;
}

/* At one interface the opposite flow goes the other way; in a capture both come in. */
static __always_inline const struct flow_record *tcp_opposite(const struct flow_key *key)
{
	struct flow_key opposite = *key;
	const struct flow_record *flow;

	__builtin_memcpy(opposite.src, key->dst, sizeof(opposite.src));
	__builtin_memcpy(opposite.dst, key->src, sizeof(opposite.dst));
	opposite.sport = key->dport;
	opposite.dport = key->sport;
	opposite.direction = !key->direction;
	flow = bpf_map_lookup_elem(&flows, &opposite);
	if (!flow) {
		opposite.direction = key->direction;
		flow = bpf_map_lookup_elem(&flows, &opposite);
	}
	return flow && flow->tcp.state & TCP_KNOWN ? flow : NULL;
}

static __always_inline int tcp_is_bare_ack(const struct facts *facts)
{
	return !facts->payload_bytes && facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL);
}

/* Says the same as the segment before. */
static __always_inline int tcp_is_repeated_ack(const struct tcp_record *tcp, const struct facts *facts)
{
	return tcp_is_bare_ack(facts) && facts->tcp_acknowledged == tcp->acknowledged &&
	       facts->tcp_window == tcp->window;
}

static __always_inline void tcp_remember(struct tcp_record *tcp, const struct facts *facts, __u32 state)
{
	if (facts->tcp_acknowledged != tcp->acknowledged)
		tcp->duplicate_acks = 0;
	tcp->acknowledged = facts->tcp_acknowledged;
	tcp->window = facts->tcp_window;
	tcp->state = state;
}

/*
 * While each segment raises the highest byte, the time of that is the time of the packet before; it is written down when
 * one does not, so that a stream in order costs no third cache line.
 */
static __always_inline void tcp_settle(struct tcp_record *tcp, __u64 before)
{
	if (tcp->state & TCP_RAISED)
		tcp->next_ns = before;
}

/* The stream goes on, or is acknowledged further; nothing to be judged. */
static __always_inline int tcp_is_plain(const struct tcp_record *tcp, const struct facts *facts)
{
	if ((tcp->state & (TCP_KNOWN | TCP_PROBE | TCP_OPENING)) != TCP_KNOWN || facts->tcp_sequence != tcp->next ||
	    !facts->tcp_window || facts->tcp_flags & TCP_CONTROL)
		return 0;
	return facts->payload_bytes > 1 || (!facts->payload_bytes && !tcp_is_repeated_ack(tcp, facts));
}

static __always_inline void tcp_plain(struct tcp_record *tcp, const struct facts *facts, __u64 before)
{
	if (facts->payload_bytes) {
		tcp->next += facts->payload_bytes;
		tcp_remember(tcp, facts, TCP_KNOWN | TCP_RAISED);
		return;
	}
	tcp_settle(tcp, before);
	tcp_remember(tcp, facts, TCP_KNOWN);
}

static __always_inline void tcp_count_flags(struct tcp_record *tcp, const struct facts *facts)
{
	if (facts->tcp_flags & TCP_SYN)
		tcp->syn++;
	if (facts->tcp_flags & TCP_FIN)
		tcp->fin++;
	if (facts->tcp_flags & TCP_RST)
		tcp->rst++;
}

/* The first segment, or a SYN with another number than the first: ports used for a new connection. */
static __always_inline int tcp_is_new(const struct tcp_record *tcp, const struct facts *facts)
{
	return !(tcp->state & TCP_KNOWN) || (facts->tcp_flags & TCP_SYN && facts->tcp_sequence != tcp->initial);
}

static __always_inline __u32 tcp_opening(const struct facts *facts)
{
	return (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? TCP_OPENING : 0;
}

static __always_inline void tcp_begin(struct tcp_record *tcp, const struct facts *facts,
				      const struct tcp_segment *segment)
{
	tcp->initial = facts->tcp_flags & TCP_SYN ? segment->sequence : segment->sequence - 1;
	tcp->next = segment->sequence + segment->space;
	tcp->rtt_ns = 0;
	tcp->missing = 0;
	tcp->duplicate_acks = 0;
	if (!facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL))
		tcp->zero_window += facts->packets;
	tcp_remember(tcp, facts, TCP_KNOWN | TCP_RAISED | tcp_opening(facts));
}

/* From a SYN to what its sender says next. */
static __always_inline void tcp_take_rtt(struct tcp_record *tcp, const struct facts *facts, __u64 now, __u64 before)
{
	__u64 rtt = now - before;

	if (tcp->state & TCP_OPENING && !tcp->rtt_ns && (facts->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK)
		tcp->rtt_ns = rtt < RTT_MAX_NS ? rtt : RTT_MAX_NS;
}

static __always_inline void tcp_hole(struct tcp_record *tcp, const struct tcp_segment *segment)
{
	tcp->lost_segments++;
	if (!tcp->missing)
		tcp->hole = tcp->next;
	tcp->missing += segment->ahead;
}

/*
 * How many of `covered` bytes, all of them below the highest, fill a hole. Of the holes are known where the first one
 * begins and how many bytes they have together: their sum is right when all are filled, whatever comes between.
 */
static __always_inline __u32 tcp_fill(struct tcp_record *tcp, const struct tcp_record *opposite,
				      const struct tcp_segment *segment, __u32 covered)
{
	__u32 end = segment->sequence + covered, fresh = covered;

	if (!tcp->missing)
		return 0;
	/* What was acknowledged did come through, but not past here. */
	if (opposite && (__s32)(opposite->acknowledged - tcp->hole) > 0) {
		__s32 open = tcp->next - opposite->acknowledged;

		if (open < 0)
			open = 0;
		tcp->hole = opposite->acknowledged;
		if (tcp->missing > (__u32)open)
			tcp->missing = open;
	}
	if ((__s32)(end - tcp->hole) <= 0)
		return 0;
	if ((__s32)(segment->sequence - tcp->hole) <= 0) {
		fresh = end - tcp->hole;
		tcp->hole = end;
	}
	if (fresh > tcp->missing)
		fresh = tcp->missing;
	tcp->missing -= fresh;
	return fresh;
}

static __always_inline int tcp_is_fast(const struct flow_record *opposite, const struct tcp_segment *segment, __u64 now)
{
	return opposite && opposite->tcp.duplicate_acks >= DUPLICATE_ACKS_TELL &&
	       opposite->tcp.acknowledged == segment->sequence && now - opposite->last_ns < FAST_RETRANSMISSION_NS;
}

/* It came so soon after the highest byte that nobody can have asked for it. */
static __always_inline int tcp_is_late(const struct tcp_record *tcp, const struct flow_record *opposite,
				       const struct tcp_segment *segment, __u64 now)
{
	__u64 soon = tcp->rtt_ns;

	if (!soon && opposite)
		soon = opposite->tcp.rtt_ns;
	/* One that ends with the highest byte is a repeat of it. */
	return segment->ahead + (__s32)segment->space != 0 && now - tcp->next_ns < (soon ? soon : OUT_OF_ORDER_NS);
}

/* The segment starts below the highest byte. Of a merged buffer, those packets count that do. */
static __always_inline void tcp_below(struct tcp_record *tcp, const struct flow_record *opposite,
				      const struct facts *facts, const struct tcp_segment *segment, __u64 now)
{
	__u32 below = -segment->ahead, covered = segment->length < below ? segment->length : below;
	__u32 packets = 1, bytes = segment->length, size = facts->segment_size;
	int acknowledged = opposite && opposite->tcp.acknowledged && segment->length &&
			   (__s32)(segment->sequence + segment->length - opposite->tcp.acknowledged) <= 0;

	if (acknowledged)
		tcp->repeated_bytes += covered;
	else
		tcp->repeated_bytes += covered - tcp_fill(tcp, opposite ? &opposite->tcp : NULL, segment, covered);
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
		if (!tcp_is_fast(opposite, segment, now) && tcp_is_late(tcp, opposite, segment, now)) {
			tcp->out_of_order += packets;
			return;
		}
	}
	tcp->retransmitted_packets += packets;
	tcp->retransmitted_bytes += bytes;
}

/* Whether the segment only asks whether the other end is alive, or has room again. */
static __always_inline __u32 tcp_question(const struct tcp_record *tcp, const struct flow_record *opposite,
					  const struct facts *facts, const struct tcp_segment *segment)
{
	if (segment->length > 1 || facts->packets > 1)
		return 0;
	if (segment->ahead == -1 && !(facts->tcp_flags & TCP_CONTROL))
		return TCP_KEEP_ALIVE;
	if (segment->length == 1 && !segment->ahead && opposite && !opposite->tcp.window)
		return TCP_PROBE;
	return 0;
}

static __always_inline __u32 tcp_raise(struct tcp_record *tcp, const struct tcp_segment *segment, __u32 question)
{
	__s32 beyond = segment->ahead + (__s32)segment->space;

	if (beyond <= 0 || question == TCP_PROBE)
		return 0;
	tcp->next += beyond;
	return TCP_RAISED;
}

/* A function of its own, so that the verifier proves it once. The lock is held. */
__noinline int tcp_judge(struct flow_record *flow, struct facts *facts, __u64 now, __u64 before)
{
	const struct flow_record *opposite;
	struct tcp_segment segment;
	struct tcp_record *tcp;
	__u32 question;

	if (!flow || !facts)
		return 0;
	tcp = &flow->tcp;
	segment.sequence = facts->tcp_sequence;
	segment.length = facts->payload_bytes;
	segment.space = segment.length + (facts->tcp_flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	tcp_count_flags(tcp, facts);
	if (tcp_is_new(tcp, facts)) {
		tcp_begin(tcp, facts, &segment);
		return 0;
	}
	opposite = tcp_opposite(&facts->key);
	tcp_settle(tcp, before);
	if (tcp->state & TCP_PROBE && opposite && opposite->tcp.acknowledged == tcp->next + 1)
		tcp->next++; /* the other end took the probe's byte */
	segment.ahead = segment.sequence - tcp->next;
	question = tcp_question(tcp, opposite, facts, &segment);
	if (!facts->tcp_window && !(facts->tcp_flags & TCP_CONTROL) && question != TCP_PROBE)
		tcp->zero_window += facts->packets;
	if (segment.ahead > 0 && !(facts->tcp_flags & TCP_RST))
		tcp_hole(tcp, &segment);
	if (!segment.ahead && tcp_is_repeated_ack(tcp, facts) && tcp->duplicate_acks < DUPLICATE_ACKS_MAX &&
	    !(opposite && opposite->tcp.state & TCP_KEEP_ALIVE))
		tcp->duplicate_acks++;
	if (question == TCP_KEEP_ALIVE)
		tcp->repeated_bytes += segment.length;
	else if (segment.ahead < 0 && segment.space)
		tcp_below(tcp, opposite, facts, &segment, now);
	tcp_take_rtt(tcp, facts, now, before);
	tcp_remember(tcp, facts, TCP_KNOWN | tcp_raise(tcp, &segment, question) | question | tcp_opening(facts));
	return 0;
}

/* The lock is held; `before` is the time of the flow's packet before this one. */
static __always_inline void tcp_take(struct flow_record *flow, struct facts *facts, __u64 now, __u64 before)
{
	if (facts->fragment || facts->partial)
		return;
	tcp_sequence(&flow->tcp, facts);
	if (tcp_is_plain(&flow->tcp, facts))
		tcp_plain(&flow->tcp, facts, before);
	else
		tcp_judge(flow, facts, now, before);
}

#endif
