/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledgers by place: read whole, given to one interface after another, and found by the programs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/monitor_internal.h"
#include "sandbox.h"

/* Writes a CPU's copy of a ledger entry as a program would leave it. */
static void ledger_write(struct monitor *monitor, unsigned int place, uint64_t started, uint64_t finished,
			 uint64_t flow)
{
	struct ledger_cell *copies = calloc(monitor->cpus, sizeof(*copies));
	__u32 index = DIRECTIONS * place;

	assert_non_null(copies);
	copies[0].started = started;
	copies[0].finished = finished;
	copies[0].outcome[OUTCOME_FLOW] = (struct tally){ flow, 10 * flow };
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(monitor->skeleton->maps.ledger), &index, copies, BPF_ANY), 0);
	free(copies);
}

/* A CPU that stays in the middle of a packet: what it has seen is what it has given an outcome. */
static void test_torn_ledger(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct ledger_record sum;

	(void)state;
	ledger_write(monitor, 3, 8, 7, 7);
	assert_int_equal(ledger_read(monitor, 3, DIRECTION_INGRESS, &sum), 0);
	assert_int_equal(sum.seen.packets, 7);
	assert_int_equal(sum.seen.bytes, 70);
	ledger_write(monitor, 3, 8, 8, 8);
	assert_int_equal(ledger_read(monitor, 3, DIRECTION_INGRESS, &sum), 0);
	assert_int_equal(sum.seen.packets, 8);
	monitor_close(monitor);
}

/* Places go round: the interface let go longest ago gives way, and the next one starts at zero. */
static void test_places_are_reused(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	unsigned int first = 5000;
	struct readout readout;
	int number;

	(void)state;
	for (unsigned int i = 0; i < INTERFACES_MAX - 1; i++) {
		number = place_take(monitor, first + i);
		assert_in_range(number, 1, INTERFACES_MAX - 1);
		ledger_write(monitor, (unsigned int)number, 5, 5, 5);
	}
	assert_int_equal(place_take(monitor, first + 1000), -ENOSPC);
	place_release(monitor, place_of(monitor, first + 17));
	place_release(monitor, place_of(monitor, first + 3));
	assert_null(place_of(monitor, first + 3));
	number = place_take(monitor, first + 3); /* comes back */
	assert_true(number > 0);
	place_release(monitor, place_of(monitor, first + 3));
	assert_true(place_take(monitor, first + 1000) > 0);
	assert_int_equal(readout_of(monitor, first + 17).ledgers, 0);
	assert_int_equal(readout_of(monitor, first + 3).ledgers, DIRECTIONS);
	assert_int_equal(readout_of(monitor, first + 3).ledger[DIRECTION_INGRESS].seen.packets, 5);
	readout = readout_of(monitor, first + 1000);
	assert_int_equal(readout.ledgers, DIRECTIONS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 0);
	ledger_write(monitor, (unsigned int)(place_of(monitor, first + 1000) - monitor->places), 9, 9, 9);
	assert_int_equal(readout_of(monitor, first + 1000).ledger[DIRECTION_INGRESS].seen.packets, 4);
	monitor_close(monitor);
}

/* Interfaces whose indices lie a table's length apart meet in the same slots, of which the programs look at eight. */
static void test_slots_collide(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);

	(void)state;
	for (unsigned int i = 0; i < INTERFACE_PROBES; i++)
		assert_true(place_take(monitor, 7 + i * INTERFACE_SLOTS) > 0);
	assert_int_equal(place_take(monitor, 7 + INTERFACE_PROBES * INTERFACE_SLOTS), -ENOSPC);
	place_release(monitor, place_of(monitor, 7 + 2 * INTERFACE_SLOTS));
	assert_true(place_take(monitor, 7 + INTERFACE_PROBES * INTERFACE_SLOTS) > 0);
	assert_int_equal(monitor->skeleton->bss->interface_slots[9].ifindex, 7 + INTERFACE_PROBES * INTERFACE_SLOTS);
	assert_int_equal(readout_of(monitor, 7 + 2 * INTERFACE_SLOTS).ledgers, 0);
	monitor_close(monitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_torn_ledger),
		cmocka_unit_test(test_places_are_reused),
		cmocka_unit_test(test_slots_collide),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
