/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules in the kernel, case by case: verdicts, reloads, and reloads that are refused. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "flow_slots.h"
#include "kernel/slots.h"
#include "rule_packets.h"

#define RULES_MOST 8 /* in a table of texts */

/* Twice: what was judged anew, and what is remembered. */
static void assert_outcome(struct monitor *monitor, const struct flow_key *key, enum outcome outcome)
{
	assert_int_equal(send_packet(monitor, key), outcome);
	assert_int_equal(send_packet(monitor, key), outcome);
}

static uint64_t flow_packets(struct monitor *monitor, const struct flow_key *key)
{
	struct flow_slot slot;
	uint32_t index;

	if (slots_find(monitor->table, key, &index))
		return 0;
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(monitor->skeleton->maps.flow_slots), &index, &slot), 0);
	return slot.packets;
}

static void set_rules(struct monitor *monitor, const char *const texts[RULES_MOST])
{
	struct rule rules[RULES_MOST];
	char error[MONITOR_ERROR_SIZE] = "";
	size_t count = 0;

	for (; count < RULES_MOST && texts[count]; count++)
		if (rule_parse(texts[count], &rules[count], error))
			fail_msg("%s: %s", texts[count], error);
	if (monitor_set_rules(monitor, rules, count, error))
		fail_msg("%s", error);
}

/* --- tests --- */

static void test_no_rules(void **state)
{
	struct monitor *monitor = loaded_monitor(state);
	struct flow_key udp = key_of("10.0.0.1", "10.0.0.2", 1000, 2000, IPPROTO_UDP);
	struct flow_key gre = key_of("2001:db8::1", "2001:db8::2", 0, 0, IPPROTO_GRE);

	assert_outcome(monitor, &udp, OUTCOME_FLOW);
	assert_outcome(monitor, &gre, OUTCOME_FLOW);
	assert_int_equal(flow_packets(monitor, &udp), 2);
	set_rules(monitor, (const char *const[RULES_MOST]){ NULL });
	assert_outcome(monitor, &udp, OUTCOME_FLOW);
	assert_int_equal(flow_packets(monitor, &udp), 4);
}

static void test_verdicts(void **state)
{
	static const char *const texts[RULES_MOST] = {
		"10.1.1.1 10.2.2.2 - 22 TCP",
		"[10.3.0.0/16,2001:db8:3::/48] - - 5000-6000 UDP",
		"- - 9999 - ICMP",
		"- 10.4.4.4 - - ICMP",
		"2001:db8:5::1 - [7,9] - [TCP,SCTP]",
		"10.6.0.0/15 10.6.0.0/15 - - 47",
		"- 2001:db8:7::/64 - - -",
		"::/0 - 0 - UDP",
	};
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		uint8_t protocol;
		enum outcome outcome;
	} rows[] = {
		{ "10.1.1.1", "10.2.2.2", 999, 22, IPPROTO_TCP, OUTCOME_FLOW },
		{ "10.1.1.1", "10.2.2.2", 22, 999, IPPROTO_TCP, OUTCOME_FILTERED },
		{ "10.1.1.1", "10.2.2.2", 999, 22, IPPROTO_UDP, OUTCOME_FILTERED },
		{ "10.1.1.1", "10.2.2.3", 999, 22, IPPROTO_TCP, OUTCOME_FILTERED },
		{ "10.2.2.2", "10.1.1.1", 999, 22, IPPROTO_TCP, OUTCOME_FILTERED },
		{ "10.3.255.255", "1.1.1.1", 1, 5000, IPPROTO_UDP, OUTCOME_FLOW },
		{ "10.3.0.0", "1.1.1.1", 1, 6000, IPPROTO_UDP, OUTCOME_FLOW },
		{ "10.3.0.0", "1.1.1.1", 1, 6001, IPPROTO_UDP, OUTCOME_FILTERED },
		{ "10.3.0.0", "1.1.1.1", 1, 4999, IPPROTO_UDP, OUTCOME_FILTERED },
		{ "10.4.0.0", "1.1.1.1", 1, 5500, IPPROTO_UDP, OUTCOME_FILTERED },
		{ "2001:db8:3:ffff::9", "::1", 1, 5500, IPPROTO_UDP, OUTCOME_FLOW },
		{ "2001:db8:4::9", "::1", 1, 5500, IPPROTO_UDP, OUTCOME_FILTERED },
		{ "10.0.0.1", "10.0.0.2", 0, 0, IPPROTO_ICMP, OUTCOME_FILTERED },
		{ "10.0.0.1", "10.4.4.4", 0, 0, IPPROTO_ICMP, OUTCOME_FLOW },
		{ "2001:db8:5::1", "::1", 9, 1, IPPROTO_TCP, OUTCOME_FLOW },
		{ "2001:db8:5::1", "::1", 7, 1, IPPROTO_SCTP, OUTCOME_FLOW },
		{ "2001:db8:5::1", "::1", 8, 1, IPPROTO_TCP, OUTCOME_FILTERED },
		{ "10.7.0.1", "10.6.0.1", 0, 0, IPPROTO_GRE, OUTCOME_FLOW },
		{ "10.7.0.1", "10.8.0.1", 0, 0, IPPROTO_GRE, OUTCOME_FILTERED },
		{ "::1", "2001:db8:7::abc", 0, 0, IPPROTO_ICMPV6, OUTCOME_FLOW },
		{ "::1", "2001:db8:7:1::", 0, 0, IPPROTO_ICMPV6, OUTCOME_FILTERED },
		{ "::1", "::2", 0, 65535, IPPROTO_UDP, OUTCOME_FLOW },
		{ "10.0.0.1", "10.0.0.2", 0, 65535, IPPROTO_UDP, OUTCOME_FILTERED },
	};
	struct monitor *monitor = loaded_monitor(state);

	set_rules(monitor, texts);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_key key = key_of(rows[i].src, rows[i].dst, rows[i].sport, rows[i].dport, rows[i].protocol);

		assert_outcome(monitor, &key, rows[i].outcome);
		assert_int_equal(flow_packets(monitor, &key), rows[i].outcome == OUTCOME_FLOW ? 2 : 0);
	}
}

