/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow as the kernel half keeps it, written from the rules in records.h and not from the programs: packets go in, a
 * record comes out. Beside it, what the packets really did, kept in the most obvious way, to judge the measures by.
 */
#ifndef FLOWGAUGE_FLOW_MODEL_H
#define FLOWGAUGE_FLOW_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "records.h"

#define SECOND 1000000000ULL
#define MILLISECOND 1000000ULL
#define REORDER_REACH 64

/* --- random numbers: splitmix64, the seed printed by the test that draws it --- */

static inline uint64_t random_draw(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
	return random_draw(state) % bound;
}

/* FLOWGAUGE_SEED repeats a run. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("FLOWGAUGE_SEED");
	struct timespec now;

	if (given)
		return strtoull(given, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* --- the record --- */

/* A buffer of `packets` packets that arrived at `now`. */
static inline void model_buffer(struct flow_record *record, uint64_t now, uint64_t packets, uint64_t bytes,
				uint64_t payload_bytes)
{
	int64_t gap = (int64_t)(now - record->last_ns);

	if (!record->packets) {
		record->first_ns = now;
	} else if (llabs(gap) > GAP_STOPPED_NS) {
		record->restarts++;
		record->stopped_ns += (uint64_t)gap;
		record->restart_ns = now;
		record->restart_packets = record->packets;
		record->restart_squares = record->gap_squares;
	} else {
		uint64_t square = (uint64_t)(gap * gap), unit = 1ULL << GAP_SQUARE_SHIFT;

		record->gap_squares += (square + unit / 2) / unit;
	}
	record->last_ns = now;
	record->packets += packets;
	record->bytes += bytes;
	record->payload_bytes += payload_bytes;
	record->merged += packets - 1;
}

static inline void model_packet(struct flow_record *record, uint64_t now)
{
	model_buffer(record, now, 1, 100, 58);
}

static inline void model_run(struct sequence_record *sequence, uint32_t base, uint32_t highest, uint64_t unique)
{
	sequence->base = base;
	sequence->highest = highest;
	sequence->run_unique = unique;
	sequence->window = unique == 1 ? 1 : 3;
}

static inline void model_late(struct sequence_record *sequence, uint32_t number)
{
	uint32_t behind = sequence->highest - number;

	if (behind < REORDER_REACH && sequence->window >> behind & 1) {
		sequence->duplicate++;
		return;
	}
	if (behind >= REORDER_REACH && number == sequence->suspect) {
		/* The sender started again, with the packet before this one: that was no late packet. */
		sequence->lost_before += sequence->highest - sequence->base + 1 - (sequence->run_unique - 1);
		sequence->reordered--;
		model_run(sequence, number - 1, number, 2);
		sequence->suspect = number + 1;
		return;
	}
	sequence->reordered++;
	sequence->run_unique++;
	if (behind >= REORDER_REACH) {
		sequence->suspect = number + 1;
		return;
	}
	sequence->window |= 1ULL << behind;
	if ((int32_t)(number - sequence->base) < 0)
		sequence->base = number;
}

static inline void model_number(struct sequence_record *sequence, uint32_t number, int32_t threshold)
{
	int32_t difference = (int32_t)(number - sequence->current), ahead = (int32_t)(number - sequence->highest);

	sequence->received++;
	sequence->current = number;
	if (!sequence->started) {
		sequence->started = 1;
		sequence->suspect = number - 1;
		model_run(sequence, number, number, 1);
		return;
	}
	if (difference < 0)
		sequence->reverse++;
	else if (difference > threshold)
		sequence->big++;
	else if (difference != 1)
		sequence->small++;
	if (ahead <= 0) {
		model_late(sequence, number);
		return;
	}
	sequence->window = ahead < REORDER_REACH ? sequence->window << ahead | 1 : 1;
	sequence->highest = number;
	sequence->run_unique++;
}

#endif
