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

static __always_inline struct rtt_look *rtt_look(const struct facts *facts)
{
	return &((struct scratch *)facts)->rtt; /* facts stand at the beginning of a scratch */
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

/* The first connection of a set. */
static __always_inline __u32 rtt_set_of(__u64 fingerprint)
{
	return (__u32)((fingerprint >> 32) * constants.rtt_sets >> 32) * RTT_SET;
}

static __always_inline struct rtt_connection *rtt_at(__u32 number)
{
	return bpf_map_lookup_elem(&rtt_connections, &number);
}

static __always_inline struct rtt_samples *rtt_samples_at(__u32 number)
{
	return bpf_map_lookup_elem(&rtt_samples, &number);
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
static __always_inline void rtt_sweep_side(struct rtt_connection *connection, struct rtt_samples *samples, __u32 side,
					   __u64 now, int all)
{
	__u32 dropped = 0;

	for (int i = 0; i < RTT_WAITING; i++)
		dropped += rtt_drop(&connection->side[side].waiting[i], now, all);
	if (dropped)
		rtt_count_unmatched(rtt_method_of(connection), dropped);
	if (rtt_drop(&samples->opened[side], now, all) && !(connection->state[side] & RTT_STAMPED))
		rtt_count_unmatched(RTT_TCP_HANDSHAKE, 1);
}

/* The connections of a set in the order in which they are looked at: each conversation begins with one of its own. */
static __always_inline __u32 rtt_nth(__u64 fingerprint, __u32 i)
{
	return rtt_set_of(fingerprint) + ((fingerprint + i) & (RTT_SET - 1));
}

/* Every 4 s, and after a pause. */
__noinline int rtt_sweep(__u32 number, __u64 now)
{
	struct rtt_connection *connection = rtt_at(number);
	struct rtt_samples *samples = rtt_samples_at(number);
	__s32 passed;
	int all;

	if (!connection || !samples)
		return 0;
	passed = rtt_swept_now(now) - connection->swept;
	all = passed > RTT_ALL_OVER || passed < -RTT_ALL_OVER;
	connection->swept = rtt_swept_now(now);
	rtt_sweep_side(connection, samples, 0, now, all);
	rtt_sweep_side(connection, samples, 1, now, all);
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
static __always_inline void rtt_begin(struct rtt_connection *connection, struct rtt_samples *samples, __u64 fingerprint,
				      __u32 protocol, __u64 now)
{
	rtt_sweep_side(connection, samples, 0, now, 1);
	rtt_sweep_side(connection, samples, 1, now, 1);
	__builtin_memset(samples, 0, sizeof(*samples));
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

#define RTT_NO_ROOM 0xffffffffU

/* The connection that a new conversation has now; RTT_NO_ROOM: none. */
__noinline __u32 rtt_claim(__u64 fingerprint, __u32 protocol, __u64 now)
{
	struct rtt_tally *tally = rtt_tally();

	for (__u32 i = 0; i < RTT_SET; i++) {
		__u32 number = rtt_nth(fingerprint, i);
		struct rtt_connection *connection = rtt_at(number);
		struct rtt_samples *samples = rtt_samples_at(number);
		__u64 held;

		if (!connection || !samples)
			break;
		held = *(volatile __u64 *)&connection->fingerprint;
		if (held == RTT_TAKEN || (held != RTT_FREE && !rtt_is_idle(connection, now)))
			continue;
		if (__sync_val_compare_and_swap(&connection->fingerprint, held, RTT_TAKEN) != held)
			continue;
		rtt_begin(connection, samples, fingerprint, protocol, now);
		return number;
	}
	if (tally)
		tally->overflow++;
	return RTT_NO_ROOM;
}

/* Asks for the memory of the connection, which then comes while the flow is looked for. */
static __always_inline void rtt_touch(__u32 number)
{
	const struct rtt_connection *connection = rtt_at(number);

	if (connection)
		(void)*(volatile __u64 *)&connection->fingerprint;
}

/* A connection, and where it stands. */
struct rtt_found {
	struct rtt_connection *connection; /* NULL: the conversation has none, and there is no room for it */
	__u32 number;
};

static __always_inline int rtt_is_of(__u64 fingerprint, __u32 number, struct rtt_found *found)
{
	found->number = number;
	found->connection = rtt_at(number);
	return found->connection && *(volatile __u64 *)&found->connection->fingerprint == fingerprint;
}

/* A function of its own: nearly all stand where they are looked for first. */
__noinline __u32 rtt_search(__u64 fingerprint, __u32 protocol, __u64 now)
{
	struct rtt_found found;

	for (__u32 i = 1; i < RTT_SET; i++)
		if (rtt_is_of(fingerprint, rtt_nth(fingerprint, i), &found))
			return found.number;
	return rtt_claim(fingerprint, protocol, now);
}

/* `first`: rtt_nth(fingerprint, 0). */
static __always_inline void rtt_find(__u64 fingerprint, __u32 first, __u32 protocol, __u64 now, struct rtt_found *found)
{
	if (!rtt_is_of(fingerprint, first, found)) {
		found->number = rtt_search(fingerprint, protocol, now);
		found->connection = rtt_at(found->number);
	}
	if (found->connection && (__u32)(rtt_swept_now(now) - found->connection->swept) > RTT_SWEEP)
		rtt_sweep(found->number, now);
}

#endif
