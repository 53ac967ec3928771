/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of groups do over and over. */
#ifndef FLOWGAUGE_TEST_GROUPS_STEPS_H
#define FLOWGAUGE_TEST_GROUPS_STEPS_H

#include "measure/groups.h"

/* A rule is the number of a protocol. */
bool groups_steps_rule(const void *rule, const struct flow_key *key);
/* Of hosts, if it is by addresses. */
struct group_config groups_steps_config(const char *name, unsigned int parts, uint32_t limit);
/* With eth0 of index 2 and eth1 of index 3. */
struct groups *groups_steps_open(const struct group_config *configs, size_t count);
/* One of an interval of 2 s, to be released. */
struct report *groups_steps_report(struct groups *groups);
/* "SRC/N DST/N SPORT DPORT PROTOCOL INTERFACE DIRECTION", each - if the group is not made by it. */
void groups_steps_line(char *out, size_t size, const struct group_report *row);

#endif
