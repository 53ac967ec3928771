/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connections whose round-trip times are measured: an array of sets, found by a hash of the conversation, which is the
 * same for both directions. What stands in an entry is of passing interest, so nobody frees it: who needs room takes one that is idle.
 */
#ifndef FLOWGAUGE_RTT_TABLE_H
#define FLOWGAUGE_RTT_TABLE_H

#include "account.h"
#include "rtt_connections.h"
#include "rtt_options.h"

#define RTT_FREE 0
#define RTT_TAKEN 1
#define SWEPT_UNITS(seconds) ((__s32)((seconds)*1000000000LL >> RTT_SWEPT_SHIFT))
#define RTT_SWEEP SWEPT_UNITS(4)
#define RTT_ALL_OVER SWEPT_UNITS(20) /* after which times are not compared: what waits is older than 10 s for sure */
#define RTT_IDLE_TCP SWEPT_UNITS(60)
#define RTT_IDLE_ICMP SWEPT_UNITS(15)
#define RTT_IDLE_CLOSING SWEPT_UNITS(6)
#define RTT_LIFE ((__u32)(RTT_LIFE_NS >> RTT_TIME_SHIFT))

static __always_inline __u32 rtt_swept_now(__u64 now)
{
	return now >> RTT_SWEPT_SHIFT;
}

/* 0 is no time. */
static __always_inline __u32 rtt_time(__u64 now)
{
	__u32 time = now >> RTT_TIME_SHIFT;

	return time ? time : 1;
}

static __always_inline __u64 rtt_word(__u32 token, __u64 now)
{
	return (__u64)rtt_time(now) << 32 | token;
}

static __always_inline struct rtt_tally *rtt_tally(void)
{
	return bpf_map_lookup_elem(&rtt_tallies, &(__u32){ 0 });
}

static __always_inline void rtt_count_unmatched(__u32 method, __u32 count)
{
	struct rtt_tally *tally = rtt_tally();

	if (tally && method < RTT_METHODS)
		tally->unmatched[method] += count;
}

static __always_inline void rtt_count_unasked(__u32 method)
{
	struct rtt_tally *tally = rtt_tally();

	if (tally && method < RTT_METHODS)
		tally->unasked[method]++;
}

static __always_inline void rtt_count_skipped(__u32 method)
{
	struct rtt_tally *tally = rtt_tally();

	if (tally && method < RTT_METHODS)
		tally->skipped[method]++;
}

static __always_inline __u64 rtt_end(__be32 word, __be16 port)
{
	return (__u64)word << 16 | port;
}

/* Which word of IPv6 addresses tells them apart. */
static __always_inline int rtt_word_of(const struct flow_key *key)
{
	if (key->src[3] != key->dst[3])
		return 3;
	if (key->src[2] != key->dst[2])
		return 2;
	return key->src[1] != key->dst[1] ? 1 : 0;
}

/*
 * Which endpoint of the conversation the source is: 1 if it is the greater one, in whatever order. Without a branch for IPv4:
 * which way a packet goes cannot be foretold.
 */
static __always_inline __u32 rtt_side_of(const struct flow_key *key)
{
	int word = key->family == 6 ? rtt_word_of(key) : 0;

	return (rtt_end(key->dst[word & 3], key->dport) - rtt_end(key->src[word & 3], key->sport)) >> 63;
}

/* Of two words, one of each end, the lesser end's and the greater end's, each with an addend of the secret: their product. */
static __always_inline __u64 rtt_product(__u32 source, __u32 destination, __u32 side, int word, int other)
{
	__u32 change = (source ^ destination) & -side;

	return (__u64)((source ^ change) + constants.hash_addends[word]) *
	       ((destination ^ change) + constants.hash_addends[other]);
}

/* As flow_hash(), over what both directions have in common. The same secret serves: nothing of either hash is shown. */
static __always_inline __u64 rtt_fingerprint(const struct flow_key *key, __u32 side)
{
	__u32 protocol = (__u32)key->family << 8 | key->protocol, tags = (__u32)key->vlan[0] << 16 | key->vlan[1];
	__u64 sum = rtt_product(key->src[0], key->dst[0], side, 0, 4) +
		    rtt_product(key->sport, key->dport, side, 8, 9) + rtt_product(key->ifindex, tags, 0, 10, 11);

	if (key->family == 6)
		sum += rtt_product(key->src[1], key->dst[1], side, 1, 5) +
		       rtt_product(key->src[2], key->dst[2], side, 2, 6) +
		       rtt_product(key->src[3], key->dst[3], side, 3, 7);
	sum += protocol;
	sum ^= sum >> 32;
	sum *= constants.hash_factor;
	return sum > RTT_TAKEN ? sum : RTT_TAKEN + 1;
}

static __always_inline __u32 rtt_set_of(__u64 fingerprint)
{
	return (__u32)((fingerprint >> 32) * constants.rtt_sets >> 32);
}

static __always_inline __u32 rtt_method_of(const struct rtt_connection *connection)
{
	return connection->protocol == IPPROTO_TCP ? RTT_TCP_TIMESTAMP : RTT_ICMP_ECHO;
}

/* Between 0 and RTT_LIFE, or over it: neither too old nor from the future, as a capture may have it. */
static __always_inline __u32 rtt_age(__u64 waiting, __u64 now)
{
	return rtt_time(now) - RTT_TIME(waiting);
}

static __always_inline __u32 rtt_drop(__u64 *waiting, __u64 now, int all)
{
	__u64 word = *(volatile __u64 *)waiting;

	if (!RTT_TIME(word) || (!all && rtt_age(word, now) <= RTT_LIFE))
		return 0;
	return __sync_val_compare_and_swap(waiting, word, (__u64)RTT_TOKEN(word)) == word;
}

