/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where interfaces come and go all the time, those that are gone would fill the book. When there are too many, one whose
 * name another place has, too, is added to that; and then those longest gone to one that is called "other". It is done
 * for many at once, so that it is seldom done. What may still count is left alone: an interface that is there, or that has
 * a ledger, or flows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"

#define ROOM_SHARE 8 /* a share of the most is made free at once */

static bool has_packets(const struct tally *tally)
{
	return tally->packets != 0;
}

/* As of the last report. */
static bool side_is_quiet(const struct side *side)
{
	const struct lane *lane = &side->lane;

	return !side->ledgers && !has_packets(&lane->leaving) && !has_packets(&lane->present) &&
	       !has_packets(&lane->followed);
}

static bool is_named(const struct place *place, const char *name)
{
	return !strncmp(place->name, name, sizeof(place->name));
}

/* `in_use`: the places that followed flows name. */
static bool is_quiet(const struct book *book, const bool *in_use, size_t index)
{
	const struct place *place = &book->places[index];

	return *place->name && !place->present && !in_use[index] && side_is_quiet(&place->sides[DIRECTION_INGRESS]) &&
	       side_is_quiet(&place->sides[DIRECTION_EGRESS]);
}

static void mark_in_use(struct book *book, bool *in_use)
{
	for (uint32_t i = 0; i < book->entries.end; i++) {
		const struct flow_entry *entry = entries_at(&book->entries, i);
		const struct place *place;

		if (!entry->used)
			continue;
		in_use[entry->place] = true;
		place = place_find(book, entry->key.ifindex);
		if (place)
			in_use[place - book->places] = true;
	}
}

static void side_fold(struct side *into, const struct side *from)
{
	struct sheet total = total_of(from);

	into->base = sheet_add(&into->base, &total);
	into->lane.gone = tally_add(into->lane.gone, from->lane.gone);
	into->lane.held = tally_add(into->lane.held, from->lane.held);
	into->lane_base = tally_add(into->lane_base, from->lane_base);
	into->reported = tally_add(into->reported, from->reported);
	into->unaccounted += from->unaccounted;
	into->known |= from->known;
}

static void place_fold(struct place *into, struct place *from)
{
	for (int direction = 0; direction < DIRECTIONS; direction++)
		side_fold(&into->sides[direction], &from->sides[direction]);
	*from = (struct place){ .replaced = true };
}

static struct place *namesake_of(struct book *book, const struct place *place)
{
	for (size_t i = 0; i < book->place_count; i++)
		if (&book->places[i] != place && is_named(&book->places[i], place->name))
			return &book->places[i];
	return NULL;
}

/* Returns how many there are then. */
static size_t fold_namesakes(struct book *book, const bool *in_use, size_t count)
{
	for (size_t i = 0; i < book->place_count; i++) {
		struct place *other = is_quiet(book, in_use, i) ? namesake_of(book, &book->places[i]) : NULL;

		if (!other)
			continue;
		place_fold(other, &book->places[i]);
		count--;
	}
	return count;
}

/* The one longest gone; NULL if there is none. Those of one name are one by now, or not all of them are quiet. */
static struct place *oldest(struct book *book, const bool *in_use)
{
	struct place *found = NULL;

	for (size_t i = 0; i < book->place_count; i++) {
		struct place *place = &book->places[i];

		if (is_quiet(book, in_use, i) && !is_named(place, UNKNOWN_INTERFACE) &&
		    !is_named(place, BOOK_INTERFACES_OTHER) && (!found || place->gone < found->gone))
			found = place;
	}
	return found;
}

static struct place *place_of_others(struct book *book)
{
	struct place *place;

	for (size_t i = 0; i < book->place_count; i++)
		if (is_named(&book->places[i], BOOK_INTERFACES_OTHER))
			return &book->places[i];
	place = place_add(book, 0, BOOK_INTERFACES_OTHER);
	if (place)
		place->replaced = true; /* no index stands for it */
	return place;
}

static size_t places_taken(const struct book *book)
{
	size_t count = 0;

	for (size_t i = 0; i < book->place_count; i++)
		count += *book->places[i].name != 0;
	return count;
}

static int fold(struct book *book, bool *in_use)
{
	size_t most = book->config.interfaces_max, wanted = most - most / ROOM_SHARE, count;
	struct place *others;

	mark_in_use(book, in_use);
	count = fold_namesakes(book, in_use, places_taken(book));
	if (count <= wanted)
		return 0;
	others = place_of_others(book);
	if (!others)
		return -ENOMEM;
	for (; count > wanted; count--) {
		struct place *place = oldest(book, in_use);

		if (!place)
			break;
		place_fold(others, place);
	}
	return 0;
}

/* A reading in progress has taken apart what tells who is quiet. */
int places_fold(struct book *book)
{
	bool *in_use;
	int error;

	if (!book->config.interfaces_max || book->reading_open || places_taken(book) <= book->config.interfaces_max)
		return 0;
	in_use = calloc(book->place_count + 1, sizeof(*in_use)); /* and for the others' place */
	if (!in_use)
		return -ENOMEM;
	error = fold(book, in_use);
	free(in_use);
	return error;
}
