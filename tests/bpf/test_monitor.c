/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening the monitor and what it reads: flows, ledgers, costs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/monitor_internal.h"
#include "kernel/slots_internal.h"
#include "sandbox.h"

#define MANY 10000 /* flows; several batches */

static int wires_make(void **state)
{
	(void)state;
	run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
	return 0;
}

static int wires_cut(void **state)
{
	(void)state;
	run("ip link del left");
	return 0;
}

/* How often each port was seen as a flow's source. */
struct ports {
	unsigned int seen[65536];
	uint64_t packets;
};

static void ports_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct ports *ports = context;
	const uint8_t *sport = (const uint8_t *)&key->sport;

	(void)slot;
	ports->seen[sport[0] << 8 | sport[1]]++;
	ports->packets += record->packets;
}

static void assert_ports_once(const struct ports *ports, unsigned int first, unsigned int count)
{
	for (unsigned int port = 0; port < 65536; port++)
		if (ports->seen[port] != (port >= first && port < first + count))
			fail_msg("port %u was read %u times", port, ports->seen[port]);
	assert_int_equal(ports->packets, count);
}

static void test_every_flow_once(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct ports *ports = calloc(1, sizeof(*ports));
	struct monitor_visitor visitor = { .context = ports, .flow = ports_flow };
	uint64_t flows = 0;

	(void)state;
	assert_non_null(ports);
	attach(monitor, "left");
	frames_send("right", 1, MANY);
	assert_int_equal(flows_read(monitor, &visitor, &flows), 0);
	assert_int_equal(flows, MANY);
	assert_ports_once(ports, 1, MANY);
	free(ports);
	monitor_close(monitor);
}

/* Where there are many flows, the programs are told so, and where there are few. */
static void test_programs_know_whether_flows_are_many(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct ports *ports = calloc(1, sizeof(*ports));
	struct monitor_visitor visitor = { .context = ports, .flow = ports_flow };
	struct monitor_reading reading;

	(void)state;
	assert_non_null(ports);
	attach(monitor, "left");
	monitor->skeleton->bss->flows_far = 1;
	frames_send("right", 1, FLOWS_NEAR);
	assert_int_equal(monitor_read(monitor, &visitor, &reading), 0);
	assert_int_equal(reading.flows, FLOWS_NEAR);
	assert_int_equal(monitor->skeleton->bss->flows_far, 0);
	frames_send("right", FLOWS_NEAR + 1, 1);
	assert_int_equal(monitor_read(monitor, &visitor, &reading), 0);
	assert_int_equal(monitor->skeleton->bss->flows_far, 1);
	free(ports);
	monitor_close(monitor);
}

static void test_full_table_overflows(void **state)
{
	struct monitor_config config = config_of(HOOK_TC);
	const struct ledger_record *ledger;
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;
	struct readout readout;

	(void)state;
	config.max_flows = 100;
	assert_int_equal(monitor_open(&config, &monitor, error), 0);
	attach(monitor, "left");
	frames_send("right", 1, 150);
	readout = readout_of(monitor, index_of("left"));
	ledger = &readout.ledger[DIRECTION_INGRESS];
	assert_int_equal(readout.flows[DIRECTION_INGRESS], 100);
	assert_int_equal(ledger->seen.packets, 150);
	assert_int_equal(ledger->outcome[OUTCOME_FLOW].packets, 100);
	assert_int_equal(ledger->outcome[OUTCOME_OVERFLOW].packets, 50);
	monitor_close(monitor);
}

/* What passed before the attachment is in no residual, and what nobody sees is in it. */
static void test_residual(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct readout readout;

	(void)state;
	frames_send("right", 1, 20);
	attach(monitor, "left");
	frames_send("right", 1, 7);
	frames_send("left", 1, 5);
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.residuals, DIRECTIONS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 7);
	assert_int_equal(readout.ledger[DIRECTION_EGRESS].seen.packets, 5);
	assert_int_equal(readout.residual[DIRECTION_INGRESS], 0);
	assert_int_equal(readout.residual[DIRECTION_EGRESS], 0);
	monitor_detach(monitor, index_of("left"));
	frames_send("right", 1, 3);
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.residuals, 0);
	attach(monitor, "left");
	frames_send("right", 1, 2);
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 9);
	assert_int_equal(readout.residual[DIRECTION_INGRESS], 0);
	monitor_close(monitor);
}

