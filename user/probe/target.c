/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND 1e9
#define REMEMBERED_LEAST 8

enum { SLOT_EMPTY, SLOT_WAITING, SLOT_ANSWERED, SLOT_LOST };

int target_init(struct target_state *target, const struct target_config *config, uint32_t first)
{
	uint32_t slots = REMEMBERED_LEAST;

	while (slots < config->memory)
		slots *= 2;
	*target = (struct target_state){ .first = first, .next = first, .settled = first, .mask = slots - 1 };
	target->last_rtt = NAN;
	target->slots = calloc(slots, sizeof(*target->slots));
	return target->slots ? 0 : -ENOMEM;
}

void target_free(struct target_state *target)
{
	free(target->slots);
	free(target->by_whom);
	target->slots = NULL;
	target->by_whom = NULL;
}

static struct ping_slot *slot_at(const struct target_state *target, uint32_t number)
{
	return &target->slots[number & target->mask];
}

/* NULL if the ping was never sent, or is no longer remembered. */
static struct ping_slot *slot_of(const struct target_state *target, uint32_t number)
{
	struct ping_slot *slot = slot_at(target, number);

	return slot->state != SLOT_EMPTY && slot->number == number ? slot : NULL;
}

uint32_t target_send(struct target_state *target, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	uint32_t number = target->next++;

	*slot_at(target, number) = (struct ping_slot){
		.sent_ns = monotonic_ns,
		.stamp_ns = realtime_ns,
		.number = number,
		.state = SLOT_WAITING,
	};
	target->sent++;
	return number;
}

void target_unsend(struct target_state *target)
{
	target->next--;
	target->sent--;
	slot_at(target, target->next)->state = SLOT_EMPTY;
}

/* A stamp from before the call that sent the ping is not of this ping. */
void target_stamp(struct target_state *target, uint32_t number, uint64_t realtime_ns)
{
	struct ping_slot *slot = slot_of(target, number);

	if (!slot || slot->stamped || realtime_ns < slot->stamp_ns)
		return;
	slot->stamp_ns = realtime_ns;
	slot->stamped = true;
}

/*
 * The clock of the stamps may be set between the two. The monotonic one is not, and what passed by it since before the
 * ping was sent is the most that the round trip can have taken: it stands in for a difference that cannot be.
 */
static struct target_round_trip round_trip(const struct ping_slot *slot, uint64_t stamp_ns, uint64_t now_ns)
{
	uint64_t most = now_ns > slot->sent_ns ? now_ns - slot->sent_ns : 0;
	bool possible = stamp_ns >= slot->stamp_ns && stamp_ns - slot->stamp_ns <= most;

	return (struct target_round_trip){
		.seconds = (double)(possible ? stamp_ns - slot->stamp_ns : most) / NS_PER_SECOND,
		.by_kernel = possible && slot->stamped,
	};
}

static void take_answer(struct target_state *target, struct ping_slot *slot, double rtt)
{
	if (target->answered && (int32_t)(slot->number - target->highest) < 0)
		target->reordered++;
	else
		target->highest = slot->number;
	slot->state = SLOT_ANSWERED;
	slot->rtt = rtt;
	target->answered = true;
	target->received++;
	ping_histogram_observe(&target->histogram, rtt);
}

enum target_answer target_reply(struct target_state *target, const struct target_config *config, uint32_t number,
				uint64_t stamp_ns, uint64_t now_monotonic_ns, struct target_round_trip *out)
{
	struct ping_slot *slot = slot_of(target, number);
	struct target_round_trip trip;

	/* 2^32 pings are far enough apart that what is behind the first is not ours. */
	if ((uint32_t)(number - target->first) >= (uint32_t)(target->next - target->first))
		return ANSWER_FOREIGN;
	if (slot && slot->state == SLOT_ANSWERED) {
		target->duplicate++;
		return ANSWER_DUPLICATE;
	}
	if (slot && slot->state == SLOT_WAITING) {
		trip = round_trip(slot, stamp_ns, now_monotonic_ns);
		if (trip.seconds * NS_PER_SECOND <= (double)config->timeout_ns) {
			*out = trip;
			take_answer(target, slot, trip.seconds);
			return ANSWER_IN_TIME;
		}
		slot->state = SLOT_LOST;
	}
	target->late++;
	return ANSWER_LATE;
}

