/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow of the other end of a TCP connection: read without its lock, never written to. */
#ifndef FLOWGAUGE_TCP_OTHER_H
#define FLOWGAUGE_TCP_OTHER_H

#include "flow_table.h"

/* What is known of the other end's flow, which others may be writing. */
struct tcp_other {
	const struct flow_slot *slot; /* NULL: it is not known */
	const struct flow_detail *detail;
};

/*
 * At one interface the opposite flow goes the other way; in a capture both come in. Its slot's number. A function of its own,
 * as few segments need it.
 */
__noinline __u32 tcp_other_slot(const struct flow_key *key)
{
	struct scratch *scratch = scratch_get();
	struct flow_key *opposite;
	struct found found;

	if (!scratch || !key)
		return NO_SLOT;
	opposite = &scratch->opposite;
	*opposite = *key;
	__builtin_memcpy(opposite->src, key->dst, sizeof(opposite->src));
	__builtin_memcpy(opposite->dst, key->src, sizeof(opposite->dst));
	opposite->sport = key->dport;
	opposite->dport = key->sport;
	opposite->direction = !key->direction;
	for (int i = 0; i < DIRECTIONS; i++) {
		table_find(opposite, flow_hash(&constants.secret, opposite), &found);
		if (found.slot)
			return found.index;
		opposite->direction = key->direction;
	}
	return NO_SLOT;
}

static __always_inline void tcp_find_other(const struct flow_key *key, struct tcp_other *other)
{
	__u32 index = tcp_other_slot(key);

	other->slot = bpf_map_lookup_elem(&flow_slots, &index);
	other->detail = bpf_map_lookup_elem(&flow_details, &index);
	if (!other->slot || !other->detail || !(other->slot->tcp.state & TCP_KNOWN)) {
		other->slot = NULL;
		other->detail = NULL;
	}
}

#endif
