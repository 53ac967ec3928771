/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of the table are mapped. To map one costs far more than to read it, but what is mapped counts as this process's memory.
 * As much as may stays mapped: all of a small table, or the pages of few flows in a large one; else the table is mapped window by
 * window, and the first ones stay.
 */
#include "kernel/slots_internal.h"

#define FEW_FLOWS 4096          /* of so many, the rest of the monitor keeps little */
#define KEPT_OF_FEW (16U << 20) /* bytes */
#define KEPT_OF_MANY (8U << 20)
#define HALF_WORD 32 /* slots: as many as a page of 4096 bytes has */

int slots_hold(struct slots *table, uint32_t first, uint32_t count)
{
	int err = pages_hold(&table->hot, first, count);

	return err ? err : pages_hold(&table->details, first, count);
}

bool slots_are_held(const struct slots *table, uint32_t first, uint32_t count)
{
	return pages_are_held(&table->hot, first, count) && pages_are_held(&table->details, first, count);
}

void slots_let_go(struct slots *table, uint32_t first, uint32_t count)
{
	pages_let_go(&table->hot, first, count);
	pages_let_go(&table->details, first, count);
}

static size_t bytes_held(const struct slots *table)
{
	return (table->hot.count_held + table->details.count_held) * whole_pages(1);
}

/* The pages of flows that are far from each other: one of each array for 32 slots, and a few that lie across two. */
static size_t bytes_wanted(const struct slots *table)
{
	size_t pages = 0;

	for (uint32_t word = 0; word < words_of(table->flows); word++) {
		uint64_t taken = taken_in(table, word);

		pages += 2 * (((uint32_t)taken != 0) + (taken >> HALF_WORD != 0));
	}
	return (pages + pages / 8) * whole_pages(1);
}

void slots_begin(struct slots *table)
{
	size_t all = (table->hot.count + table->details.count) * whole_pages(1);

	table->may_stay = slots_taken(table) <= FEW_FLOWS ? KEPT_OF_FEW : KEPT_OF_MANY;
	table->apart = all > table->may_stay && bytes_wanted(table) <= table->may_stay;
}

bool slots_are_many(const struct slots *table)
{
	return bytes_held(table) > table->may_stay;
}

void slots_rest(struct slots *table)
{
	table->walk_count = 0;
	if (slots_are_many(table))
		slots_let_go(table, 0, table->flows);
}

/* Whoever frees flows here and there meets many panes, and may be in a walk meanwhile. */
static void trim(struct slots *table)
{
	uint32_t end = table->walk + table->walk_count;

	if (bytes_held(table) <= KEPT_OF_FEW)
		return;
	slots_let_go(table, 0, table->walk_count ? table->walk : table->flows);
	if (table->walk_count)
		slots_let_go(table, end, table->flows - end);
}

int slots_hold_pane(struct slots *table, uint32_t slot)
{
	uint32_t first = slot / PANE_SLOTS * PANE_SLOTS;

	if (slots_are_held(table, slot, 1))
		return 0;
	trim(table);
	return slots_hold(table, first, table->flows - first < PANE_SLOTS ? table->flows - first : PANE_SLOTS);
}

void slots_close_pages(struct slots *table)
{
	pages_close(&table->hot);
	pages_close(&table->details);
}
