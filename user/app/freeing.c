/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows are taken out of the kernel's table: those that the book names, idle ones and, when it is nearly full, others. */
#include <errno.h>
#include <string.h>

#include "app/daemon_internal.h"
#include "base/log.h"

#define TAKEN_AT_ONCE 64

static void free_flow(struct daemon *daemon, uint32_t slot, const struct flow_key *key, enum freed_reason reason)
{
	struct flow_record last;
	int error = monitor_retire(daemon->monitor, slot, key, &last);

	if (!error) {
		book_retired(daemon->book, slot, key, &last);
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

int free_pressed_now(struct daemon *daemon)
{
	struct monitor_visitor visitor = { .context = daemon, .flow = press_count };
	struct monitor_reading reading;
	int error;

	book_press_begin(daemon->book, clock_monotonic_ns());
	error = monitor_read(daemon->monitor, &visitor, &reading);
	return error ? error : free_pressed(daemon);
}
