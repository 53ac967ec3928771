/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces as groups know them. A key holds an interface's place, so that a rename moves its series as a whole; two
 * places that come to bear one name, because an interface came back with another index, become one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/groups_internal.h"

#define INDICES_FIRST 64
#define UNKNOWN_NAME "?"

static struct group_index *index_of(const struct groups *groups, unsigned int ifindex)
{
	size_t mask = groups->index_capacity - 1, slot = ifindex * 2654435761U & mask;

	while (groups->indices[slot].ifindex && groups->indices[slot].ifindex != ifindex)
		slot = (slot + 1) & mask;
	return &groups->indices[slot];
}

uint32_t places_find(const struct groups *groups, unsigned int ifindex)
{
	return index_of(groups, ifindex)->place; /* of a free one: UNKNOWN_PLACE */
}

int places_open(struct groups *groups)
{
	groups->places = calloc(1, sizeof(*groups->places));
	groups->indices = calloc(INDICES_FIRST, sizeof(*groups->indices));
	if (!groups->places || !groups->indices)
		return -ENOMEM;
	memcpy(groups->places[UNKNOWN_PLACE].name, UNKNOWN_NAME, sizeof(UNKNOWN_NAME));
	groups->place_count = groups->place_capacity = 1;
	groups->index_capacity = INDICES_FIRST;
	return 0;
}

void places_close(struct groups *groups)
{
	free(groups->places);
	free(groups->indices);
}

/* Room for `more` indices and as many places. */
static int make_room(struct groups *groups, size_t more)
{
	size_t capacity = groups->index_capacity, wanted = groups->place_count + more;
	struct group_index *before = groups->indices, *indices;
	struct group_place *places;

	if (wanted > groups->place_capacity) {
		places = realloc(groups->places, wanted * sizeof(*places));
		if (!places)
			return -ENOMEM;
		groups->places = places;
		groups->place_capacity = wanted;
	}
	while (capacity < (groups->index_count + more) * 2)
		capacity *= 2;
	if (capacity == groups->index_capacity)
		return 0;
	indices = calloc(capacity, sizeof(*indices));
	if (!indices)
		return -ENOMEM;
	groups->indices = indices;
	wanted = groups->index_capacity;
	groups->index_capacity = capacity;
	for (size_t i = 0; i < wanted; i++)
		if (before[i].ifindex)
			*index_of(groups, before[i].ifindex) = before[i];
	free(before);
	return 0;
}

static uint32_t place_free(struct groups *groups)
{
	for (size_t i = UNKNOWN_PLACE + 1; i < groups->place_count; i++)
		if (!*groups->places[i].name)
			return (uint32_t)i;
	return (uint32_t)groups->place_count++;
}

/* Its place now bears the name. */
static void place_name(struct groups *groups, const struct interface_report *interface)
{
	struct group_index *index = index_of(groups, interface->ifindex);
	struct group_place *place;

	if (!index->ifindex) {
		*index = (struct group_index){ interface->ifindex, place_free(groups) };
		groups->index_count++;
	}
	place = &groups->places[index->place];
	memcpy(place->name, interface->name, sizeof(place->name));
	place->name[sizeof(place->name) - 1] = '\0';
}

/*
 * Two keys become one: `other` goes into `entry`, and what the series of the two showed, the one series shows. What had
 * none was shown in the rest, and stays there.
 */
static void entries_merge(const struct groups *groups, struct group_entry *entry, struct group_entry *other)
{
	group_entry_freshen(groups, entry);
	group_entry_freshen(groups, other);
	if (!entry->has_series)
		entry->base = entry->total;
	group_sums_add(&entry->base, other->has_series ? &other->base : &other->total);
	group_sums_add(&entry->live, &other->live);
	group_sums_add(&entry->retired, &other->retired);
	group_sums_add(&entry->pending, &other->pending);
	group_sums_add(&entry->total, &other->total);
	entry->flows += other->flows;
	entry->known |= other->known;
	entry->has_series |= other->has_series;
	other->merged = true;
}

static void drop_merged(const struct groups *groups, struct group *group)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < group->count; i++)
		if (!group->entries[i].merged)
			group->entries[kept++] = group->entries[i];
	group->count = kept;
	group_index_anew(groups, group);
}

/* While this runs, entries of `from` are found no more, but those of `to` are: no two of `from` become alike. */
static void group_move(const struct groups *groups, struct group *group, uint32_t from, uint32_t to)
{
	if (!(group->config->parts & GROUP_BY_INTERFACE))
		return;
	for (uint32_t i = 0; i < group->count; i++) {
		struct group_entry *there;
		uint64_t words[GROUP_WORDS];
		struct flow_key key;

		memcpy(&key, group->entries[i].words, sizeof(key));
		if (key.ifindex != from)
			continue;
		key.ifindex = to;
		memcpy(words, &key, sizeof(words));
		there = group_entry_find(groups, group, words);
		if (there)
			entries_merge(groups, there, &group->entries[i]);
		else
			memcpy(group->entries[i].words, words, sizeof(words));
	}
	drop_merged(groups, group);
}

static void place_merge(struct groups *groups, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < groups->config.count; i++)
		group_move(groups, &groups->items[i], from, to);
	for (size_t i = 0; i < groups->index_capacity; i++)
		if (groups->indices[i].ifindex && groups->indices[i].place == from)
			groups->indices[i].place = to;
	groups->places[from] = (struct group_place){ 0 };
}

static void merge_namesakes(struct groups *groups, uint32_t place)
{
	const char *name = groups->places[place].name;

	for (uint32_t other = UNKNOWN_PLACE + 1; other < groups->place_count; other++)
		if (other != place && !strcmp(groups->places[other].name, name)) {
			place_merge(groups, place, other);
			return; /* there was at most one: names were all different before */
		}
}

/* All are named before any are merged: two may have swapped their names. */
int groups_interfaces(struct groups *groups, const struct interface_report *interfaces, size_t count)
{
	if (make_room(groups, count))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		place_name(groups, &interfaces[i]);
	for (size_t i = 0; i < count; i++)
		merge_namesakes(groups, places_find(groups, interfaces[i].ifindex));
	return 0;
}
