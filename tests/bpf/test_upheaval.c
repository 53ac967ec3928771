/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows are freed, rules are changed and the table is full while packets come on all CPUs: what was freed, what was left
 * over and what lives are, together and in every flow, all that the ledger charged to flows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/monitor_internal.h"
#include "sandbox.h"
#include "sender.h"

#define SENDERS_MAX 4
#define FLOWS 64        /* of each sender, the same */
#define PACKETS 1000000 /* of each sender */
#define PLACE 0         /* where the ledger has what comes from no interface that is watched */
#define RULE_OF_HALF "- - 1234-1265 - UDP"

struct turmoil {
	struct monitor *monitor;
	struct sender senders[SENDERS_MAX];
	int count;
	uint64_t gone[FLOWS], gone_bytes[FLOWS]; /* of lives that ended, and left over after them */
	uint64_t live[FLOWS], live_bytes[FLOWS]; /* at the last reading */
	uint64_t retired, busy;
	bool retire;
};

static unsigned int flow_of(const struct flow_key *key)
{
	unsigned int flow = ntohs(key->sport) - PACKET_SPORT;

	assert_in_range(flow, 0, FLOWS - 1);
	return flow;
}

static void left(void *context, const struct flow_key *key, const struct flow_record *record)
{
	struct turmoil *turmoil = context;

	assert_int_equal(record->packets, 0);
	turmoil->gone[flow_of(key)] += record->spilled.packets;
	turmoil->gone_bytes[flow_of(key)] += record->spilled.bytes;
}

static void retire(struct turmoil *turmoil, uint32_t slot, const struct flow_key *key)
{
	unsigned int flow = flow_of(key);
	struct flow_record last;
	int error = monitor_retire(turmoil->monitor, slot, key, &last);

	if (error) {
		assert_int_equal(error, -EBUSY);
		turmoil->busy++;
		return;
	}
	turmoil->gone[flow] += last.packets + last.spilled.packets;
	turmoil->gone_bytes[flow] += last.bytes + last.spilled.bytes;
	turmoil->retired++;
}

static void meet(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct turmoil *turmoil = context;

	turmoil->live[flow_of(key)] += record->packets + record->spilled.packets;
	turmoil->live_bytes[flow_of(key)] += record->bytes + record->spilled.bytes;
	if (turmoil->retire)
		retire(turmoil, slot, key);
}

static void look(struct turmoil *turmoil)
{
	struct monitor_visitor visitor = { .context = turmoil, .flow = meet, .left = left };
	uint64_t flows = 0;

	memset(turmoil->live, 0, sizeof(turmoil->live));
	memset(turmoil->live_bytes, 0, sizeof(turmoil->live_bytes));
	assert_int_equal(flows_read(turmoil->monitor, &visitor, &flows), 0);
	if (turmoil->retire)
		assert_int_equal(monitor_retire_end(turmoil->monitor, &visitor), 0);
}

static void rules_change(struct turmoil *turmoil, bool half)
{
	char error[MONITOR_ERROR_SIZE];
	struct rule rule;

	assert_int_equal(rule_parse(RULE_OF_HALF, &rule, error), 0);
	if (monitor_set_rules(turmoil->monitor, &rule, half ? 1 : 0, error))
		fail_msg("%s", error);
}

/* `far`: as where there are many flows. */
static void begin(struct turmoil *turmoil, uint32_t max_flows, bool far)
{
	struct monitor_config config = config_of(HOOK_TC);
	char error[MONITOR_ERROR_SIZE];
	int cpus[SENDERS_MAX], count = cpus_of_mine(cpus, SENDERS_MAX);

	config.max_flows = max_flows;
	if (monitor_open(&config, &turmoil->monitor, error))
		fail_msg("monitor_open: %s", error);
	turmoil->monitor->skeleton->bss->flows_far = far;
	turmoil->count = count < SENDERS_MAX ? count : SENDERS_MAX;
	for (int i = 0; i < turmoil->count; i++) {
		struct sender *sender = &turmoil->senders[i];

		*sender =
			(struct sender){ .program_fd = bpf_program__fd(turmoil->monitor->skeleton->progs.flowgauge_in),
					 .cpu = cpus[i],
					 .flows = FLOWS,
					 .repeat = 100,
					 .packets = PACKETS };
		packet_make(&sender->packet, "eth ip4 udp 58");
		sender_start(sender);
	}
}

