/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups by hand: what a few flows make of each part, which keys have a series, interfaces, and a new configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>

#include "groups_steps.h"
#include "near.h"

static struct flow_key key_of(int family, const char *source, const char *destination, uint16_t sport, uint16_t dport,
			      uint8_t protocol)
{
	struct flow_key key = { .sport = htons(sport),
				.dport = htons(dport),
				.ifindex = 2,
				.protocol = protocol,
				.family = family == AF_INET6 ? 6 : 4 };

	assert_int_equal(inet_pton(family, source, key.src), 1);
	assert_int_equal(inet_pton(family, destination, key.dst), 1);
	return key;
}

/* --- each part --- */

static const struct {
	const char *name;
	unsigned int parts;
	uint8_t v4, v6;
	size_t rows;       /* of the flows below */
	const char *first; /* source, destination, sport, dport, protocol, interface and direction of the largest */
} shapes[] = {
	{ "all", 0, 32, 128, 1, "- - - - - - -" },
	{ "host", GROUP_BY_SRC, 32, 128, 5, "10.1.2.3/32 - - - - - -" },
	{ "net", GROUP_BY_SRC, 24, 64, 3, "10.1.2.0/24 - - - - - -" },
	{ "every", GROUP_BY_SRC, 0, 0, 2, "0.0.0.0/0 - - - - - -" },
	{ "odd", GROUP_BY_DST, 9, 33, 3, "- 10.128.0.0/9 - - - - -" },
	{ "ports", GROUP_BY_SPORT | GROUP_BY_DPORT, 32, 128, 4, "- - 1000 80 - - -" },
	{ "protocols", GROUP_BY_PROTOCOL, 32, 128, 2, "- - - - 6 - -" },
	{ "where", GROUP_BY_INTERFACE | GROUP_BY_DIRECTION, 32, 128, 3, "- - - - - eth0 0" },
	{ "families", GROUP_BY_SRC | GROUP_BY_DPORT, 0, 0, 2, "0.0.0.0/0 - - 80 - - -" },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static size_t shape_flows(struct flow_key keys[6])
{
	keys[0] = key_of(AF_INET, "10.1.2.3", "10.200.0.1", 1000, 80, IPPROTO_TCP);
	keys[1] = key_of(AF_INET, "10.1.2.4", "10.130.0.1", 1000, 80, IPPROTO_TCP);
	keys[2] = key_of(AF_INET, "10.1.3.4", "10.1.0.1", 2000, 80, IPPROTO_UDP);
	keys[3] = key_of(AF_INET6, "2001:db8::1", "2001:db8:8000::1", 1000, 53, IPPROTO_UDP);
	keys[4] = key_of(AF_INET6, "2001:db8::2", "2001:db8:ffff::1", 1001, 53, IPPROTO_UDP);
	keys[5] = keys[0];
	keys[3].direction = DIRECTION_EGRESS;
	keys[4].ifindex = 3;
	keys[5].vlan[0] = VLAN_PRESENT | 7; /* no part of any group */
	return 6;
}

static void test_shapes(void **state)
{
	struct flow_key keys[6];
	size_t count = shape_flows(keys);

	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		struct group_config config = groups_steps_config(shapes[i].name, shapes[i].parts, 10);
		struct groups *groups;
		struct report *report;
		char line[256];

		config.src_prefix[GROUP_IPV4] = config.dst_prefix[GROUP_IPV4] = shapes[i].v4;
		config.src_prefix[GROUP_IPV6] = config.dst_prefix[GROUP_IPV6] = shapes[i].v6;
		groups = groups_steps_open(&config, 1);
		groups_begin(groups);
		for (size_t flow = 0; flow < count; flow++)
			groups_flow(groups, &keys[flow], 10, 1000 - flow, 500);
		report = groups_steps_report(groups);
		if (report->group_count != shapes[i].rows)
			fail_msg("%s: %zu rows", shapes[i].name, report->group_count);
		groups_steps_line(line, sizeof(line), &report->groups[0]);
		assert_string_equal(line, shapes[i].first);
		assert_string_equal(report->groups[0].group, shapes[i].name);
		report_release(report);
		groups_free(groups);
	}
}

static void test_rule_and_rates(void **state)
{
	static const uint8_t udp = IPPROTO_UDP;
	struct group_config config = groups_steps_config("udp", GROUP_BY_DPORT, 10);
	struct flow_key keys[6];
	struct groups *groups;
	struct report *report;

	(void)state;
	shape_flows(keys);
	config.match = "UDP";
	config.rule = &udp;
	groups = groups_steps_open(&config, 1);
	for (uint64_t tick = 1; tick <= 2; tick++) {
		groups_begin(groups);
		for (size_t flow = 0; flow < 6; flow++)
			groups_flow(groups, &keys[flow], tick, tick * 100, tick * 50);
		report = groups_steps_report(groups);
		assert_int_equal(report->group_count, 2);
		assert_int_equal(ntohs(report->groups[0].key.dport), 53);
		assert_int_equal(report->groups[0].flows, 2);
		assert_int_equal(report->groups[0].packets, 2 * tick);
		assert_int_equal(report->groups[0].bytes, 200 * tick);
		assert_int_equal(report->groups[0].payload_bytes, 100 * tick);
		assert_near(report->groups[0].throughput, 100, 1e-9, 0);
		assert_int_equal(report->groups[1].bytes, 100 * tick);
		report_release(report);
	}
	groups_free(groups);
}

