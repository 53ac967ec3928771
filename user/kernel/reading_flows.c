/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the flows: the table in place, and beside it the few packets that could not have their flow's lock, which stand
 * under the flow's key in a map of their own.
 *
 * While the flow lives, they stay there and are part of its record. When it has left the table, they are taken out. A
 * packet may be about to add to what is taken out; so the map has two sides, and only the one that packets do not write to is
 * emptied, once all programs that ran when the sides were changed have ended.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_slots.h"
#include "kernel/monitor_internal.h"
#include "kernel/programs_wait.h"

struct spilled_flow {
	uint32_t slot;
	struct flow_key key; /* with the side in `reserved` */
	struct spilled_record record;
};

static int map_of(const struct monitor *monitor)
{
	return bpf_map__fd(monitor->skeleton->maps.spilled);
}

static struct flow_key flow_of(const struct flow_key *entry)
{
	struct flow_key key = *entry;

	key.reserved = 0;
	return key;
}

static int compare_slots(const void *left, const void *right)
{
	const struct spilled_flow *a = left, *b = right;

	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

/* SPILLED_NOWHERE: the flow is not in the table. */
#define SPILLED_NOWHERE UINT32_MAX

static int note_entry(struct monitor *monitor, const struct flow_key *entry)
{
	struct spilled_flow flow = { .key = *entry };
	struct flow_key key = flow_of(entry);
	int err = slots_find(monitor->table, &key, &flow.slot);

	if (err == -ENOENT)
		flow.slot = SPILLED_NOWHERE;
	else if (err)
		return err;
	if (bpf_map_lookup_elem(map_of(monitor), entry, &flow.record) || monitor->spilled_count == SPILLED_MAX)
		return 0;
	monitor->spilled[monitor->spilled_count++] = flow;
	return 0;
}

/* All entries of both sides; those whose flow is gone last. Almost always there is none, which is one system call. */
static int spilled_read(struct monitor *monitor)
{
	int fd = map_of(monitor), err, failed;
	struct flow_key key, next;

	monitor->spilled_count = 0;
	err = bpf_map_get_next_key(fd, NULL, &next);
	if (!err && !monitor->spilled) {
		monitor->spilled = malloc(2 * SPILLED_MAX * sizeof(*monitor->spilled));
		if (!monitor->spilled)
			return -ENOMEM;
		monitor->given = monitor->spilled + SPILLED_MAX;
	}
	while (!err && monitor->spilled_count < SPILLED_MAX) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		failed = note_entry(monitor, &key);
		if (failed)
			return failed;
	}
	if (monitor->spilled_count)
		qsort(monitor->spilled, monitor->spilled_count, sizeof(*monitor->spilled), compare_slots);
	return err == -ENOENT || !err ? 0 : err;
}

/* What the last record of the entry's flow had of it already, as it was then; NULL if nothing. */
static struct spilled_flow *given_of(const struct monitor *monitor, const struct flow_key *entry)
{
	for (unsigned int i = 0; i < monitor->given_count; i++)
		if (!memcmp(&monitor->given[i].key, entry, sizeof(*entry)))
			return &monitor->given[i];
	return NULL;
}

static void add_rest(struct spilled_record *sum, const struct spilled_record *record, const struct spilled_flow *given)
{
	sum->packets += record->packets - (given ? given->record.packets : 0);
	sum->bytes += record->bytes - (given ? given->record.bytes : 0);
	sum->payload_bytes += record->payload_bytes - (given ? given->record.payload_bytes : 0);
}

static void take_out(struct monitor *monitor, const struct monitor_visitor *visitor, const struct spilled_flow *flow)
{
	struct flow_key key = flow_of(&flow->key);
	struct spilled_flow *given = given_of(monitor, &flow->key);
	struct flow_record left = { 0 };
	struct spilled_record all;

	if (bpf_map_lookup_elem(map_of(monitor), &flow->key, &all) || bpf_map_delete_elem(map_of(monitor), &flow->key))
		return;
	add_rest(&left.spilled, &all, given);
	if (given)
		*given = monitor->given[--monitor->given_count];
	if (left.spilled.packets)
		visitor->left(visitor->context, &key, &left);
}

/* Takes out what a side has that belongs to no flow any more; true if the other side has such, too. */
static bool side_leave(struct monitor *monitor, const struct monitor_visitor *visitor, uint8_t side)
{
	bool other = false;

	for (unsigned int i = monitor->spilled_count; i && monitor->spilled[i - 1].slot == SPILLED_NOWHERE; i--) {
		const struct spilled_flow *flow = &monitor->spilled[i - 1];

		if (flow->key.reserved == side)
			take_out(monitor, visitor, flow);
		else
			other = true;
	}
	return other;
}

