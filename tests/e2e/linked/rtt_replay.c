/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The round-trip times in a capture, as the kernel half of the monitor finds them: one line of JSON a pair, for each flow
 * that has its own one, for each hop, and of what was counted.
 *
 *   rtt_replay FILE [host|prefix|flow]
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/replay.h"

#define FRAMES 65536

static const char *const methods[RTT_METHODS] = { "tcp_timestamp", "tcp_handshake", "icmp_echo" };

static const char *address(const __be32 *bytes, int family, char out[INET6_ADDRSTRLEN])
{
	return inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, out, INET6_ADDRSTRLEN);
}

static void print_pair(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	(void)context;
	printf("{\"type\":\"pair\",\"src\":\"%s\",\"dst\":\"%s\",\"sport\":%u,\"dport\":%u,\"method\":\"%s\",\"count\":%llu,"
	       "\"sum_ns\":%llu,\"min_ns\":%llu,\"last_ns\":%llu,\"buckets\":[",
	       address(key->src, key->family, src), address(key->dst, key->family, dst), ntohs(key->sport),
	       ntohs(key->dport), methods[key->method], (unsigned long long)record->count,
	       (unsigned long long)record->sum_ns, (unsigned long long)record->min_ns,
	       (unsigned long long)record->last_ns);
	for (unsigned int i = 0, first = 1; i < RTT_BUCKETS; i++)
		if (record->buckets[i]) {
			printf("%s[%llu,%llu]", first ? "" : ",", (unsigned long long)rtt_bucket_end(i),
			       (unsigned long long)record->buckets[i]);
			first = 0;
		}
	puts("]}");
}

static void print_hop(void *context, const struct rtt_hop_key *key, uint64_t count)
{
	char hop[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	(void)context;
	printf("{\"type\":\"hop\",\"hop\":\"%s\",\"dst\":\"%s\",\"count\":%llu}\n", address(key->hop, key->family, hop),
	       address(key->dst, key->family, dst), (unsigned long long)count);
}

static void print_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	struct rtt_flow flow;

	(void)slot;
	(void)record;
	if (monitor_flow_rtt(context, key, &flow))
		printf("{\"type\":\"flow\",\"src\":\"%s\",\"dst\":\"%s\",\"sport\":%u,\"dport\":%u,\"protocol\":%u,\"count\":%llu,"
		       "\"last_ns\":%llu,\"min_ns\":%llu,\"smoothed_ns\":%llu,\"one_way\":%s}\n",
		       address(key->src, key->family, src), address(key->dst, key->family, dst), ntohs(key->sport),
		       ntohs(key->dport), key->protocol, (unsigned long long)flow.count,
		       (unsigned long long)flow.last_ns, (unsigned long long)flow.min_ns,
		       (unsigned long long)flow.smoothed_ns, flow.one_way ? "true" : "false");
}

static void print_counts(const struct rtt_counts *counts)
{
	for (int i = 0; i < RTT_METHODS; i++)
		printf("{\"type\":\"counts\",\"method\":\"%s\",\"matched\":%llu,\"unmatched\":%llu,\"unasked\":%llu,\"skipped\":%llu}\n",
		       methods[i], (unsigned long long)counts->matched[i], (unsigned long long)counts->unmatched[i],
		       (unsigned long long)counts->unasked[i], (unsigned long long)counts->skipped[i]);
}

static enum rtt_scope scope_of(const char *word)
{
	return !strcmp(word, "flow") ? RTT_SCOPE_FLOW : !strcmp(word, "prefix") ? RTT_SCOPE_PREFIX : RTT_SCOPE_HOST;
}

int main(int argc, char **argv)
{
	struct monitor_config config = {
		.constants = { .sequence_threshold = 2 },
		.max_flows = 65536,
		.rtt = { .enabled = true, .max_flows = 65536, .max_pairs = 65536 },
	};
	char error[MONITOR_ERROR_SIZE];
	struct rtt_visitor visitor = { .pair = print_pair, .hop = print_hop };
	struct monitor_visitor flows = { .flow = print_flow };
	struct monitor_reading reading;
	struct rtt_counts counts;
	struct replay *replay;
	int more = 1;

	if (argc < 2)
		return 2;
	if (argc > 2)
		config.rtt.scope = scope_of(argv[2]);
	if (replay_open(&config, argv[1], &replay, error)) {
		fprintf(stderr, "rtt_replay: %s\n", error);
		return 1;
	}
	while (more > 0)
		more = replay_run(replay, FRAMES, error);
	if (more < 0)
		fprintf(stderr, "rtt_replay: %s\n", error);
	flows.context = replay_monitor(replay);
	if (monitor_read_rtt(replay_monitor(replay), 0, &visitor, &counts) ||
	    monitor_read(replay_monitor(replay), &flows, &reading)) {
		replay_close(replay);
		return 1;
	}
	print_counts(&counts);
	replay_close(replay);
	return more < 0;
}
