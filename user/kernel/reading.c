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
#include "flow_slots.h"
#include "kernel/monitor_internal.h"

#define WHOLE_TRIES 1000

static void ledger_add(struct ledger_record *sum, const struct ledger_cell *cell)
{
	for (enum outcome i = 0; i < OUTCOMES; i++) {
		sum->outcome[i].packets += cell->outcome[i].packets;
		sum->outcome[i].bytes += cell->outcome[i].bytes;
		sum->seen.packets += cell->outcome[i].packets;
		sum->seen.bytes += cell->outcome[i].bytes;
	}
}

static void ledger_subtract(struct ledger_record *sum, const struct ledger_record *part)
{
	sum->seen.packets -= part->seen.packets;
	sum->seen.bytes -= part->seen.bytes;
	for (enum outcome i = 0; i < OUTCOMES; i++) {
		sum->outcome[i].packets -= part->outcome[i].packets;
		sum->outcome[i].bytes -= part->outcome[i].bytes;
	}
}

/*
 * Takes each CPU's copy from the first try in which it was whole; or as it is, if none was, as that CPU has stopped in the middle of a
 * packet.
 */
int ledger_read(struct monitor *monitor, unsigned int place, enum direction direction, struct ledger_record *sum)
{
	int fd = bpf_map__fd(monitor->skeleton->maps.ledger), err;
	__u32 index = DIRECTIONS * place + direction;
	struct ledger_cell *copies = monitor->cpu_copies;
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
			if (copies[i].started != copies[i].finished && try < WHOLE_TRIES)
				continue;
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

int monitor_read(struct monitor *monitor, const struct monitor_visitor *visitor, struct monitor_reading *out)
{
	struct monitor_reading reading = {
		.monotonic_ns = clock_monotonic_ns(),
		.realtime_ns = clock_realtime_ns(),
	};
	int err;

	err = flows_read(monitor, visitor, &reading.flows);
	if (!err && visitor->ledger)
		err = ledgers_read(monitor, visitor);
	if (err)
		return err;
	__atomic_store_n(&monitor->skeleton->bss->flows_far, reading.flows > FLOWS_NEAR, __ATOMIC_RELAXED);
	if (visitor->ledger)
		residuals_read(monitor, visitor);
	reading.duration_ns = clock_monotonic_ns() - reading.monotonic_ns;
	*out = reading;
	return 0;
}
