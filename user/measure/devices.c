/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry a name. It holds the name's totals, and of the device that bears the name, or bore it last, the kernel's
 * counters as they were read: a total grows by what those have grown by. So whose counters they are can change without
 * a total that falls or leaps.
 */
#include "measure/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct device_report shown;           /* name, facts and totals */
	struct device_tally last[DIRECTIONS]; /* of the device */
	unsigned int ifindex;                 /* of the device, also after it is gone */
	uint64_t gone;                        /* when, counted in lists of links; only of one that is not present */
	bool listed;                          /* in the list of links that is being taken */
	bool counted;                         /* else its totals are not known yet */
};

/* Where the device of an index is. */
struct standing {
	unsigned int ifindex;
	size_t entry;
};

struct devices {
	size_t names_max;
	struct entry *entries; /* by name, but while a list of links is being taken */
	size_t count, capacity;
	struct standing *standings; /* of those present, by index */
	size_t standing_count;
	uint64_t lists;
};

/* A link of the list whose name is not the one that its device had. */
struct arrival {
	const struct device_link *link;
	struct entry *entry;  /* of its name; NULL: there is none */
	struct entry *former; /* that its device is in; NULL: the device is new */
	struct device_tally last[DIRECTIONS];
};

int devices_new(size_t names_max, struct devices **out)
{
	struct devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return -ENOMEM;
	devices->names_max = names_max;
	*out = devices;
	return 0;
}

struct devices *devices_free(struct devices *devices)
{
	if (!devices)
		return NULL;
	free(devices->entries);
	free(devices->standings);
	free(devices);
	return NULL;
}

/* --- finding --- */

static int by_name(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return strncmp(a->shown.name, b->shown.name, IF_NAMESIZE);
}

static int name_against_entry(const void *name, const void *entry)
{
	return strncmp(name, ((const struct entry *)entry)->shown.name, IF_NAMESIZE);
}

static int by_index(const void *left, const void *right)
{
	const struct standing *a = left, *b = right;

	return a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
}

static struct entry *find_name(const struct devices *devices, const char *name)
{
	if (!devices->count)
		return NULL;
	return bsearch(name, devices->entries, devices->count, sizeof(*devices->entries), name_against_entry);
}

static struct entry *find_index(const struct devices *devices, unsigned int ifindex)
{
	const struct standing key = { .ifindex = ifindex }, *found = NULL;

	if (devices->standing_count)
		found = bsearch(&key, devices->standings, devices->standing_count, sizeof(key), by_index);
	return found ? &devices->entries[found->entry] : NULL;
}

/* --- links --- */

/* All memory that a list may take, so that nothing fails half-way. One entry more is for what is folded away. */
static int make_room(struct devices *devices, size_t links)
{
	size_t wanted = devices->count + links + 1;
	struct standing *standings;
	struct entry *entries;

	if (wanted <= devices->capacity)
		return 0;
	entries = reallocarray(devices->entries, wanted, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	devices->entries = entries;
	standings = reallocarray(devices->standings, wanted, sizeof(*standings));
	if (!standings)
		return -ENOMEM;
	devices->standings = standings;
	devices->capacity = wanted;
	return 0;
}

static struct entry *entry_add(struct devices *devices, const char name[IF_NAMESIZE])
{
	struct entry *entry = &devices->entries[devices->count++];

	*entry = (struct entry){ 0 };
	memcpy(entry->shown.name, name, IF_NAMESIZE - 1);
	return entry;
}

static void entry_take(struct entry *entry, const struct device_link *link)
{
	entry->listed = true;
	entry->ifindex = link->ifindex;
	entry->shown.present = true;
	entry->shown.facts = link->facts;
}

/* Links whose device has the name it had are done with; the others are arrivals. Returns how many. */
static size_t settle_known(struct devices *devices, const struct device_link *links, size_t count,
			   struct arrival *arrivals)
{
	size_t arrived = 0;

	for (size_t i = 0; i < devices->count; i++)
		devices->entries[i].listed = false;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = find_index(devices, links[i].ifindex);

		if (entry && !strncmp(entry->shown.name, links[i].name, IF_NAMESIZE)) {
			entry_take(entry, &links[i]);
			continue;
		}
		arrivals[arrived] = (struct arrival){
			.link = &links[i],
			.entry = find_name(devices, links[i].name),
			.former = entry,
		};
		if (entry)
			memcpy(arrivals[arrived].last, entry->last, sizeof(entry->last));
		arrived++;
	}
	for (size_t i = 0; i < devices->count; i++) {
		struct entry *entry = &devices->entries[i];

		if (!entry->shown.present || entry->listed)
			continue;
		entry->shown.present = false;
		entry->gone = devices->lists;
	}
	return arrived;
}

static bool name_is_wanted(const struct arrival *arrivals, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(arrivals[i].link->name, name, IF_NAMESIZE))
			return true;
	return false;
}

/* It was away: in another network namespace it may have been given another index. */
static bool is_same_device(const struct entry *entry, const struct device_link *link)
{
	const char *before = entry->shown.facts.address, *now = link->facts.address;

	return entry->ifindex == link->ifindex || (*now && !strncmp(before, now, DEVICE_ADDRESS_SIZE));
}

