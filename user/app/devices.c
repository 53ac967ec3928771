/* SPDX-License-Identifier: BSD-2-Clause */
/* From the links that the kernel half knows to the interfaces of the report: only when one has come, gone or changed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon_internal.h"

struct listing {
	struct device_link *links;
	size_t count, capacity;
	bool failed;
};

static_assert(DEVICE_ADDRESS_SIZE >= LINK_ADDRESS_SIZE, "an address fits");

static void list_link(void *context, const struct link_info *link, bool gone)
{
	struct listing *listing = context;
	struct device_link *next;

	(void)gone;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
		struct device_link *links = reallocarray(listing->links, capacity, sizeof(*links));

		if (!links) {
			listing->failed = true;
			return;
		}
		listing->links = links;
		listing->capacity = capacity;
	}
	next = &listing->links[listing->count++];
	*next = (struct device_link){
		.ifindex = link->ifindex,
		.facts = {
			.up = link->up,
			.carrier = link->carrier,
			.mtu = link->mtu,
			.speed = link->speed,
			.state = link->state,
		},
	};
	memcpy(next->name, link->name, sizeof(next->name));
	memcpy(next->facts.address, link->address, sizeof(link->address));
}

int daemon_refresh_devices(struct daemon *daemon)
{
	uint64_t version = watch_links_version(daemon->watch);
	struct listing listing = { .links = NULL };
	int error = 0;

	if (version == daemon->links_version)
		return 0;
	watch_links(daemon->watch, list_link, &listing);
	error = listing.failed ? -ENOMEM : devices_links(daemon->devices, listing.links, listing.count);
	free(listing.links);
	if (!error)
		daemon->links_version = version;
	return error;
}
