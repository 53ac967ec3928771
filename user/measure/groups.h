/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configured aggregations over all flows: flows that a rule wants, added up by prefix, host, port, protocol, interface or
 * direction. A group keeps nothing of a flow: what it shows is the sum over the live flows' counters, taken anew at each
 * reading, and what flows that ended left behind.
 *
 * One tick: groups_begin, groups_flow for each live flow, groups_retired for each flow that is taken out of the table,
 * groups_report. groups_retired may also come between ticks, and a reading may stay without a report: the next one spans
 * both. A flow that is retired after it was read is shown as it was read, and its last packets with the next reading.
 *
 * What a series shows never falls. The series of a group, with the rest, are all flows that match, exactly:
 * - at most `limit` keys have a series of their own, the largest by bytes; one that has it gives it up only to one that
 *   is a quarter larger. What a key had before it got its series stays in the rest, so that the rest does not fall.
 * - a group remembers 8 * limit keys at most. When there are more, the smallest without a series are forgotten, and stay
 *   in the rest for good.
 * - a reading that misses a flow does not take its counts away: they stand until the truth has passed them.
 */
#ifndef FLOWGAUGE_GROUPS_H
#define FLOWGAUGE_GROUPS_H

#include "measure/report.h"

#define GROUPS_MAX 32
#define GROUP_LIMIT_DEFAULT 100
#define GROUP_LIMIT_MAX 10000
#define GROUP_KEYS_PER_SERIES 8

enum group_family { GROUP_IPV4, GROUP_IPV6, GROUP_FAMILIES };

struct group_config {
	char name[GROUP_NAME_SIZE];
	unsigned int parts;                 /* enum group_part, or-ed; 0: all flows that match are one series */
	uint8_t src_prefix[GROUP_FAMILIES]; /* lengths: 0 to 32 and 0 to 128 */
	uint8_t dst_prefix[GROUP_FAMILIES];
	uint32_t limit;    /* series, the rest not counted; 1 to GROUP_LIMIT_MAX */
	const char *match; /* the rule as text, to tell whether it changed; NULL: every flow */
	const void *rule;  /* the same, for groups_config.matches */
};

/* What it points at is borrowed until the next groups_configure or groups_free. */
struct groups_config {
	const struct group_config *groups;
	size_t count; /* up to GROUPS_MAX */
	bool (*matches)(const void *rule, const struct flow_key *key);
};

struct groups;

int groups_new(const struct groups_config *config, struct groups **out); /* 0 or -ENOMEM */
struct groups *groups_free(struct groups *groups);
/* A group that is defined as before goes on; another one begins with the flows that are live. 0, or -ENOMEM and all is as before. */
int groups_configure(struct groups *groups, const struct groups_config *config);

/*
 * The interfaces as they are now. The series of an index that is gone keep its name, one that comes back under a known
 * name goes on in that name's series, and one that is renamed takes its series along. 0 or -ENOMEM.
 */
int groups_interfaces(struct groups *groups, const struct interface_report *interfaces, size_t count);

void groups_begin(struct groups *groups);
/* Counters are absolute: since the flow began. */
void groups_flow(struct groups *groups, const struct flow_key *key, uint64_t packets, uint64_t bytes,
		 uint64_t payload_bytes);
/* The flow left the table with these last counters; they are not less than those read before. */
void groups_retired(struct groups *groups, const struct flow_key *key, uint64_t packets, uint64_t bytes,
		    uint64_t payload_bytes);
/* Fills report->groups; the report's interval is that of the rates. 0, or -ENOMEM: then the next report spans both. */
int groups_report(struct groups *groups, struct report *report);

#endif