static void test_none(void **state)
{
	struct groups *groups = groups_steps_open(NULL, 0);
	struct flow_key keys[6];
	struct report *report;

	(void)state;
	shape_flows(keys);
	groups_begin(groups);
	groups_flow(groups, &keys[0], 1, 1, 1);
	groups_retired(groups, &keys[0], 1, 1, 1);
	report = groups_steps_report(groups);
	assert_int_equal(report->group_count, 0);
	report_release(report);
	groups_free(groups);
}

/* --- which keys have a series --- */

static const struct group_report *series_of(const struct report *report, uint32_t host)
{
	for (size_t i = 0; i < report->group_count; i++)
		if (!report->groups[i].is_rest && report->groups[i].key.src[0] == htonl(host))
			return &report->groups[i];
	return NULL;
}

static struct report *hosts_tick(struct groups *groups, const uint64_t *bytes, uint32_t count)
{
	groups_begin(groups);
	for (uint32_t host = 0; host < count; host++) {
		struct flow_key key = { .family = 4, .src = { htonl(host) } };

		if (bytes[host])
			groups_flow(groups, &key, 1, bytes[host], 0);
	}
	return groups_steps_report(groups);
}

/* One that is a little larger waits; one that is larger by a quarter gets the series, which begins with what is new. */
static void test_edge(void **state)
{
	struct group_config config = groups_steps_config("hosts", GROUP_BY_SRC, 2);
	struct groups *groups = groups_steps_open(&config, 1);
	uint64_t bytes[3] = { 1000, 900, 800 };
	struct report *report = hosts_tick(groups, bytes, 3);

	(void)state;
	assert_non_null(series_of(report, 0));
	assert_non_null(series_of(report, 1));
	assert_null(series_of(report, 2));
	assert_true(report->groups[2].is_rest);
	assert_int_equal(report->groups[2].bytes, 800);
	report_release(report);

	bytes[2] = 1100;
	report = hosts_tick(groups, bytes, 3);
	assert_null(series_of(report, 2));
	assert_int_equal(report->groups[2].bytes, 1100);
	assert_near(report->groups[2].throughput, 150, 1e-9, 0);
	report_release(report);

	bytes[2] = 1200;
	report = hosts_tick(groups, bytes, 3);
	assert_null(series_of(report, 1));
	assert_int_equal(series_of(report, 2)->bytes, 100);
	assert_near(series_of(report, 2)->throughput, 50, 1e-9, 0);
	assert_int_equal(report->groups[2].bytes, 1100 + 900);
	assert_near(report->groups[2].throughput, 0, 1e-9, 0);
	report_release(report);
	groups_free(groups);
}

/* A flow that a reading misses takes nothing away. */
static void test_missed(void **state)
{
	struct group_config config = groups_steps_config("hosts", GROUP_BY_SRC, 2);
	struct groups *groups = groups_steps_open(&config, 1);
	uint64_t bytes[2] = { 1000, 900 }, missing[2] = { 0, 950 }, again[2] = { 1010, 960 };
	struct report *report;

	(void)state;
	report_release(hosts_tick(groups, bytes, 2));
	report = hosts_tick(groups, missing, 2);
	assert_int_equal(series_of(report, 0)->bytes, 1000);
	assert_int_equal(series_of(report, 0)->flows, 0);
	assert_int_equal(series_of(report, 1)->bytes, 950);
	report_release(report);
	report = hosts_tick(groups, again, 2);
	assert_int_equal(series_of(report, 0)->bytes, 1010);
	assert_int_equal(series_of(report, 1)->bytes, 960);
	report_release(report);
	groups_free(groups);
}

/* --- interfaces --- */

static struct report *interfaces_tick(struct groups *groups, const unsigned int *indices, const uint64_t *bytes,
				      size_t count)
{
	groups_begin(groups);
	for (size_t i = 0; i < count; i++) {
		struct flow_key key = { .family = 4, .ifindex = indices[i] };

		groups_flow(groups, &key, 1, bytes[i], 0);
	}
	return groups_steps_report(groups);
}

static uint64_t bytes_at(const struct report *report, const char *interface)
{
	uint64_t found = UINT64_MAX;

	for (size_t i = 0; i < report->group_count; i++)
		if (!strcmp(report->groups[i].interface, interface)) {
			assert_int_equal(found, UINT64_MAX);
			found = report->groups[i].bytes;
		}
	return found;
}

