/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP and ICMPv6: echo requests and their replies, by id and sequence; and which hop says that a packet's life ended there. */
#ifndef FLOWGAUGE_RTT_ICMP_H
#define FLOWGAUGE_RTT_ICMP_H

#include "payload.h"
#include "rtt_tcp.h"

#define ICMP_WAIT_LEAST ((__u32)(1000000000ULL >> RTT_TIME_SHIFT))
#define ICMP_WAIT_UNKNOWN ((__u32)(4000000000ULL >> RTT_TIME_SHIFT)) /* while no round-trip time is known */

_Static_assert(ICMP_QUOTED6 <= WINDOW_BYTES, "a message fits the window");
_Static_assert(RTT_WAITING == 2, "the older of two is given up");

/* Id and sequence, as they stand. */
static __always_inline __u32 icmp_token(const __u8 *message)
{
	return bytes_word(message + 4);
}

/* Of requests that are alike it cannot be said which one is answered. */
static __always_inline void icmp_repeated(struct rtt_side *own, __u32 token, __u64 now)
{
	for (int i = 0; i < RTT_WAITING; i++)
		if (RTT_TOKEN(*(volatile __u64 *)&own->waiting[i]) == token)
			rtt_count_unmatched(RTT_ICMP_ECHO, rtt_drop(&own->waiting[i], now, 1));
}

/* Requests that are lost would hold their places for 10 s. */
static __always_inline void icmp_give_up(struct rtt_side *own, const struct rtt_summary *summary, __u64 now)
{
	__u32 limit = summary->count ? 4 * summary->smoothed : ICMP_WAIT_UNKNOWN, oldest = 0;
	__u32 ages[RTT_WAITING];

	if (limit < ICMP_WAIT_LEAST)
		limit = ICMP_WAIT_LEAST;
	for (int i = 0; i < RTT_WAITING; i++) {
		__u64 word = *(volatile __u64 *)&own->waiting[i];

		if (!RTT_TIME(word))
			return;
		ages[i] = rtt_age(word, now);
	}
	oldest = ages[0] < ages[1];
	if (ages[oldest] > limit)
		rtt_count_unmatched(RTT_ICMP_ECHO, rtt_drop(&own->waiting[oldest], now, 1));
}

static __always_inline void icmp_request(const struct rtt_found *found, __u32 side, const struct facts *facts,
					 __u32 token, __u64 now)
{
	const struct rtt_samples *samples = rtt_samples_at(found->number);
	struct rtt_connection *connection = found->connection;
	struct rtt_side *own = &connection->side[side & 1];
	__u32 state = connection->state[side & 1];

	if (state & RTT_STARTED && own->seen == token) {
		if ((state & RTT_OUT) == rtt_out(&facts->key))
			icmp_repeated(own, token, now);
		return; /* or the same packet at another hook */
	}
	connection->state[side & 1] = (state & ~RTT_OUT) | RTT_SEEN | RTT_STARTED | rtt_out(&facts->key);
	own->seen = token;
	if (samples)
		icmp_give_up(own, &samples->summary[side & 1], now);
	rtt_note(own, token, RTT_ICMP_ECHO, now);
}

/* Requests of the same id and before this one are not waited for any longer. */
static __always_inline int icmp_is_passed(__u32 token, __u32 waiting)
{
	return token >> 16 == waiting >> 16 && (__s16)(token - waiting) > 0;
}

/* `asker`: the side that asked. What the answerer's state says is of its replies. */
static __always_inline void icmp_reply(const struct rtt_found *found, __u32 asker, const struct facts *facts,
				       __u32 token, __u64 now)
{
	struct rtt_side *own = &found->connection->side[asker & 1];
	int answered = 0;

	for (int i = 0; i < RTT_WAITING; i++) {
		__u64 word = *(volatile __u64 *)&own->waiting[i];
		int passed = icmp_is_passed(token, RTT_TOKEN(word));
		__u32 time;

		if (!RTT_TIME(word) || (RTT_TOKEN(word) != token && !passed))
			continue;
		time = rtt_take(&own->waiting[i], word, RTT_ICMP_ECHO, now);
		if (!passed)
			answered = 1;
		if (time && passed)
			rtt_count_unmatched(RTT_ICMP_ECHO, 1);
		else if (time)
			rtt_sample(found->number, asker, facts, RTT_ICMP_ECHO, time, now);
	}
	if (!answered && own->echoed != token)
		rtt_count_unasked(RTT_ICMP_ECHO);
	own->echoed = token;
}

