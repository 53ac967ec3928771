/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the table share. */
#ifndef FLOWGAUGE_SLOTS_INTERNAL_H
#define FLOWGAUGE_SLOTS_INTERNAL_H

#include <stdbool.h>

#include "constants.h"
#include "flow_slots.h"
#include "kernel/slots.h"

#define PANE_SLOTS 256U     /* mapped for a single slot: with so many, windows of both arrays begin with a page */
#define WINDOW_SLOTS 16384U /* mapped for a walk; a multiple of that */
#define KEPT_SLOTS 65536U   /* a table of so many stays mapped: 16 MB */
#define LOCKED_TRIES 1000   /* a packet holds a slot for some 50 ns, but its CPU may be taken away meanwhile */

/* A part of an array, mapped. */
struct window {
	int fd;
	size_t item; /* bytes of one */
	uint32_t first;
	uint32_t count; /* 0: nothing is mapped */
	unsigned char *start;
};

struct slots {
	uint32_t flows, lines;
	bool kept; /* mapped throughout, in one window */
	struct hash_secret secret;
	uint64_t *bitmap;
	struct index_line *index; /* NULL: not mapped */
	int index_fd;
	struct window hot, details;
};

size_t whole_pages(size_t bytes);
void *map_whole(int fd, size_t bytes); /* NULL, with errno */

/* Makes the windows hold the slot; or it and those that follow it to the next multiple of WINDOW_SLOTS. */
int window_to(struct slots *table, uint32_t slot);
int window_over(struct slots *table, uint32_t slot);
/* Lets go of what is not needed at rest: a small table stays mapped. */
void windows_rest(struct slots *table);
void windows_close(struct slots *table);

static inline struct flow_slot *slot_at(const struct slots *table, uint32_t slot)
{
	return (struct flow_slot *)table->hot.start + (slot - table->hot.first);
}

static inline const struct flow_detail *detail_at(const struct slots *table, uint32_t slot)
{
	return (const struct flow_detail *)table->details.start + (slot - table->details.first);
}

static inline uint32_t word_of(const struct flow_slot *slot)
{
	return __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
}

/* Between two looks at a slot that is locked. */
void wait_a_little(int tries);

#endif
