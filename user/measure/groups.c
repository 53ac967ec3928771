/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow costs each group a mask over its key, a hash and an addition; all memory is taken when the groups are made, so
 * that nothing fails in the middle of a reading.
 */
#include "measure/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/groups_internal.h"

#define SLOTS_PER_KEY 2

void group_sums_add(struct group_sums *to, const struct group_sums *more)
{
	to->packets += more->packets;
	to->bytes += more->bytes;
	to->payload_bytes += more->payload_bytes;
}

/* --- keys --- */

static void mask_address(__be32 address[4], unsigned int length)
{
	uint8_t *bytes = (uint8_t *)address;

	for (unsigned int i = 0; i<16; i++, length -= length> 8 ? 8 : length)
		bytes[i] = length >= 8 ? 0xff : (uint8_t)(0xff00 >> length);
}

static void mask_make(const struct group_config *config, enum group_family family, uint64_t out[GROUP_WORDS])
{
	struct flow_key mask = { 0 };

	if (config->parts & GROUP_BY_SRC)
		mask_address(mask.src, config->src_prefix[family]);
	if (config->parts & GROUP_BY_DST)
		mask_address(mask.dst, config->dst_prefix[family]);
	if (config->parts & (GROUP_BY_SRC | GROUP_BY_DST))
		mask.family = UINT8_MAX;
	if (config->parts & GROUP_BY_SPORT)
		mask.sport = UINT16_MAX;
	if (config->parts & GROUP_BY_DPORT)
		mask.dport = UINT16_MAX;
	if (config->parts & GROUP_BY_PROTOCOL)
		mask.protocol = UINT8_MAX;
	if (config->parts & GROUP_BY_INTERFACE)
		mask.ifindex = UINT32_MAX;
	if (config->parts & GROUP_BY_DIRECTION)
		mask.direction = UINT8_MAX;
	memcpy(out, &mask, sizeof(mask));
}

static void key_make(const struct groups *groups, const struct group *group, const struct flow_key *key,
		     uint64_t out[GROUP_WORDS])
{
	const uint64_t *mask = group->masks[key->family == 6 ? GROUP_IPV6 : GROUP_IPV4];
	struct flow_key copy = *key;

	if (group->config->parts & GROUP_BY_INTERFACE)
		copy.ifindex = places_find(groups, key->ifindex);
	memcpy(out, &copy, sizeof(copy));
	for (size_t i = 0; i < GROUP_WORDS; i++)
		out[i] &= mask[i];
}

