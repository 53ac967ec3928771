/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a flow is looked for, and where a conversation: of one definition, as packets enter what the monitor has to find.
 *
 * Each end, an address and a port, is hashed by NH (J. Black et al., UMAC, 1999): words are added to secret words and multiplied in
 * pairs; no product waits for another. Both ends are hashed alike, so that their sum is the conversation's, whichever way a packet
 * goes; the source's once more makes it the flow's. An end's hash is folded before it is added: sums of products by the same
 * secret words could be made equal without knowing them. The words that are 0 for IPv4 are left out.
 */
#ifndef FLOWGAUGE_FLOW_HASH_H
#define FLOWGAUGE_FLOW_HASH_H

#include "constants.h"
#include "records.h"

#define FLOW_HASH static inline __attribute__((always_inline))

struct flow_sum {
	__u64 conversation;
	__u64 source;
};

FLOW_HASH __u64 hash_product(const volatile struct hash_secret *secret, __u32 left, __u32 right, int pair)
{
	return (__u64)(left + secret->addends[2 * pair]) * (right + secret->addends[2 * pair + 1]);
}

FLOW_HASH __u64 hash_fold(__u64 product)
{
	return product ^ product >> 32;
}

FLOW_HASH __u64 hash_end(const volatile struct hash_secret *secret, const __be32 *address, __be16 port, int is_ipv6)
{
	__u64 sum = hash_product(secret, address[0], port, 0);

	if (is_ipv6)
		sum += hash_product(secret, address[1], address[2], 1) + hash_product(secret, address[3], 0, 2);
	return hash_fold(sum);
}

FLOW_HASH struct flow_sum flow_sum(const volatile struct hash_secret *secret, const struct flow_key *key)
{
	__u32 tags = (__u32)key->vlan[1] << 16 | key->vlan[0], kind = (__u32)key->family << 8 | key->protocol;
	int is_ipv6 = key->family == 6;
	struct flow_sum sum;

	sum.source = hash_end(secret, key->src, key->sport, is_ipv6);
	sum.conversation = sum.source + hash_end(secret, key->dst, key->dport, is_ipv6) +
			   hash_product(secret, key->ifindex, tags, 3) + kind;
	return sum;
}

/* Flows of one conversation differ by their source, or else, where an end talks to itself, by their direction. */
FLOW_HASH __u64 hash_of_flow(const volatile struct hash_secret *secret, struct flow_sum sum, __u32 direction)
{
	return hash_fold(sum.conversation + sum.source + direction) * secret->factor;
}

FLOW_HASH __u64 flow_hash(const volatile struct hash_secret *secret, const struct flow_key *key)
{
	return hash_of_flow(secret, flow_sum(secret, key), key->direction);
}

/* 0 and 1 are no fingerprints: an entry that is free, and one that is being taken. */
#define FINGERPRINT_LEAST 2

FLOW_HASH __u64 hash_of_conversation(const volatile struct hash_secret *secret, struct flow_sum sum)
{
	__u64 fingerprint = hash_fold(sum.conversation) * secret->factor;

	return fingerprint >= FINGERPRINT_LEAST ? fingerprint : FINGERPRINT_LEAST;
}

/*
 * Which end of the conversation the source is: 1 if it is the greater one, in whatever order. Without a branch for IPv4: which
 * way a packet goes cannot be foretold.
 */
FLOW_HASH __u32 flow_side(const struct flow_key *key)
{
	__be32 source = key->src[0], destination = key->dst[0];
	__u64 difference;

	/* Of IPv6 addresses, the last word that tells them apart. */
	for (int word = 1; word < 4 && key->family == 6; word++)
		if (key->src[word] != key->dst[word]) {
			source = key->src[word];
			destination = key->dst[word];
		}
	difference = ((__u64)destination << 16 | key->dport) - ((__u64)source << 16 | key->sport);
	__asm__("" : "+r"(difference)); /* the compiler would make a comparison of it, and a branch of that */
	return difference >> 63;
}

#endif