static bool goes_on(const struct turmoil *turmoil)
{
	for (int i = 0; i < turmoil->count; i++)
		if (!sender_is_done(&turmoil->senders[i]))
			return true;
	return false;
}

/* Proves that all is there, and gives the ledger. */
static struct ledger_record finish(struct turmoil *turmoil)
{
	uint64_t length = turmoil->senders[0].packet.length, sent = 0, flows = 0, outcomes = 0;
	struct ledger_record ledger;

	for (int i = 0; i < turmoil->count; i++)
		sent += sender_wait(&turmoil->senders[i]);
	turmoil->retire = false;
	look(turmoil);
	for (unsigned int flow = 0; flow < FLOWS; flow++) {
		flows += turmoil->gone[flow] + turmoil->live[flow];
		assert_int_equal(turmoil->gone_bytes[flow] + turmoil->live_bytes[flow],
				 length * (turmoil->gone[flow] + turmoil->live[flow]));
	}
	assert_int_equal(ledger_read(turmoil->monitor, PLACE, DIRECTION_INGRESS, &ledger), 0);
	for (int i = 0; i < OUTCOMES; i++)
		outcomes += ledger.outcome[i].packets;
	print_message("%llu packets: %llu in flows, %llu overflow, %llu filtered; %llu flows freed, %llu were busy\n",
		      (unsigned long long)sent, (unsigned long long)flows,
		      (unsigned long long)ledger.outcome[OUTCOME_OVERFLOW].packets,
		      (unsigned long long)ledger.outcome[OUTCOME_FILTERED].packets,
		      (unsigned long long)turmoil->retired, (unsigned long long)turmoil->busy);
	assert_int_equal(ledger.seen.packets, sent);
	assert_int_equal(outcomes, sent);
	assert_int_equal(ledger.seen.bytes, sent * length);
	assert_int_equal(ledger.outcome[OUTCOME_FLOW].packets, flows);
	monitor_close(turmoil->monitor);
	return ledger;
}

/* Flows that nobody refuses and that all find room: each has all that was sent of it. */
static void free_flows(bool far)
{
	struct turmoil *turmoil = calloc(1, sizeof(*turmoil));
	struct ledger_record ledger;

	assert_non_null(turmoil);
	begin(turmoil, 1024, far);
	turmoil->retire = true;
	do
		look(turmoil);
	while (goes_on(turmoil));
	ledger = finish(turmoil);
	assert_int_equal(ledger.outcome[OUTCOME_FLOW].packets, ledger.seen.packets);
	assert_true(turmoil->retired > FLOWS);
	free(turmoil);
}

static void test_flows_are_freed(void **state)
{
	(void)state;
	free_flows(false);
	free_flows(true);
}

static void test_rules_change(void **state)
{
	struct turmoil *turmoil = calloc(1, sizeof(*turmoil));
	struct ledger_record ledger;

	(void)state;
	assert_non_null(turmoil);
	begin(turmoil, 1024, false);
	for (int i = 0; goes_on(turmoil); i++) {
		if (i % 3 == 0)
			rules_change(turmoil, i % 2 == 0);
		turmoil->retire = i % 5 == 0;
		look(turmoil);
	}
	ledger = finish(turmoil);
	assert_true(ledger.outcome[OUTCOME_FILTERED].packets > 0);
	assert_int_equal(ledger.outcome[OUTCOME_OVERFLOW].packets, 0);
	free(turmoil);
}

static void test_table_is_full(void **state)
{
	struct turmoil *turmoil = calloc(1, sizeof(*turmoil));
	struct ledger_record ledger;

	(void)state;
	assert_non_null(turmoil);
	begin(turmoil, FLOWS / 2, true);
	for (int i = 0; goes_on(turmoil); i++) {
		turmoil->retire = i % 3 == 0;
		look(turmoil);
	}
	ledger = finish(turmoil);
	assert_true(ledger.outcome[OUTCOME_OVERFLOW].packets > 0);
	free(turmoil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_are_freed),
		cmocka_unit_test(test_rules_change),
		cmocka_unit_test(test_table_is_full),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
