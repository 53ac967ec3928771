/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/flow_entries.h"

#include <stdlib.h>

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
