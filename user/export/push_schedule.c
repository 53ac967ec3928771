/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/push_schedule.h"

#define WAIT_FIRST_NS 1000000000ULL
#define WAIT_MOST_NS (60 * 1000000000ULL)
#define EARLY_SHARE 20 /* of the interval: ticks do not come to the nanosecond */

static uint64_t wait_most(const struct push_schedule *schedule)
{
	return schedule->interval_ns > WAIT_MOST_NS ? schedule->interval_ns : WAIT_MOST_NS;
}

bool push_schedule_is_due(const struct push_schedule *schedule, uint64_t now_ns)
{
	return now_ns + schedule->interval_ns / EARLY_SHARE >= schedule->due_ns;
}

void push_schedule_begun(struct push_schedule *schedule, uint64_t now_ns)
{
	uint64_t next = schedule->due_ns + schedule->interval_ns;

	/* The rhythm is kept, unless it was lost. */
	schedule->due_ns = next > now_ns ? next : now_ns + schedule->interval_ns;
}

void push_schedule_succeeded(struct push_schedule *schedule)
{
	schedule->wait_ns = 0;
}

void push_schedule_failed(struct push_schedule *schedule, uint64_t now_ns)
{
	uint64_t wait = schedule->wait_ns ? schedule->wait_ns : WAIT_FIRST_NS;

	if (wait > wait_most(schedule))
		wait = wait_most(schedule);
	schedule->due_ns = now_ns + wait;
	schedule->wait_ns = 2 * wait;
}
