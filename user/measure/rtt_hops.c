/* SPDX-License-Identifier: BSD-2-Clause */
/* Hops that said that a packet's time to live had run out. There are few: they are sorted anew in each report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/rtt_internal.h"

#define HOPS_FIRST 64

int rtt_hop(struct rtt_book *book, const struct rtt_hop_key *key, uint64_t count)
{
	struct hop_report *hop;

	if (book->hop_count == book->hop_capacity) {
		size_t capacity = book->hop_capacity ? 2 * book->hop_capacity : HOPS_FIRST;
		struct hop_report *hops = reallocarray(book->hops, capacity, sizeof(*hops));

		if (!hops)
			return -ENOMEM;
		book->hops = hops;
		book->hop_capacity = capacity;
	}
	hop = &book->hops[book->hop_count++];
	*hop = (struct hop_report){ .family = key->family, .count = count };
	memcpy(hop->hop, key->hop, sizeof(hop->hop));
	memcpy(hop->dst, key->dst, sizeof(hop->dst));
	return 0;
}

static int compare_keys(const void *left, const void *right)
{
	const struct hop_report *a = left, *b = right;
	int order = memcmp(a->hop, b->hop, sizeof(a->hop));

	if (!order)
		order = memcmp(a->dst, b->dst, sizeof(a->dst));
	return order ? order : (int)a->family - (int)b->family;
}

static int most_first(const void *left, const void *right)
{
	const struct hop_report *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return compare_keys(left, right);
}

int rtt_hops_report(struct rtt_book *book, struct rtts_report *report)
{
	size_t count = 0;

	report->hops = calloc(book->hop_count ? book->hop_count : 1, sizeof(*report->hops));
	if (!report->hops)
		return -ENOMEM;
	if (book->hop_count)
		qsort(book->hops, book->hop_count, sizeof(*book->hops), compare_keys);
	for (size_t i = 0; i < book->hop_count; i++) {
		if (count && !compare_keys(&report->hops[count - 1], &book->hops[i]))
			report->hops[count - 1].count += book->hops[i].count;
		else
			report->hops[count++] = book->hops[i];
	}
	qsort(report->hops, count, sizeof(*report->hops), most_first);
	report->hop_count = count;
	return 0;
}
