/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a tick: the rows that the reading filled become the report. All memory is taken before anything changes,
 * so that a report that fails leaves the book as it was, and the next one spans both ticks.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"
#include "measure/moments.h"
#include "measure/ranks.h"

static void *array_new(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

static struct report *report_new(const struct book *book)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->references = 1;
	report->totals = array_new(book->place_count * DIRECTIONS, sizeof(*report->totals));
	report->interfaces = array_new(book->interface_count, sizeof(*report->interfaces));
	if (!report->totals || !report->interfaces)
		return report_release(report);
	return report;
}

/* Flows that this reading did not find have left the table without a word; so have their rows. */
static void drop_unseen(struct book *book)
{
	size_t kept = 0;

	for (size_t i = 0; i < book->row_count; i++) {
		struct flow_entry *owner = book->owners[i];

		owner->row = NO_ROW;
		if (owner->reading != book->reading && !owner->retired)
			continue;
		if (kept != i) {
			book->rows[kept] = book->rows[i];
			book->owners[kept] = owner;
		}
		kept++;
	}
	book->row_count = kept;
}

/* Turns bytes into rates, and sums the rows up by protocol. The rows are still in the order of their owners. */
static void finish_rows(struct book *book, struct report *report, double interval)
{
	struct gap_sums gaps[PROTOCOL_GROUPS] = { 0 };

	for (size_t i = 0; i < book->row_count; i++) {
		struct flow_report *row = &book->rows[i];
		enum protocol_group group = group_of(row->key.protocol);
		struct protocol_report *protocol = &report->protocols[group];

		protocol->throughput += row->throughput;
		protocol->goodput += row->goodput;
		protocol->flows += !book->owners[i]->retired;
		gaps[group] = gaps_add(gaps[group], gaps_of_report(&row->interarrival));
		row->throughput /= interval;
		row->goodput /= interval;
	}
	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		struct protocol_report *protocol = &report->protocols[group];

		protocol->throughput /= interval;
		protocol->goodput /= interval;
		protocol->interarrival = interarrival_of(gaps[group]);
		protocol->sequence = book->protocols[group].sequence;
	}
}

static bool has_left(const struct flow_entry *entry, const void *context)
{
	const struct book *book = context;

	return entry->retired || entry->reading != book->reading;
}

static void sweep_flows(struct book *book)
{
	if (book->seen == book->table.count && !book->retired)
		return;
	flow_table_sweep(&book->table, has_left, book);
	book->retired = 0;
}

/* Seconds since the report before; NaN if there was none. */
static double interval_of(const struct book *book)
{
	if (!book->reported)
		return NAN;
	if (book->monotonic_ns <= book->reported_ns)
		return 0;
	return (double)(book->monotonic_ns - book->reported_ns) * 1e-9;
}

/* What the report holds beside flows. */
static void fill_report(struct book *book, struct report *report, double interval)
{
	struct tally flows;

	report->time_ns = book->realtime_ns;
	report->interface_count = book->interface_count;
	if (book->interface_count)
		memcpy(report->interfaces, book->interfaces, book->interface_count * sizeof(*report->interfaces));
	ledgers_commit(book);
	report->total_count = ledgers_report(book, interval, report->totals);
	flows = ledgers_flow_sum(book);
	report->sums = book->sums;
	report->sums.packets = flows.packets;
	report->sums.bytes = flows.bytes;
}

int book_report(struct book *book, uint64_t late_ticks, const struct self_report *self, struct report **out)
{
	double interval = interval_of(book), divisor = interval > 0 ? interval : NAN;
	struct report *report;

	if (rows_make_room_for_ranks(book))
		return -ENOMEM;
	report = report_new(book);
	if (!report)
		return -ENOMEM;
	report->interval = interval;
	report->late_ticks = late_ticks;
	report->self = *self;
	fill_report(book, report, divisor);

	drop_unseen(book);
	ranks_take(book->ranks, book->rows, book->row_count, interval > 0);
	finish_rows(book, report, divisor);
	ranks_sort(book->ranks, book->rows, book->row_count);
	rows_hand_over(book, report);
	sweep_flows(book);
	book->reported_ns = book->monotonic_ns;
	book->reported = true;
	*out = report;
	return 0;
}
