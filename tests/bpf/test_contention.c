/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One flow on every CPU at once, and read meanwhile: no packet and no byte is lost or counted twice, and no reading shows
 * half a packet. And what becomes of packets that cannot have their flow's lock.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/monitor_internal.h"
#include "kernel/slots_internal.h"
#include "sandbox.h"
#include "sender.h"

#define SENDERS_MAX 8
#define UDP_PACKETS 10000000 /* of all senders together */
#define TCP_PACKETS 2000000
#define AT_ONCE 50000
#define PLACE 0 /* where the ledger has what comes from no interface that is watched, such as test runs */

/* The only flow, as it was read. */
struct seen {
	unsigned int flows, unread;
	uint32_t slot;
	struct flow_key key;
	struct flow_record record;
	struct spilled_record left;
};

static void see_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct seen *seen = context;

	seen->flows++;
	seen->slot = slot;
	seen->key = *key;
	seen->record = *record;
}

static void see_unread(void *context, uint32_t slot)
{
	struct seen *seen = context;

	(void)slot;
	seen->unread++;
}

static void see_left(void *context, const struct flow_key *key, const struct flow_record *record)
{
	struct seen *seen = context;

	(void)key;
	seen->left.packets += record->spilled.packets;
	seen->left.bytes += record->spilled.bytes;
	seen->left.payload_bytes += record->spilled.payload_bytes;
}

static void look(struct monitor *monitor, struct seen *seen)
{
	struct monitor_visitor visitor = { .context = seen, .flow = see_flow, .unread = see_unread, .left = see_left };
	uint64_t flows = 0;

	seen->flows = seen->unread = 0;
	assert_int_equal(flows_read(monitor, &visitor, &flows), 0);
	assert_int_equal(flows, seen->flows);
}

static struct sender sender_of(const struct monitor *monitor, const char *line)
{
	struct sender sender = { .program_fd = bpf_program__fd(monitor->skeleton->progs.flowgauge_in),
				 .flows = 1,
				 .repeat = AT_ONCE };

	packet_make(&sender.packet, line);
	return sender;
}

static uint64_t packets_of(const struct flow_record *record)
{
	return record->packets + record->spilled.packets;
}

/* Every reading is of whole packets, and none has fewer than the one before. */
static void assert_whole(const struct seen *seen, const struct sender *sender, uint64_t payload, uint64_t *before)
{
	const struct flow_record *record = &seen->record;

	assert_true(seen->flows <= 1);
	if (!seen->flows)
		return;
	assert_int_equal(record->bytes, record->packets * sender->packet.length);
	assert_int_equal(record->payload_bytes, record->packets * payload);
	assert_true(packets_of(record) >= *before);
	*before = packets_of(record);
}

static bool all_done(const struct sender *senders, int count)
{
	for (int i = 0; i < count; i++)
		if (!sender_is_done(&senders[i]))
			return false;
	return true;
}

static void assert_ledger(struct monitor *monitor, uint64_t packets, uint64_t length)
{
	struct ledger_record ledger;

	assert_int_equal(ledger_read(monitor, PLACE, DIRECTION_INGRESS, &ledger), 0);
	assert_int_equal(ledger.seen.packets, packets);
	assert_int_equal(ledger.seen.bytes, packets * length);
	assert_int_equal(ledger.outcome[OUTCOME_FLOW].packets, packets);
	assert_int_equal(ledger.outcome[OUTCOME_FLOW].bytes, packets * length);
}

static void contend(const char *line, uint64_t payload, uint64_t packets, bool far)
{
	static struct sender senders[SENDERS_MAX];
	int cpus[SENDERS_MAX], count = cpus_of_mine(cpus, SENDERS_MAX);
	struct monitor *monitor = monitor_of(HOOK_TC);
	uint64_t before = 0, sent = 0, readings = 0;
	struct seen seen = { 0 };

	count = count < SENDERS_MAX ? count : SENDERS_MAX;
	monitor->skeleton->bss->flows_far = far;
	for (int i = 0; i < count; i++) {
		senders[i] = sender_of(monitor, line);
		senders[i].cpu = cpus[i];
		senders[i].packets = packets / (uint64_t)count;
		sender_start(&senders[i]);
	}
	for (; !all_done(senders, count); readings++) {
		look(monitor, &seen);
		assert_whole(&seen, &senders[0], payload, &before);
	}
	for (int i = 0; i < count; i++)
		sent += sender_wait(&senders[i]);
	look(monitor, &seen);
	assert_whole(&seen, &senders[0], payload, &before);
	assert_int_equal(seen.flows, 1);
	assert_int_equal(packets_of(&seen.record), sent);
	assert_int_equal(seen.record.spilled.bytes, seen.record.spilled.packets * senders[0].packet.length);
	assert_int_equal(seen.record.spilled.payload_bytes, seen.record.spilled.packets * payload);
	assert_ledger(monitor, sent, senders[0].packet.length);
	print_message("%d CPUs, %llu packets, %llu of them contended, %llu readings meanwhile\n", count,
		      (unsigned long long)sent, (unsigned long long)seen.record.spilled.packets,
		      (unsigned long long)readings);
	monitor_close(monitor);
}

