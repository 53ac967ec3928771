/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flows are followed, if there are more than may be: those with the highest scores, bytes over the last minute.
 * A reading counts its flows by classes of scores; that tells the class from which on there is room for all. Nothing is
 * sorted.
 *
 * A flow at the edge must not come and go. So it comes in HYSTERESIS classes above that class only, and goes as many
 * below it; some room is kept free, so that who is above the edge finds some.
 */
#include <string.h>

#include "measure/book_internal.h"

#define HYSTERESIS 2 /* classes: 12 to 25 % */

uint32_t score_class(float score)
{
	uint32_t bits;

	memcpy(&bits, &score, sizeof(bits));
	return bits >> 20;
}

bool follow_wants(const struct book *book, float score, const struct flow_record *record)
{
	if (record->packets >> 31) /* counters of 32 bits are about to turn over */
		return true;
	return book->followed < book->config.followed_max && score_class(score) >= book->enter_class;
}

static bool is_followed(const struct flow_entry *entry)
{
	return entry->used && !entry->retired;
}

/* Almost always every entry has a row, and its note is at hand. */
void follow_count(struct book *book)
{
	uint32_t *scores = book->followed_scores;
	bool noted = book->row_count == book->entries.used && entries_found(book) == book->entries.used;

	memset(scores, 0, sizeof(book->followed_scores));
	for (size_t i = 0; noted && i < book->row_count; i++)
		scores[score_class(book->notes[i].score)]++;
	for (uint32_t i = 0; !noted && i < book->entries.end; i++) {
		const struct flow_entry *entry = entries_at(&book->entries, i);

		if (is_followed(entry) && entry->reading == book->reading)
			scores[score_class(entry->score)]++;
	}
}

/* The lowest class from which on there are no more than `room` flows. */
static uint32_t edge_of(const struct book *book, const uint32_t followed[SCORE_CLASSES], uint64_t room)
{
	uint32_t class = SCORE_CLASSES;
	uint64_t flows = 0;

	while (class > 0) {
		flows += book->scores[class - 1] + followed[class - 1];
		if (flows > room)
			break;
		class --;
	}
	return class;
}

static void unfollow(struct book *book, struct flow_entry *entry)
{
	struct slot_state state = {
		.score = entry->score,
		.bytes_units = (uint32_t)(entry->held.number[COUNT_BYTES] / BYTES_UNIT),
		.square_turns = entry->square_turns,
		.octant = (uint32_t)(entry->gaps.gap_squares >> SQUARES_OCTANT_SHIFT),
	};

	/* Until the next reading counts it, it is among the flows that the last one did. */
	entry_counts_leave(book, entry, &book->present.counts[group_of(entry->key.protocol)],
			   &lane_of(book, &entry->key)->present);
	book->words[entry->slot] = word_of_state(state);
	book->followed--;
	entries_give(&book->entries, entry);
}

static bool may_go(const struct flow_entry *entry)
{
	return is_followed(entry) && !entry->pinned && entry->slot != NO_SLOT && entry->square_turns < WORD_TURNS_MAX;
}

/* Lets go of all below a class, and of `quota` in it. */
static void unfollow_below(struct book *book, uint32_t class, size_t quota)
{
	size_t left = quota;

	for (uint32_t below = 0; below < class; below++)
		left += book->followed_scores[below];
	for (uint32_t i = 0; i < book->entries.end && left; i++) {
		struct flow_entry *entry = entries_at(&book->entries, i);
		uint32_t its;

		if (!may_go(entry))
			continue;
		its = score_class(entry->score);
		if (its == class && quota)
			quota--;
		else if (its >= class)
			continue;
		left--;
		unfollow(book, entry);
	}
}

void follow_choose(struct book *book, uint64_t live)
{
	const uint32_t *followed = book->followed_scores;
	uint32_t edge, class;
	uint64_t limit = book->config.followed_max, room = limit - limit / 16;
	size_t over = book->followed > room ? book->followed - room : 0;

	book->enter_class = 0;
	if (live <= limit)
		return;
	edge = edge_of(book, followed, limit - limit / 8);
	for (class = 0; class < SCORE_CLASSES; class ++) {
		if (class + HYSTERESIS >= edge && followed[class] >= over)
			break;
		over -= followed[class] < over ? followed[class] : over;
	}
	unfollow_below(book, class, over);
	/* With much room left, those just below the edge come too, as many as there is room for. */
	book->enter_class = edge + HYSTERESIS;
	if (book->followed < limit - limit / 8)
		book->enter_class = edge ? edge - 1 : 0;
}
