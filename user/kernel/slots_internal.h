/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the table share. */
#ifndef FLOWGAUGE_SLOTS_INTERNAL_H
#define FLOWGAUGE_SLOTS_INTERNAL_H

#include <stdbool.h>

#include "constants.h"
#include "flow_slots.h"
#include "kernel/slots.h"

#define PANE_SLOTS 256U    /* mapped to free one: its neighbours in the table often go next */
#define WINDOW_SLOTS 8192U /* mapped for a walk; a multiple of that */
#define LOCKED_TRIES 1000  /* a packet holds a slot for some 50 ns, but its CPU may be taken away meanwhile */

/* An array, of which some pages are mapped. */
struct pages {
	int fd;
	size_t item;          /* bytes of one */
	size_t count;         /* pages of the whole array */
	size_t count_held;    /* of them, mapped */
	uint64_t *held;       /* a bit a page */
	unsigned char *start; /* where the first item is, when its page is mapped */
	bool broken;          /* nothing can be mapped any more */
};

struct slots {
	uint32_t flows, lines;
	uint32_t walk, walk_count; /* the slots that a walk is in: their pages stay */
	size_t may_stay;           /* bytes mapped at rest */
	bool apart;                /* flows are few: only the pages that they are on are mapped */
	struct hash_secret secret;
	uint64_t *bitmap;
	struct index_line *index; /* NULL: not mapped */
	int index_fd;
	struct pages hot, details;
};

size_t whole_pages(size_t bytes);
void *map_whole(int fd, size_t bytes); /* NULL, with errno */

/* --- pages of an array: slots_pages.c --- */

int pages_open(struct pages *pages, int fd, size_t item, uint32_t items);
void pages_close(struct pages *pages);
bool pages_are_held(const struct pages *pages, uint32_t first, uint32_t count);
/* Maps what is not mapped of the items' pages; or unmaps them. */
int pages_hold(struct pages *pages, uint32_t first, uint32_t count);
void pages_let_go(struct pages *pages, uint32_t first, uint32_t count);

/* --- both arrays: slots_hold.c --- */

/* Makes the slots' pages be mapped, of both arrays. */
int slots_hold(struct slots *table, uint32_t first, uint32_t count);
bool slots_are_held(const struct slots *table, uint32_t first, uint32_t count);
void slots_let_go(struct slots *table, uint32_t first, uint32_t count);
/* The same for one slot out of turn, and its neighbours. */
int slots_hold_pane(struct slots *table, uint32_t slot);
/* A walk begins: how is the table mapped? */
void slots_begin(struct slots *table);
/* More is mapped than may stay so. */
bool slots_are_many(const struct slots *table);
/* Lets go of what may not stay. */
void slots_rest(struct slots *table);
void slots_close_pages(struct slots *table);

static inline struct flow_slot *slot_at(const struct slots *table, uint32_t slot)
{
	return (struct flow_slot *)table->hot.start + slot;
}

static inline const struct flow_detail *detail_at(const struct slots *table, uint32_t slot)
{
	return (const struct flow_detail *)table->details.start + slot;
}

static inline uint32_t words_of(uint32_t flows)
{
	return flows / 64 + (flows % 64 != 0);
}

/* The slots that are taken of 64. */
static inline uint64_t taken_in(const struct slots *table, uint32_t word)
{
	return __atomic_load_n(&table->bitmap[word], __ATOMIC_ACQUIRE);
}

static inline uint32_t word_of(const struct flow_slot *slot)
{
	return __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
}

/* Between two looks at a slot that is locked. */
void wait_a_little(int tries);

#endif
