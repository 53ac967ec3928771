/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledgers of interfaces, from a reading to the totals of a report. Whose they are is in book_places.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"

struct sheet sheet_add(const struct sheet *a, const struct sheet *b)
{
	struct sheet sum;

	for (int i = 0; i < SHEET_LINES; i++) {
		sum.lines[i].packets = a->lines[i].packets + b->lines[i].packets;
		sum.lines[i].bytes = a->lines[i].bytes + b->lines[i].bytes;
	}
	return sum;
}

struct sheet sheet_subtract(const struct sheet *a, const struct sheet *b)
{
	struct sheet difference;

	for (int i = 0; i < SHEET_LINES; i++) {
		difference.lines[i].packets = a->lines[i].packets - b->lines[i].packets;
		difference.lines[i].bytes = a->lines[i].bytes - b->lines[i].bytes;
	}
	return difference;
}

static struct sheet sheet_of(const struct ledger_record *record)
{
	struct sheet sheet;

	sheet.lines[SHEET_SEEN] = record->seen;
	for (int i = 0; i < OUTCOMES; i++)
		sheet.lines[SHEET_OUTCOME + i] = record->outcome[i];
	return sheet;
}

struct tally tally_add(struct tally a, struct tally b)
{
	return (struct tally){ .packets = a.packets + b.packets, .bytes = a.bytes + b.bytes };
}

struct tally tally_subtract(struct tally a, struct tally b)
{
	return (struct tally){ .packets = a.packets - b.packets, .bytes = a.bytes - b.bytes };
}

void tally_count(struct tally *sum, const struct flow_counts *counts)
{
	sum->packets += counts->number[COUNT_PACKETS];
	sum->bytes += counts->number[COUNT_BYTES];
}

struct sheet total_of(const struct side *side)
{
	return sheet_add(&side->base, &side->last);
}

struct tally flows_of(const struct side *side)
{
	return tally_add(side->lane_base, side->lane.held);
}

static void side_begin(struct side *side)
{
	struct lane *lane = &side->lane;

	side->pending = (struct sheet){ 0 };
	side->pending_ledgers = 0;
	side->residual_known = false;
	lane->gone = tally_add(lane->gone, lane->leaving);
	lane->leaving = lane->present = (struct tally){ 0 };
}

void ledgers_begin(struct book *book)
{
	for (size_t i = 0; i < book->place_count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++)
			side_begin(&book->places[i].sides[direction]);
}

int book_ledger(struct book *book, unsigned int ifindex, enum direction direction, const struct ledger_record *sum)
{
	int64_t place = standing_take(book, ifindex);
	struct sheet sheet = sheet_of(sum);
	struct side *side;

	if (place < 0)
		return (int)place;
	side = &book->places[place].sides[direction];
	side->pending = sheet_add(&side->pending, &sheet);
	side->pending_ledgers++;
	return 0;
}

int book_residual(struct book *book, unsigned int ifindex, enum direction direction, int64_t packets)
{
	int64_t place = standing_take(book, ifindex);
	struct side *side;

	if (place < 0)
		return (int)place;
	side = &book->places[place].sides[direction];
	side->residual = packets;
	side->residual_known = true;
	return 0;
}

/*
 * A ledger counts from when its interface was attached. One that was not read last time, or that shows less than then,
 * began anew, and the total goes on from where it stood. If fewer ledgers than before make up the sum, nobody can tell
 * what the one that is left has grown by: the total stands still this once.
 */
