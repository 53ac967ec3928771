/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compiled rules: for each field of a flow, the set of rules that its value satisfies, as one bit a rule. A flow is
 * wanted when the five sets have a rule in common. So the price of a judgement does not grow with the number of rules,
 * and lists cost nothing. Two sets of tables: one in use, one to write the next rules into; the generation says which.
 */
#ifndef FLOWGAUGE_RULES_H
#define FLOWGAUGE_RULES_H

#include <linux/types.h>

#define RULES_MAX 512
#define RULE_WORDS (RULES_MAX / 64)
#define RULE_SETS 2
#define RULE_PREFIXES_MAX 8192
#define RULE_PORT_CLASSES_MAX 2048 /* ports that satisfy the same rules share a class */

enum rule_field {
	RULE_SOURCE = 0,
	RULE_DESTINATION = 1,
	RULE_ENDS = 2,
};

struct rule_bits {
	__u64 words[RULE_WORDS];
};

/* Key of the longest-prefix map. prefix_length covers set, field, family and zero, too: 32 + the address's own. */
struct rule_prefix {
	__u32 prefix_length;
	__u8 set;
	__u8 field;  /* enum rule_field */
	__u8 family; /* 4 or 6 */
	__u8 zero;
	__u8 address[16]; /* network byte order; IPv4 in the first four */
};

struct rule_state {
	__u32 generation;        /* raised with each new set; set = generation % RULE_SETS */
	__u32 active[RULE_SETS]; /* 0: the set holds no rule, and everything is wanted */
	__u32 zero;
};

/* Array maps, memory-mapped by the monitor:
 *   rule_ports[(set * RULE_ENDS + field) * 65536 + port]                  -> class, __u32
 *   rule_port_classes[(set * RULE_ENDS + field) * RULE_PORT_CLASSES_MAX + class] -> struct rule_bits
 *   rule_protocols[set * 256 + protocol]                                  -> struct rule_bits
 */
_Static_assert(sizeof(struct rule_prefix) == 24, "rule_prefix has no implicit padding");

#endif
