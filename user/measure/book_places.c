/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces. A ledger belongs to an interface index while that is watched; what a user follows is a name. So a total is
 * kept for each index, with the name it has or had, and a report adds up those of one name. That makes a vanished
 * interface keep its totals, one that comes back under its name go on where it stood, and a renamed one take its totals
 * along.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"

#define PLACES_AT_FIRST 16

static bool stands_for(const struct place *place, unsigned int ifindex)
{
	return place->ifindex == ifindex && !place->replaced;
}

struct place *place_find(struct book *book, unsigned int ifindex)
{
	if (book->place_hit < book->place_count && stands_for(&book->places[book->place_hit], ifindex))
		return &book->places[book->place_hit];
	for (size_t i = 0; i < book->place_count; i++) {
		if (stands_for(&book->places[i], ifindex)) {
			book->place_hit = i;
			return &book->places[i];
		}
	}
	return NULL;
}

static struct place *place_free(struct book *book)
{
	for (size_t i = 0; i < book->place_count; i++)
		if (!*book->places[i].name)
			return &book->places[i];
	return NULL;
}

struct place *place_add(struct book *book, unsigned int ifindex, const char *name)
{
	struct place *place;

	place = place_free(book);
	if (!place && book->place_count == book->place_capacity) {
		size_t capacity = book->place_capacity ? 2 * book->place_capacity : PLACES_AT_FIRST;
		struct place *places = realloc(book->places, capacity * sizeof(*places));

		if (!places)
			return NULL;
		book->places = places;
		book->place_capacity = capacity;
	}
	if (!place)
		place = &book->places[book->place_count++];
	*place = (struct place){ .ifindex = ifindex };
	strncpy(place->name, name, sizeof(place->name) - 1);
	return place;
}

int64_t standing_take(struct book *book, unsigned int ifindex)
{
	struct place *place = place_find(book, ifindex);

	if (!place)
		place = place_add(book, ifindex, UNKNOWN_INTERFACE);
	return place ? place - book->places : -ENOMEM;
}

/* The old interface's total stands from now on; the new one counts what its ledgers and flows show beyond it. */
static void hand_over(struct side *old, struct side *new)
{
	new->lane = old->lane;
	new->lane_base = tally_subtract((struct tally){ 0 }, old->lane.held);
	old->lane_base = flows_of(old);
	old->lane = (struct lane){ 0 };
	if (old->ledgers) {
		new->last = old->last;
		new->base = sheet_subtract(&(struct sheet){ 0 }, &old->last);
		new->ledgers = old->ledgers;
	}
	old->base = total_of(old);
	old->last = (struct sheet){ 0 };
	old->ledgers = 0;
}

/* The index of an interface that is gone was given to another one. */
static struct place *place_replace(struct book *book, size_t index, const struct interface_report *interface)
{
	struct place *new = place_add(book, interface->ifindex, interface->name);
	struct place *old = &book->places[index];

	if (!new)
		return NULL;
	old->replaced = true;
	for (int direction = 0; direction < DIRECTIONS; direction++)
		hand_over(&old->sides[direction], &new->sides[direction]);
	return new;
}

static int place_name(struct book *book, const struct interface_report *interface)
{
	struct place *place = place_find(book, interface->ifindex);

	if (!place)
		return place_add(book, interface->ifindex, interface->name) ? 0 : -ENOMEM;
	if (!strncmp(place->name, interface->name, sizeof(place->name)))
		return 0;
	if (!place->present && strcmp(place->name, UNKNOWN_INTERFACE) != 0)
		return place_replace(book, (size_t)(place - book->places), interface) ? 0 : -ENOMEM;
	memcpy(place->name, interface->name, sizeof(place->name));
	place->name[sizeof(place->name) - 1] = 0;
	return 0;
}

static void places_present(struct book *book)
{
	book->lists++;
	for (size_t i = 0; i < book->place_count; i++) {
		if (book->places[i].present)
			book->places[i].gone = book->lists;
		book->places[i].present = false;
	}
	for (size_t i = 0; i < book->interface_count; i++) {
		struct place *place = place_find(book, book->interfaces[i].ifindex);

		if (place)
			place->present = true;
	}
}

int book_interfaces(struct book *book, const struct interface_report *interfaces, size_t count)
{
	struct interface_report *copy = NULL;

	if (count) {
		copy = malloc(count * sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, interfaces, count * sizeof(*copy));
	}
	free(book->interfaces);
	book->interfaces = copy;
	book->interface_count = count;
	for (size_t i = 0; i < count; i++)
		if (place_name(book, &copy[i]))
			return -ENOMEM;
	places_present(book);
	return places_fold(book);
}

struct lane *lane_of(struct book *book, const struct flow_key *key)
{
	return &place_find(book, key->ifindex)->sides[key->direction == DIRECTION_EGRESS].lane;
}