static uint64_t hash_of(const struct groups *groups, const uint64_t *words)
{
	uint64_t hash = groups->seed;

	for (size_t i = 0; i < GROUP_WORDS; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

/* The slot of the key, or the free one where it would be: at most half of them are taken. */
static uint32_t *slot_of(const struct groups *groups, const struct group *group, const uint64_t *words)
{
	uint32_t slot = (uint32_t)hash_of(groups, words) & group->slot_mask;

	while (group->slots[slot] != GROUP_FREE &&
	       memcmp(group->entries[group->slots[slot]].words, words, sizeof(group->entries->words)) != 0)
		slot = (slot + 1) & group->slot_mask;
	return &group->slots[slot];
}

struct group_entry *group_entry_find(const struct groups *groups, const struct group *group, const uint64_t *words)
{
	uint32_t index = *slot_of(groups, group, words);

	return index == GROUP_FREE ? NULL : &group->entries[index];
}

struct group_entry *group_entry_take(const struct groups *groups, struct group *group, const uint64_t *words)
{
	uint32_t *slot = slot_of(groups, group, words);
	struct group_entry *entry;

	if (*slot != GROUP_FREE)
		return &group->entries[*slot];
	if (group->count == group->capacity) {
		group->incomplete = true;
		return NULL;
	}
	*slot = group->count++;
	entry = &group->entries[*slot];
	*entry = (struct group_entry){ .reading = groups->reading };
	memcpy(entry->words, words, sizeof(entry->words));
	return entry;
}

void group_index_anew(const struct groups *groups, struct group *group)
{
	memset(group->slots, 0xff, ((size_t)group->slot_mask + 1) * sizeof(*group->slots));
	for (uint32_t i = 0; i < group->count; i++)
		*slot_of(groups, group, group->entries[i].words) = i;
}

/* --- flows --- */

void group_entry_freshen(const struct groups *groups, struct group_entry *entry)
{
	if (entry->reading == groups->reading)
		return;
	group_sums_add(&entry->retired, &entry->pending);
	entry->pending = entry->live = (struct group_sums){ 0 };
	entry->flows = 0;
	entry->reading = groups->reading;
}

static bool wants(const struct groups *groups, const struct group *group, const struct flow_key *key)
{
	return !group->config->match || groups->config.matches(group->config->rule, key);
}

void groups_begin(struct groups *groups)
{
	groups->reading++;
}

static void count_live(const struct groups *groups, struct group_entry *entry, const struct group_sums *sums)
{
	group_entry_freshen(groups, entry);
	group_sums_add(&entry->live, sums);
	entry->flows++;
}

static void count_retired(const struct groups *groups, struct group_entry *entry, const struct group_sums *sums)
{
	group_entry_freshen(groups, entry);
	group_sums_add(&entry->pending, sums);
}

static void count_flow(struct groups *groups, const struct flow_key *key, const struct group_sums *sums,
		       void (*count)(const struct groups *groups, struct group_entry *entry,
				     const struct group_sums *sums))
{
	for (size_t i = 0; i < groups->config.count; i++) {
		struct group *group = &groups->items[i];
		uint64_t words[GROUP_WORDS];
		struct group_entry *entry;

		if (!wants(groups, group, key))
			continue;
		key_make(groups, group, key, words);
		count(groups, &group->all, sums);
		entry = group_entry_take(groups, group, words);
		if (entry)
			count(groups, entry, sums);
	}
}

void groups_flow(struct groups *groups, const struct flow_key *key, uint64_t packets, uint64_t bytes,
		 uint64_t payload_bytes)
{
	const struct group_sums sums = { packets, bytes, payload_bytes };

	count_flow(groups, key, &sums, count_live);
}

void groups_retired(struct groups *groups, const struct flow_key *key, uint64_t packets, uint64_t bytes,
		    uint64_t payload_bytes)
{
	const struct group_sums sums = { packets, bytes, payload_bytes };

	count_flow(groups, key, &sums, count_retired);
}

/* --- life --- */

static void group_close(struct group *group)
{
	free(group->entries);
	free(group->slots);
}

static int group_open(const struct groups *groups, struct group *group, const struct group_config *config)
{
	uint32_t slots = 1;

	*group = (struct group){
		.config = config,
		.capacity = config->limit * GROUP_KEYS_PER_SERIES,
		.begins_late = groups->reading != 0,
	};
	while (slots < group->capacity * SLOTS_PER_KEY)
		slots *= 2;
	group->slot_mask = slots - 1;
	group->all.reading = groups->reading;
	/* Pages that no key is in stay untouched. */
	group->entries = calloc(group->capacity, sizeof(*group->entries));
	group->slots = malloc(slots * sizeof(*group->slots));
	if (!group->entries || !group->slots) {
		group_close(group);
		return -ENOMEM;
	}
	for (int family = 0; family < GROUP_FAMILIES; family++)
		mask_make(config, family, group->masks[family]);
	group_index_anew(groups, group);
	return 0;
}

static bool same_texts(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_group(const struct group_config *a, const struct group_config *b)
{
	return !strcmp(a->name, b->name) && a->parts == b->parts && a->limit == b->limit &&
	       !memcmp(a->src_prefix, b->src_prefix, sizeof(a->src_prefix)) &&
	       !memcmp(a->dst_prefix, b->dst_prefix, sizeof(a->dst_prefix)) && same_texts(a->match, b->match);
}

static struct group *group_like(struct groups *groups, const struct group_config *config)
{
	for (size_t i = 0; i < groups->config.count; i++)
		if (same_group(groups->items[i].config, config))
			return &groups->items[i];
	return NULL;
}

/* New ones are opened first, so that without memory all stays as it is. */
int groups_configure(struct groups *groups, const struct groups_config *config)
{
	struct group *items = calloc(config->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < config->count; i++) {
		if (group_like(groups, &config->groups[i]) || !group_open(groups, &items[i], &config->groups[i]))
			continue;
		while (i--)
			group_close(&items[i]);
		free(items);
		return -ENOMEM;
	}
	for (size_t i = 0; i < config->count; i++) {
		struct group *before = items[i].config ? NULL : group_like(groups, &config->groups[i]);

		if (!before)
			continue;
		items[i] = *before;
		items[i].config = &config->groups[i];
		before->entries = NULL;
		before->slots = NULL;
	}
	for (size_t i = 0; i < groups->config.count; i++)
		group_close(&groups->items[i]);
	free(groups->items);
	groups->items = items;
	groups->config = *config;
	return 0;
}

int groups_new(const struct groups_config *config, struct groups **out)
{
	struct groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return -ENOMEM;
	/* Where it lies is not for others to know, as long as the address space is laid out at random. */
	groups->seed = (uint64_t)(uintptr_t)groups * 0x9e3779b97f4a7c15ULL;
	if (places_open(groups) || groups_configure(groups, config)) {
		groups_free(groups);
		return -ENOMEM;
	}
	*out = groups;
	return 0;
}

struct groups *groups_free(struct groups *groups)
{
	if (!groups)
		return NULL;
	for (size_t i = 0; i < groups->config.count; i++)
		group_close(&groups->items[i]);
	free(groups->items);
	places_close(groups);
	free(groups);
	return NULL;
}
