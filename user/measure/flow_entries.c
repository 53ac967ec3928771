/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/flow_entries.h"

#include <stdlib.h>
#include <string.h>

void entries_close(struct flow_entries *entries)
{
	for (size_t i = 0; i < entries->slab_count; i++)
		free(entries->slabs[i]);
	free(entries->slabs);
	*entries = (struct flow_entries){ 0 };
}

struct flow_entry *entries_at(const struct flow_entries *entries, uint32_t index)
{
	return &entries->slabs[index / ENTRY_SLAB][index % ENTRY_SLAB];
}

static int add_slab(struct flow_entries *entries)
{
	struct flow_entry **slabs = reallocarray(entries->slabs, entries->slab_count + 1, sizeof(struct flow_entry *));
	struct flow_entry *slab;

	if (!slabs)
		return -1;
	entries->slabs = slabs;
	slab = calloc(ENTRY_SLAB, sizeof(*slab));
	if (!slab)
		return -1;
	slabs[entries->slab_count++] = slab;
	return 0;
}

struct flow_entry *entries_take(struct flow_entries *entries)
{
	struct flow_entry *entry;
	uint32_t index;

	if (entries->free) {
		index = entries->free - 1;
		entries->free = entries_at(entries, index)->next;
	} else {
		if (entries->end == entries->slab_count * ENTRY_SLAB && add_slab(entries))
			return NULL;
		index = entries->end++;
	}
	entry = entries_at(entries, index);
	*entry = (struct flow_entry){ .index = index, .used = true, .slot = NO_SLOT, .row = NO_ROW };
	entries->used++;
	return entry;
}

void entries_give(struct flow_entries *entries, struct flow_entry *entry)
{
	entry->used = false;
	entry->next = entries->free;
	entries->free = entry->index + 1;
	entries->used--;
}

uint64_t word_of_state(struct slot_state state)
{
	uint32_t bits;

	memcpy(&bits, &state.score, sizeof(bits));
	return WORD_KNOWN | (uint64_t)state.square_turns << WORD_TURNS_SHIFT |
	       (uint64_t)state.octant << WORD_OCTANT_SHIFT |
	       (uint64_t)(bits >> 8 & WORD_SCORE_MASK) << WORD_SCORE_SHIFT | state.bytes_units;
}

struct slot_state word_state(uint64_t word)
{
	struct slot_state state = {
		.bytes_units = (uint32_t)word,
		.square_turns = (uint32_t)(word >> WORD_TURNS_SHIFT) & WORD_TURNS_MAX,
		.octant = (uint32_t)(word >> WORD_OCTANT_SHIFT) & 7,
	};
	uint32_t bits = ((uint32_t)(word >> WORD_SCORE_SHIFT) & WORD_SCORE_MASK) << 8;

	memcpy(&state.score, &bits, sizeof(bits));
	return state;
}
