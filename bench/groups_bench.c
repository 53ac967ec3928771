/* SPDX-License-Identifier: BSD-2-Clause */
/* What groups cost a tick: a flow and group, by how many keys there are, over 65 536 and a million flows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/rule.h"
#include "measure/groups.h"

#define TICKS 7
#define SECOND 1000000000ULL

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static bool matches(const void *rule, const struct flow_key *key)
{
	return rule_matches(rule, key);
}

static struct flow_key key_of(uint32_t index)
{
	struct flow_key key = { .ifindex = 2 + index % 4, .protocol = 17, .family = 4 };

	key.src[0] = index * 2654435761U;
	key.dst[0] = index;
	key.sport = (uint16_t)(index * 40503U);
	key.dport = (uint16_t)(index % 7);
	return key;
}

static int tick(struct groups *groups, uint32_t flows, uint64_t number, uint64_t *flows_ns, uint64_t *report_ns)
{
	struct report *report = calloc(1, sizeof(*report));
	uint64_t start = now_ns(), middle;
	int error;

	if (!report)
		return -ENOMEM;
	report->references = 1;
	report->interval = 1;
	groups_begin(groups);
	for (uint32_t i = 0; i < flows; i++) {
		struct flow_key key = key_of(i);

		groups_flow(groups, &key, number, number * (60 + i % 1400), number * 18);
	}
	middle = now_ns();
	error = groups_report(groups, report);
	*report_ns = now_ns() - middle;
	*flows_ns = middle - start;
	report_release(report);
	return error;
}

static int measure(const char *what, const struct group_config *config, size_t count, uint32_t flows)
{
	const struct groups_config all = { config, count, matches };
	uint64_t flows_least = UINT64_MAX, report_least = UINT64_MAX;
	struct groups *groups;
	int error = groups_new(&all, &groups);

	if (error)
		return error;
	for (uint64_t i = 1; i <= TICKS && !error; i++) {
		uint64_t flows_ns = 0, report_ns = 0;

		error = tick(groups, flows, i, &flows_ns, &report_ns);
		flows_least = flows_ns < flows_least ? flows_ns : flows_least;
		report_least = report_ns < report_least ? report_ns : report_least;
	}
	printf("%8u flows, %-34s %5.1f ns a flow, %.2f ms for the report\n", flows, what, (double)flows_least / flows,
	       (double)report_least / 1e6);
	groups_free(groups);
	return error;
}

int main(void)
{
	static const uint32_t sizes[] = { 65536, 1000000 };
	struct group_config ports = { .name = "ports", .parts = GROUP_BY_DPORT, .limit = 100 };
	struct group_config nets = { .name = "nets", .parts = GROUP_BY_SRC, .src_prefix = { 8, 64 }, .limit = 100 };
	struct group_config ruled = nets, large = nets, hosts = nets;
	char why[RULE_ERROR_SIZE];
	struct rule rule;
	int error = rule_parse("10.0.0.0/8 - - [80,443] [TCP,UDP]", &rule, why);

	ruled.match = "x";
	ruled.rule = &rule;
	large.src_prefix[GROUP_IPV4] = 16;
	large.limit = GROUP_LIMIT_MAX;
	hosts.src_prefix[GROUP_IPV4] = 32;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes) && !error; i++) {
		error = measure("no group", NULL, 0, sizes[i]);
		if (!error)
			error = measure("by port, 7 keys", &ports, 1, sizes[i]);
		if (!error)
			error = measure("by /8, 256 keys", &nets, 1, sizes[i]);
		if (!error)
			error = measure("by /8 and a rule that takes few", &ruled, 1, sizes[i]);
		if (!error)
			error = measure("by /16, 65536 keys, 10000 series", &large, 1, sizes[i]);
		if (!error)
			error = measure("by host, far more than remembered", &hosts, 1, sizes[i]);
	}
	if (error)
		fprintf(stderr, "groups_bench: %s\n", strerror(-error));
	return error ? 1 : 0;
}
