/* SPDX-License-Identifier: BSD-2-Clause */
#include "groups_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

bool groups_steps_rule(const void *rule, const struct flow_key *key)
{
	return key->protocol == *(const uint8_t *)rule;
}

struct group_config groups_steps_config(const char *name, unsigned int parts, uint32_t limit)
{
	struct group_config config = {
		.parts = parts, .limit = limit, .src_prefix = { 32, 128 }, .dst_prefix = { 32, 128 }
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	return config;
}

struct groups *groups_steps_open(const struct group_config *configs, size_t count)
{
	const struct interface_report interfaces[] = { { .name = "eth0", .ifindex = 2 },
						       { .name = "eth1", .ifindex = 3 } };
	const struct groups_config config = { configs, count, groups_steps_rule };
	struct groups *groups;

	assert_int_equal(groups_new(&config, &groups), 0);
	assert_int_equal(groups_interfaces(groups, interfaces, 2), 0);
	return groups;
}

struct report *groups_steps_report(struct groups *groups)
{
	struct report *report = calloc(1, sizeof(*report));

	assert_non_null(report);
	report->references = 1;
	report->interval = 2;
	assert_int_equal(groups_report(groups, report), 0);
	return report;
}

static void end_write(char *out, size_t size, const struct group_report *row, bool source)
{
	char address[INET6_ADDRSTRLEN];

	if (!(row->parts & (source ? GROUP_BY_SRC : GROUP_BY_DST))) {
		snprintf(out, size, "-");
		return;
	}
	assert_non_null(inet_ntop(row->key.family == 6 ? AF_INET6 : AF_INET, source ? row->key.src : row->key.dst,
				  address, sizeof(address)));
	snprintf(out, size, "%s/%u", address, source ? row->src_prefix : row->dst_prefix);
}

static void number_write(char *out, size_t size, bool known, unsigned int value)
{
	snprintf(out, size, known ? "%u" : "-", value);
}

void groups_steps_line(char *out, size_t size, const struct group_report *row)
{
	char source[64], destination[64], sport[8], dport[8], protocol[8], direction[8];

	end_write(source, sizeof(source), row, true);
	end_write(destination, sizeof(destination), row, false);
	number_write(sport, sizeof(sport), row->parts & GROUP_BY_SPORT, ntohs(row->key.sport));
	number_write(dport, sizeof(dport), row->parts & GROUP_BY_DPORT, ntohs(row->key.dport));
	number_write(protocol, sizeof(protocol), row->parts & GROUP_BY_PROTOCOL, row->key.protocol);
	number_write(direction, sizeof(direction), row->parts & GROUP_BY_DIRECTION, row->key.direction);
	snprintf(out, size, "%s %s %s %s %s %s %s", source, destination, sport, dport, protocol,
		 row->parts & GROUP_BY_INTERFACE ? row->interface : "-", direction);
}