static void settle_arrival(struct devices *devices, const struct arrival *arrivals, size_t count,
			   const struct arrival *arrival)
{
	const struct device_link *link = arrival->link;
	struct entry *entry = arrival->entry, *former = arrival->former;

	if (!entry && former && !former->listed && !name_is_wanted(arrivals, count, former->shown.name)) {
		memcpy(former->shown.name, link->name, IF_NAMESIZE - 1);
		entry_take(former, link);
		return;
	}
	if (!entry)
		entry = entry_add(devices, link->name);
	if (entry->listed)
		return; /* a name twice: the list is not of one moment, and there will be another */
	if (former)
		memcpy(entry->last, arrival->last, sizeof(entry->last));
	else if (!is_same_device(entry, link))
		memset(entry->last, 0, sizeof(entry->last));
	entry_take(entry, link);
}

/* --- what is gone, and too much --- */

static void tally_add(struct device_tally *sum, const struct device_tally *other)
{
	sum->packets += other->packets;
	sum->bytes += other->bytes;
	sum->errors += other->errors;
	sum->drops += other->drops;
}

static bool is_other(const struct entry *entry)
{
	return !strncmp(entry->shown.name, DEVICES_OTHER, IF_NAMESIZE);
}

/* Those that may be folded first, the longest gone in front. */
static int by_age(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	bool a_stays = a->shown.present || is_other(a), b_stays = b->shown.present || is_other(b);

	if (a_stays != b_stays)
		return a_stays ? 1 : -1;
	if (!a_stays && a->gone != b->gone)
		return a->gone < b->gone ? -1 : 1;
	return by_name(a, b);
}

static void fold(struct devices *devices)
{
	struct device_tally sums[DIRECTIONS] = { 0 };
	struct entry *other = NULL;
	size_t folded = 0;

	if (devices->count <= devices->names_max)
		return;
	qsort(devices->entries, devices->count, sizeof(*devices->entries), by_age);
	while (devices->count - folded > devices->names_max && !devices->entries[folded].shown.present &&
	       !is_other(&devices->entries[folded])) {
		for (int direction = 0; direction < DIRECTIONS; direction++)
			tally_add(&sums[direction], &devices->entries[folded].shown.sides[direction]);
		folded++;
	}
	if (!folded)
		return;
	devices->count -= folded;
	memmove(devices->entries, devices->entries + folded, devices->count * sizeof(*devices->entries));
	for (size_t i = 0; i < devices->count && !other; i++)
		if (is_other(&devices->entries[i]))
			other = &devices->entries[i];
	if (!other) {
		static const char name[IF_NAMESIZE] = DEVICES_OTHER;

		other = entry_add(devices, name);
	}
	for (int direction = 0; direction < DIRECTIONS; direction++)
		tally_add(&other->shown.sides[direction], &sums[direction]);
	other->counted = true;
}

static void sort_entries(struct devices *devices)
{
	if (devices->count)
		qsort(devices->entries, devices->count, sizeof(*devices->entries), by_name);
	devices->standing_count = 0;
	for (size_t i = 0; i < devices->count; i++)
		if (devices->entries[i].shown.present)
			devices->standings[devices->standing_count++] =
				(struct standing){ .ifindex = devices->entries[i].ifindex, .entry = i };
	if (devices->standing_count)
		qsort(devices->standings, devices->standing_count, sizeof(*devices->standings), by_index);
}

int devices_links(struct devices *devices, const struct device_link *links, size_t count)
{
	struct arrival *arrivals = calloc(count ? count : 1, sizeof(*arrivals));
	size_t arrived;

	if (!arrivals || make_room(devices, count)) {
		free(arrivals);
		return -ENOMEM;
	}
	devices->lists++;
	arrived = settle_known(devices, links, count, arrivals);
	for (size_t i = 0; i < arrived; i++)
		settle_arrival(devices, arrivals, arrived, &arrivals[i]);
	free(arrivals);
	fold(devices);
	sort_entries(devices);
	return 0;
}

/* --- counters --- */

static void grow(uint64_t *total, uint64_t *last, uint64_t now)
{
	*total += now >= *last ? now - *last : now;
	*last = now;
}

void devices_count(struct devices *devices, unsigned int ifindex, const struct device_tally sides[DIRECTIONS])
{
	struct entry *entry = find_index(devices, ifindex);

	if (!entry)
		return;
	entry->counted = true;
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		struct device_tally *total = &entry->shown.sides[direction], *last = &entry->last[direction];
		const struct device_tally *now = &sides[direction];

		grow(&total->packets, &last->packets, now->packets);
		grow(&total->bytes, &last->bytes, now->bytes);
		grow(&total->errors, &last->errors, now->errors);
		grow(&total->drops, &last->drops, now->drops);
	}
}

int devices_report(const struct devices *devices, struct report *report)
{
	report->devices = calloc(devices->count ? devices->count : 1, sizeof(*report->devices));
	if (!report->devices)
		return -ENOMEM;
	for (size_t i = 0; i < devices->count; i++)
		if (devices->entries[i].counted)
			report->devices[report->device_count++] = devices->entries[i].shown;
	return 0;
}
