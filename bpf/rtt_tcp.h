/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP's round trips. With time stamps: the first segment of a TSval is noted if it will be acknowledged, and the first
 * segment of the other side that echoes it is the answer (RFC 7323). Without them: a SYN or SYN-ACK that was sent once, and
 * the acknowledgement of its number.
 */
#ifndef FLOWGAUGE_RTT_TCP_H
#define FLOWGAUGE_RTT_TCP_H

#include "rtt_pairs.h"
#include "tcp.h"

/* What the flow's record knew of a segment. */
#define RTT_RAISED 1  /* it raised the stream: no part of it is a repeat */
#define RTT_OPENING 2 /* its sender's last one was a SYN without ACK */
#define RTT_STAMPS 4  /* it has time stamps */
#define RTT_ANEW 8    /* segments before it passed that the connection knows nothing of */

static __always_inline __u32 rtt_out(const struct flow_key *key)
{
	return key->direction == DIRECTION_EGRESS ? RTT_OUT : 0;
}

static __always_inline void rtt_note(struct rtt_side *own, __u32 token, __u32 method, __u64 now)
{
	for (int i = 0; i < RTT_WAITING; i++) {
		if (RTT_TIME(*(volatile __u64 *)&own->waiting[i]))
			continue;
		*(volatile __u64 *)&own->waiting[i] = rtt_word(token, now);
		return;
	}
	rtt_count_skipped(method);
}

/* Takes what waits, for a sample; 0: another CPU was faster, or it waited for too long. */
static __always_inline __u32 rtt_take(__u64 *waiting, __u64 word, __u32 method, __u64 now)
{
	__u32 age = rtt_age(word, now);

	if (__sync_val_compare_and_swap(waiting, word, (__u64)RTT_TOKEN(word)) != word)
		return 0;
	if (age <= RTT_LIFE)
		return age ? age : 1;
	rtt_count_unmatched(method, 1);
	return 0;
}

/* A TSecr that was not there before. What is older than it will not be echoed any more. */
static __always_inline void rtt_echoed(const struct rtt_found *found, __u32 asker, const struct facts *facts,
				       __u32 echo, __u64 now)
{
	struct rtt_side *other = &found->connection->side[asker & 1];
	__u32 answered = 0;

	for (int i = 0; i < RTT_WAITING; i++) {
		__u64 word = *(volatile __u64 *)&other->waiting[i];
		__s32 beyond = echo - RTT_TOKEN(word);
		__u32 time;

		if (!RTT_TIME(word) || beyond < 0)
			continue;
		time = rtt_take(&other->waiting[i], word, RTT_TCP_TIMESTAMP, now);
		if (!beyond)
			answered = time;
		else if (time)
			rtt_count_unmatched(RTT_TCP_TIMESTAMP, 1);
	}
	if (answered)
		rtt_sample(found->number, asker, facts, RTT_TCP_TIMESTAMP, answered, now);
}

/* It takes sequence numbers, so that it will be acknowledged. */
static __always_inline int rtt_is_asking(const struct facts *facts)
{
	return (facts->payload_bytes || facts->tcp_flags & (TCP_SYN | TCP_FIN)) && !(facts->tcp_flags & TCP_RST);
}

/*
 * Of this side's segments some were not looked at. They may have been the first of this TSval, and the answers to what waits. Gives
 * the side's state.
 */
static __always_inline __u32 rtt_begin_anew(struct rtt_connection *connection, __u32 side, __u64 now)
{
	struct rtt_side *other = &connection->side[!(side & 1)];
	__u32 dropped = 0;

	for (int i = 0; i < RTT_WAITING; i++)
		dropped += rtt_drop(&other->waiting[i], now, 1);
	if (dropped)
		rtt_count_unmatched(RTT_TCP_TIMESTAMP, dropped);
	return connection->state[side & 1] & ~(RTT_STARTED | RTT_ECHOED);
}

/*
 * The first segment of a side that was not watched before may not be the first one of its TSval; and while nothing of the other
 * side was seen, no answer may ever come by.
 */
static __always_inline void rtt_stamps(const struct rtt_found *found, __u32 side, const struct facts *facts,
				       struct tcp_stamps stamps, __u64 now, __u32 known)
{
	struct rtt_connection *connection = found->connection;
	struct rtt_side *own = &connection->side[side & 1];
	__u32 state = connection->state[side & 1], before = state;

	if (known & RTT_ANEW)
		state = rtt_begin_anew(connection, side, now);
	if (facts->tcp_flags & TCP_ACK && (!(state & RTT_ECHOED) || (__s32)(stamps.echo - own->echoed) > 0)) {
		own->echoed = stamps.echo;
		state |= RTT_ECHOED;
		rtt_echoed(found, !side, facts, stamps.echo, now);
	}
	if (!(state & RTT_STARTED) || (__s32)(stamps.value - own->seen) > 0) {
		own->seen = stamps.value;
		if (known & RTT_RAISED && rtt_is_asking(facts) &&
		    (facts->tcp_flags & TCP_SYN || (state & RTT_STARTED && connection->state[!side] & RTT_SEEN)))
			rtt_note(own, stamps.value, RTT_TCP_TIMESTAMP, now);
		state |= RTT_STARTED;
	}
	state |= RTT_SEEN;
	if (state != before)
		connection->state[side & 1] = state;
}

