/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding a flow's connection, as rtt_find() in bpf/rtt_table.h does. */
#include <string.h>

#include "flow_hash.h"
#include "kernel/rtt_internal.h"

#define NO_CONNECTION UINT32_MAX

static uint32_t connection_of(const struct rtt *rtt, uint64_t fingerprint)
{
	uint32_t first = (uint32_t)((fingerprint >> 32) * rtt->constants->rtt_sets >> 32) * RTT_SET;

	for (uint32_t i = first; i < first + RTT_SET; i++)
		if (__atomic_load_n(&rtt->connections[i].fingerprint, __ATOMIC_ACQUIRE) == fingerprint)
			return i;
	return NO_CONNECTION;
}

/* What such an end answers passes as what it asks: both are of one side. */
static bool speaks_to_itself(const struct flow_key *key)
{
	return key->sport == key->dport && !memcmp(key->src, key->dst, sizeof(key->src));
}

bool rtt_flow(const struct rtt *rtt, const struct flow_key *key, struct rtt_flow *out)
{
	const volatile struct hash_secret *secret = &rtt->constants->secret;
	uint32_t side = flow_side(key);
	uint32_t number = connection_of(rtt, hash_of_conversation(secret, flow_sum(secret, key)));
	struct rtt_summary summary;

	memset(out, 0, sizeof(*out));
	if (number == NO_CONNECTION)
		return false;
	summary = rtt->samples[number].summary[side];
	out->count = summary.count;
	out->last_ns = (uint64_t)summary.last << RTT_TIME_SHIFT;
	out->min_ns = (uint64_t)summary.min << RTT_TIME_SHIFT;
	out->smoothed_ns = (uint64_t)summary.smoothed << RTT_TIME_SHIFT;
	out->one_way = !speaks_to_itself(key) && !(rtt->connections[number].state[!side] & RTT_SEEN);
	return true;
}
