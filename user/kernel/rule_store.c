/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New rules for running programs. The tables of the next generation are written beside those in force, and one store of
 * the generation's number changes over: no packet is judged by half of each, and nothing that fails before it changes
 * what is in force.
 *
 * A program that read the number before the last change may still be judging with the tables that are to be written
 * now, if two changes come that close together. So writing begins with a wait until every such program has ended.
 */
#include "kernel/monitor_internal.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel/rule_tables.h"

#define PACKET_TIME_NS 10000000L /* longer than any program takes */

static int refuse_write(char *error, int status, const char *table)
{
	snprintf(error, MONITOR_ERROR_SIZE, "cannot write the %s of the rules: %s; the rules before them stay in force",
		 table, strerror(-status));
	return status;
}

/* Where the kernel does not offer the barrier, which is an RCU grace period there, time has to do. */
static void wait_for_programs(void)
{
	const struct timespec pause = { .tv_nsec = PACKET_TIME_NS };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* The keys of a set. They are gathered before any is removed: a walk over the map that loses its place starts anew. */
static int gather_prefixes(int fd, uint32_t set, struct rule_prefix *keys, size_t *count)
{
	struct rule_prefix key, *previous = NULL;

	for (size_t seen = 0; seen < RULE_PREFIXES_MAX; seen++) {
		if (bpf_map_get_next_key(fd, previous, &key))
			return errno == ENOENT ? 0 : -errno;
		if (key.set == set)
			keys[(*count)++] = key;
		previous = &key;
	}
	return 0;
}

static int clear_prefixes(int fd, uint32_t set)
{
	struct rule_prefix *keys = calloc(RULE_PREFIXES_MAX, sizeof(*keys));
	size_t count = 0;
	int status;

	if (!keys)
		return -ENOMEM;
	status = gather_prefixes(fd, set, keys, &count);
	for (size_t i = 0; !status && i < count; i++)
		if (bpf_map_delete_elem(fd, &keys[i]))
			status = -errno;
	free(keys);
	return status;
}

static int write_prefixes(int fd, uint32_t set, const struct rule_tables *tables)
{
	int status = clear_prefixes(fd, set);

	for (size_t i = 0; !status && i < tables->prefix_count; i++) {
		struct rule_prefix key = tables->prefixes[i].key;

		key.set = (uint8_t)set;
		if (bpf_map_update_elem(fd, &key, &tables->prefixes[i].bits, BPF_NOEXIST))
			status = -errno;
	}
	return status;
}

/* `count` values of an array map, from index `first` on. */
static int write_array(int fd, uint32_t first, const void *values, uint32_t count)
{
	uint32_t *keys = calloc(count, sizeof(*keys));
	uint32_t written = count;
	int status = 0;

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = first + i;
	if (bpf_map_update_batch(fd, keys, values, &written, NULL))
		status = -errno;
	else if (written != count)
		status = -EIO;
	free(keys);
	return status;
}

static int write_ports(const struct monitor *monitor, uint32_t set, const struct rule_tables *tables)
{
	int ports = bpf_map__fd(monitor->skeleton->maps.rule_ports);
	int classes = bpf_map__fd(monitor->skeleton->maps.rule_port_classes);
	int status = 0;

	for (uint32_t field = 0; !status && field < RULE_ENDS; field++) {
		uint32_t table = set * RULE_ENDS + field;

		status = write_array(ports, table * PORT_NUMBERS, tables->port_classes[field], PORT_NUMBERS);
		if (!status)
			status = write_array(classes, table * RULE_PORT_CLASSES_MAX, tables->class_bits[field],
					     tables->class_count[field]);
	}
	return status;
}

static int write_set(const struct monitor *monitor, uint32_t set, const struct rule_tables *tables, char *error)
{
	int protocols = bpf_map__fd(monitor->skeleton->maps.rule_protocols);
	int status;

	status = write_prefixes(bpf_map__fd(monitor->skeleton->maps.rule_prefixes), set, tables);
	if (status)
		return refuse_write(error, status, "addresses");
	status = write_ports(monitor, set, tables);
	if (status)
		return refuse_write(error, status, "ports");
	status = write_array(protocols, set * 256, tables->protocol_bits, 256);
	return status ? refuse_write(error, status, "protocols") : 0;
}

int monitor_set_rules(struct monitor *monitor, const struct rule *rules, size_t count, char error[MONITOR_ERROR_SIZE])
{
	struct rule_state *state = &monitor->skeleton->bss->rule_state;
	uint32_t generation = state->generation + 1, set = generation % RULE_SETS;
	struct rule_tables *tables = NULL;
	int status;

	_Static_assert(RULE_ERROR_SIZE <= MONITOR_ERROR_SIZE, "an error of the tables fits");
	status = rule_tables_compile(rules, count, &tables, error);
	if (status)
		return status;
	wait_for_programs();
	if (count)
		status = write_set(monitor, set, tables, error);
	rule_tables_free(tables);
	if (status)
		return status;
	state->active[set] = count > 0;
	__atomic_store_n(&state->generation, generation, __ATOMIC_RELEASE);
	return 0;
}
