/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of taken slots leads the reading. Where many are taken they are read in place, through a window (slots_window.c);
 * where few are, with system calls, since flows lie scattered and to map a window costs what reading hundreds does.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "constants.h"
#include "kernel/slot_record.h"
#include "kernel/slots_internal.h"
#include "rate_bins.h"
#include "rules.h"

#include "flowgauge.skel.h"

#define LOCKED_WAITS 10          /* times that the CPU is given up for a lock */
#define FLOWS_WORTH_A_WINDOW 256 /* of WINDOW_SLOTS */

static uint32_t pairs_of(uint32_t flows)
{
	return flows / FLOWS_A_PAIR + (flows % FLOWS_A_PAIR != 0);
}

static uint32_t words_of(uint32_t flows)
{
	return flows / 64 + (flows % 64 != 0);
}

uint64_t slots_bytes(uint32_t flows)
{
	return whole_pages((size_t)flows * sizeof(struct flow_slot)) +
	       whole_pages((size_t)flows * sizeof(struct flow_detail)) +
	       whole_pages((size_t)pairs_of(flows) * 2 * sizeof(struct index_line)) +
	       whole_pages((size_t)words_of(flows) * sizeof(uint64_t));
}

int slots_prepare(struct flowgauge_bpf *skeleton, uint32_t flows)
{
	struct program_constants *constants = &skeleton->rodata->constants;
	int err;

	if (!flows)
		return -EINVAL;
	constants->table_slots = flows;
	constants->index_pairs = pairs_of(flows);
	if (getrandom(constants->secret.addends, sizeof(constants->secret.addends), 0) < 0 ||
	    getrandom(&constants->secret.factor, sizeof(constants->secret.factor), 0) < 0)
		return -errno;
	constants->secret.factor |= 1;
	err = bpf_map__set_max_entries(skeleton->maps.flow_slots, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_details, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_index, 2 * pairs_of(flows));
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_bitmap, words_of(flows));
	return err;
}

int slots_open(struct flowgauge_bpf *skeleton, struct slots **out)
{
	const struct program_constants *constants = &skeleton->rodata->constants;
	struct slots *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->flows = constants->table_slots;
	table->lines = 2 * constants->index_pairs;
	table->kept = table->flows <= KEPT_SLOTS;
	table->secret = constants->secret;
	table->index_fd = bpf_map__fd(skeleton->maps.flow_index);
	table->hot = (struct window){ .fd = bpf_map__fd(skeleton->maps.flow_slots), .item = sizeof(struct flow_slot) };
	table->details = (struct window){ .fd = bpf_map__fd(skeleton->maps.flow_details),
					  .item = sizeof(struct flow_detail) };
	table->bitmap = map_whole(bpf_map__fd(skeleton->maps.flow_bitmap), words_of(table->flows) * sizeof(uint64_t));
	if (!table->bitmap) {
		err = -errno;
		slots_close(table);
		return err;
	}
	*out = table;
	return 0;
}

struct slots *slots_close(struct slots *table)
{
	if (!table)
		return NULL;
	slots_free_end(table);
	windows_close(table);
	if (table->bitmap)
		munmap(table->bitmap, whole_pages(words_of(table->flows) * sizeof(uint64_t)));
	free(table);
	return NULL;
}

/* --- reading --- */

void wait_a_little(int tries)
{
	if (tries % (LOCKED_TRIES / LOCKED_WAITS) == 0)
		sched_yield();
}

enum copied { COPY_NONE, COPY_WHOLE, COPY_LOCKED };

/* A copy of both parts as they were between two packets; none if no flow lives there. */
static enum copied slot_copy(const struct slots *table, uint32_t index, struct flow_slot *slot,
			     struct flow_detail *detail)
{
	const struct flow_slot *source = slot_at(table, index);

	for (int tries = 1; tries < LOCKED_TRIES; tries++) {
		uint32_t before = word_of(source);

		if (!(before & SLOT_LIVE))
			return COPY_NONE;
		if (!(before & SLOT_LOCKED)) {
			memcpy(slot, source, sizeof(*slot));
			memcpy(detail, detail_at(table, index), sizeof(*detail));
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (__atomic_load_n(&source->word, __ATOMIC_RELAXED) == before)
				return COPY_WHOLE;
		}
		wait_a_little(tries);
	}
	return COPY_LOCKED;
}

/* The same with system calls: the slot, its detail, and the slot's word again. */
static enum copied slot_fetch(const struct slots *table, uint32_t index, struct flow_slot *slot,
			      struct flow_detail *detail)
{
	struct flow_slot after;

	for (int tries = 1; tries < LOCKED_TRIES; tries++) {
		if (bpf_map_lookup_elem(table->hot.fd, &index, slot) || !(slot->word & SLOT_LIVE))
			return COPY_NONE;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(slot->word & SLOT_LOCKED) && !bpf_map_lookup_elem(table->details.fd, &index, detail)) {
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (!bpf_map_lookup_elem(table->hot.fd, &index, &after) && after.word == slot->word)
				return COPY_WHOLE;
		}
		wait_a_little(tries);
	}
	return COPY_LOCKED;
}

static void visit_slot(const struct slots *table, const struct slots_visitor *visitor, uint32_t index, bool mapped,
		       uint64_t *flows)
{
	struct flow_record record;
	struct flow_detail detail;
	struct flow_slot slot;

	switch (mapped ? slot_copy(table, index, &slot, &detail) : slot_fetch(table, index, &slot, &detail)) {
	case COPY_WHOLE:
		slot_record(&slot, &detail, &record);
		visitor->flow(visitor->context, index, &slot.key, &record);
		++*flows;
		break;
	case COPY_LOCKED:
		visitor->unread(visitor->context, index);
		break;
	default:
		break;
	}
}

static uint64_t taken_in(const struct slots *table, uint32_t word)
{
	return __atomic_load_n(&table->bitmap[word], __ATOMIC_ACQUIRE);
}

static uint32_t taken_between(const struct slots *table, uint32_t word, uint32_t end)
{
	uint32_t taken = 0;

	for (; word < end; word++)
		taken += (uint32_t)__builtin_popcountll(taken_in(table, word));
	return taken;
}

static int visit_window(struct slots *table, const struct slots_visitor *visitor, uint32_t word, uint32_t end,
			uint64_t *flows)
{
	uint32_t taken = taken_between(table, word, end);
	bool mapped = table->kept || taken >= FLOWS_WORTH_A_WINDOW;
	int err = taken && mapped ? window_over(table, word * 64) : 0;

	for (; taken && !err && word < end; word++)
		for (uint64_t bits = taken_in(table, word); bits; bits &= bits - 1)
			visit_slot(table, visitor, word * 64 + (uint32_t)__builtin_ctzll(bits), mapped, flows);
	return err;
}

uint32_t slots_taken(const struct slots *table)
{
	return taken_between(table, 0, words_of(table->flows));
}

int slots_visit(struct slots *table, const struct slots_visitor *visitor, uint64_t *flows)
{
	uint32_t words = words_of(table->flows), step = WINDOW_SLOTS / 64;
	int err = 0;

	for (uint32_t word = 0; word < words && !err; word += step)
		err = visit_window(table, visitor, word, word + step < words ? word + step : words, flows);
	windows_rest(table);
	return err;
}
