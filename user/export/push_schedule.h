/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a push is due: every interval, and after a failure after 1 s, 2 s, 4 s and so on, up to the interval or a minute,
 * whichever is longer. Reports come at ticks, so a push is due a little early rather than a whole tick late. No clock is
 * read here; times are nanoseconds of a clock that does not go back.
 */
#ifndef FLOWGAUGE_PUSH_SCHEDULE_H
#define FLOWGAUGE_PUSH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct push_schedule {
	uint64_t interval_ns;
	uint64_t due_ns;  /* 0: at once */
	uint64_t wait_ns; /* after the next failure; 0: the last push succeeded */
};

bool push_schedule_is_due(const struct push_schedule *schedule, uint64_t now_ns);
void push_schedule_begun(struct push_schedule *schedule, uint64_t now_ns); /* also of one that is left out */
void push_schedule_succeeded(struct push_schedule *schedule);
void push_schedule_failed(struct push_schedule *schedule, uint64_t now_ns);

#endif