struct kept {
	uint32_t slot;
	struct flow_key key;
};

static void keep_key(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	(void)record;
	*(struct kept *)context = (struct kept){ .slot = slot, .key = *key };
}

static void test_retire(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct kept kept;
	struct monitor_visitor visitor = { .context = &kept, .flow = keep_key };
	struct flow_record last;
	struct readout readout;
	uint64_t flows = 0;

	(void)state;
	attach(monitor, "left");
	for (int i = 0; i < 7; i++)
		frames_send("right", 1000, 1);
	assert_int_equal(flows_read(monitor, &visitor, &flows), 0);
	assert_int_equal(flows, 1);
	assert_int_equal(monitor_retire(monitor, kept.slot, &kept.key, &last), 0);
	assert_int_equal(last.packets, 7);
	assert_int_equal(last.bytes, 7 * FRAME_BYTES);
	assert_int_equal(monitor_retire(monitor, kept.slot, &kept.key, &last), -ENOENT);
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.flows[DIRECTION_INGRESS], 0);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].outcome[OUTCOME_FLOW].packets, 7);
	monitor_close(monitor);
}

#define FEW 101 /* slots; not a multiple of 64, and the last one has no neighbour */

struct kept_all {
	struct kept flows[FEW];
	size_t count;
};

static void keep_all(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct kept_all *kept = context;

	if (kept->count < FEW)
		keep_key(&kept->flows[kept->count++], slot, key, record);
}

static unsigned int entries_of(struct slots *table)
{
	unsigned int entries = 0;

	assert_int_equal(slots_free_begin(table), 0);
	for (uint32_t line = 0; line < table->lines; line++)
		for (int at = 0; at < LINE_ENTRIES; at++)
			entries += table->index[line].tags[at] != 0;
	slots_free_end(table);
	return entries;
}

/* --- flows that are freed while others are read --- */

#define WIDE 200000 /* slots: too many to stay mapped */

struct known_flow {
	uint32_t slot;
	struct flow_key key;
};

struct freeing {
	struct monitor *monitor;
	struct known_flow flows[MANY];
	unsigned int read, freed;
	uint64_t packets;
};

/* Every tenth flow that is read takes the one before it in turn out: that lies further and further behind. */
static void read_and_free(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct freeing *freeing = context;
	const struct known_flow *oldest = &freeing->flows[freeing->freed];
	struct flow_record last;

	assert_true(freeing->read < MANY);
	freeing->flows[freeing->read++] = (struct known_flow){ slot, *key };
	freeing->packets += record->packets;
	if (freeing->read % 10)
		return;
	assert_int_equal(monitor_retire(freeing->monitor, oldest->slot, &oldest->key, &last), 0);
	assert_int_equal(last.packets, 1);
	freeing->freed++;
}

static void test_flows_far_behind_are_freed_in_a_reading(void **state)
{
	struct freeing *freeing = calloc(1, sizeof(*freeing));
	struct monitor_visitor visitor = { .context = freeing, .flow = read_and_free };
	struct monitor_config config = config_of(HOOK_TC);
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;
	uint64_t flows = 0;

	(void)state;
	assert_non_null(freeing);
	config.max_flows = WIDE;
	assert_int_equal(monitor_open(&config, &monitor, error), 0);
	freeing->monitor = monitor;
	attach(monitor, "left");
	frames_send("right", 1, MANY);
	assert_int_equal(flows_read(monitor, &visitor, &flows), 0);
	assert_int_equal(monitor_retire_end(monitor, &visitor), 0);
	assert_int_equal(flows, MANY);
	assert_int_equal(freeing->packets, MANY);
	assert_int_equal(freeing->freed, MANY / 10);
	assert_int_equal(monitor_flows(monitor), MANY - MANY / 10);
	free(freeing);
	monitor_close(monitor);
}

