/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sample goes to the connection's own figures and to the histogram of its pair. Which one that is, is looked up once and
 * kept with the connection, until the monitor has taken the pair out.
 */
#ifndef FLOWGAUGE_RTT_PAIRS_H
#define FLOWGAUGE_RTT_PAIRS_H

#include "rtt_table.h"

#define RTT_PREFIX_IPV4 bpf_htonl(0xffffff00) /* /24 */
#define RTT_PREFIX_IPV6 bpf_htonl(0xffff0000) /* of the second word: /48 */
#define RTT_SMOOTHED_SHIFT 3                  /* RFC 6298: an eighth of each new sample */
#define RTT_SEEN_NS 100000000                 /* how often the time of the last sample is written down */
#define RTT_MIN_TRIES 4

static __always_inline void rtt_mask(__be32 address[4], __u32 family)
{
	if (family == 4) {
		address[0] &= RTT_PREFIX_IPV4;
		return;
	}
	address[1] &= RTT_PREFIX_IPV6;
	address[2] = address[3] = 0;
}

/* The answer's destination is whose packet was answered. */
static __always_inline void rtt_pair_key_of(const struct flow_key *answer, __u32 method, struct rtt_pair_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->src, answer->dst, sizeof(key->src));
	__builtin_memcpy(key->dst, answer->src, sizeof(key->dst));
	key->family = answer->family;
	key->method = method;
	key->ifindex = answer->ifindex;
	if (constants.rtt_scope == RTT_SCOPE_FLOW) {
		key->sport = answer->dport;
		key->dport = answer->sport;
		key->protocol = answer->protocol;
	} else if (constants.rtt_scope == RTT_SCOPE_PREFIX) {
		rtt_mask(key->src, key->family);
		rtt_mask(key->dst, key->family);
	}
}

static __always_inline struct rtt_pair *rtt_pair_at(__u32 slot)
{
	return bpf_map_lookup_elem(&rtt_pairs, &slot);
}

/* A slot that is the caller's alone; 0: there is none. */
static __always_inline __u32 rtt_slot_take(void)
{
	struct rtt_pair *first = rtt_pair_at(0);
	__u32 slot;

	if (!bpf_map_pop_elem(&rtt_pairs_free, &slot))
		return slot;
	if (!first || *(volatile __u32 *)&first->fresh >= constants.rtt_pairs)
		return 0;
	slot = __sync_fetch_and_add(&first->fresh, 1);
	return slot < constants.rtt_pairs ? RTT_OTHERS + slot : 0;
}

/* The pair gets the slot, unless another CPU was faster: then it has that one's. */
static __always_inline struct rtt_pair_ref *rtt_pair_enter(const struct rtt_pair_key *key, __u32 slot)
{
	struct rtt_pair *pair = rtt_pair_at(slot);
	struct rtt_pair_ref ref = { .slot = slot };

	if (!pair)
		return NULL;
	ref.generation = pair->generation;
	pair->key = *key;
	__sync_lock_test_and_set(&pair->live, 1);
	if (bpf_map_update_elem(&rtt_pair_index, key, &ref, BPF_NOEXIST)) {
		__sync_lock_test_and_set(&pair->live, 0);
		bpf_map_push_elem(&rtt_pairs_free, &slot, BPF_ANY);
	}
	return bpf_map_lookup_elem(&rtt_pair_index, key);
}

static __always_inline __u64 rtt_reference(__u32 slot, __u32 method, __u32 generation)
{
	return (__u64)generation << 32 | method << RTT_PAIR_METHOD_SHIFT | slot;
}

/* Where samples of this method go from now on. */
__noinline __u64 rtt_pair_find(const struct facts *answer, __u32 method)
{
	struct rtt_pair *other = rtt_pair_at(method);
	struct scratch *scratch = scratch_get();
	struct rtt_pair_ref *ref;
	__u32 slot, generation;

	if (!answer || !other || !scratch)
		return 0;
	generation = *(volatile __u32 *)&other->generation; /* read before it is known that there is no room */
	rtt_pair_key_of(&answer->key, method, &scratch->pair);
	ref = bpf_map_lookup_elem(&rtt_pair_index, &scratch->pair);
	if (!ref) {
		slot = rtt_slot_take();
		if (slot)
			ref = rtt_pair_enter(&scratch->pair, slot);
	}
	if (!ref)
		return rtt_reference(method, method, generation);
	return rtt_reference(ref->slot, method, ref->generation);
}

