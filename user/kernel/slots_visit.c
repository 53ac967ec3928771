/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of taken slots leads the reading. What is mapped is read in place, and what is not, with system calls: flows may lie
 * scattered, and to map a window of the table costs what it costs to read a hundred. Slots that come next are
 * fetched into the cache ahead of their turn.
 */
#include <bpf/bpf.h>
#include <sched.h>

#include "kernel/slot_record.h"
#include "kernel/slots_internal.h"

#define LOCKED_WAITS 10         /* times that the CPU is given up for a lock */
#define FLOWS_WORTH_A_WINDOW 64 /* of WINDOW_SLOTS */
#define FLOWS_MAPPED_A_WALK 512 /* that lie apart: a flow that comes and goes costs less unmapped */
#define AHEAD 8                 /* slots; a power of two */
#define CACHE_LINE 64

void wait_a_little(int tries)
{
	if (tries % (LOCKED_TRIES / LOCKED_WAITS) == 0)
		sched_yield();
}

enum copied { COPY_NONE, COPY_WHOLE, COPY_LOCKED };

/* The flow as it was between two packets; none if no flow lives there. */
static enum copied slot_copy(const struct slots *table, uint32_t index, struct flow_key *key,
			     struct flow_record *record)
{
	const struct flow_slot *source = slot_at(table, index);

	for (int tries = 1; tries < LOCKED_TRIES; tries++) {
		uint32_t before = word_of(source);

		if (!(before & SLOT_LIVE))
			return COPY_NONE;
		if (!(before & SLOT_LOCKED)) {
			*key = source->key;
			slot_record(source, detail_at(table, index), record);
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (__atomic_load_n(&source->word, __ATOMIC_RELAXED) == before)
				return COPY_WHOLE;
		}
		wait_a_little(tries);
	}
	return COPY_LOCKED;
}

/* The same with system calls: the slot, its detail, and the slot's word again. */
static enum copied slot_fetch(const struct slots *table, uint32_t index, struct flow_key *key,
			      struct flow_record *record)
{
	struct flow_slot slot, after;
	struct flow_detail detail;

	for (int tries = 1; tries < LOCKED_TRIES; tries++) {
		if (bpf_map_lookup_elem(table->hot.fd, &index, &slot) || !(slot.word & SLOT_LIVE))
			return COPY_NONE;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(slot.word & SLOT_LOCKED) && !bpf_map_lookup_elem(table->details.fd, &index, &detail)) {
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (!bpf_map_lookup_elem(table->hot.fd, &index, &after) && after.word == slot.word) {
				*key = slot.key;
				slot_record(&slot, &detail, record);
				return COPY_WHOLE;
			}
		}
		wait_a_little(tries);
	}
	return COPY_LOCKED;
}

struct walk {
	struct slots *table;
	const struct slots_visitor *visitor;
	uint64_t *flows;
	bool held;        /* all of the window */
	uint32_t may_map; /* flows that lie apart */
	uint32_t waiting[AHEAD];
	uint32_t come, gone; /* in `waiting`, each modulo AHEAD */
};

static void visit_next(struct walk *walk)
{
	uint32_t index = walk->waiting[walk->gone++ % AHEAD];
	const struct slots_visitor *visitor = walk->visitor;
	bool held = walk->held || slots_are_held(walk->table, index, 1);
	struct flow_record record;
	struct flow_key key;

	switch (held ? slot_copy(walk->table, index, &key, &record) : slot_fetch(walk->table, index, &key, &record)) {
	case COPY_WHOLE:
		visitor->flow(visitor->context, index, &key, &record);
		++*walk->flows;
		break;
	case COPY_LOCKED:
		visitor->unread(visitor->context, index);
		break;
	default:
		break;
	}
}

static void fetch_ahead(const void *item, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += CACHE_LINE)
		__builtin_prefetch((const char *)item + at);
	__builtin_prefetch((const char *)item + bytes - 1);
}

static void visit_later(struct walk *walk, uint32_t index)
{
	if (walk->come - walk->gone == AHEAD)
		visit_next(walk);
	walk->waiting[walk->come++ % AHEAD] = index;
	/* Where nothing is mapped, this does nothing. */
	fetch_ahead(slot_at(walk->table, index), sizeof(struct flow_slot));
	fetch_ahead(detail_at(walk->table, index), sizeof(struct flow_detail));
	if (walk->visitor->soon)
		walk->visitor->soon(walk->visitor->context, index);
}

static uint32_t taken_between(const struct slots *table, uint32_t word, uint32_t end)
{
	uint32_t taken = 0;

	for (; word < end; word++)
		taken += (uint32_t)__builtin_popcountll(taken_in(table, word));
	return taken;
}

uint32_t slots_taken(const struct slots *table)
{
	return taken_between(table, 0, words_of(table->flows));
}

/* If something cannot be mapped, it is read all the same. */
static void hold_apart(struct walk *walk, uint32_t index)
{
	if (!walk->may_map || slots_are_held(walk->table, index, 1))
		return;
	walk->may_map--;
	slots_hold(walk->table, index, 1);
}

static void visit_window(struct walk *walk, uint32_t first, uint32_t count)
{
	struct slots *table = walk->table;
	uint32_t word = first / 64, end = word + words_of(count), taken = taken_between(table, word, end);

	if (!taken)
		return;
	table->walk = first;
	table->walk_count = count;
	walk->held = !table->apart && taken >= FLOWS_WORTH_A_WINDOW && !slots_hold(table, first, count);
	for (; word < end; word++)
		for (uint64_t bits = taken_in(table, word); bits; bits &= bits - 1) {
			uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);

			if (table->apart)
				hold_apart(walk, index);
			visit_later(walk, index);
		}
	while (walk->come != walk->gone)
		visit_next(walk);
	if (slots_are_many(table))
		slots_let_go(table, first, count);
}

void slots_visit(struct slots *table, const struct slots_visitor *visitor, uint64_t *flows)
{
	struct walk walk = {
		.table = table,
		.visitor = visitor,
		.flows = flows,
		.may_map = FLOWS_MAPPED_A_WALK,
	};

	slots_begin(table);
	for (uint32_t first = 0; first < table->flows; first += WINDOW_SLOTS)
		visit_window(&walk, first, table->flows - first < WINDOW_SLOTS ? table->flows - first : WINDOW_SLOTS);
	slots_rest(table);
}
