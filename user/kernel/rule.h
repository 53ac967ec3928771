/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule as a user writes it: "SRC DST SPORT DPORT PROTO", five tokens separated by white space; "-" is any,
 * "[a,b]" a list without spaces. Addresses may be prefixes (10.0.0.0/8, 2001:db8::/32), ports ranges (1000-2000),
 * protocols names or numbers. Fields are AND-ed, items of a list OR-ed, rules OR-ed.
 */
#ifndef FLOWGAUGE_RULE_H
#define FLOWGAUGE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"
#include "rules.h"

#define RULE_ITEMS_MAX 64 /* items of one list */

struct rule_address {
	uint8_t family; /* 4 or 6 */
	uint8_t prefix_length;
	uint8_t bytes[16]; /* network byte order, host bits zero */
};

struct rule_port_range {
	uint16_t low, high; /* inclusive, host byte order */
};

struct rule {
	/* count 0 = any */
	unsigned int address_count[RULE_ENDS];
	struct rule_address addresses[RULE_ENDS][RULE_ITEMS_MAX];
	unsigned int port_count[RULE_ENDS];
	struct rule_port_range ports[RULE_ENDS][RULE_ITEMS_MAX];
	unsigned int protocol_count;
	uint8_t protocols[RULE_ITEMS_MAX];
};

#define RULE_ERROR_SIZE 256
/* 0, or -EINVAL with the reason, naming the token and what would be right, in `error`. */
int rule_parse(const char *text, struct rule *out, char error[RULE_ERROR_SIZE]);
/* Of the protocols that the programs know: TCP, UDP, SCTP. A rule that names ports wants none but these. */
bool rule_protocol_has_ports(uint8_t protocol);
/* Non-NULL if the rule can never match (ports of a protocol that has none; no address family in common): why. */
const char *rule_never_matches(const struct rule *rule);
/* The obvious, slow judgement of one rule; the programs' tables are tested against it. */
bool rule_matches(const struct rule *rule, const struct flow_key *key);

#endif
