/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/slots.h"

#include <stdlib.h>
#include <string.h>

#define NO_SLOT 0xffffffffU

struct slot {
	struct flow_key key;
	__u32 next; /* in the bucket, or among those given back */
};

struct slots {
	struct slot *slots;
	__u32 *buckets;
	__u32 capacity, used, given_back, mask;
};

struct slots *slots_new(__u32 max_flows)
{
	struct slots *slots = calloc(1, sizeof(*slots));
	size_t buckets = 1;

	if (!slots)
		return NULL;
	while (buckets < max_flows)
		buckets *= 2;
	slots->slots = calloc(max_flows, sizeof(*slots->slots));
	slots->buckets = malloc(buckets * sizeof(*slots->buckets));
	if (!slots->slots || !slots->buckets)
		return slots_free(slots);
	memset(slots->buckets, 0xff, buckets * sizeof(*slots->buckets));
	slots->capacity = max_flows;
	slots->mask = (__u32)(buckets - 1);
	slots->given_back = NO_SLOT;
	return slots;
}

struct slots *slots_free(struct slots *slots)
{
	if (!slots)
		return NULL;
	free(slots->slots);
	free(slots->buckets);
	free(slots);
	return NULL;
}

static __u32 *bucket_of(const struct slots *slots, const struct flow_key *key)
{
	__u64 words[sizeof(*key) / sizeof(__u64)], hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	return &slots->buckets[hash & slots->mask];
}

__s64 slots_take(struct slots *slots, const struct flow_key *key)
{
	__u32 *bucket = bucket_of(slots, key), slot;

	for (slot = *bucket; slot != NO_SLOT; slot = slots->slots[slot].next)
		if (!memcmp(&slots->slots[slot].key, key, sizeof(*key)))
			return slot;
	slot = slots->given_back;
	if (slot != NO_SLOT)
		slots->given_back = slots->slots[slot].next;
	else if (slots->used < slots->capacity)
		slot = slots->used++;
	else
		return -1;
	slots->slots[slot] = (struct slot){ .key = *key, .next = *bucket };
	*bucket = slot;
	return slot;
}

void slots_give(struct slots *slots, __u32 slot)
{
	__u32 *link = bucket_of(slots, &slots->slots[slot].key);

	while (*link != slot)
		link = &slots->slots[*link].next;
	*link = slots->slots[slot].next;
	slots->slots[slot].next = slots->given_back;
	slots->given_back = slot;
}
