/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules as text: any line is read or refused with one line that says why. */
#include <errno.h>
#include <string.h>

#include "kernel/rule.h"
#include "target.h"

static void check_rule(const struct rule *rule)
{
	struct flow_key key = { .family = 4, .protocol = 17 };

	for (int end = 0; end < RULE_ENDS; end++) {
		HOLD(rule->address_count[end] <= RULE_ITEMS_MAX && rule->port_count[end] <= RULE_ITEMS_MAX);
		for (unsigned int i = 0; i < rule->address_count[end]; i++) {
			const struct rule_address *address = &rule->addresses[end][i];

			HOLD(address->family == 4 || address->family == 6);
			HOLD(address->prefix_length <= (address->family == 4 ? 32 : 128));
		}
		for (unsigned int i = 0; i < rule->port_count[end]; i++)
			HOLD(rule->ports[end][i].low <= rule->ports[end][i].high);
	}
	HOLD(rule->protocol_count <= RULE_ITEMS_MAX);
	if (rule_never_matches(rule))
		HOLD(!rule_matches(rule, &key));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	char *text = malloc(size + 1), *error = malloc(RULE_ERROR_SIZE);
	struct rule *rule = malloc(sizeof(*rule));
	int result;

	memcpy(text, input, size);
	text[size] = '\0';
	memset(error, 0xff, RULE_ERROR_SIZE);
	result = rule_parse(text, rule, error);
	if (!result) {
		check_rule(rule);
	} else {
		HOLD(result == -EINVAL);
		HOLD(memchr(error, '\0', RULE_ERROR_SIZE) && *error && !strchr(error, '\n'));
	}
	free(rule);
	free(error);
	free(text);
	return 0;
}
