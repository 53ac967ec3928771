/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The residual of a ledger: packets that the kernel counted at the interface since it was attached, less those seen. Both are
 * read next to each other, at the attachment and at each reading; what passes in between shows in one of them only.
 */
#include "kernel/interface_counters.h"
#include "kernel/monitor_internal.h"

struct comparison {
	struct monitor *monitor;
	const struct monitor_visitor *visitor;
};

static void begin_with(void *context, const struct interface_counters *counters)
{
	struct place *place = context;

	for (enum direction direction = 0; direction < DIRECTIONS; direction++)
		place->ahead[direction] = counters->packets[direction] - place->seen_packets[direction];
	place->compared = true;
}

void residual_begin(struct monitor *monitor, struct place *place)
{
	struct ledger_record sum;

	place->compared = false;
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		if (ledger_read(monitor, (unsigned int)(place - monitor->places), direction, &sum))
			return;
		place->seen_packets[direction] = sum.seen.packets;
	}
	(void)interface_counters_read(place->ifindex, begin_with, place); /* unread: no residual, which says so */
}

static void compare(const struct comparison *comparison, const struct interface_counters *counters)
{
	const struct place *place = place_of(comparison->monitor, counters->ifindex);

	if (!place || !place->compared)
		return;
	for (enum direction direction = 0; direction < DIRECTIONS; direction++)
		if (place->hooked[direction].hook != HOOK_NONE)
			comparison->visitor->residual(comparison->visitor->context, place->ifindex, direction,
						      (int64_t)(counters->packets[direction] - place->ahead[direction] -
								place->seen_packets[direction]));
}

static void take(void *context, const struct interface_counters *counters)
{
	const struct comparison *comparison = context;
	const struct monitor_visitor *visitor = comparison->visitor;

	if (visitor->device)
		visitor->device(visitor->context, counters);
	if (visitor->residual)
		compare(comparison, counters);
}

/* One dump serves both: the counters of every interface, and the residuals of those that are watched. */
void residuals_read(struct monitor *monitor, const struct monitor_visitor *visitor)
{
	struct comparison comparison = { .monitor = monitor, .visitor = visitor };

	/* Overtaken by a change (-EAGAIN) or not to be had: what was told is right, the rest is not known this once. */
	if (visitor->residual || visitor->device)
		(void)interface_counters_read(0, take, &comparison);
}