static void test_interfaces(void **state)
{
	struct group_config config = groups_steps_config("interfaces", GROUP_BY_INTERFACE, 10);
	struct groups *groups = groups_steps_open(&config, 1);
	struct interface_report swapped[] = { { .name = "eth1", .ifindex = 2 }, { .name = "eth0", .ifindex = 3 } };
	struct interface_report back[] = { { .name = "eth1", .ifindex = 2 }, { .name = "eth0", .ifindex = 9 } };
	static const unsigned int indices[] = { 2, 3, 9 };
	static const uint64_t bytes[] = { 100, 10, 1 };
	struct report *report = interfaces_tick(groups, indices, bytes, 2);

	(void)state;
	assert_int_equal(bytes_at(report, "eth0"), 100);
	assert_int_equal(bytes_at(report, "eth1"), 10);
	report_release(report);
	assert_int_equal(groups_interfaces(groups, swapped, 2), 0);
	report = interfaces_tick(groups, indices, bytes, 2);
	assert_int_equal(bytes_at(report, "eth1"), 100);
	assert_int_equal(bytes_at(report, "eth0"), 10);
	report_release(report);
	/* eth0 is gone, and comes back with another index; its old flows are still there. */
	assert_int_equal(groups_interfaces(groups, back, 1), 0);
	report_release(interfaces_tick(groups, indices, bytes, 2));
	assert_int_equal(groups_interfaces(groups, back, 2), 0);
	report = interfaces_tick(groups, indices, bytes, 3);
	assert_int_equal(report->group_count, 2);
	assert_int_equal(bytes_at(report, "eth0"), 11);
	report_release(report);
	groups_free(groups);
}

/* Two interfaces have series; one takes the name of the other, which is gone: one series, of both. */
static void test_interface_takes_a_name(void **state)
{
	struct group_config config = groups_steps_config("interfaces", GROUP_BY_INTERFACE | GROUP_BY_DPORT, 10);
	struct groups *groups = groups_steps_open(&config, 1);
	struct interface_report renamed = { .name = "eth0", .ifindex = 3 };
	static const unsigned int indices[] = { 2, 3 };
	static const uint64_t bytes[] = { 100, 10 }, later[] = { 100, 30 };
	struct report *report;

	(void)state;
	report_release(interfaces_tick(groups, indices, bytes, 2));
	assert_int_equal(groups_interfaces(groups, &renamed, 1), 0);
	report = interfaces_tick(groups, indices, later, 2);
	assert_int_equal(report->group_count, 1);
	assert_int_equal(bytes_at(report, "eth0"), 130);
	assert_near(report->groups[0].throughput, 10, 1e-9, 0);
	report_release(report);
	groups_free(groups);
}

/* Many come and go; each is known by its name. */
static void test_many_interfaces(void **state)
{
	struct group_config config = groups_steps_config("interfaces", GROUP_BY_INTERFACE, 1000);
	struct groups *groups = groups_steps_open(&config, 1);

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		struct interface_report interface = { .ifindex = 100 + i };
		static const uint64_t bytes = 1;
		struct report *report;

		snprintf(interface.name, sizeof(interface.name), "veth%u", i % 250);
		assert_int_equal(groups_interfaces(groups, &interface, 1), 0);
		report = interfaces_tick(groups, &interface.ifindex, &bytes, 1);
		assert_int_equal(bytes_at(report, interface.name), 1);
		assert_int_equal(report->group_count, i < 250 ? i + 1 : 250);
		report_release(report);
		{
			struct flow_key key = { .family = 4, .ifindex = interface.ifindex };

			groups_retired(groups, &key, 1, i < 250 ? 0 : 1, 0);
		}
	}
	groups_free(groups);
}

/* --- reload --- */

static void test_configure(void **state)
{
	struct group_config before[] = { groups_steps_config("kept", GROUP_BY_SRC, 5),
					 groups_steps_config("changed", GROUP_BY_SRC, 5) };
	struct group_config after[] = { groups_steps_config("changed", GROUP_BY_DST, 5),
					groups_steps_config("kept", GROUP_BY_SRC, 5) };
	const struct groups_config config = { after, 2, groups_steps_rule };
	struct groups *groups = groups_steps_open(before, 2);
	struct flow_key key = { .family = 4, .src = { htonl(1) }, .dst = { htonl(2) } };
	struct report *report;

	(void)state;
	groups_begin(groups);
	groups_flow(groups, &key, 1, 100, 10);
	report_release(groups_steps_report(groups));
	groups_retired(groups, &key, 1, 100, 10);
	assert_int_equal(groups_configure(groups, &config), 0);
	memset(before, 0xff, sizeof(before)); /* nobody looks at them any more */
	groups_begin(groups);
	groups_flow(groups, &key, 1, 50, 5);
	report = groups_steps_report(groups);
	assert_int_equal(report->group_count, 2);
	assert_string_equal(report->groups[0].group, "changed");
	assert_int_equal(report->groups[0].bytes, 50);
	assert_true(isnan(report->groups[0].throughput));
	assert_string_equal(report->groups[1].group, "kept");
	assert_int_equal(report->groups[1].bytes, 150);
	assert_near(report->groups[1].throughput, 25, 1e-9, 0);
	report_release(report);
	groups_free(groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_rule_and_rates),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_interface_takes_a_name),
		cmocka_unit_test(test_many_interfaces),
		cmocka_unit_test(test_configure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