static void side_commit(struct side *side)
{
	struct sheet total = total_of(side);

	if (side->pending_ledgers) {
		if (side->pending_ledgers < side->ledgers)
			side->base = sheet_subtract(&total, &side->pending);
		else if ((side->known && !side->ledgers) ||
			 side->pending.lines[SHEET_SEEN].packets < side->last.lines[SHEET_SEEN].packets)
			side->base = total;
		side->last = side->pending;
		side->known = true;
	}
	side->ledgers = side->pending_ledgers;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void lane_commit(struct lane *lane)
{
	struct tally now = tally_add(lane->gone, tally_add(lane->present, lane->followed));

	lane->held.packets = larger(lane->held.packets, now.packets);
	lane->held.bytes = larger(lane->held.bytes, now.bytes);
}

/*
 * A packet is in its flow before it is charged: what the ledger had charged as flow when it was read last, the flows
 * must have by now. What they lack is lost, by a defect.
 */
static void check_flows(struct side *side)
{
	uint64_t charged = total_of(side).lines[SHEET_OUTCOME + OUTCOME_FLOW].packets;
	int64_t missing = (int64_t)(charged - flows_of(side).packets);

	if (missing > 0)
		side->unaccounted = larger(side->unaccounted, (uint64_t)missing);
}

void ledgers_commit(struct book *book)
{
	for (size_t i = 0; i < book->place_count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			struct side *side = &book->places[i].sides[direction];

			lane_commit(&side->lane);
			if (!book->unread)
				check_flows(side);
			side_commit(side);
		}
}

static int compare_totals(const void *left, const void *right)
{
	const struct total_report *a = left, *b = right;
	int order = strcmp(a->interface, b->interface);

	return order ? order : (int)a->direction - (int)b->direction;
}

/* Indices that shared a name, one after the other, are one total. */
static size_t merge_totals(struct total_report *totals, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct total_report *into = kept ? &totals[kept - 1] : NULL;

		if (!into || compare_totals(into, &totals[i])) {
			totals[kept++] = totals[i];
			continue;
		}
		into->seen = tally_add(into->seen, totals[i].seen);
		for (int outcome = 0; outcome < OUTCOMES; outcome++)
			into->outcome[outcome] = tally_add(into->outcome[outcome], totals[i].outcome[outcome]);
		/* Of indices that shared a name only the one that is watched has one. */
		if (totals[i].residual_known)
			into->residual_packets = totals[i].residual_packets;
		into->residual_known = into->residual_known || totals[i].residual_known;
		into->unaccounted_packets += totals[i].unaccounted_packets;
		into->throughput += totals[i].throughput;
		into->packet_rate += totals[i].packet_rate;
	}
	return kept;
}

/*
 * As of the moment when the flows were read. What was charged as flow after that is left out, here and in what was seen;
 * of the other outcomes there is no such moment, and the ledger's stand.
 */
static struct total_report side_report(struct side *side, double interval)
{
	struct sheet total = total_of(side);
	struct tally flows = flows_of(side);
	struct tally others = tally_subtract(total.lines[SHEET_SEEN], total.lines[SHEET_OUTCOME + OUTCOME_FLOW]);
	struct tally seen = tally_add(others, flows);
	struct total_report report = {
		.seen = seen,
		.unaccounted_packets = side->unaccounted,
		.residual_known = side->residual_known,
		.residual_packets = side->residual_known ? side->residual : 0,
	};

	for (int outcome = 0; outcome < OUTCOMES; outcome++)
		report.outcome[outcome] = total.lines[SHEET_OUTCOME + outcome];
	report.outcome[OUTCOME_FLOW] = flows;
	report.throughput = (double)(seen.bytes - side->reported.bytes) / interval;
	report.packet_rate = (double)(seen.packets - side->reported.packets) / interval;
	side->reported = seen;
	return report;
}

size_t ledgers_report(struct book *book, double interval, struct total_report *out)
{
	size_t count = 0;

	for (size_t i = 0; i < book->place_count; i++) {
		struct place *place = &book->places[i];

		for (int direction = 0; direction < DIRECTIONS; direction++) {
			struct side *side = &place->sides[direction];
			bool unknown = !strcmp(place->name, UNKNOWN_INTERFACE), counted = side->known && !unknown;

			/* Flows without a ledger are there when it was taken from an interface that is long gone. */
			if (!counted && !total_of(side).lines[SHEET_SEEN].packets && !flows_of(side).packets)
				continue;
			out[count] = side_report(side, interval);
			memcpy(out[count].interface, place->name, sizeof(place->name));
			out[count++].direction = direction;
		}
	}
	if (count)
		qsort(out, count, sizeof(*out), compare_totals);
	return merge_totals(out, count);
}

struct tally ledgers_flow_sum(const struct book *book)
{
	struct tally sum = { 0 };

	for (size_t i = 0; i < book->place_count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++)
			sum = tally_add(sum, flows_of(&book->places[i].sides[direction]));
	return sum;
}