static void test_reload_judges_known_flows_anew(void **state)
{
	static const char *const first[RULES_MOST] = { "10.0.0.1 - - - UDP" }, *const second[RULES_MOST] = {
		"- - - 80 -"
	};
	struct monitor *monitor = loaded_monitor(state);
	struct flow_key a = key_of("10.0.0.1", "10.0.0.9", 1000, 2000, IPPROTO_UDP);
	struct flow_key b = key_of("10.0.0.2", "10.0.0.9", 1000, 80, IPPROTO_TCP);

	for (unsigned int round = 0; round < 4; round++) {
		set_rules(monitor, first);
		assert_outcome(monitor, &a, OUTCOME_FLOW);
		assert_outcome(monitor, &b, OUTCOME_FILTERED);
		assert_int_equal(flow_packets(monitor, &a), 4 * round + 2);
		assert_int_equal(flow_packets(monitor, &b), 4 * round);
		set_rules(monitor, second);
		assert_outcome(monitor, &a, OUTCOME_FILTERED);
		assert_outcome(monitor, &b, OUTCOME_FLOW);
		set_rules(monitor, (const char *const[RULES_MOST]){ NULL });
		assert_outcome(monitor, &a, OUTCOME_FLOW);
		assert_outcome(monitor, &b, OUTCOME_FLOW);
	}
	assert_int_equal(flow_packets(monitor, &a), 16);
	assert_int_equal(flow_packets(monitor, &b), 16);
}

static void test_refused_rules_change_nothing(void **state)
{
	static const char *const rule[RULES_MOST] = { "10.0.0.1 - - - -" };
	struct monitor *monitor = loaded_monitor(state);
	struct flow_key wanted = key_of("10.0.0.1", "10.0.0.9", 1000, 2000, IPPROTO_UDP);
	struct flow_key unwanted = key_of("10.0.0.2", "10.0.0.9", 1000, 2000, IPPROTO_UDP);
	struct rule *rules = calloc(RULES_MAX + 1, sizeof(*rules));
	char error[MONITOR_ERROR_SIZE] = "";

	assert_non_null(rules);
	set_rules(monitor, rule);
	assert_int_equal(monitor_set_rules(monitor, rules, RULES_MAX + 1, error), -E2BIG);
	assert_string_equal(error, "513 rules: at most 512 would be right");
	assert_outcome(monitor, &wanted, OUTCOME_FLOW);
	assert_outcome(monitor, &unwanted, OUTCOME_FILTERED);
	free(rules);
}

/* The map is filled up with prefixes of a set that no program asks for. */
static void fill_prefixes(int map, bool fill)
{
	const struct rule_bits none = { { 0 } };
	struct rule_prefix key = { .prefix_length = 64, .set = 200, .family = 4 };
	int status = 0;

	for (unsigned int i = 0; i < RULE_PREFIXES_MAX && !status; i++) {
		key.address[2] = (uint8_t)(i >> 8);
		key.address[3] = (uint8_t)i;
		status = fill ? bpf_map_update_elem(map, &key, &none, BPF_ANY) : bpf_map_delete_elem(map, &key);
	}
	assert_int_equal(status, fill ? -ENOSPC : -ENOENT);
}

static void test_failed_write_changes_nothing(void **state)
{
	static const char *const first[RULES_MOST] = { "10.0.0.1 - - - -" }, *const second[RULES_MOST] = {
		"10.0.0.2 - - - -"
	};
	struct monitor *monitor = loaded_monitor(state);
	struct flow_key a = key_of("10.0.0.1", "10.0.0.9", 1000, 2000, IPPROTO_UDP);
	struct flow_key b = key_of("10.0.0.2", "10.0.0.9", 1000, 2000, IPPROTO_UDP);
	int map = bpf_map__fd(monitor->skeleton->maps.rule_prefixes);
	char error[MONITOR_ERROR_SIZE] = "";
	struct rule rule;

	set_rules(monitor, first);
	assert_outcome(monitor, &b, OUTCOME_FILTERED);
	assert_int_equal(rule_parse(second[0], &rule, error), 0);
	fill_prefixes(map, true);
	assert_int_equal(monitor_set_rules(monitor, &rule, 1, error), -ENOSPC);
	assert_string_equal(error, "cannot write the addresses of the rules: No space left on device; "
				   "the rules before them stay in force");
	assert_outcome(monitor, &a, OUTCOME_FLOW);
	assert_outcome(monitor, &b, OUTCOME_FILTERED);
	fill_prefixes(map, false);
	set_rules(monitor, second);
	assert_outcome(monitor, &a, OUTCOME_FILTERED);
	assert_outcome(monitor, &b, OUTCOME_FLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_rules, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_reload_judges_known_flows_anew, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_refused_rules_change_nothing, monitor_setup, monitor_teardown),
		cmocka_unit_test_setup_teardown(test_failed_write_changes_nothing, monitor_setup, monitor_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
