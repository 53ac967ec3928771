/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places in the ledger, and the table by which the programs find them.
 *
 * An interface that is let go keeps both: a packet that is just passing is still charged where it belongs, and one that
 * comes back goes on where it stood. Both are taken from the interface let go longest ago when somebody else needs them.
 */
#include <errno.h>
#include <string.h>

#include "kernel/monitor_internal.h"

static struct interface_slot *slot_at(const struct monitor *monitor, unsigned int ifindex, unsigned int probe)
{
	return &monitor->skeleton->bss->interface_slots[(ifindex + probe) & (INTERFACE_SLOTS - 1)];
}

static struct interface_slot *slot_of(const struct monitor *monitor, unsigned int ifindex)
{
	for (unsigned int i = 0; i < INTERFACE_PROBES; i++)
		if (slot_at(monitor, ifindex, i)->ifindex == ifindex)
			return slot_at(monitor, ifindex, i);
	return NULL;
}

static struct place *place_known(struct monitor *monitor, unsigned int ifindex)
{
	for (unsigned int i = 1; i < INTERFACES_MAX; i++)
		if (monitor->places[i].ifindex == ifindex)
			return &monitor->places[i];
	return NULL;
}

struct place *place_of(struct monitor *monitor, unsigned int ifindex)
{
	struct place *place = place_known(monitor, ifindex);

	return place && place->watched ? place : NULL;
}

static void place_forget(struct monitor *monitor, struct place *place)
{
	__atomic_store_n(&slot_of(monitor, place->ifindex)->ifindex, 0, __ATOMIC_RELEASE);
	place->ifindex = 0;
}

/* The slot in which the programs will find an interface; NULL if eight watched ones are in its way. */
static struct interface_slot *slot_take(struct monitor *monitor, unsigned int ifindex)
{
	struct interface_slot *slot;
	struct place *oldest = NULL;

	for (unsigned int i = 0; i < INTERFACE_PROBES; i++) {
		struct place *place;

		slot = slot_at(monitor, ifindex, i);
		if (!slot->ifindex)
			return slot;
		place = place_known(monitor, slot->ifindex);
		if (!place->watched && (!oldest || place->released < oldest->released))
			oldest = place;
	}
	if (!oldest)
		return NULL;
	slot = slot_of(monitor, oldest->ifindex);
	place_forget(monitor, oldest);
	return slot;
}

/* A free place, or the one let go longest ago; NULL if all are watched. */
static struct place *place_find(struct monitor *monitor)
{
	struct place *oldest = NULL;

	for (unsigned int i = 1; i < INTERFACES_MAX; i++) {
		struct place *place = &monitor->places[i];

		if (!place->ifindex)
			return place;
		if (!place->watched && (!oldest || place->released < oldest->released))
			oldest = place;
	}
	if (oldest)
		place_forget(monitor, oldest);
	return oldest;
}

static int baseline_take(struct monitor *monitor, struct place *place)
{
	int err = 0;

	for (enum direction direction = 0; direction < DIRECTIONS && !err; direction++)
		err = ledger_read(monitor, (unsigned int)(place - monitor->places), direction,
				  &place->baseline[direction]);
	return err;
}

int place_take(struct monitor *monitor, unsigned int ifindex)
{
	struct place *place = place_known(monitor, ifindex);
	struct interface_slot *slot;
	int number, err;

	if (place) {
		place->watched = true;
		place_bins_add(monitor, place);
		return (int)(place - monitor->places);
	}
	place = place_find(monitor);
	slot = place ? slot_take(monitor, ifindex) : NULL;
	if (!slot)
		return -ENOSPC;
	err = baseline_take(monitor, place);
	if (err)
		return err;
	number = (int)(place - monitor->places);
	place->ifindex = ifindex;
	place->watched = true;
	slot->ledger = (__u32)number;
	__atomic_store_n(&slot->ifindex, ifindex, __ATOMIC_RELEASE);
	place_bins_add(monitor, place);
	return number;
}

void place_release(struct monitor *monitor, struct place *place)
{
	place->watched = false;
	place_bins_remove(monitor, place);
	place->released = monitor->releases++;
}
