/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/flow_rules.h"

#include <stdlib.h>

#include "kernel/rule.h"

static void *compile(const char *text, struct text *error)
{
	struct rule *rule = malloc(sizeof(*rule));
	char why[RULE_ERROR_SIZE];

	if (!rule) {
		text_append(error, "out of memory");
		return NULL;
	}
	if (!rule_parse(text, rule, why))
		return rule;
	text_appendf(error, "match: %s", why);
	free(rule);
	return NULL;
}

static bool matches(const void *rule, const struct flow_key *key)
{
	return rule_matches(rule, key);
}

const struct flows_match flow_rules = { .compile = compile, .matches = matches, .release = free };
