/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many rules, and rules that change while packets pass. What is expected comes from rule_matches, which knows nothing
 * of tables; and a packet that both the old rules and the new ones want is never refused in between.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rule_packets.h"

#define FLOWS_PER_SET 1000
#define RELOADS 40
#define SENT_PORTS 1000

static unsigned int below(unsigned int limit)
{
	return (unsigned int)random() % limit;
}

static void random_rules(struct rule *rules, size_t count)
{
	static const char *const protocols[] = { "TCP", "UDP", "ICMP", "-", "[TCP,UDP]" };
	char text[128], error[RULE_ERROR_SIZE];

	for (size_t i = 0; i < count; i++) {
		unsigned int low = below(240), protocol = below(5);

		if (protocol == 2)
			snprintf(text, sizeof(text), "10.%u.%u.%u - - - ICMP", below(4), below(8), below(8));
		else if (below(2))
			snprintf(text, sizeof(text), "10.%u.%u.0/24 - - %u-%u %s", below(4), below(8), low,
				 low + below(16), protocols[protocol]);
		else
			snprintf(text, sizeof(text), "[10.%u.%u.0/30,2001:db8:%u::/48] - %u - %s", below(4), below(8),
				 below(8), low, protocols[protocol]);
		if (rule_parse(text, &rules[i], error))
			fail_msg("%s: %s", text, error);
	}
}

static struct flow_key random_flow(void)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	uint8_t protocol = protocols[below(3)];
	uint16_t sport = protocol == IPPROTO_ICMP ? 0 : (uint16_t)below(256);
	uint16_t dport = protocol == IPPROTO_ICMP ? 0 : (uint16_t)below(256);
	char src[64];

	if (below(4)) {
		snprintf(src, sizeof(src), "10.%u.%u.%u", below(4), below(8), below(8));
		return key_of(src, "10.9.9.9", sport, dport, protocol);
	}
	snprintf(src, sizeof(src), "2001:db8:%u::%u", below(8), below(8));
	return key_of(src, "2001:db8:9::9", sport, dport, protocol);
}

static bool any_matches(const struct rule *rules, size_t count, const struct flow_key *key)
{
	for (size_t i = 0; i < count; i++)
		if (rule_matches(&rules[i], key))
			return true;
	return false;
}

/* Returns how many flows were wanted. */
static unsigned int compare_verdicts(struct monitor *monitor, const struct rule *rules, size_t count)
{
	unsigned int wanted = 0;

	for (unsigned int i = 0; i < FLOWS_PER_SET; i++) {
		struct flow_key key = random_flow();
		bool matches = any_matches(rules, count, &key);

		assert_int_equal(send_packet(monitor, &key), matches ? OUTCOME_FLOW : OUTCOME_FILTERED);
		wanted += matches;
	}
	return wanted;
}

static void test_any_number_of_rules(void **state)
{
	static const size_t counts[] = { 1, 16, 256, RULES_MAX };
	unsigned int seed = getenv("SEED") ? (unsigned int)strtoul(getenv("SEED"), NULL, 10) : (unsigned int)time(NULL);
	struct monitor *monitor = loaded_monitor(state);
	struct rule *rules = calloc(RULES_MAX, sizeof(*rules));
	char error[MONITOR_ERROR_SIZE];
	unsigned int wanted = 0;

	assert_non_null(rules);
	print_message("seed %u (SEED=%u repeats it)\n", seed, seed);
	srandom(seed);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		random_rules(rules, counts[i]);
		if (monitor_set_rules(monitor, rules, counts[i], error))
			fail_msg("%s", error);
		wanted += compare_verdicts(monitor, rules, counts[i]);
	}
	assert_true(wanted > 0 && wanted < FLOWS_PER_SET * sizeof(counts) / sizeof(counts[0]));
	free(rules);
}

/* Only the last of many rules wants the flow. */
static void test_last_rule(void **state)
{
	struct monitor *monitor = loaded_monitor(state);
	struct flow_key last = key_of("10.1.2.3", "10.0.0.9", 1, 2, IPPROTO_UDP);
	struct flow_key none = key_of("10.1.2.4", "10.0.0.9", 1, 2, IPPROTO_UDP);
	struct rule *rules = calloc(RULES_MAX, sizeof(*rules));
	char error[MONITOR_ERROR_SIZE];

	assert_non_null(rules);
	for (size_t i = 0; i < RULES_MAX; i++) {
		const char *text = i + 1 == RULES_MAX ? "10.1.2.3 - - - -" : "10.1.0.0/16 - 9 - UDP";

		assert_int_equal(rule_parse(text, &rules[i], error), 0);
	}
	if (monitor_set_rules(monitor, rules, RULES_MAX, error))
		fail_msg("%s", error);
	assert_int_equal(send_packet(monitor, &last), OUTCOME_FLOW);
	assert_int_equal(send_packet(monitor, &none), OUTCOME_FILTERED);
	free(rules);
}

struct sender {
	struct monitor *monitor;
	struct flow_key kept, dropped;
	atomic_bool done;
	atomic_uint rounds;
	int status; /* the first that failed */
};

/* In turn a packet that all rules want and one that none wants; flows that are known and, at first, new ones. */
static void *sender_run(void *context)
{
	struct sender *sender = context;

	while (!atomic_load(&sender->done) && sender->status >= 0) {
		unsigned int round = atomic_fetch_add(&sender->rounds, 1);

		sender->kept.sport = sender->dropped.sport = htons((uint16_t)(round % SENT_PORTS));
		sender->status = run_packet(sender->monitor, &sender->kept);
		if (sender->status >= 0)
			sender->status = run_packet(sender->monitor, &sender->dropped);
	}
	return NULL;
}

static void test_reload_under_way(void **state)
{
	static const char *const texts[] = { "10.0.0.1 - - - -", "- 10.0.0.0/24 - 2000 UDP" };
	struct sender sender = {
		.monitor = loaded_monitor(state),
		.kept = key_of("10.0.0.1", "10.0.0.9", 0, 2000, IPPROTO_UDP),
		.dropped = key_of("10.0.0.2", "10.0.0.9", 0, 2001, IPPROTO_UDP),
	};
	char error[MONITOR_ERROR_SIZE] = "";
	struct ledger_record sum;
	struct rule rules[2];
	pthread_t thread;
	int status;

	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(rule_parse(texts[i], &rules[i], error), 0);
	assert_int_equal(monitor_set_rules(sender.monitor, &rules[0], 1, error), 0);
	assert_int_equal(pthread_create(&thread, NULL, sender_run, &sender), 0);
	/* Nothing may fail the test before the thread has ended, which works on this stack. */
	status = 0;
	for (unsigned int i = 1; i <= RELOADS && !status; i++)
		status = monitor_set_rules(sender.monitor, &rules[i % 2], 1, error);
	atomic_store(&sender.done, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(error, "");
	assert_int_equal(status, 0);
	assert_true(sender.status >= 0);
	sum = ledger_now(sender.monitor);
	print_message("%u packets of each kind, %u reloads\n", sender.rounds, RELOADS);
	assert_true(sender.rounds > 0);
	assert_int_equal(sum.outcome[OUTCOME_FLOW].packets, sender.rounds);
	assert_int_equal(sum.outcome[OUTCOME_FILTERED].packets, sender.rounds);
	assert_int_equal(sum.seen.packets, 2 * sender.rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_any_number_of_rules, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_last_rule, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_reload_under_way, monitor_setup, monitor_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