static void test_udp_on_all_cpus(void **state)
{
	(void)state;
	contend("eth ip4 udp 58", 58, UDP_PACKETS, false);
}

static void test_tcp_on_all_cpus(void **state)
{
	(void)state;
	contend("eth ip6 tcp+12 100", 100, TCP_PACKETS, false);
}

/* As where there are many flows: each packet asks for its slot before it has the lock. */
static void test_slots_asked_for_on_all_cpus(void **state)
{
	(void)state;
	contend("eth ip4 udp 58", 58, TCP_PACKETS, true);
	contend("eth ip6 tcp+12 100", 100, TCP_PACKETS, true);
}

/* --- a lock that is not let go --- */

/* As a CPU would hold it that was taken away in the middle of a packet. */
static void hold(struct monitor *monitor, uint32_t slot, bool held)
{
	assert_int_equal(slots_hold(monitor->table, slot, 1), 0);
	if (held)
		__atomic_fetch_or(&slot_at(monitor->table, slot)->word, SLOT_LOCKED, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&slot_at(monitor->table, slot)->word, ~SLOT_LOCKED, __ATOMIC_SEQ_CST);
}

/* A flow of 10 packets, then `contended` ones that cannot have its lock. */
static void spill(struct monitor *monitor, const struct sender *sender, unsigned int contended, struct seen *seen)
{
	sender_send(sender, 10);
	look(monitor, seen);
	assert_int_equal(seen->flows, 1);
	hold(monitor, seen->slot, true);
	sender_send(sender, contended);
	look(monitor, seen);
	assert_int_equal(seen->unread, 1);
	assert_int_equal(monitor_retire(monitor, seen->slot, &seen->key, &seen->record), -EBUSY);
	hold(monitor, seen->slot, false);
	look(monitor, seen);
	assert_int_equal(seen->flows, 1);
	assert_int_equal(seen->record.packets, 10);
	assert_int_equal(seen->record.bytes, 10 * sender->packet.length);
	assert_int_equal(seen->record.spilled.packets, contended);
	assert_int_equal(seen->record.spilled.bytes, contended * sender->packet.length);
	assert_int_equal(seen->record.spilled.payload_bytes, contended * 58);
}

static void test_contended_are_counted(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };

	(void)state;
	spill(monitor, &sender, 1000, &seen);
	sender_send(&sender, 5);
	look(monitor, &seen);
	assert_int_equal(seen.record.packets, 15);
	assert_int_equal(seen.record.spilled.packets, 1000);
	assert_ledger(monitor, 1015, sender.packet.length);
	monitor_close(monitor);
}

static int retire_end(struct monitor *monitor, struct seen *seen)
{
	struct monitor_visitor visitor = { .context = seen, .left = see_left };

	return monitor_retire_end(monitor, &visitor);
}

/* The last record has them; what came after it, and in no new life of the flow, is left over; none is told twice. */
static void test_contended_of_a_flow_that_goes(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };
	struct flow_record last;

	(void)state;
	spill(monitor, &sender, 1000, &seen);
	hold(monitor, seen.slot, true);
	sender_send(&sender, 7); /* after the reading */
	hold(monitor, seen.slot, false);
	assert_int_equal(monitor_retire(monitor, seen.slot, &seen.key, &last), 0);
	assert_int_equal(packets_of(&last), 1010);
	assert_int_equal(retire_end(monitor, &seen), 0);
	look(monitor, &seen);
	assert_int_equal(seen.flows, 0);
	assert_int_equal(seen.left.packets, 7);
	assert_int_equal(seen.left.bytes, 7 * sender.packet.length);
	assert_ledger(monitor, 1017, sender.packet.length);
	monitor_close(monitor);
}

