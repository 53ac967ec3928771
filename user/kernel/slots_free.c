/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding a flow by its key, and freeing its slot. The index is mapped only meanwhile. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "flow_hash.h"
#include "kernel/slot_record.h"
#include "kernel/slots_internal.h"

/* --- the index --- */

static uint32_t line_of(const struct slots *table, const struct flow_key *key)
{
	return (uint32_t)((flow_hash(&table->secret, key) >> 32) * table->lines >> 32);
}

static uint32_t home_of(const struct slots *table, const struct flow_key *key)
{
	return (uint32_t)((flow_hash(&table->secret, key) >> 32) * table->flows >> 32);
}

/* The tag of the entry that leads to the slot; NULL if there is none, as the slot is the flow's home. */
static uint8_t *entry_of(const struct slots *table, const struct flow_key *key, uint32_t slot)
{
	uint32_t own = line_of(table, key);

	for (int i = 0; i < 2; i++) {
		struct index_line *line = &table->index[own ^ (uint32_t)i];

		for (int at = 0; at < LINE_ENTRIES; at++)
			if (__atomic_load_n(&line->tags[at], __ATOMIC_ACQUIRE) &&
			    __atomic_load_n(&line->slots[at], __ATOMIC_RELAXED) == slot)
				return &line->tags[at];
	}
	return NULL;
}

int slots_free_begin(struct slots *table)
{
	if (table->index)
		return 0;
	table->index = map_whole(table->index_fd, (size_t)table->lines * sizeof(struct index_line));
	return table->index ? 0 : -errno;
}

void slots_free_end(struct slots *table)
{
	if (table->index)
		munmap(table->index, whole_pages((size_t)table->lines * sizeof(struct index_line)));
	table->index = NULL;
	slots_rest(table);
}

/* 1: the slot is the flow's; 0: it is not, or there is no such slot. */
static int is_of(struct slots *table, const struct flow_key *key, uint32_t slot)
{
	int err;

	if (slot >= table->flows)
		return 0;
	err = slots_hold_pane(table, slot);
	if (err)
		return err;
	return word_of(slot_at(table, slot)) & SLOT_LIVE && !memcmp(&slot_at(table, slot)->key, key, sizeof(*key));
}

static int find_at_home(struct slots *table, const struct flow_key *key, uint32_t *slot)
{
	int is;

	*slot = home_of(table, key);
	is = is_of(table, key, *slot);
	if (is)
		return is;
	*slot ^= 1;
	return is_of(table, key, *slot);
}

static int find_in_index(struct slots *table, const struct flow_key *key, uint32_t *slot)
{
	uint32_t own = line_of(table, key);

	for (uint32_t i = 0; i < 2 * LINE_ENTRIES; i++) {
		const struct index_line *line = &table->index[own ^ (i / LINE_ENTRIES)];
		int is;

		if (!__atomic_load_n(&line->tags[i % LINE_ENTRIES], __ATOMIC_ACQUIRE))
			continue;
		*slot = line->slots[i % LINE_ENTRIES];
		is = is_of(table, key, *slot);
		if (is)
			return is;
	}
	return 0;
}

int slots_find(struct slots *table, const struct flow_key *key, uint32_t *slot)
{
	bool mapped = table->index != NULL;
	int result = find_at_home(table, key, slot);

	if (!result)
		result = slots_free_begin(table);
	if (!result)
		result = find_in_index(table, key, slot);
	if (!mapped)
		slots_free_end(table);
	return result < 0 ? result : result ? 0 : -ENOENT;
}

/* --- freeing --- */

/* From here on no packet can have the slot: what is in it is final. The word that is changed was read before the key. */
static int slot_end(struct flow_slot *slot, const struct flow_key *key)
{
	for (int tries = 1; tries < LOCKED_TRIES; tries++) {
		uint32_t word = word_of(slot);

		if (!(word & SLOT_LIVE) || memcmp(&slot->key, key, sizeof(*key)))
			return -ENOENT;
		if (!(word & SLOT_LOCKED) &&
		    __atomic_compare_exchange_n(&slot->word, &word, (word + SLOT_VERSION) & ~SLOT_LIVE, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return 0;
		wait_a_little(tries);
	}
	return -EBUSY;
}

int slots_free(struct slots *table, uint32_t slot, const struct flow_key *key, struct flow_record *last)
{
	struct flow_slot *source;
	uint8_t *tag;
	int err;

	if (slot >= table->flows)
		return -ENOENT;
	err = slots_hold_pane(table, slot);
	if (err)
		return err;
	source = slot_at(table, slot);
	err = slot_end(source, key);
	if (err)
		return err;
	slot_record(source, detail_at(table, slot), last);
	tag = entry_of(table, key, slot);
	if (tag)
		__atomic_store_n(tag, 0, __ATOMIC_RELEASE);
	__atomic_fetch_and(&table->bitmap[slot / 64], ~(1ULL << slot % 64), __ATOMIC_SEQ_CST);
	return 0;
}