/* Drops what has waited for too long, or all, of one side. */
static __always_inline void rtt_sweep_side(struct rtt_connection *connection, __u32 side, __u64 now, int all)
{
	__u32 dropped = 0;

	for (int i = 0; i < RTT_WAITING; i++)
		dropped += rtt_drop(&connection->side[side].waiting[i], now, all);
	if (dropped)
		rtt_count_unmatched(rtt_method_of(connection), dropped);
	if (rtt_drop(&connection->opened[side], now, all) && !(connection->state[side] & RTT_STAMPED))
		rtt_count_unmatched(RTT_TCP_HANDSHAKE, 1);
}

/* Which entry of its set is looked at first, so that few sets have to be looked through. */
static __always_inline __u32 rtt_first(__u64 fingerprint)
{
	return fingerprint & (RTT_SET - 1);
}

static __always_inline struct rtt_connection *rtt_at(__u32 set_index, __u32 which)
{
	struct rtt_set *set = bpf_map_lookup_elem(&rtt_connections, &set_index);

	return set ? &set->connections[which & (RTT_SET - 1)] : NULL;
}

/* Every 4 s, and after a pause. */
__noinline int rtt_sweep(__u32 set_index, __u32 which, __u64 now)
{
	struct rtt_connection *connection = rtt_at(set_index, which);
	__s32 passed;
	int all;

	if (!connection)
		return 0;
	passed = rtt_swept_now(now) - connection->swept;
	all = passed > RTT_ALL_OVER || passed < -RTT_ALL_OVER;
	connection->swept = rtt_swept_now(now);
	rtt_sweep_side(connection, 0, now, all);
	rtt_sweep_side(connection, 1, now, all);
	return 0;
}

static __always_inline int rtt_is_idle(const struct rtt_connection *connection, __u64 now)
{
	__s32 passed = rtt_swept_now(now) - connection->swept;
	__s32 limit = connection->closing                 ? RTT_IDLE_CLOSING :
		      connection->protocol == IPPROTO_TCP ? RTT_IDLE_TCP :
							    RTT_IDLE_ICMP;

	return passed > limit || passed < -limit;
}

/* The entry is the caller's alone until it has its fingerprint. */
static __always_inline void rtt_begin(struct rtt_connection *connection, __u64 fingerprint, __u32 protocol, __u64 now)
{
	rtt_sweep_side(connection, 0, now, 1);
	rtt_sweep_side(connection, 1, now, 1);
	__builtin_memset(&connection->swept, 0, sizeof(*connection) - offsetof(struct rtt_connection, swept));
	connection->swept = rtt_swept_now(now);
	connection->protocol = protocol;
#ifdef __TARGET_ARCH_x86
	barrier();
	*(volatile __u64 *)&connection->fingerprint = fingerprint;
#else
	__sync_lock_test_and_set(&connection->fingerprint, fingerprint);
#endif
}

#define RTT_NO_ROOM RTT_SET

/* Which entry of its set a new connection has now; RTT_NO_ROOM: none. */
__noinline __u32 rtt_claim(__u64 fingerprint, __u32 protocol, __u64 now)
{
	struct rtt_tally *tally = rtt_tally();
	__u32 set_index = rtt_set_of(fingerprint);

	for (__u32 i = 0; i < RTT_SET; i++) {
		__u32 which = (rtt_first(fingerprint) + i) & (RTT_SET - 1);
		struct rtt_connection *connection = rtt_at(set_index, which);
		__u64 held;

		if (!connection)
			break;
		held = *(volatile __u64 *)&connection->fingerprint;
		if (held == RTT_TAKEN || (held != RTT_FREE && !rtt_is_idle(connection, now)))
			continue;
		if (__sync_val_compare_and_swap(&connection->fingerprint, held, RTT_TAKEN) != held)
			continue;
		rtt_begin(connection, fingerprint, protocol, now);
		return which;
	}
	if (tally)
		tally->overflow++;
	return RTT_NO_ROOM;
}

static __always_inline __u32 rtt_which(const struct rtt_set *set, __u64 fingerprint)
{
	for (__u32 i = 0; i < RTT_SET; i++) {
		__u32 which = (rtt_first(fingerprint) + i) & (RTT_SET - 1);

		if (*(volatile __u64 *)&set->connections[which].fingerprint == fingerprint)
			return which;
	}
	return RTT_NO_ROOM;
}

/* Asks for the memory of the connection, which then comes while the flow is looked for. */
static __always_inline void rtt_touch(__u64 fingerprint)
{
	const struct rtt_connection *connection = rtt_at(rtt_set_of(fingerprint), rtt_first(fingerprint));

	if (connection)
		(void)*(volatile __u64 *)&connection->fingerprint;
}

/* The connection of the packet, and NULL if it has none and there is no room. */
static __always_inline struct rtt_connection *rtt_find(const struct flow_key *key, __u64 fingerprint, __u64 now)
{
	__u32 set_index = rtt_set_of(fingerprint), which;
	struct rtt_set *set = bpf_map_lookup_elem(&rtt_connections, &set_index);
	struct rtt_connection *connection;

	if (!set)
		return NULL;
	which = rtt_which(set, fingerprint);
	if (which >= RTT_SET)
		which = rtt_claim(fingerprint, key->protocol, now);
	if (which >= RTT_SET)
		return NULL;
	connection = &set->connections[which];
	if ((__u32)(rtt_swept_now(now) - connection->swept) > RTT_SWEEP)
		rtt_sweep(set_index, which, now);
	return connection;
}

#endif
