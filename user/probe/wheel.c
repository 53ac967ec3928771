/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wheel_take() goes on from the step after the last one that it emptied. A caller that was away for longer than a turn
 * finds in each slot what is due by now, so one turn is enough, and the loop is bounded by it.
 */
#include "probe/wheel.h"

#include <stddef.h>

static unsigned int slot_of(uint64_t step)
{
	return step % WHEEL_SLOTS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
	for (int i = 0; i < WHEEL_SLOTS; i++)
		wheel->slots[i] = (struct wheel_timer){ &wheel->slots[i], &wheel->slots[i], 0 };
	for (int i = 0; i < WHEEL_SLOTS / 64; i++)
		wheel->occupied[i] = 0;
	wheel->now = now_ns / WHEEL_STEP_NS;
}

static void unlink_timer(struct wheel_timer *timer)
{
	timer->before->next = timer->next;
	timer->next->before = timer->before;
	timer->next = timer->before = NULL;
}

static void note_empty(struct wheel *wheel, unsigned int slot)
{
	if (wheel->slots[slot].next == &wheel->slots[slot])
		wheel->occupied[slot / 64] &= ~(1ULL << (slot % 64));
}

void wheel_remove(struct wheel *wheel, struct wheel_timer *timer)
{
	if (!timer->next)
		return;
	unlink_timer(timer);
	note_empty(wheel, slot_of(timer->due));
}

void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns)
{
	uint64_t due = due_ns / WHEEL_STEP_NS + (due_ns % WHEEL_STEP_NS != 0);
	struct wheel_timer *head;

	wheel_remove(wheel, timer);
	timer->due = due > wheel->now ? due : wheel->now + 1;
	head = &wheel->slots[slot_of(timer->due)];
	timer->next = head;
	timer->before = head->before;
	head->before->next = timer;
	head->before = timer;
	wheel->occupied[slot_of(timer->due) / 64] |= 1ULL << (slot_of(timer->due) % 64);
}

static struct wheel_timer *due_in(struct wheel *wheel, unsigned int slot, uint64_t now)
{
	struct wheel_timer *head = &wheel->slots[slot];

	for (struct wheel_timer *timer = head->next; timer != head; timer = timer->next)
		if (timer->due <= now) {
			unlink_timer(timer);
			note_empty(wheel, slot);
			return timer;
		}
	return NULL;
}

struct wheel_timer *wheel_take(struct wheel *wheel, uint64_t now_ns)
{
	uint64_t now = now_ns / WHEEL_STEP_NS;

	if (now > wheel->now + WHEEL_SLOTS)
		wheel->now = now - WHEEL_SLOTS;
	while (wheel->now < now) {
		unsigned int slot = slot_of(wheel->now + 1);
		struct wheel_timer *timer = due_in(wheel, slot, now);

		if (timer)
			return timer;
		wheel->now++;
	}
	return NULL;
}

bool wheel_next(const struct wheel *wheel, uint64_t *ns)
{
	for (uint64_t step = wheel->now + 1; step <= wheel->now + WHEEL_SLOTS; step++) {
		unsigned int slot = slot_of(step);

		if (wheel->occupied[slot / 64] >> (slot % 64) & 1) {
			*ns = step * WHEEL_STEP_NS;
			return true;
		}
	}
	return false;
}