/* --- the handshake --- */

/* A SYN with a number of its own: what is known of this side is of a connection before. */
static __always_inline void rtt_restart(struct rtt_connection *connection, struct rtt_samples *samples, __u32 side,
					const struct facts *facts, __u32 known, __u64 now)
{
	rtt_sweep_side(connection, samples, side, now, 1);
	connection->closing = 0;
	connection->state[side & 1] = RTT_SEEN | RTT_SYN | rtt_out(&facts->key) |
				      (known & RTT_STAMPS ? RTT_STAMPED : 0);
	*(volatile __u64 *)&samples->opened[side & 1] = rtt_word(facts->tcp_sequence + 1, now);
}

/* Sent twice, it cannot be said which of them is answered (Karn). The same packet at another hook is not sent twice. */
static __always_inline void rtt_repeated(struct rtt_connection *connection, struct rtt_samples *samples, __u32 side,
					 const struct facts *facts)
{
	__u32 state = connection->state[side & 1];
	__u64 *opened = &samples->opened[side & 1], word = *(volatile __u64 *)opened;

	if ((state & RTT_OUT) != rtt_out(&facts->key) || !RTT_TIME(word))
		return;
	if (__sync_val_compare_and_swap(opened, word, (__u64)RTT_TOKEN(word)) == word && !(state & RTT_STAMPED))
		rtt_count_unmatched(RTT_TCP_HANDSHAKE, 1);
}

static __always_inline void rtt_note_syn(struct rtt_connection *connection, struct rtt_samples *samples, __u32 side,
					 const struct facts *facts, __u32 known, __u64 now)
{
	__u32 token = RTT_TOKEN(*(volatile __u64 *)&samples->opened[side & 1]);

	if (connection->state[side & 1] & RTT_SYN && token == facts->tcp_sequence + 1)
		rtt_repeated(connection, samples, side, facts);
	else
		rtt_restart(connection, samples, side, facts, known, now);
}

/* An answer with time stamps says it by them. */
static __always_inline void rtt_answer_syn(const struct rtt_found *found, struct rtt_samples *samples, __u32 asker,
					   const struct facts *facts, __u32 known, __u64 now)
{
	__u64 *opened = &samples->opened[asker & 1], word = *(volatile __u64 *)opened;
	struct rtt_side *own = &found->connection->side[!(asker & 1)];
	__u32 time;

	if (RTT_TIME(word) && RTT_TOKEN(word) == facts->tcp_acknowledged) {
		time = rtt_take(opened, word, RTT_TCP_HANDSHAKE, now);
		if (!time || known & RTT_STAMPS)
			return;
		own->echoed = RTT_TOKEN(word);
		rtt_sample(found->number, asker, facts, RTT_TCP_HANDSHAKE, time, now);
		return;
	}
	if (!(known & RTT_STAMPS) && own->echoed != facts->tcp_acknowledged)
		rtt_count_unasked(RTT_TCP_HANDSHAKE);
	if (!(known & RTT_STAMPS))
		own->echoed = facts->tcp_acknowledged;
}

static __always_inline void rtt_handshake(const struct rtt_found *found, __u32 side, const struct facts *facts,
					  __u32 known, __u64 now)
{
	struct rtt_samples *samples = rtt_samples_at(found->number);

	if (!samples)
		return;
	if ((facts->tcp_flags & (TCP_ACK | TCP_RST)) == TCP_ACK)
		rtt_answer_syn(found, samples, !side, facts, known, now);
	if (facts->tcp_flags & TCP_SYN)
		rtt_note_syn(found->connection, samples, side, facts, known, now);
}

static __always_inline struct tcp_stamps rtt_stamps_of_look(const struct rtt_look *look)
{
	return (struct tcp_stamps){ .value = look->stamps >> 32, .echo = (__u32)look->stamps };
}

/* A segment of the handshake, or the last one: few are. */
__noinline int rtt_tcp_control(const struct facts *facts, __u64 now, __u32 known)
{
	struct scratch *scratch = scratch_get();
	struct rtt_found found;
	__u32 side;

	if (!facts || !scratch)
		return 0;
	known |= scratch->rtt.known;
	side = flow_side(&facts->key);
	rtt_find(scratch->rtt.fingerprint, scratch->rtt.number, IPPROTO_TCP, now, &found);
	if (!found.connection)
		return 0;
	if (facts->tcp_flags & TCP_SYN || known & RTT_OPENING)
		rtt_handshake(&found, side, facts, known, now);
	if (known & RTT_STAMPS)
		rtt_stamps(&found, side, facts, rtt_stamps_of_look(&scratch->rtt), now, known);
	found.connection->state[side] |= RTT_SEEN;
	if (facts->tcp_flags & (TCP_FIN | TCP_RST))
		found.connection->closing = 1;
	return 0;
}

/* Any other one. */
static __always_inline void rtt_tcp_data(const struct facts *facts, const struct rtt_look *look, __u64 now, __u32 known)
{
	struct rtt_found found;

	rtt_find(look->fingerprint, look->number, IPPROTO_TCP, now, &found);
	if (found.connection)
		rtt_stamps(&found, flow_side(&facts->key), facts, rtt_stamps_of_look(look), now, known);
}

#endif
