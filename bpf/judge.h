/* SPDX-License-Identifier: GPL-2.0-only */
/* Is a flow wanted? Five look-ups and an AND of bit sets, whatever the number of rules; see include/rules.h. */
#ifndef FLOWGAUGE_JUDGE_H
#define FLOWGAUGE_JUDGE_H

#include "maps.h"
#include "parse.h"

static __always_inline const struct rule_bits *address_rules(__u32 set, __u32 field, const struct flow_key *key)
{
	struct rule_prefix prefix = {
		.prefix_length = 32 + 128,
		.set = set,
		.field = field,
		.family = key->family,
	};

	__builtin_memcpy(prefix.address, field == RULE_SOURCE ? key->src : key->dst, sizeof(prefix.address));
	return bpf_map_lookup_elem(&rule_prefixes, &prefix);
}

static __always_inline const struct rule_bits *port_rules(__u32 set, __u32 field, __be16 port)
{
	__u32 table = set * RULE_ENDS + field;
	__u32 index = table * 65536 + bpf_ntohs(port);
	__u32 *class = bpf_map_lookup_elem(&rule_ports, &index);

	if (!class || *class >= RULE_PORT_CLASSES_MAX)
		return NULL;
	index = table * RULE_PORT_CLASSES_MAX + *class;
	return bpf_map_lookup_elem(&rule_port_classes, &index);
}

static __noinline int rules_want(const struct flow_key *key, __u32 set)
{
	const struct rule_bits *source, *destination, *sport, *dport, *protocol;
	__u32 index;

	if (!key)
		return 0;
	set &= RULE_SETS - 1;
	index = set * 256 + key->protocol;
	protocol = bpf_map_lookup_elem(&rule_protocols, &index);
	sport = port_rules(set, RULE_SOURCE, key->sport);
	dport = port_rules(set, RULE_DESTINATION, key->dport);
	source = address_rules(set, RULE_SOURCE, key);
	destination = address_rules(set, RULE_DESTINATION, key);
	if (!protocol || !sport || !dport || !source || !destination)
		return 0;
	for (int i = 0; i < RULE_WORDS; i++)
		if (source->words[i] & destination->words[i] & sport->words[i] & dport->words[i] & protocol->words[i])
			return 1;
	return 0;
}

/* The rules in force; read once a packet, so that a reload in between cannot mix two sets. */
static __always_inline __u32 rules_now(void)
{
	return *(volatile __u32 *)&rule_state.generation;
}

static __always_inline int judge(const struct flow_key *key, __u32 generation)
{
	__u32 set = generation & (RULE_SETS - 1);

	if (!*(volatile __u32 *)&rule_state.active[set])
		return 1;
	return rules_want(key, set);
}

/* For a flow that is not in the table: its verdict from memory, or a new one. */
static __always_inline int judge_once(const struct flow_key *key, __u32 generation)
{
	__u32 *judged;

	if (!*(volatile __u32 *)&rule_state.active[generation & (RULE_SETS - 1)])
		return 1;
	judged = bpf_map_lookup_elem(&unwanted, key);
	if (judged && *judged == generation)
		return 0;
	if (rules_want(key, generation & (RULE_SETS - 1)))
		return 1;
	bpf_map_update_elem(&unwanted, key, &generation, BPF_ANY);
	return 0;
}

#endif
