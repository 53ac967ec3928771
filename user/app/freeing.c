/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows are taken out of the kernel's table: those that the book names, idle ones and, when it is nearly full, others. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "app/daemon_internal.h"
#include "base/log.h"
#include "base/loop.h"

#define TAKEN_AT_ONCE 64

static void free_flow(struct daemon *daemon, uint32_t slot, const struct flow_key *key, enum freed_reason reason)
{
	struct flow_record last;
	int error = monitor_retire(daemon->monitor, slot, key, &last);

	if (!error) {
		book_retired(daemon->book, slot, key, &last);
		groups_retired(daemon->groups, key, last.packets + last.spilled.packets,
			       last.bytes + last.spilled.bytes, last.payload_bytes + last.spilled.payload_bytes);
		daemon->self.freed[reason]++;
	} else if (error != -ENOENT && error != -EBUSY) { /* a busy one is found again by the next reading */
		log_warning("cannot take a flow out of the table: %s", strerror(-error));
	}
}

void free_idle(struct daemon *daemon)
{
	struct idle_flow idle[TAKEN_AT_ONCE];
	size_t count;

	while ((count = book_idle(daemon->book, idle, TAKEN_AT_ONCE)))
		for (size_t i = 0; i < count; i++)
			free_flow(daemon, idle[i].slot, &idle[i].key, FREED_IDLE);
}

static void press_take(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct daemon *daemon = context;

	if (book_press_takes(daemon->book, record))
		free_flow(daemon, slot, key, FREED_PRESSURE);
}

static void press_count(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	(void)slot;
	(void)key;
	book_press_count(((struct daemon *)context)->book, record);
}

int free_pressed(struct daemon *daemon)
{
	struct monitor_visitor visitor = { .context = daemon, .flow = press_take };
	struct monitor_reading reading;

	if (!book_press_choose(daemon->book))
		return 0;
	return monitor_read(daemon->monitor, &visitor, &reading);
}

/* A whole look at the table costs more the larger it is: it has a tenth of the time at most. */
#define PRESS_LEAST_NS 100000000ULL
#define PRESS_SHARE 10

static int free_pressed_now(struct daemon *daemon)
{
	struct monitor_visitor visitor = { .context = daemon, .flow = press_count };
	struct monitor_reading reading;
	int error;

	book_press_begin(daemon->book, clock_monotonic_ns());
	error = monitor_read(daemon->monitor, &visitor, &reading);
	if (!error)
		error = free_pressed(daemon);
	if (!error)
		error = free_end(daemon);
	return error;
}

static void left(void *context, const struct flow_key *key, const struct flow_record *record)
{
	struct daemon *daemon = context;

	book_left(daemon->book, key, record);
	groups_retired(daemon->groups, key, record->spilled.packets, record->spilled.bytes,
		       record->spilled.payload_bytes);
}

void free_left(struct daemon *daemon, const struct flow_key *key, const struct flow_record *record)
{
	left(daemon, key, record);
}

int free_end(struct daemon *daemon)
{
	struct monitor_visitor visitor = { .context = daemon, .left = left };

	return monitor_retire_end(daemon->monitor, &visitor);
}

void press_expired(struct loop_timer *timer, uint64_t expirations)
{
	struct daemon *daemon = (struct daemon *)((char *)timer - offsetof(struct daemon, press));
	uint64_t began = clock_monotonic_ns(), took;
	uint32_t most = daemon->config->max_flows;

	(void)expirations;
	if (monitor_flows(daemon->monitor) <= most - most / 8 || began < daemon->press_after_ns)
		return;
	if (free_pressed_now(daemon))
		log_warning("the table is nearly full, and its flows could not be read to free some");
	took = clock_monotonic_ns() - began;
	daemon->press_after_ns = began + PRESS_SHARE * took;
}

int press_start(struct daemon *daemon)
{
	return loop_timer_set(&daemon->press, PRESS_LEAST_NS, PRESS_LEAST_NS);
}