static __always_inline int rtt_is_itself(const struct flow_key *key)
{
	return !((key->src[0] ^ key->dst[0]) | (key->src[1] ^ key->dst[1]) | (key->src[2] ^ key->dst[2]) |
		 (key->src[3] ^ key->dst[3]));
}

static __always_inline void icmp_echo(const struct facts *facts, enum icmp_kind kind, __u32 token, __u64 now)
{
	__u32 side = flow_side(&facts->key), asker = side;
	__u64 fingerprint = hash_of_conversation(&constants.secret, flow_sum(&constants.secret, &facts->key));
	struct rtt_found found;

	rtt_find(fingerprint, rtt_nth(fingerprint, 0), facts->key.protocol, now, &found);
	if (!found.connection)
		return;
	/* A host that asks itself is side 0 both times. */
	if (kind == ICMP_REPLY) {
		asker = rtt_is_itself(&facts->key) ? side : !side;
		found.connection->state[side & 1] |= RTT_SEEN;
		icmp_reply(&found, asker, facts, token, now);
	} else {
		icmp_request(&found, side, facts, token, now);
	}
}

static __always_inline void icmp_exceeded(const struct facts *facts, const __u8 *message, __u64 now)
{
	static const struct rtt_hop none;
	struct rtt_hop_key key;
	struct rtt_tally *tally;
	struct rtt_hop *hop;

	__builtin_memset(&key, 0, sizeof(key));
	if (icmp_quoted(message, facts->key.family, key.dst))
		return;
	__builtin_memcpy(key.hop, facts->key.src, sizeof(key.hop));
	key.ifindex = facts->key.ifindex;
	key.family = facts->key.family;
	hop = bpf_map_lookup_elem(&rtt_hops, &key);
	if (!hop) {
		bpf_map_update_elem(&rtt_hops, &key, &none, BPF_NOEXIST);
		hop = bpf_map_lookup_elem(&rtt_hops, &key);
	}
	tally = hop ? NULL : rtt_tally();
	if (tally)
		tally->hops_overflow++;
	if (!hop)
		return;
	__sync_fetch_and_add(&hop->count, 1);
	hop->seen_ns = now;
}

static __always_inline int rtt_icmp(void *context, int is_xdp, const struct facts *facts, __u64 now)
{
	__u32 start = facts->payload_offset - ICMP_ECHO_BYTES,
	      bytes = facts->key.family == 4 ? ICMP_QUOTED4 : ICMP_QUOTED6;
	struct scratch *scratch = scratch_get();
	enum icmp_kind kind;
	__u8 *message;

	if (!scratch)
		return 0;
	message = scratch->window; /* what a sequence number was looked for in, and has been found */
	if (payload_copy(context, is_xdp, start, message, ICMP_ECHO_BYTES))
		return 0;
	kind = icmp_kind(message, facts->key.family);
	if (kind == ICMP_REQUEST || kind == ICMP_REPLY)
		icmp_echo(facts, kind, icmp_token(message), now);
	if (kind != ICMP_EXCEEDED || facts->payload_bytes + ICMP_ECHO_BYTES < bytes)
		return 0;
	if (!payload_copy(context, is_xdp, start, message, bytes))
		icmp_exceeded(facts, message, now);
	return 0;
}

__noinline int rtt_icmp_skb(struct __sk_buff *context, const struct facts *facts, __u64 now)
{
	return facts ? rtt_icmp(context, 0, facts, now) : 0;
}

__noinline int rtt_icmp_xdp(struct xdp_md *context, const struct facts *facts, __u64 now)
{
	return facts ? rtt_icmp(context, 1, facts, now) : 0;
}

#endif
