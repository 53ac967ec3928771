/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules compiled into the tables that include/rules.h describes: pure, no kernel needed. */
#ifndef FLOWGAUGE_RULE_TABLES_H
#define FLOWGAUGE_RULE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/rule.h"
#include "rules.h"

#define RULE_PREFIXES_PER_SET (RULE_PREFIXES_MAX / RULE_SETS)
#define PORT_NUMBERS 65536

struct rule_table_prefix {
	struct rule_prefix key; /* of set 0 */
	struct rule_bits bits;  /* of every rule with an item that covers the prefix */
};

struct rule_tables {
	size_t prefix_count;
	struct rule_table_prefix *prefixes; /* never empty: holds the /0 of both families for both fields */
	unsigned int class_count[RULE_ENDS];
	uint32_t port_classes[RULE_ENDS][PORT_NUMBERS]; /* class of each port, host byte order */
	struct rule_bits class_bits[RULE_ENDS][RULE_PORT_CLASSES_MAX];
	struct rule_bits protocol_bits[256];
};

/*
 * 0; -E2BIG if the rules exceed a limit of the tables, -ENOMEM. `error` is one line then, RULE_ERROR_SIZE bytes, and
 * *out untouched. rule_tables_free returns NULL.
 */
int rule_tables_compile(const struct rule *rules, size_t count, struct rule_tables **out, char error[RULE_ERROR_SIZE]);
struct rule_tables *rule_tables_free(struct rule_tables *tables);

#endif
