/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding a flow's connection, as rtt_fingerprint() in bpf/rtt_table.h does. */
#include <netinet/in.h>
#include <string.h>

#include "kernel/rtt_internal.h"

/* Of the word that tells the addresses apart, and the port. */
static bool source_is_greater(const struct flow_key *key)
{
	int word = key->family == 6 ? 3 : 0;
	uint64_t source, destination;

	while (word && key->src[word] == key->dst[word])
		word--;
	source = (uint64_t)key->src[word] << 16 | key->sport;
	destination = (uint64_t)key->dst[word] << 16 | key->dport;
	return source > destination;
}

static uint64_t product(const struct rtt *rtt, uint32_t left, uint32_t right, int word, int other)
{
	const uint32_t *addends = rtt->constants->hash_addends;

	return (uint64_t)(left + addends[word]) * (right + addends[other]);
}

static uint64_t fingerprint_of(const struct rtt *rtt, const struct flow_key *key, bool greater)
{
	const __be32 *low = greater ? key->dst : key->src, *high = greater ? key->src : key->dst;
	uint64_t sum = product(rtt, low[0], high[0], 0, 4) +
		       product(rtt, greater ? key->dport : key->sport, greater ? key->sport : key->dport, 8, 9) +
		       product(rtt, key->ifindex, (uint32_t)key->vlan[0] << 16 | key->vlan[1], 10, 11);

	if (key->family == 6)
		sum += product(rtt, low[1], high[1], 1, 5) + product(rtt, low[2], high[2], 2, 6) +
		       product(rtt, low[3], high[3], 3, 7);
	sum += (uint32_t)key->family << 8 | key->protocol;
	sum ^= sum >> 32;
	sum *= rtt->constants->hash_factor;
	return sum > 1 ? sum : 2;
}

static const struct rtt_connection *connection_of(const struct rtt *rtt, uint64_t fingerprint)
{
	const struct rtt_set *set = &rtt->connections[(uint32_t)((fingerprint >> 32) * rtt->constants->rtt_sets >> 32)];

	for (int i = 0; i < RTT_SET; i++)
		if (__atomic_load_n(&set->connections[i].fingerprint, __ATOMIC_ACQUIRE) == fingerprint)
			return &set->connections[i];
	return NULL;
}

bool rtt_flow(const struct rtt *rtt, const struct flow_key *key, struct rtt_flow *out)
{
	bool side = source_is_greater(key);
	const struct rtt_connection *connection = connection_of(rtt, fingerprint_of(rtt, key, side));
	struct rtt_summary summary;

	memset(out, 0, sizeof(*out));
	if (!connection)
		return false;
	summary = connection->summary[side];
	out->count = summary.count;
	out->last_ns = (uint64_t)summary.last << RTT_TIME_SHIFT;
	out->min_ns = (uint64_t)summary.min << RTT_TIME_SHIFT;
	out->smoothed_ns = (uint64_t)summary.smoothed << RTT_TIME_SHIFT;
	out->one_way = !(connection->state[!side] & RTT_SEEN);
	return true;
}