static __always_inline int rtt_is_good(__u64 reference, __u32 method, const struct rtt_pair *pair)
{
	return pair && (__u32)(reference >> 32) == *(volatile __u32 *)&pair->generation &&
	       ((__u32)reference >> RTT_PAIR_METHOD_SHIFT) == method;
}

#define POWERS_2(power) power, power
#define POWERS_4(power) POWERS_2(power), POWERS_2(power)
#define POWERS_8(power) POWERS_4(power), POWERS_4(power)
#define POWERS_16(power) POWERS_8(power), POWERS_8(power)
#define POWERS_32(power) POWERS_16(power), POWERS_16(power)
#define POWERS_64(power) POWERS_32(power), POWERS_32(power)
#define POWERS_128(power) POWERS_64(power), POWERS_64(power)

/* The highest bit of a byte. */
static const __u8 powers[256] = {
	0, 0, POWERS_2(1), POWERS_4(2), POWERS_8(3), POWERS_16(4), POWERS_32(5), POWERS_64(6), POWERS_128(7)
};

/*
 * Four a power of two; see rtt_bucket_end(). Samples follow samples of about their size, so that which way they branch can be
 * foretold.
 */
static __always_inline __u32 rtt_bucket(__u64 ns)
{
	__u64 rest = ns >> RTT_FIRST_POWER;
	__u32 power = 0, bucket;

	if (!rest)
		return 0;
	if (rest >> 16) {
		rest >>= 16;
		power = 16;
	}
	if (rest >> 8) {
		rest >>= 8;
		power += 8;
	}
	power += powers[rest & 0xff];
	bucket = power * RTT_STEPS + ((ns >> (power + RTT_FIRST_POWER - 2)) & (RTT_STEPS - 1)) + 1;
	return bucket < RTT_BUCKETS ? bucket : RTT_BUCKETS - 1;
}

static __always_inline void rtt_pair_min(struct rtt_pair *pair, __u64 ns)
{
	for (int i = 0; i < RTT_MIN_TRIES; i++) {
		__u64 least = *(volatile __u64 *)&pair->min_ns;

		if (least && least <= ns)
			return;
		if (__sync_val_compare_and_swap(&pair->min_ns, least, ns) == least)
			return;
	}
}

static __always_inline void rtt_pair_add(struct rtt_pair *pair, __u64 ns, __u64 now)
{
	__u32 bucket = rtt_bucket(ns);
	__s64 smoothed = pair->smoothed_ns;

	rtt_pair_min(pair, ns);
	pair->last_ns = ns;
	pair->smoothed_ns = smoothed ? smoothed + (((__s64)ns - smoothed) >> RTT_SMOOTHED_SHIFT) : (__s64)ns;
	if (now - pair->seen_ns > RTT_SEEN_NS)
		pair->seen_ns = now;
	__sync_fetch_and_add(&pair->sum_ns, ns);
	if (bucket < RTT_BUCKETS)
		__sync_fetch_and_add(&pair->buckets[bucket], 1);
}

static __always_inline void rtt_summarize(struct rtt_summary *summary, __u32 time)
{
	summary->last = time;
	if (!summary->count || time < summary->min)
		summary->min = time;
	if (!summary->count)
		summary->smoothed = time;
	else
		summary->smoothed += (__s32)(time - summary->smoothed) >> RTT_SMOOTHED_SHIFT;
	summary->count++;
}

/* `answer` is the answer to a packet of the other side, `asker`, which took `time` units. */
static __always_inline void rtt_sample(__u32 number, __u32 asker, const struct facts *answer, __u32 method, __u32 time,
				       __u64 now)
{
	struct rtt_samples *samples = rtt_samples_at(number);
	struct rtt_tally *tally;
	struct rtt_pair *pair;
	__u64 reference;

	if (!samples)
		return;
	reference = samples->pair[asker & 1];
	pair = rtt_pair_at(reference & RTT_PAIR_SLOT_MASK);
	if (!time)
		time = 1;
	rtt_summarize(&samples->summary[asker & 1], time);
	if (!rtt_is_good(reference, method, pair)) {
		reference = rtt_pair_find(answer, method);
		samples->pair[asker & 1] = reference;
		pair = rtt_pair_at(reference & RTT_PAIR_SLOT_MASK);
	}
	if (!pair)
		return;
	rtt_pair_add(pair, (__u64)time << RTT_TIME_SHIFT, now);
	tally = (reference & RTT_PAIR_SLOT_MASK) < RTT_OTHERS ? rtt_tally() : NULL;
	if (tally)
		tally->pairs_overflow++;
}

#endif
