/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pairs and connections lie in mapped memory and are read in place, while packets change them. A pair that is idle is taken
 * out so that others find room: it leaves the index, its slot's generation is raised, and once all programs that ran then
 * have ended nothing is added to it any more: its counters are final.
 */
#include "kernel/rtt.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/programs_wait.h"
#include "kernel/rtt_internal.h"
#include "kernel/slots_internal.h"
#include "rate_bins.h"

#include "flowgauge.skel.h"

static uint32_t sets_of(const struct rtt_config *config)
{
	return (config->max_flows + RTT_SET - 1) / RTT_SET;
}

static size_t connections_bytes(const struct rtt_config *config)
{
	return whole_pages((size_t)sets_of(config) * RTT_SET * sizeof(struct rtt_connection));
}

static size_t samples_bytes(const struct rtt_config *config)
{
	return whole_pages((size_t)sets_of(config) * RTT_SET * sizeof(struct rtt_samples));
}

static size_t pairs_bytes(const struct rtt_config *config)
{
	return whole_pages(((size_t)config->max_pairs + RTT_OTHERS) * sizeof(struct rtt_pair));
}

int rtt_prepare(struct flowgauge_bpf *skeleton, const struct rtt_config *config)
{
	struct program_constants *constants = &skeleton->rodata->constants;
	int err;

	constants->rtt_sets = 0;
	if (!config->enabled)
		return 0;
	if (!config->max_flows || config->max_flows > RTT_FLOWS_MAX || !config->max_pairs ||
	    config->max_pairs > RTT_PAIRS_MAX || config->scope > RTT_SCOPE_FLOW)
		return -EINVAL;
	constants->rtt_sets = sets_of(config);
	constants->rtt_scope = config->scope;
	constants->rtt_pairs = config->max_pairs;
	err = bpf_map__set_max_entries(skeleton->maps.rtt_connections, constants->rtt_sets * RTT_SET);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.rtt_samples, constants->rtt_sets * RTT_SET);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.rtt_pairs, config->max_pairs + RTT_OTHERS);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.rtt_pair_index, config->max_pairs);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.rtt_pairs_free, config->max_pairs);
	return err;
}

/* References to "other" begin with a generation of 1: one that is 0 leads nowhere. */
static void others_renew(struct rtt *rtt)
{
	for (uint32_t method = 0; method < RTT_OTHERS; method++)
		__atomic_fetch_add(&rtt->pairs[method].generation, 1, __ATOMIC_SEQ_CST);
}

int rtt_open(const struct flowgauge_bpf *skeleton, const struct rtt_config *config, struct rtt **out)
{
	struct rtt *rtt;
	int cpus, err;

	*out = NULL;
	if (!config->enabled)
		return 0;
	cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return cpus;
	rtt = calloc(1, sizeof(*rtt));
	if (!rtt)
		return -ENOMEM;
	rtt->config = *config;
	rtt->constants = &skeleton->rodata->constants;
	rtt->index_fd = bpf_map__fd(skeleton->maps.rtt_pair_index);
	rtt->free_fd = bpf_map__fd(skeleton->maps.rtt_pairs_free);
	rtt->tallies_fd = bpf_map__fd(skeleton->maps.rtt_tallies);
	rtt->hops_fd = bpf_map__fd(skeleton->maps.rtt_hops);
	rtt->cpus = (unsigned int)cpus;
	rtt->tallies = calloc(rtt->cpus, sizeof(*rtt->tallies));
	rtt->leaving = malloc(config->max_pairs * sizeof(*rtt->leaving));
	rtt->connections = map_whole(bpf_map__fd(skeleton->maps.rtt_connections), connections_bytes(config));
	rtt->samples = map_whole(bpf_map__fd(skeleton->maps.rtt_samples), samples_bytes(config));
	rtt->pairs = map_whole(bpf_map__fd(skeleton->maps.rtt_pairs), pairs_bytes(config));
	if (!rtt->tallies || !rtt->leaving || !rtt->connections || !rtt->samples || !rtt->pairs) {
		err = errno ? -errno : -ENOMEM;
		rtt_close(rtt);
		return err;
	}
	others_renew(rtt);
	*out = rtt;
	return 0;
}

struct rtt *rtt_close(struct rtt *rtt)
{
	if (!rtt)
		return NULL;
	if (rtt->connections)
		munmap(rtt->connections, connections_bytes(&rtt->config));
	if (rtt->samples)
		munmap(rtt->samples, samples_bytes(&rtt->config));
	if (rtt->pairs)
		munmap(rtt->pairs, pairs_bytes(&rtt->config));
	free(rtt->tallies);
	free(rtt->leaving);
	free(rtt);
	return NULL;
}

/* --- pairs --- */

static void pair_record(const struct rtt_pair *pair, struct rtt_pair_record *record)
{
	*record = (struct rtt_pair_record){
		.sum_ns = __atomic_load_n(&pair->sum_ns, __ATOMIC_RELAXED),
		.min_ns = __atomic_load_n(&pair->min_ns, __ATOMIC_RELAXED),
		.last_ns = __atomic_load_n(&pair->last_ns, __ATOMIC_RELAXED),
		.smoothed_ns = __atomic_load_n(&pair->smoothed_ns, __ATOMIC_RELAXED),
		.seen_ns = __atomic_load_n(&pair->seen_ns, __ATOMIC_RELAXED),
	};
	for (int i = 0; i < RTT_BUCKETS; i++) {
		record->buckets[i] = __atomic_load_n(&pair->buckets[i], __ATOMIC_RELAXED);
		record->count += record->buckets[i];
	}
}

