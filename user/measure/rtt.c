/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rtt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/rtt_internal.h"

#define ENTRIES_FIRST 64
#define SLOTS_PER_ENTRY 2

static struct rtt_id id_of(const struct rtt_pair_key *key)
{
	struct rtt_id id;

	memset(&id, 0, sizeof(id));
	memcpy(id.src, key->src, sizeof(id.src));
	memcpy(id.dst, key->dst, sizeof(id.dst));
	id.sport = key->sport;
	id.dport = key->dport;
	id.protocol = key->protocol;
	id.family = key->family;
	id.method = key->method;
	return id;
}

static uint64_t hash_of(const struct rtt_book *book, const struct rtt_id *id)
{
	uint64_t words[sizeof(*id) / sizeof(uint64_t)], hash = book->seed;

	_Static_assert(sizeof(*id) % sizeof(uint64_t) == 0, "a key is whole words");
	memcpy(words, id, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

static uint32_t *slot_of(const struct rtt_book *book, const struct rtt_id *id)
{
	size_t slot = hash_of(book, id) & book->slot_mask;

	while (book->slots[slot] != RTT_FREE && memcmp(&book->entries[book->slots[slot]]->id, id, sizeof(*id)) != 0)
		slot = (slot + 1) & book->slot_mask;
	return &book->slots[slot];
}

static void index_anew(struct rtt_book *book)
{
	memset(book->slots, 0xff, (book->slot_mask + 1) * sizeof(*book->slots));
	for (size_t i = 0; i < book->count; i++)
		*slot_of(book, &book->entries[i]->id) = (uint32_t)i;
}

/* Nothing has changed if it fails. */
static int make_room(struct rtt_book *book)
{
	size_t capacity = book->capacity ? 2 * book->capacity : ENTRIES_FIRST;
	struct rtt_entry **entries;
	uint32_t *slots;

	if (book->count < book->capacity)
		return 0;
	slots = malloc(capacity * SLOTS_PER_ENTRY * sizeof(*slots));
	entries = slots ? reallocarray(book->entries, capacity, sizeof(*entries)) : NULL;
	if (!entries) {
		free(slots);
		return -ENOMEM;
	}
	free(book->slots);
	book->entries = entries;
	book->slots = slots;
	book->capacity = capacity;
	book->slot_mask = capacity * SLOTS_PER_ENTRY - 1;
	index_anew(book);
	return 0;
}

static struct rtt_entry *entry_find(const struct rtt_book *book, const struct rtt_id *id)
{
	uint32_t index = book->count ? *slot_of(book, id) : RTT_FREE;

	return index == RTT_FREE ? NULL : book->entries[index];
}

static struct rtt_entry *entry_new(struct rtt_book *book, const struct rtt_id *id)
{
	struct rtt_entry *entry = make_room(book) ? NULL : calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->id = *id;
	*slot_of(book, id) = (uint32_t)book->count;
	book->entries[book->count++] = entry;
	return entry;
}

static struct rtt_sums sums_of(const struct rtt_pair_record *record)
{
	struct rtt_sums sums = { .sum_ns = record->sum_ns };

	for (int i = 0; i < RTT_BUCKETS; i++)
		sums.buckets[i] = record->buckets[i];
	return sums;
}

static uint64_t smaller_known(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static void freshen(struct rtt_book *book, struct rtt_entry *entry)
{
	if (entry->reading == book->reading)
		return;
	entry->reading = book->reading;
	entry->now = (struct rtt_sums){ 0 };
	entry->seen_ns = 0;
}

int rtt_pair(struct rtt_book *book, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct rtt_id id = id_of(key);
	struct rtt_sums sums = sums_of(record);
	struct rtt_entry *entry = entry_find(book, &id);

	if (!rtt_sums_count(&sums))
		return 0; /* taken in, and nothing measured yet */
	if (!entry)
		entry = entry_new(book, &id);
	if (!entry)
		return -ENOMEM;
	freshen(book, entry);
	rtt_sums_add(&entry->now, &sums);
	entry->min_ns = smaller_known(entry->min_ns, record->min_ns);
	if (record->seen_ns >= entry->seen_ns) {
		entry->last_ns = record->last_ns;
		entry->smoothed_ns = record->smoothed_ns;
		entry->seen_ns = record->seen_ns;
	}
	return 0;
}

static void rest_note(struct rtt_rest *rest, const struct rtt_pair_record *record)
{
	rest->min_ns = smaller_known(rest->min_ns, record->min_ns);
}

void rtt_other(struct rtt_book *book, enum rtt_method method, const struct rtt_pair_record *record)
{
	book->rest[method].other = sums_of(record);
	rest_note(&book->rest[method], record);
}

/* It stays in its pair's row for as long as the pair is there at another interface. */
void rtt_gone(struct rtt_book *book, const struct rtt_pair_key *key, const struct rtt_pair_record *last)
{
	struct rtt_id id = id_of(key);
	struct rtt_sums sums = sums_of(last);
	struct rtt_entry *entry = entry_find(book, &id);

	if (key->method >= RTT_METHODS)
		return;
	rest_note(&book->rest[key->method], last);
	rtt_sums_add(entry ? &entry->left : &book->rest[key->method].gone, &sums);
}

bool rtt_entry_is_live(const struct rtt_book *book, const struct rtt_entry *entry)
{
	return entry->reading == book->reading;
}

struct rtt_sums rtt_entry_total(const struct rtt_entry *entry)
{
	struct rtt_sums total = entry->left;

	rtt_sums_add(&total, &entry->now);
	return total;
}

/* What its row has shown is the rest's to show: that is nothing that the interval brought. */
static void entry_end(struct rtt_book *book, struct rtt_entry *entry)
{
	struct rtt_rest *rest = &book->rest[entry->id.method];

	rtt_sums_add(&rest->gone, &entry->left);
	rtt_sums_add(&rest->shown, &entry->shown);
	free(entry);
}

void rtt_drop_absent(struct rtt_book *book)
{
	size_t kept = 0;

	for (size_t i = 0; i < book->count; i++) {
		struct rtt_entry *entry = book->entries[i];

		if (rtt_entry_is_live(book, entry))
			book->entries[kept++] = entry;
		else
			entry_end(book, entry);
	}
	if (kept == book->count)
		return;
	book->count = kept;
	index_anew(book);
}

void rtt_begin(struct rtt_book *book, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	book->reading++;
	book->monotonic_ns = monotonic_ns;
	book->realtime_ns = realtime_ns;
	book->hops.count = 0;
}

int rtt_book_new(struct rtt_book **out)
{
	struct rtt_book *book = calloc(1, sizeof(*book));

	if (!book)
		return -ENOMEM;
	/* Where it lies is not for others to know, as long as the address space is laid out at random. */
	book->seed = (uint64_t)(uintptr_t)book * 0x9e3779b97f4a7c15ULL;
	*out = book;
	return 0;
}

struct rtt_book *rtt_book_free(struct rtt_book *book)
{
	if (!book)
		return NULL;
	for (size_t i = 0; i < book->count; i++)
		free(book->entries[i]);
	free(book->entries);
	free(book->slots);
	free(book->hops.entries);
	free(book->hops_before.entries);
	free(book);
	return NULL;
}
