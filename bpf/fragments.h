/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Later fragments belong to the flow of their first one, which alone has the ports. The first one is remembered, in a
 * table that forgets what was not used for longest; a fragment whose first one is not known, because it came before it
 * or was forgotten, goes to the flow with ports 0, and is counted as an orphan.
 */
#ifndef FLOWGAUGE_FRAGMENTS_H
#define FLOWGAUGE_FRAGMENTS_H

#include "maps.h"
#include "parse.h"

static __always_inline void fragment_count(enum fragment_fate fate, __u32 packets)
{
	struct fragment_ledger *ledger = bpf_map_lookup_elem(&fragment_ledgers, &(__u32){ 0 });

	if (ledger)
		ledger->packets[fate] += packets;
}

static __always_inline void fragments(struct facts *facts, __u64 now)
{
	struct fragment_key key = {
		.ident = facts->fragment_ident,
		.ifindex = facts->key.ifindex,
		.protocol = facts->key.protocol,
		.family = facts->key.family,
		.direction = facts->key.direction,
	};
	struct fragment_ports ports = { .sport = facts->key.sport, .dport = facts->key.dport, .time_ns = now };
	const struct fragment_ports *first;

	if (!has_ports(facts->key.protocol))
		return;
	__builtin_memcpy(key.src, facts->key.src, sizeof(key.src));
	__builtin_memcpy(key.dst, facts->key.dst, sizeof(key.dst));
	if (facts->fragment_first) {
		bpf_map_update_elem(&fragment_firsts, &key, &ports, BPF_ANY);
		fragment_count(FRAGMENT_FIRST, facts->packets);
		return;
	}
	first = bpf_map_lookup_elem(&fragment_firsts, &key);
	if (!first || now - first->time_ns > FRAGMENT_LIFE_NS) {
		fragment_count(FRAGMENT_ORPHAN, facts->packets);
		return;
	}
	facts->key.sport = first->sport;
	facts->key.dport = first->dport;
	fragment_count(FRAGMENT_JOINED, facts->packets);
}

#endif
