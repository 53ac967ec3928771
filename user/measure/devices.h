/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel counts of each interface, as counters of a name that never fall while the monitor runs. The caller
 * brings which interfaces there are and what the kernel says of them.
 *
 * - An interface that is gone leaves its counters standing. One that comes under that name goes on from there: by what it
 *   counted since, if it has the index or the address of the one that was gone; by all that it counted, if it is
 *   another one. (A new one of the same address has counted less than the old one, and is told by that.)
 * - A renamed interface takes its counters along, unless its new name has some: then these go on by what it counts from
 *   now on, and what it counted before stays with the old name.
 * - A counter that falls began anew: it goes on from where it stood.
 * - Names that are gone go when there are more than `names_max`, the longest gone first. What they had is added up under
 *   DEVICES_OTHER, so that a sum over all names never falls.
 */
#ifndef FLOWGAUGE_DEVICES_H
#define FLOWGAUGE_DEVICES_H

#include "measure/report.h"

#define DEVICES_OTHER "other"
#define DEVICES_NAMES_MAX 1024

struct devices;

struct device_link {
	unsigned int ifindex; /* not 0 */
	char name[IF_NAMESIZE];
	struct device_facts facts;
};

int devices_new(size_t names_max, struct devices **out); /* 0 or -ENOMEM */
struct devices *devices_free(struct devices *devices);   /* NULL */

/* All interfaces that there are now, in any order. -ENOMEM: all is as before. */
int devices_links(struct devices *devices, const struct device_link *links, size_t count);
/* What the kernel counted of one of them since it was made. Of an index that was not told of, nothing is taken. */
void devices_count(struct devices *devices, unsigned int ifindex, const struct device_tally sides[DIRECTIONS]);
/* Fills report->devices, which are none before, with those that were counted. 0 or -ENOMEM. */
int devices_report(const struct devices *devices, struct report *report);

#endif
