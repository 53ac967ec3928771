/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slots and details are mapped a window at a time while they are read, because what is mapped counts as this process's
 * memory; the map of taken slots is mapped throughout, and the index while slots are freed.
 */
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

#define LOCKED_WAITS 10 /* times that the CPU is given up for that */

static uint32_t pairs_of(uint32_t flows)
{
	return flows / FLOWS_A_PAIR + (flows % FLOWS_A_PAIR != 0);
}

static uint32_t words_of(uint32_t flows)
{
	return flows / 64 + (flows % 64 != 0);
}

size_t whole_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

uint64_t slots_bytes(uint32_t flows)
{
	return whole_pages((size_t)flows * sizeof(struct flow_slot)) +
	       whole_pages((size_t)flows * sizeof(struct flow_detail)) +
	       whole_pages((size_t)pairs_of(flows) * 2 * sizeof(struct index_line)) +
	       whole_pages((size_t)words_of(flows) * sizeof(uint64_t)) + whole_pages(sizeof(struct table_control));
}

int slots_prepare(struct flowgauge_bpf *skeleton, uint32_t flows)
{
	struct program_constants *constants = &skeleton->rodata->constants;
	int err;

	if (!flows)
		return -EINVAL;
	constants->table_slots = flows;
	constants->index_pairs = pairs_of(flows);
	if (getrandom(constants->hash_addends, sizeof(constants->hash_addends), 0) < 0 ||
	    getrandom(&constants->hash_factor, sizeof(constants->hash_factor), 0) < 0)
		return -errno;
	constants->hash_factor |= 1;
	err = bpf_map__set_max_entries(skeleton->maps.flow_slots, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_details, flows);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_index, 2 * pairs_of(flows));
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_bitmap, words_of(flows));
	return err;
}

void *map_whole(int fd, size_t bytes)
{
	void *start = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return start == MAP_FAILED ? NULL : start;
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
	memcpy(table->addends, constants->hash_addends, sizeof(table->addends));
	table->factor = constants->hash_factor;
	table->index_fd = bpf_map__fd(skeleton->maps.flow_index);
	table->hot = (struct window){ .fd = bpf_map__fd(skeleton->maps.flow_slots), .item = sizeof(struct flow_slot) };
	table->details = (struct window){ .fd = bpf_map__fd(skeleton->maps.flow_details),
					  .item = sizeof(struct flow_detail) };
	table->control = map_whole(bpf_map__fd(skeleton->maps.flow_control), sizeof(*table->control));
	table->bitmap = map_whole(bpf_map__fd(skeleton->maps.flow_bitmap), words_of(table->flows) * sizeof(uint64_t));
	if (!table->control || !table->bitmap) {
		err = -errno;
		slots_close(table);
		return err;
	}
	*out = table;
	return 0;
}

static void window_close(struct window *window)
{
	if (window->count)
		munmap(window->start, whole_pages(window->count * window->item));
	window->count = 0;
}

struct slots *slots_close(struct slots *table)
{
	if (!table)
		return NULL;
	slots_free_end(table);
	window_close(&table->hot);
	window_close(&table->details);
	if (table->bitmap)
		munmap(table->bitmap, whole_pages(words_of(table->flows) * sizeof(uint64_t)));
	if (table->control)
		munmap(table->control, whole_pages(sizeof(*table->control)));
	free(table);
	return NULL;
}

/* --- the window --- */

static int window_move(struct window *window, uint32_t first, uint32_t count)
{
	void *start;

	if (window->count && window->first == first)
		return 0;
	window_close(window);
	start = mmap(NULL, whole_pages(count * window->item), PROT_READ | PROT_WRITE, MAP_SHARED, window->fd,
		     (off_t)first * (off_t)window->item);
	if (start == MAP_FAILED)
		return -errno;
	window->start = start;
	window->first = first;
	window->count = count;
	return 0;
}

int window_to(struct slots *table, uint32_t slot)
{
	uint32_t first = slot / WINDOW_SLOTS * WINDOW_SLOTS;
	uint32_t count = table->flows - first < WINDOW_SLOTS ? table->flows - first : WINDOW_SLOTS;
	int err = window_move(&table->hot, first, count);

	return err ? err : window_move(&table->details, first, count);
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

static void visit_slot(struct slots *table, const struct slots_visitor *visitor, uint32_t index, uint64_t *flows)
{
	struct flow_record record;
	struct flow_detail detail;
	struct flow_slot slot;

	switch (slot_copy(table, index, &slot, &detail)) {
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

static int visit_word(struct slots *table, const struct slots_visitor *visitor, uint32_t word, uint64_t *flows)
{
	uint64_t bits = __atomic_load_n(&table->bitmap[word], __ATOMIC_ACQUIRE);

	for (; bits; bits &= bits - 1) {
		uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits);
		int err = window_to(table, index);

		if (err)
			return err;
		visit_slot(table, visitor, index, flows);
	}
	return 0;
}

void windows_rest(struct slots *table)
{
	if (table->flows <= WINDOW_SLOTS)
		return;
	window_close(&table->hot);
	window_close(&table->details);
}

uint32_t slots_taken(const struct slots *table)
{
	uint32_t taken = 0;

	for (uint32_t word = 0; word < words_of(table->flows); word++)
		taken += (uint32_t)__builtin_popcountll(__atomic_load_n(&table->bitmap[word], __ATOMIC_RELAXED));
	return taken;
}

int slots_visit(struct slots *table, const struct slots_visitor *visitor, uint64_t *flows)
{
	int err = 0;

	for (uint32_t word = 0; word < words_of(table->flows) && !err; word++)
		err = visit_word(table, visitor, word, flows);
	windows_rest(table);
	return err;
}
