/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a tick: pairs become rows. All memory is taken before anything changes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/rtt_internal.h"

#define NS_PER_SECOND 1e9
#define PREFIX_IPV4 24
#define PREFIX_IPV6 48

static double seconds_or_unknown(uint64_t ns)
{
	return ns ? (double)ns / NS_PER_SECOND : NAN;
}

/* Shows `total`, and takes note of it in `shown`. */
static void row_sums(struct rtt_pair_report *row, const struct rtt_sums *total, struct rtt_sums *shown)
{
	struct rtt_sums interval = rtt_sums_less(total, shown);

	row->sum_ns = total->sum_ns;
	row->total = rtt_sums_spread(total);
	row->count = row->total.count;
	row->interval = rtt_sums_spread(&interval);
	rtt_sums_cumulate(total, row->cumulative);
	*shown = *total;
}

/* The records' times are a past of this reading's moment; a clock that was set back between leaves them at it. */
static uint64_t realtime_of(const struct rtt_book *book, uint64_t seen_ns)
{
	uint64_t ago = seen_ns < book->monotonic_ns ? book->monotonic_ns - seen_ns : 0;

	return book->realtime_ns > ago ? book->realtime_ns - ago : 0;
}

static uint8_t prefix_of(const struct rtt_id *id, enum rtt_scope scope)
{
	if (scope == RTT_SCOPE_PREFIX)
		return id->family == 6 ? PREFIX_IPV6 : PREFIX_IPV4;
	return id->family == 6 ? 128 : 32;
}

static void row_of(const struct rtt_book *book, struct rtt_entry *entry, enum rtt_scope scope,
		   struct rtt_pair_report *row)
{
	struct rtt_sums total = rtt_entry_total(entry);

	*row = (struct rtt_pair_report){
		.family = entry->id.family,
		.method = entry->id.method,
		.protocol = entry->id.protocol,
		.prefix = prefix_of(&entry->id, scope),
		.sport = entry->id.sport,
		.dport = entry->id.dport,
		.min = seconds_or_unknown(entry->min_ns),
		.last = seconds_or_unknown(entry->last_ns),
		.smoothed = seconds_or_unknown(entry->smoothed_ns),
		.last_seen_ns = realtime_of(book, entry->seen_ns),
	};
	memcpy(row->src, entry->id.src, sizeof(row->src));
	memcpy(row->dst, entry->id.dst, sizeof(row->dst));
	row_sums(row, &total, &entry->shown);
}

static int most_first(const void *left, const void *right)
{
	const struct rtt_pair_report *a = left, *b = right;
	int order;

	if (a->interval.count != b->interval.count)
		return a->interval.count > b->interval.count ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = memcmp(a->src, b->src, sizeof(a->src));
	if (!order)
		order = memcmp(a->dst, b->dst, sizeof(a->dst));
	if (!order)
		order = (int)a->method - (int)b->method;
	if (!order)
		order = a->sport != b->sport ? (int)a->sport - (int)b->sport : (int)a->dport - (int)b->dport;
	return order;
}

/* The rests that ever had anything. Returns how many. */
static size_t rests_write(struct rtt_book *book, struct rtt_pair_report *rows)
{
	size_t count = 0;

	for (int method = 0; method < RTT_METHODS; method++) {
		struct rtt_rest *rest = &book->rest[method];
		struct rtt_sums total = rest->gone;

		rtt_sums_add(&total, &rest->other);
		if (!rtt_sums_count(&total))
			continue;
		rows[count] = (struct rtt_pair_report){
			.is_rest = true,
			.method = (uint8_t)method,
			.min = seconds_or_unknown(rest->min_ns),
			.last = NAN,
			.smoothed = NAN,
		};
		row_sums(&rows[count++], &total, &rest->shown);
	}
	return count;
}

int rtt_report(struct rtt_book *book, struct rtts_report *report)
{
	struct rtt_pair_report *rows = calloc(book->count + RTT_METHODS, sizeof(*rows));

	if (!rows || rtt_hops_report(book, report)) {
		free(rows);
		return -ENOMEM;
	}
	rtt_drop_absent(book);
	for (size_t i = 0; i < book->count; i++)
		row_of(book, book->entries[i], report->scope, &rows[i]);
	qsort(rows, book->count, sizeof(*rows), most_first);
	report->pairs = rows;
	report->live_pairs = book->count;
	report->pair_count = book->count + rests_write(book, rows + book->count);
	return 0;
}
