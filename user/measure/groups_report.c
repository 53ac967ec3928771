/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups at the end of a tick: totals move on, keys are chosen for the series there are, and what no series has is the
 * rest. A series shows its key's total less the base, which is what the total was when the key got its series, so that the
 * rest keeps it. A key that gives up its series adds what that showed to the rest.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/groups_internal.h"

#define STAY_SHIFT 2 /* who has a series counts a quarter more when they are chosen */
#define FULL_EIGHTHS 7
#define KEPT_EIGHTHS 6

struct group_rank {
	uint64_t score;
	uint32_t index; /* of the entry; no two ranks are equal */
};

/* What a report says of one entry, beside the entry itself. */
struct growth {
	uint64_t bytes;
	bool known;
};

static bool ranks_before(struct group_rank a, struct group_rank b)
{
	return a.score != b.score ? a.score > b.score : a.index < b.index;
}

static int compare_ranks(const void *left, const void *right)
{
	return ranks_before(*(const struct group_rank *)left, *(const struct group_rank *)right) ? -1 : 1;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Brings the `wanted` first to the front, in no order. Hoare's selection: expected time is linear. */
static void ranks_select(struct group_rank *ranks, size_t count, size_t wanted, uint64_t random)
{
	size_t first = 0, end = count;

	random |= 1;
	while (first < wanted && wanted < end) {
		struct group_rank pivot = ranks[first + random_next(&random) % (end - first)];
		size_t low = first, high = end - 1;

		for (;;) {
			while (ranks_before(ranks[low], pivot))
				low++;
			while (ranks_before(pivot, ranks[high]))
				high--;
			if (low >= high)
				break;
			struct group_rank kept = ranks[low];

			ranks[low++] = ranks[high];
			ranks[high--] = kept;
		}
		/* All before `high + 1` stand before all from there on. */
		if (wanted <= high)
			end = high + 1;
		else
			first = high + 1;
	}
}

/* --- sums --- */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void sums_raise(struct group_sums *held, const struct group_sums *now)
{
	held->packets = larger(held->packets, now->packets);
	held->bytes = larger(held->bytes, now->bytes);
	held->payload_bytes = larger(held->payload_bytes, now->payload_bytes);
}

static struct group_sums sums_less(const struct group_sums *a, const struct group_sums *b)
{
	return (struct group_sums){
		.packets = a->packets - b->packets,
		.bytes = a->bytes - b->bytes,
		.payload_bytes = a->payload_bytes - b->payload_bytes,
	};
}

/* Of a key that may have been forgotten before, nobody knows what of its total is new. */
static struct growth entry_advance(const struct groups *groups, const struct group *group, struct group_entry *entry)
{
	struct growth growth = { .known = entry->known || !group->incomplete };
	uint64_t before = entry->total.bytes;
	struct group_sums now;

	group_entry_freshen(groups, entry);
	if (!entry->has_series)
		entry->base = entry->total;
	now = entry->retired;
	group_sums_add(&now, &entry->live);
	sums_raise(&entry->total, &now);
	if (!growth.known)
		entry->base = entry->total;
	growth.bytes = growth.known ? entry->total.bytes - before : 0;
	entry->known = true;
	return growth;
}

/* --- one group --- */

static void choose(const struct groups *groups, struct group *group, struct group_rank *ranks)
{
	uint32_t limit = group->config->limit;

	for (uint32_t i = 0; i < group->count; i++) {
		const struct group_entry *entry = &group->entries[i];
		uint64_t bytes = entry->total.bytes;

		ranks[i] = (struct group_rank){ bytes + (entry->has_series ? bytes >> STAY_SHIFT : 0), i };
	}
	if (group->count > limit)
		ranks_select(ranks, group->count, limit, groups->seed ^ groups->reading);
	for (uint32_t i = 0; i < group->count; i++)
		group->entries[ranks[i].index].has_series = i < limit;
}

static struct group_report row_base(const struct groups *groups, const struct group *group,
				    const struct group_entry *entry)
{
	const struct group_config *config = group->config;
	struct group_report row = { .parts = config->parts };
	enum group_family family;

	memcpy(row.group, config->name, sizeof(row.group));
	memcpy(&row.key, entry->words, sizeof(row.key));
	family = row.key.family == 6 ? GROUP_IPV6 : GROUP_IPV4;
	row.src_prefix = config->src_prefix[family];
	row.dst_prefix = config->dst_prefix[family];
	if (config->parts & GROUP_BY_INTERFACE)
		memcpy(row.interface, groups->places[row.key.ifindex].name, sizeof(row.interface));
	row.key.ifindex = 0;
	return row;
}

static void row_sums(struct group_report *row, const struct group_sums *sums)
{
	row->packets = sums->packets;
	row->bytes = sums->bytes;
	row->payload_bytes = sums->payload_bytes;
}

static struct group_report rest_row(struct group *group, const struct group_sums *shown, uint64_t flows)
{
	struct group_report row = { .is_rest = true, .parts = group->config->parts };
	struct group_sums rest = sums_less(&group->all.total, shown);

	/* Less than nothing only if a reading missed flows. */
	if ((int64_t)rest.packets >= 0 && (int64_t)rest.bytes >= 0 && (int64_t)rest.payload_bytes >= 0)
		sums_raise(&group->rest, &rest);
	memcpy(row.group, group->config->name, sizeof(row.group));
	row_sums(&row, &group->rest);
	row.flows = group->all.flows - flows;
	return row;
}

/* Writes the group's rows, and returns how many. growths are of each entry. */
static size_t rows_write(const struct groups *groups, struct group *group, struct group_rank *ranks,
			 const struct growth *growths, struct growth all, double interval, struct group_report *rows)
{
	uint32_t count = group->count < group->config->limit ? group->count : group->config->limit;
	struct group_sums shown = { 0 };
	uint64_t flows = 0, grown = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct group_entry *entry = &group->entries[ranks[i].index];

		ranks[i].score = entry->total.bytes - entry->base.bytes;
	}
	qsort(ranks, count, sizeof(*ranks), compare_ranks);
	for (uint32_t i = 0; i < count; i++) {
		const struct group_entry *entry = &group->entries[ranks[i].index];
		const struct growth *growth = &growths[ranks[i].index];
		struct group_sums sums = sums_less(&entry->total, &entry->base);

		rows[i] = row_base(groups, group, entry);
		row_sums(&rows[i], &sums);
		rows[i].flows = entry->flows;
		rows[i].throughput = growth->known ? (double)growth->bytes / interval : NAN;
		group_sums_add(&shown, &sums);
		flows += entry->flows;
		grown += growth->bytes;
	}
	rows[count] = rest_row(group, &shown, flows);
	rows[count].throughput = (double)(all.bytes - (grown < all.bytes ? grown : all.bytes)) / interval;
	return rows[count].packets ? count + 1 : count;
}

