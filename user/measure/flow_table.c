/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chained hash over slabs. Growing means new buckets only: entries stay where they are, so no moment needs twice the
 * memory, and the book may hold pointers to them.
 *
 * A reading takes the flows in the order of the kernel's table, which changes little from tick to tick. So the flow
 * after this one is most likely the one that lies behind it, and the memory is walked forwards; the hash is for those
 * that are not. A free entry, and the one that ends a slab, has a key of zeros, which no flow has.
 */
#include "measure/flow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_ENTRIES 1024
#define BUCKETS_AT_FIRST 1024

struct flow_slab {
	struct flow_slab *next;
	struct flow_entry entries[SLAB_ENTRIES + 1];
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t bucket_of(const struct flow_table *table, const struct flow_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = table->seed;

	memcpy(words, key, sizeof(words));
	hash = mix(words[0] ^ 0xa0761d6478bd642fULL, words[1] ^ hash);
	hash = mix(words[2] ^ 0xe7037ed1a0b428dbULL, words[3] ^ hash);
	hash = mix(words[4] ^ 0x8ebc6af09c88c6e3ULL, words[5] ^ hash);
	return mix(hash ^ table->seed, 0x589965cc75374cc3ULL) & (table->bucket_count - 1);
}

static bool same_key(const struct flow_key *a, const struct flow_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int flow_table_open(struct flow_table *table, uint64_t seed)
{
	*table = (struct flow_table){ .bucket_count = BUCKETS_AT_FIRST, .seed = seed };
	table->buckets = calloc(table->bucket_count, sizeof(struct flow_entry *));
	return table->buckets ? 0 : -ENOMEM;
}

void flow_table_close(struct flow_table *table)
{
	while (table->slabs) {
		struct flow_slab *slab = table->slabs;

		table->slabs = slab->next;
		free(slab);
	}
	free(table->buckets);
}

struct flow_entry *flow_table_find(struct flow_table *table, const struct flow_key *key)
{
	struct flow_entry *entry = table->guess;

	if (!entry || !same_key(&entry->key, key)) {
		entry = table->buckets[bucket_of(table, key)];
		while (entry && !same_key(&entry->key, key))
			entry = entry->next;
	}
	if (entry)
		table->guess = entry + 1;
	return entry;
}

static int add_slab(struct flow_table *table)
{
	struct flow_slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return -ENOMEM;
	slab->next = table->slabs;
	table->slabs = slab;
	for (size_t i = SLAB_ENTRIES; i-- > 0;) {
		slab->entries[i].next = table->free;
		table->free = &slab->entries[i];
	}
	return 0;
}

static void link_entry(struct flow_table *table, struct flow_entry *entry)
{
	struct flow_entry **bucket = &table->buckets[bucket_of(table, &entry->key)];

	entry->next = *bucket;
	*bucket = entry;
}

/* Without memory for more buckets the table goes on with longer chains. */
static void grow_buckets(struct flow_table *table)
{
	struct flow_entry **old = table->buckets;
	size_t old_count = table->bucket_count;
	struct flow_entry **buckets = calloc(2 * old_count, sizeof(struct flow_entry *));

	if (!buckets)
		return;
	table->buckets = buckets;
	table->bucket_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++) {
		struct flow_entry *next;

		for (struct flow_entry *entry = old[i]; entry; entry = next) {
			next = entry->next;
			link_entry(table, entry);
		}
	}
	free(old);
}

struct flow_entry *flow_table_insert(struct flow_table *table, const struct flow_key *key)
{
	struct flow_entry *entry;

	if (!table->free && add_slab(table))
		return NULL;
	if (table->count >= table->bucket_count)
		grow_buckets(table);
	entry = table->free;
	table->free = entry->next;
	*entry = (struct flow_entry){ .key = *key, .row = NO_ROW };
	link_entry(table, entry);
	table->count++;
	return entry;
}

void flow_table_sweep(struct flow_table *table, bool (*leaves)(const struct flow_entry *entry, const void *context),
		      const void *context)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct flow_entry **link = &table->buckets[i];

		while (*link) {
			struct flow_entry *entry = *link;

			if (!leaves(entry, context)) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			entry->key = (struct flow_key){ 0 };
			entry->next = table->free;
			table->free = entry;
			table->count--;
		}
	}
}
