/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hops that said that a packet's time to live had run out. The kernel lets go of those that are idle for an hour, and counts one
 * that comes back from 0: what it had is then the rest's. There are few: they are sorted anew in each report.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/rtt_internal.h"

#define HOPS_FIRST 64

static int make_room(struct rtt_hops *hops)
{
	size_t capacity = hops->capacity ? 2 * hops->capacity : HOPS_FIRST;
	struct hop_entry *entries;

	if (hops->count < hops->capacity)
		return 0;
	entries = reallocarray(hops->entries, capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	hops->entries = entries;
	hops->capacity = capacity;
	return 0;
}

int rtt_hop(struct rtt_book *book, const struct rtt_hop_key *key, uint64_t count)
{
	if (make_room(&book->hops))
		return -ENOMEM;
	book->hops.entries[book->hops.count++] = (struct hop_entry){ *key, count };
	return 0;
}

static int compare_ends(const struct rtt_hop_key *a, const struct rtt_hop_key *b)
{
	int order = memcmp(a->hop, b->hop, sizeof(a->hop));

	if (!order)
		order = memcmp(a->dst, b->dst, sizeof(a->dst));
	return order ? order : (int)a->family - (int)b->family;
}

static int compare_keys(const void *left, const void *right)
{
	const struct hop_entry *a = left, *b = right;
	int order = compare_ends(&a->key, &b->key);

	if (!order && a->key.ifindex != b->key.ifindex)
		order = a->key.ifindex < b->key.ifindex ? -1 : 1;
	return order;
}

/* Both are sorted by key. What began anew, or is not there any more, has left what it had. */
static uint64_t left_behind(const struct rtt_hops *before, const struct rtt_hops *now)
{
	uint64_t left = 0;
	size_t k = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct hop_entry *entry = &before->entries[i];

		while (k < now->count && compare_keys(&now->entries[k], entry) < 0)
			k++;
		if (k == now->count || compare_keys(&now->entries[k], entry) != 0 ||
		    now->entries[k].count < entry->count)
			left += entry->count;
	}
	return left;
}

static int most_first(const void *left, const void *right)
{
	const struct hop_report *a = left, *b = right;
	int order;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = memcmp(a->hop, b->hop, sizeof(a->hop));
	return order ? order : memcmp(a->dst, b->dst, sizeof(a->dst));
}

/* One a hop and destination, whatever the interface. */
static void write_rows(const struct rtt_hops *hops, struct rtts_report *report)
{
	for (size_t i = 0; i < hops->count; i++) {
		const struct hop_entry *entry = &hops->entries[i];
		struct hop_report *row;

		if (i && !compare_ends(&hops->entries[i - 1].key, &entry->key)) {
			report->hops[report->hop_count - 1].count += entry->count;
			continue;
		}
		row = &report->hops[report->hop_count++];
		row->family = entry->key.family;
		memcpy(row->hop, entry->key.hop, sizeof(row->hop));
		memcpy(row->dst, entry->key.dst, sizeof(row->dst));
		row->count = entry->count;
	}
	qsort(report->hops, report->hop_count, sizeof(*report->hops), most_first);
}

int rtt_hops_report(struct rtt_book *book, struct rtts_report *report)
{
	struct rtt_hops before = book->hops_before;

	report->hops = calloc(book->hops.count + 1, sizeof(*report->hops));
	if (!report->hops)
		return -ENOMEM;
	if (book->hops.count)
		qsort(book->hops.entries, book->hops.count, sizeof(*book->hops.entries), compare_keys);
	write_rows(&book->hops, report);
	book->hops_gone += left_behind(&before, &book->hops);
	report->hops_rest = book->hops_gone + report->counts.hops_overflow;
	book->hops_before = book->hops;
	book->hops = before;
	book->hops.count = 0;
	return 0;
}
