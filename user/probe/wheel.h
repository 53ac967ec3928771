/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A timer wheel: ten thousand timers for the price of one. A turn of 1024 slots of 10 ms; a timer that is due later
 * than that waits in its slot for further turns. Timers are embedded in what they serve. No clock in here: the caller
 * says what time it is, in ns of any clock that does not step.
 */
#ifndef FLOWGAUGE_WHEEL_H
#define FLOWGAUGE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 1024
#define WHEEL_STEP_NS 10000000ULL

struct wheel_timer {
	struct wheel_timer *next, *before; /* NULL: not in the wheel */
	uint64_t due;                      /* steps */
};

struct wheel {
	struct wheel_timer slots[WHEEL_SLOTS]; /* heads of rings */
	uint64_t occupied[WHEEL_SLOTS / 64];
	uint64_t now; /* steps: all that was due up to here has been taken */
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);
/* Due at the first step that is not before `due_ns`, and never in a step that is over. Moves a timer that waits already. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns);
void wheel_remove(struct wheel *wheel, struct wheel_timer *timer); /* no-op if it does not wait */
/* Takes out one timer that is due, earlier steps first; NULL when there is none left at `now_ns`. */
struct wheel_timer *wheel_take(struct wheel *wheel, uint64_t now_ns);
/* When to look again, in ns: at the next occupied slot, which may hold only timers of later turns. False: no timers. */
bool wheel_next(const struct wheel *wheel, uint64_t *ns);

#endif