/* All slots find a flow: some at home, some by an entry. The emptied table has neither entries nor bits left, and takes as many. */
static void test_table_is_filled_again(void **state)
{
	struct monitor_config config = config_of(HOOK_TC);
	char error[MONITOR_ERROR_SIZE];
	struct flow_record last;
	struct monitor *monitor;

	(void)state;
	config.max_flows = FEW;
	assert_int_equal(monitor_open(&config, &monitor, error), 0);
	attach(monitor, "left");
	for (unsigned int round = 0; round < 3; round++) {
		struct kept_all kept = { .count = 0 };
		struct monitor_visitor visitor = { .context = &kept, .flow = keep_all };
		uint64_t flows = 0;

		for (int i = 0; i < 2; i++)
			frames_send("right", 1 + round * FEW, FEW);
		assert_int_equal(flows_read(monitor, &visitor, &flows), 0);
		assert_int_equal(flows, FEW);
		assert_int_equal(slots_taken(monitor->table), FEW);
		assert_in_range(entries_of(monitor->table), 1, FEW - 1);
		assert_int_equal(monitor_retire(monitor, kept.flows[0].slot, &kept.flows[1].key, &last), -ENOENT);
		for (size_t i = 0; i < kept.count; i++) {
			uint32_t slot;

			assert_int_equal(monitor_find(monitor, &kept.flows[i].key, &slot), 0);
			assert_int_equal(slot, kept.flows[i].slot);
			assert_int_equal(monitor_retire(monitor, slot, &kept.flows[i].key, &last), 0);
			assert_int_equal(last.packets, 2);
		}
		slots_free_end(monitor->table);
		assert_int_equal(slots_taken(monitor->table), 0);
		assert_int_equal(entries_of(monitor->table), 0);
	}
	monitor_close(monitor);
}

static void test_program_costs(void **state)
{
	struct monitor_config config = config_of(HOOK_TC);
	struct program_cost costs[PROGRAMS_MAX];
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;
	size_t count;
	bool found = false;

	(void)state;
	config.count_run_time = true;
	assert_int_equal(monitor_open(&config, &monitor, error), 0);
	attach(monitor, "left");
	frames_send("right", 1000, 9);
	count = monitor_program_costs(monitor, costs);
	assert_int_equal(count, 4); /* two directions, with a link header and without */
	for (size_t i = 0; i < count; i++) {
		if (strcmp(costs[i].program, "flowgauge_in") != 0)
			continue;
		found = true;
		assert_int_equal(costs[i].runs, 9);
		assert_true(costs[i].run_ns > 0);
	}
	assert_true(found);
	monitor_close(monitor);
}

static void capabilities_keep(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	data[CAP_TO_INDEX(capability)].effective = CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted = CAP_TO_MASK(capability);
	if (syscall(SYS_capset, &header, data))
		_exit(100);
}

static void test_capabilities_are_named(void **state)
{
	static const char expected[] =
		"not permitted to load BPF programs: CAP_BPF, CAP_PERFMON missing: run as root, or grant them";
	struct monitor_config config = config_of(HOOK_AUTO);
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;
	int status;
	pid_t pid;

	(void)state;
	assert_null(monitor_missing_capabilities());
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid) {
		capabilities_keep(CAP_NET_ADMIN);
		if (!monitor_open(&config, &monitor, error))
			_exit(1);
		_exit(strcmp(error, expected) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_table_too_large(void **state)
{
	struct monitor_config config = config_of(HOOK_TC);
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;

	(void)state;
	config.max_flows = 4294967295U;
	assert_true(monitor_open(&config, &monitor, error) < 0);
	assert_string_equal(
		error,
		"no memory for a table of 4294967295 flows, which takes 1041806.2 MiB in the kernel: use a smaller --max-flows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_flow_once, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_programs_know_whether_flows_are_many, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_full_table_overflows, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_residual, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_retire, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_flows_far_behind_are_freed_in_a_reading, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_table_is_filled_again, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_program_costs, wires_make, wires_cut),
		cmocka_unit_test(test_capabilities_are_named),
		cmocka_unit_test(test_table_too_large),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
