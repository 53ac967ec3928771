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

	for (size_t i = 0; book->rows_of_before && i < book->row_count; i++) {
		const struct flow_entry *owner = book->notes[i].owner;

		if (owner->reading != book->reading && !owner->retired)
			continue;
		if (kept != i) {
			book->rows[kept] = book->rows[i];
			book->notes[kept] = book->notes[i];
		}
		kept++;
	}
	if (book->rows_of_before)
		book->row_count = kept;
}

/* What this reading found, over all flows that ever were. A counter that fell in the sum is held, too. */
static void sum_flows(struct book *book, struct report *report)
{
	struct group_counts *all = &book->present; /* it is made anew by the next reading */

	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		counts_add(&all->counts[group], &book->followed_now.counts[group]);
		counts_add(&all->counts[group], &book->gone.counts[group]);
		report->followed_flows += book->followed_now.flows[group];
		report->protocols[group].flows = all->flows[group] + book->followed_now.flows[group];
		report->live_flows += report->protocols[group].flows;
	}
}

/* Raises what is held of the groups to the sums; their rates hold the bytes since the report before. */
static void hold_groups(struct book *book, struct report *report)
{
	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		struct protocol_report *protocol = &report->protocols[group];
		struct protocol_memory *memory = &book->protocols[group];
		struct flow_counts before = memory->held;
		const uint64_t *number = memory->held.number;

		counts_hold(&memory->held, &book->present.counts[group]);
		protocol->throughput = (double)(number[COUNT_BYTES] - before.number[COUNT_BYTES]);
		protocol->goodput = (double)(number[COUNT_FRESH_BYTES] - before.number[COUNT_FRESH_BYTES]);
		protocol->sequence.kind = memory->kind;
		protocol->sequence.current = memory->current;
		if (memory->kind != SEQUENCE_NONE)
			counts_sequence(&memory->held, &protocol->sequence);
	}
}

static struct flow_sums sums_of(const struct book *book)
{
	struct flow_counts all = { 0 };
	struct tally flows = ledgers_flow_sum(book);
	const uint64_t *number = all.number;

	for (int group = 0; group < PROTOCOL_GROUPS; group++)
		counts_add(&all, &book->protocols[group].held);
	return (struct flow_sums){
		.packets = flows.packets,
		.bytes = flows.bytes,
		.payload_bytes = number[COUNT_PAYLOAD_BYTES],
		.gaps = number[COUNT_GAPS],
		.gap_seconds = counts_gap_seconds(&all),
		.gap_squared_seconds = counts_gap_squared_seconds(&all),
		.received = number[COUNT_RECEIVED],
		.reverse = number[COUNT_REVERSE],
		.small = number[COUNT_SMALL],
		.big = number[COUNT_BIG],
		.lost = number[COUNT_LOST],
		.duplicate = number[COUNT_DUPLICATE],
		.reordered = number[COUNT_REORDERED],
		.fresh_bytes = number[COUNT_FRESH_BYTES],
		.contended = number[COUNT_CONTENDED],
		.tcp = counts_tcp(&all, book->tcp_known),
	};
}

static double not_below_0(double value)
{
	return value < 0 ? 0 : value;
}

/* Bytes become rates. Flows without a rate of their own share what is left of their protocols'. */
static void rates_of_groups(struct report *report, double interval)
{
	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		struct protocol_report *protocol = &report->protocols[group];

		report->others_throughput += protocol->throughput;
		report->others_goodput += protocol->goodput;
		protocol->throughput /= interval;
		protocol->goodput /= interval;
	}
	report->others_throughput = not_below_0(report->others_throughput) / interval;
	report->others_goodput = not_below_0(report->others_goodput) / interval;
}

/* What the rows have together. */
static void sum_notes(struct book *book, struct report *report, double interval)
{
	struct gap_sums gaps[PROTOCOL_GROUPS] = { 0 };

	for (size_t i = 0; i < book->row_count; i++) {
		struct flow_note *note = &book->notes[i];

		gaps[note->group] = gaps_add(gaps[note->group], note->gaps);
		if (note->late) {
			note->owner->late = false;
			continue;
		}
		report->others_throughput -= note->grown;
		report->others_goodput -= note->fresh;
	}
	for (int group = 0; group < PROTOCOL_GROUPS; group++)
		report->protocols[group].interarrival = interarrival_of(gaps[group]);
	rates_of_groups(report, interval);
}

static void let_leave(struct book *book)
{
	size_t leaving = book->entries.used - entries_found(book);

	for (uint32_t i = 0; i < book->entries.end && leaving; i++) {
		struct flow_entry *entry = entries_at(&book->entries, i);

		if (entry->used && (entry->retired || entry->reading != book->reading)) {
			leaving--;
			entry_leave(book, entry);
		}
	}
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
	report->time_ns = book->realtime_ns;
	report->followed_limit = book->config.followed_max;
	if (report->followed_limit > book->config.max_flows)
		report->followed_limit = book->config.max_flows;
	report->interface_count = book->interface_count;
	if (book->interface_count)
		memcpy(report->interfaces, book->interfaces, book->interface_count * sizeof(*report->interfaces));
	sum_flows(book, report);
	ledgers_commit(book);
	report->total_count = ledgers_report(book, interval, report->totals);
	hold_groups(book, report);
	report->sums = sums_of(book);
}

int book_report(struct book *book, uint64_t late_ticks, const struct self_report *self, struct report **out)
{
	double interval = interval_of(book), divisor = interval > 0 ? interval : NAN;
	struct report *report;

	report = report_new(book);
	if (!report || rows_prepare(book, report)) {
		report_release(report);
		return -ENOMEM;
	}
	report->interval = interval;
	report->late_ticks = late_ticks;
	report->self = *self;
	fill_report(book, report, divisor);

	drop_unseen(book);
	top_mark(book, (uint32_t *)(void *)book->ranks);
	sum_notes(book, report, divisor);
	report->rest->divisor = divisor;
	report->rest->rates_known = interval > 0;
	follow_count(book);
	rows_hand_over(book, report);
	let_leave(book);
	follow_choose(book, report->live_flows);
	book->reported_ns = book->monotonic_ns;
	book->reported = true;
	book->reading_open = false;
	*out = report;
	return 0;
}
