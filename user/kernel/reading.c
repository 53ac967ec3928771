/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One reading: all flows, then all ledgers. A flow is counted before its packet is charged, so a ledger read after the
 * flows holds at least what they hold.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "kernel/monitor_internal.h"

#define BATCH_FLOWS 4096
#define BATCH_FLOWS_MAX (1U << 24)
#define WHOLE_TRIES 1000
#define KERNEL_ENOTSUPP 524 /* never meant to leave the kernel, and does */

static int room_make(struct reading_room *room, uint32_t capacity)
{
	struct flow_key *keys;
	struct flow_record *records;

	keys = reallocarray(room->keys, capacity, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	room->keys = keys;
	records = reallocarray(room->records, capacity, sizeof(*records));
	if (!records)
		return -ENOMEM;
	room->records = records;
	room->capacity = capacity;
	return 0;
}

/* A bucket is read whole or not at all: the room grows until the fullest one fits. */
static int room_grow(struct reading_room *room)
{
	if (room->capacity >= BATCH_FLOWS_MAX)
		return -ENOSPC;
	return room_make(room, room->capacity ? 2 * room->capacity : BATCH_FLOWS);
}

/* The hash holds max_flows at a time, but in one walk it may show more, as some go and others come. */
static void flow_visit(const struct monitor *monitor, const struct monitor_visitor *visitor, const struct flow_key *key,
		       const struct flow_record *record)
{
	__s64 slot = slots_take(monitor->slots, key);

	if (slot >= 0)
		visitor->flow(visitor->context, (uint32_t)slot, key, record);
}

static void flows_visit(const struct monitor *monitor, const struct monitor_visitor *visitor, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		flow_visit(monitor, visitor, &monitor->room.keys[i], &monitor->room.records[i]);
}

static int slots_ready(struct monitor *monitor)
{
	if (!monitor->slots)
		monitor->slots = slots_new(monitor->config.max_flows);
	return monitor->slots ? 0 : -ENOMEM;
}

int flows_read_batches(struct monitor *monitor, const struct monitor_visitor *visitor, uint64_t *flows)
{
	int fd = bpf_map__fd(monitor->skeleton->maps.flows), err = slots_ready(monitor);
	/* Where the kernel is: a bucket's number today, but no longer than a key in any version. */
	struct flow_key from, to;
	struct flow_key *start = NULL;
	uint32_t count;

	if (!err && !monitor->room.capacity)
		err = room_grow(&monitor->room);
	while (!err) {
		count = monitor->room.capacity;
		err = bpf_map_lookup_batch(fd, start, &to, monitor->room.keys, monitor->room.records, &count, NULL);
		if (err == -ENOSPC) {
			err = room_grow(&monitor->room);
			continue;
		}
		if (err && err != -ENOENT)
			return err;
		flows_visit(monitor, visitor, count);
		*flows += count;
		from = to;
		start = &from;
	}
	return err == -ENOENT ? 0 : err;
}

int flows_read_singly(struct monitor *monitor, const struct monitor_visitor *visitor, uint64_t *flows)
{
	int fd = bpf_map__fd(monitor->skeleton->maps.flows), err;
	struct flow_key key, next;
	struct flow_record record;

	err = slots_ready(monitor);
	if (!err)
		err = bpf_map_get_next_key(fd, NULL, &next);
	while (!err) {
		key = next;
		err = bpf_map_lookup_elem(fd, &key, &record);
		if (!err) {
			flow_visit(monitor, visitor, &key, &record);
			++*flows;
		} else if (err != -ENOENT) {
			return err;
		}
		err = bpf_map_get_next_key(fd, &key, &next);
	}
	return err == -ENOENT ? 0 : err;
}

static void ledger_add(struct ledger_record *sum, const struct ledger_record *part)
{
	sum->finished += part->finished;
	sum->started += part->started;
	sum->seen.packets += part->seen.packets;
	sum->seen.bytes += part->seen.bytes;
	for (enum outcome i = 0; i < OUTCOMES; i++) {
		sum->outcome[i].packets += part->outcome[i].packets;
		sum->outcome[i].bytes += part->outcome[i].bytes;
	}
}

static void ledger_subtract(struct ledger_record *sum, const struct ledger_record *part)
{
	sum->finished -= part->finished;
	sum->started -= part->started;
	sum->seen.packets -= part->seen.packets;
	sum->seen.bytes -= part->seen.bytes;
	for (enum outcome i = 0; i < OUTCOMES; i++) {
		sum->outcome[i].packets -= part->outcome[i].packets;
		sum->outcome[i].bytes -= part->outcome[i].bytes;
	}
}

/* A copy that no try found whole (its CPU was stopped in the middle of a packet): what was seen is what has an outcome. */
static void ledger_mend(struct ledger_record *copy)
{
	copy->seen = (struct tally){ 0 };
	for (enum outcome i = 0; i < OUTCOMES; i++) {
		copy->seen.packets += copy->outcome[i].packets;
		copy->seen.bytes += copy->outcome[i].bytes;
	}
	copy->started = copy->finished;
}

/* Takes each CPU's copy from the first try in which it was whole. */
int ledger_read(struct monitor *monitor, unsigned int place, enum direction direction, struct ledger_record *sum)
{
	int fd = bpf_map__fd(monitor->skeleton->maps.ledger), err;
	__u32 index = DIRECTIONS * place + direction;
	struct ledger_record *copies = monitor->cpu_copies;
	unsigned int open = monitor->cpus;
	struct ledger_record total = { 0 };

	memset(monitor->cpu_taken, 0, monitor->cpus);
	for (int try = 1; open; try++) {
		err = bpf_map_lookup_elem(fd, &index, copies);
		if (err)
			return err;
		for (unsigned int i = 0; i < monitor->cpus; i++) {
			if (monitor->cpu_taken[i])
				continue;
			if (copies[i].started != copies[i].finished) {
				if (try < WHOLE_TRIES)
					continue;
				ledger_mend(&copies[i]);
			}
			ledger_add(&total, &copies[i]);
			monitor->cpu_taken[i] = true;
			open--;
		}
	}
	*sum = total;
	return 0;
}

static int ledgers_read(struct monitor *monitor, const struct monitor_visitor *visitor)
{
	struct ledger_record sum;
	int err;

	for (unsigned int i = 1; i < INTERFACES_MAX; i++) {
		struct place *place = &monitor->places[i];

		for (enum direction direction = 0; place->ifindex && direction < DIRECTIONS; direction++) {
			if (!monitor->config.direction[direction])
				continue;
			err = ledger_read(monitor, i, direction, &sum);
			if (err)
				return err;
			place->seen_packets[direction] = sum.seen.packets;
			ledger_subtract(&sum, &place->baseline[direction]);
			visitor->ledger(visitor->context, place->ifindex, direction, &sum);
		}
	}
	return 0;
}

static bool batches_are_missing(int err)
{
	return err == -EINVAL || err == -EOPNOTSUPP || err == -KERNEL_ENOTSUPP;
}

int monitor_read(struct monitor *monitor, const struct monitor_visitor *visitor, struct monitor_reading *out)
{
	struct monitor_reading reading = {
		.monotonic_ns = clock_monotonic_ns(),
		.realtime_ns = clock_realtime_ns(),
	};
	int err;

	err = flows_read_batches(monitor, visitor, &reading.flows);
	if (batches_are_missing(err) && !reading.flows)
		err = flows_read_singly(monitor, visitor, &reading.flows);
	if (!err && visitor->ledger)
		err = ledgers_read(monitor, visitor);
	if (err)
		return err;
	if (visitor->ledger)
		residuals_read(monitor, visitor);
	reading.duration_ns = clock_monotonic_ns() - reading.monotonic_ns;
	*out = reading;
	return 0;
}

int monitor_retire(struct monitor *monitor, uint32_t slot, const struct flow_key *key, struct flow_record *last)
{
	int err = bpf_map_lookup_and_delete_elem(bpf_map__fd(monitor->skeleton->maps.flows), key, last);

	if (!err)
		slots_give(monitor->slots, slot);
	return err;
}