/*
 * The side that packets do not write to first: what a packet that was late left there is to be in this reading. The other
 * one only if it must be, since that waits for the programs.
 */
static int spilled_leave(struct monitor *monitor, const struct monitor_visitor *visitor)
{
	uint8_t side = monitor->skeleton->bss->spilled_side;
	int err = spilled_read(monitor);

	if (err || !visitor->left || !side_leave(monitor, visitor, !side))
		return err;
	__atomic_store_n(&monitor->skeleton->bss->spilled_side, !side, __ATOMIC_SEQ_CST);
	programs_wait();
	side_leave(monitor, visitor, side);
	return 0;
}

struct visit {
	struct monitor *monitor;
	const struct monitor_visitor *visitor;
};

/* The first of the flow's entries; there may be one on each side. */
static const struct spilled_flow *spilled_of(const struct monitor *monitor, uint32_t slot)
{
	struct spilled_flow wanted = { .slot = slot };
	const struct spilled_flow *found = bsearch(&wanted, monitor->spilled, monitor->spilled_count, sizeof(wanted),
						   compare_slots);

	while (found && found > monitor->spilled && found[-1].slot == slot)
		found--;
	return found;
}

/*
 * Adds the flow's entries to its record, less what the record of an earlier life had: the flow may have come again before
 * they were taken out. If it is the last record, notes that it has them.
 */
static void add_spilled(struct monitor *monitor, uint32_t slot, const struct flow_key *key, struct flow_record *record,
			bool is_last)
{
	const struct spilled_flow *end = monitor->spilled + monitor->spilled_count;

	for (const struct spilled_flow *flow = spilled_of(monitor, slot); flow && flow < end && flow->slot == slot;
	     flow++) {
		struct flow_key own = flow_of(&flow->key);
		struct spilled_flow *given = given_of(monitor, &flow->key);

		if (memcmp(&own, key, sizeof(own)) != 0 || (is_last && !given && monitor->given_count == SPILLED_MAX))
			continue;
		add_rest(&record->spilled, &flow->record, given);
		if (is_last)
			*(given ? given : &monitor->given[monitor->given_count++]) = *flow;
	}
}

static void visit_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	const struct visit *visit = context;
	struct flow_record whole;

	if (visit->monitor->spilled_count) {
		whole = *record;
		add_spilled(visit->monitor, slot, key, &whole, false);
		record = &whole;
	}
	visit->visitor->flow(visit->visitor->context, slot, key, record);
}

static void visit_soon(void *context, uint32_t slot)
{
	const struct visit *visit = context;

	visit->visitor->soon(visit->visitor->context, slot);
}

static void visit_unread(void *context, uint32_t slot)
{
	const struct visit *visit = context;

	if (visit->visitor->unread)
		visit->visitor->unread(visit->visitor->context, slot);
}

int flows_read(struct monitor *monitor, const struct monitor_visitor *visitor, uint64_t *flows)
{
	struct visit visit = { .monitor = monitor, .visitor = visitor };
	struct slots_visitor visitor_of_slots = {
		.context = &visit,
		.flow = visit_flow,
		.soon = visitor->soon ? visit_soon : NULL,
		.unread = visit_unread,
	};
	int err = spilled_leave(monitor, visitor);

	if (!err)
		slots_visit(monitor->table, &visitor_of_slots, flows);
	return err;
}

int monitor_retire(struct monitor *monitor, uint32_t slot, const struct flow_key *key, struct flow_record *last)
{
	int err = slots_free_begin(monitor->table);

	if (!err)
		err = slots_free(monitor->table, slot, key, last);
	if (!err && monitor->spilled_count)
		add_spilled(monitor, slot, key, last, true);
	return err;
}

int monitor_retire_end(struct monitor *monitor, const struct monitor_visitor *visitor)
{
	slots_free_end(monitor->table);
	return monitor->spilled_count ? spilled_leave(monitor, visitor) : 0;
}

uint32_t monitor_flows(const struct monitor *monitor)
{
	return slots_taken(monitor->table);
}

int monitor_find(struct monitor *monitor, const struct flow_key *key, uint32_t *slot)
{
	return slots_find(monitor->table, key, slot);
}