/* Signed: a replay's samples have the times of the capture, which may be ahead. */
static bool is_idle(uint64_t seen_ns, uint64_t now_ns, uint64_t limit_ns)
{
	return (int64_t)(now_ns - seen_ns) > (int64_t)limit_ns;
}

static void pair_leave(struct rtt *rtt, uint32_t slot)
{
	struct rtt_pair *pair = &rtt->pairs[slot];

	bpf_map_delete_elem(rtt->index_fd, &pair->key);
	__atomic_fetch_add(&pair->generation, 1, __ATOMIC_SEQ_CST);
	rtt->leaving[rtt->leaving_count++] = slot;
}

/* No program adds to it any more. */
static void pair_end(struct rtt *rtt, uint32_t slot, const struct rtt_visitor *visitor)
{
	struct rtt_pair *pair = &rtt->pairs[slot];
	struct rtt_pair_record record;

	pair_record(pair, &record);
	rtt->gone[pair->key.method] += record.count;
	if (visitor->gone)
		visitor->gone(visitor->context, &pair->key, &record);
	__atomic_store_n(&pair->live, 0, __ATOMIC_RELEASE);
	pair->sum_ns = pair->min_ns = pair->last_ns = pair->smoothed_ns = pair->seen_ns = 0;
	memset(pair->buckets, 0, sizeof(pair->buckets));
	if (bpf_map_update_elem(rtt->free_fd, NULL, &slot, BPF_ANY))
		rtt->slots_lost++; /* the queue has room for all of them */
}

static void pairs_end(struct rtt *rtt, const struct rtt_visitor *visitor)
{
	if (!rtt->leaving_count)
		return;
	programs_wait();
	for (uint32_t i = 0; i < rtt->leaving_count; i++)
		pair_end(rtt, rtt->leaving[i], visitor);
	rtt->leaving_count = 0;
	others_renew(rtt);
}

static void pairs_read(struct rtt *rtt, uint64_t now_ns, const struct rtt_visitor *visitor, struct rtt_counts *counts)
{
	uint32_t fresh = __atomic_load_n(&rtt->pairs[0].fresh, __ATOMIC_ACQUIRE);
	uint32_t end = RTT_OTHERS + (fresh < rtt->config.max_pairs ? fresh : rtt->config.max_pairs);
	struct rtt_pair_record record;

	for (uint32_t slot = 0; slot < end; slot++) {
		struct rtt_pair *pair = &rtt->pairs[slot];

		if (slot >= RTT_OTHERS && !__atomic_load_n(&pair->live, __ATOMIC_ACQUIRE))
			continue;
		pair_record(pair, &record);
		if (slot < RTT_OTHERS) {
			counts->matched[slot] += record.count;
			if (visitor->other)
				visitor->other(visitor->context, (enum rtt_method)slot, &record);
			continue;
		}
		if (!record.count)
			continue; /* it was only just made */
		if (is_idle(record.seen_ns, now_ns, RTT_PAIR_IDLE_NS)) {
			pair_leave(rtt, slot);
			continue;
		}
		counts->matched[pair->key.method] += record.count;
		if (visitor->pair)
			visitor->pair(visitor->context, &pair->key, &record);
	}
	pairs_end(rtt, visitor);
	for (int method = 0; method < RTT_METHODS; method++)
		counts->matched[method] += rtt->gone[method];
}

/* --- hops, and the rest --- */

static int hops_read(struct rtt *rtt, uint64_t now_ns, const struct rtt_visitor *visitor)
{
	struct rtt_hop_key key, next;
	struct rtt_hop hop;
	int err = bpf_map_get_next_key(rtt->hops_fd, NULL, &next);

	for (int i = 0; i < RTT_HOPS_MAX && !err; i++) {
		key = next;
		err = bpf_map_get_next_key(rtt->hops_fd, &key, &next);
		if (bpf_map_lookup_elem(rtt->hops_fd, &key, &hop))
			continue;
		if (visitor->hop)
			visitor->hop(visitor->context, &key, hop.count);
		if (is_idle(hop.seen_ns, now_ns, RTT_HOP_IDLE_NS))
			bpf_map_delete_elem(rtt->hops_fd, &key);
	}
	return err == -ENOENT ? 0 : err;
}

static int tallies_read(struct rtt *rtt, struct rtt_counts *counts)
{
	uint32_t zero = 0;
	int err = bpf_map_lookup_elem(rtt->tallies_fd, &zero, rtt->tallies);

	for (unsigned int cpu = 0; cpu < rtt->cpus && !err; cpu++) {
		const struct rtt_tally *tally = &rtt->tallies[cpu];

		for (int method = 0; method < RTT_METHODS; method++) {
			counts->unmatched[method] += tally->unmatched[method];
			counts->unasked[method] += tally->unasked[method];
			counts->skipped[method] += tally->skipped[method];
		}
		counts->overflow += tally->overflow;
		counts->pairs_overflow += tally->pairs_overflow;
		counts->hops_overflow += tally->hops_overflow;
	}
	return err;
}

int rtt_read(struct rtt *rtt, uint64_t now_ns, const struct rtt_visitor *visitor, struct rtt_counts *counts)
{
	int err;

	*counts = (struct rtt_counts){
		.connections_bytes = connections_bytes(&rtt->config) + samples_bytes(&rtt->config),
		.pairs_bytes = pairs_bytes(&rtt->config),
	};
	pairs_read(rtt, now_ns, visitor, counts);
	err = hops_read(rtt, now_ns, visitor);
	return err ? err : tallies_read(rtt, counts);
}