/* The same reporter of the same kind, a new one while there is room, or else the kind's "other". NULL: no memory. */
static struct target_error *error_row(struct target_state *target, enum ping_error_kind kind, int family,
				      const void *from)
{
	struct target_errors *errors = target->by_whom;
	size_t length = family == 4 ? 4 : family == 6 ? 16 : 0;
	struct target_error *row;

	if (!errors)
		errors = target->by_whom = calloc(1, sizeof(*errors));
	if (!errors)
		return NULL;
	for (unsigned int i = 0; i < errors->count; i++) {
		row = &errors->items[i];
		if (row->kind == kind && row->family == family && (!length || !memcmp(row->from, from, length)))
			return row;
	}
	if (errors->count >= PING_REPORTERS_MAX && family != TARGET_REPORTER_OTHER && family != 0)
		return error_row(target, kind, TARGET_REPORTER_OTHER, NULL);
	if (errors->count == TARGET_ERRORS_MAX)
		return NULL; /* cannot be: reporters, and one more row a kind */
	row = &errors->items[errors->count++];
	row->kind = kind;
	row->family = (uint8_t)family;
	if (length)
		memcpy(row->from, from, length);
	return row;
}

void target_error(struct target_state *target, enum ping_error_kind kind, int family, const void *from)
{
	struct target_error *row = error_row(target, kind, family, from);

	target->errors++;
	if (row)
		row->count++;
}

bool target_awaits(const struct target_state *target, uint16_t sequence)
{
	for (uint32_t number = target->settled; number != target->next; number++)
		if ((uint16_t)number == sequence)
			return slot_at(target, number)->state == SLOT_WAITING;
	return false;
}

static void finish_round(struct target_state *target)
{
	struct target_round *current = &target->current;

	target->last = (struct target_round){
		.round = current->round,
		.errors = target->errors - current->errors,
		.duplicate = target->duplicate - current->duplicate,
		.late = target->late - current->late,
		.delay_variation = delay_variation_value(&target->variation),
	};
	*current = (struct target_round){
		.errors = target->errors,
		.duplicate = target->duplicate,
		.late = target->late,
	};
	target->round_known = true;
}

int target_settle(struct target_state *target, const struct target_config *config, uint64_t now_monotonic_ns)
{
	struct ping_slot *slot = slot_at(target, target->settled);
	bool answered;

	if (target->settled == target->next)
		return -1;
	if (slot->state == SLOT_WAITING && now_monotonic_ns < slot->sent_ns + config->timeout_ns)
		return -1;
	answered = slot->state == SLOT_ANSWERED;
	if (!answered)
		slot->state = SLOT_LOST;
	target->settled++;
	target->last_rtt = answered ? slot->rtt : NAN;
	target->lost_in_row = answered ? 0 : target->lost_in_row + (target->lost_in_row < UINT32_MAX);
	if (answered)
		delay_variation_add(&target->variation, slot->rtt);
	ping_round_add(&target->current.round, target->last_rtt);
	if (target->current.round.sent < config->round)
		return 0;
	finish_round(target);
	return 1;
}

bool target_deadline(const struct target_state *target, const struct target_config *config, uint64_t *ns)
{
	if (target->settled == target->next)
		return false;
	*ns = slot_at(target, target->settled)->sent_ns + config->timeout_ns;
	return true;
}

void target_report(const struct target_state *target, const struct target_config *config, struct ping_report *out)
{
	bool down = target->lost_in_row >= config->round;

	*out = (struct ping_report){
		.up_known = target->answered || down,
		.up = target->answered && !down,
		.sent = target->sent,
		.received = target->received,
		.late = target->late,
		.duplicate = target->duplicate,
		.reordered = target->reordered,
		.last_rtt = target->last_rtt,
		.delay_variation = delay_variation_value(&target->variation),
		.round_known = target->round_known,
		.round = target->last.round,
		.histogram = target->histogram,
	};
}