/* The flow comes again before what was left of it is taken out, and goes once more. */
static void test_contended_of_a_flow_that_comes_again(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };
	struct flow_record last;
	uint64_t gone;

	(void)state;
	spill(monitor, &sender, 1000, &seen);
	assert_int_equal(monitor_retire(monitor, seen.slot, &seen.key, &last), 0);
	gone = packets_of(&last);
	assert_int_equal(gone, 1010);
	sender_send(&sender, 3);
	assert_int_equal(retire_end(monitor, &seen), 0);
	for (int i = 0; i < 2; i++) {
		look(monitor, &seen);
		assert_int_equal(seen.flows, 1);
		assert_int_equal(gone + packets_of(&seen.record) + seen.left.packets, 1013);
	}
	hold(monitor, seen.slot, true);
	sender_send(&sender, 20);
	hold(monitor, seen.slot, false);
	look(monitor, &seen);
	assert_int_equal(gone + packets_of(&seen.record) + seen.left.packets, 1033);
	assert_int_equal(monitor_retire(monitor, seen.slot, &seen.key, &last), 0);
	gone += packets_of(&last);
	assert_int_equal(retire_end(monitor, &seen), 0);
	for (int i = 0; i < 3; i++) {
		look(monitor, &seen);
		assert_int_equal(seen.flows, 0);
		assert_int_equal(gone + seen.left.packets, 1033);
	}
	assert_ledger(monitor, 1033, sender.packet.length);
	monitor_close(monitor);
}

/* --- a pair's lock that is not let go --- */

static void hold_pairs(struct monitor *monitor, uint32_t held)
{
	struct slots *table = monitor->table;

	assert_int_equal(slots_free_begin(table), 0);
	for (uint32_t line = 0; line < table->lines; line += 2)
		__atomic_store_n(&table->index[line].lock, held, __ATOMIC_SEQ_CST);
	slots_free_end(table);
}

/* Another CPU may be entering the flow: what comes meanwhile is the flow's, and not overflow. */
static void test_new_flow_while_its_pair_is_held(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };

	(void)state;
	hold_pairs(monitor, 1);
	sender_send(&sender, 20);
	hold_pairs(monitor, 0);
	sender_send(&sender, 3);
	look(monitor, &seen);
	assert_int_equal(seen.flows, 1);
	assert_int_equal(seen.record.packets, 3);
	assert_int_equal(seen.record.spilled.packets, 20);
	assert_ledger(monitor, 23, sender.packet.length);
	monitor_close(monitor);
}

/* It never gets a slot. */
static void test_contended_of_no_flow(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };

	(void)state;
	hold_pairs(monitor, 1);
	sender_send(&sender, 20);
	for (int i = 0; i < 2; i++) {
		look(monitor, &seen);
		assert_int_equal(seen.flows, 0);
		assert_int_equal(seen.left.packets, 20);
		assert_int_equal(seen.left.bytes, 20 * sender.packet.length);
	}
	assert_ledger(monitor, 20, sender.packet.length);
	monitor_close(monitor);
}

/* A CPU that had read which side is in use when the monitor changed it. */
static void test_contended_on_the_side_that_was_in_use(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	struct sender sender = sender_of(monitor, "eth ip4 udp 58");
	struct seen seen = { 0 };

	(void)state;
	hold_pairs(monitor, 1);
	monitor->skeleton->bss->spilled_side = 1;
	sender_send(&sender, 20);
	monitor->skeleton->bss->spilled_side = 0;
	look(monitor, &seen);
	assert_int_equal(seen.left.packets, 20);
	sender_send(&sender, 2);
	look(monitor, &seen);
	assert_int_equal(seen.left.packets, 22);
	assert_ledger(monitor, 22, sender.packet.length);
	monitor_close(monitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_on_all_cpus),
		cmocka_unit_test(test_tcp_on_all_cpus),
		cmocka_unit_test(test_slots_asked_for_on_all_cpus),
		cmocka_unit_test(test_contended_are_counted),
		cmocka_unit_test(test_contended_of_a_flow_that_goes),
		cmocka_unit_test(test_contended_of_a_flow_that_comes_again),
		cmocka_unit_test(test_new_flow_while_its_pair_is_held),
		cmocka_unit_test(test_contended_of_no_flow),
		cmocka_unit_test(test_contended_on_the_side_that_was_in_use),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