/* Ranks of those with a series come first, and they are the fewer by far: the smallest of the others go. */
static void forget_smallest(const struct groups *groups, struct group *group, struct group_rank *ranks)
{
	uint32_t keep = group->capacity / 8 * KEPT_EIGHTHS, kept = 0;

	if (group->count <= group->capacity / 8 * FULL_EIGHTHS)
		return;
	for (uint32_t i = 0; i < group->count; i++) {
		const struct group_entry *entry = &group->entries[i];

		ranks[i] = (struct group_rank){ entry->has_series ? UINT64_MAX : entry->total.bytes, i };
	}
	ranks_select(ranks, group->count, keep, groups->seed ^ groups->reading);
	for (uint32_t i = keep; i < group->count; i++)
		group->entries[ranks[i].index].merged = true;
	for (uint32_t i = 0; i < group->count; i++)
		if (!group->entries[i].merged)
			group->entries[kept++] = group->entries[i];
	group->count = kept;
	group->incomplete = true;
	group_index_anew(groups, group);
}

/* --- all groups --- */

struct scratch {
	struct group_rank *ranks;
	struct growth *growths;
	struct group_report *rows;
};

static int scratch_open(const struct groups *groups, struct scratch *scratch)
{
	size_t keys = 1, rows = 1;

	for (size_t i = 0; i < groups->config.count; i++) {
		const struct group *group = &groups->items[i];

		rows += group->count < group->config->limit ? group->count : group->config->limit;
		rows++;
		keys = group->count > keys ? group->count : keys;
	}
	scratch->ranks = calloc(keys, sizeof(*scratch->ranks));
	scratch->growths = calloc(keys, sizeof(*scratch->growths));
	scratch->rows = malloc(rows * sizeof(*scratch->rows));
	return scratch->ranks && scratch->growths && scratch->rows ? 0 : -ENOMEM;
}

static size_t group_rows(const struct groups *groups, struct group *group, double interval, struct scratch *scratch,
			 struct group_report *rows)
{
	struct growth all;
	size_t count;

	if (group->begins_late)
		interval = NAN;
	group->begins_late = false;
	for (uint32_t i = 0; i < group->count; i++)
		scratch->growths[i] = entry_advance(groups, group, &group->entries[i]);
	all = entry_advance(groups, group, &group->all);
	choose(groups, group, scratch->ranks);
	count = rows_write(groups, group, scratch->ranks, scratch->growths, all, interval, rows);
	forget_smallest(groups, group, scratch->ranks);
	return count;
}

int groups_report(struct groups *groups, struct report *report)
{
	double interval = report->interval > 0 ? report->interval : NAN;
	struct scratch scratch = { 0 };
	int error = 0;
	size_t count = 0;

	if (!groups->config.count)
		return 0;
	error = scratch_open(groups, &scratch);
	if (error) {
		free(scratch.rows);
	} else {
		for (size_t i = 0; i < groups->config.count; i++)
			count += group_rows(groups, &groups->items[i], interval, &scratch, scratch.rows + count);
		report->groups = scratch.rows;
		report->group_count = count;
	}
	free(scratch.ranks);
	free(scratch.growths);
	return error;
}
