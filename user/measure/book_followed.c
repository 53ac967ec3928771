/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow that is followed: a reading of it becomes a row of the report, by the difference to the reading before. Its counters
 * are held: one that falls, because a late packet filled a hole, stays until the truth has passed it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "measure/book_internal.h"
#include "measure/moments.h"

/* What is not of the gaps is not written, as nobody reads it: there is more of it than of the rest. */
static void gaps_recall(const struct gap_memory *memory, struct flow_record *out)
{
	out->packets = memory->packets;
	out->first_ns = memory->first_ns;
	out->last_ns = memory->last_ns;
	out->gap_squares = memory->gap_squares;
	out->merged = memory->merged;
	out->restarts = memory->restarts;
	out->stopped_ns = memory->stopped_ns;
	out->restart_ns = memory->restart_ns;
	out->restart_packets = memory->restart_packets;
}

static struct gap_memory gaps_remember(const struct flow_record *record)
{
	return (struct gap_memory){
		.packets = record->packets,
		.first_ns = record->first_ns,
		.last_ns = record->last_ns,
		.gap_squares = record->gap_squares,
		.merged = record->merged,
		.restarts = record->restarts,
		.stopped_ns = record->stopped_ns,
		.restart_ns = record->restart_ns,
		.restart_packets = record->restart_packets,
	};
}

/* The packets at which the measure last started anew: those of the last reading or later, if it did so since then. */
static uint64_t widen_restart(const struct gap_memory *before, const struct flow_record *record)
{
	if (!before->packets || (uint32_t)before->restarts == (uint32_t)record->restarts)
		return count_widen(before->restart_packets, record->restart_packets);
	return before->packets + (uint32_t)(record->restart_packets - before->packets);
}

/* The record with its counters of gaps complete. Those of 32 bits can have turned over only if the packets would have. */
static const struct flow_record *gaps_widen(const struct gap_memory *before, const struct flow_record *record,
					    struct flow_record *room)
{
	if (!(record->packets >> 32))
		return record;
	*room = *record;
	room->restart_packets = widen_restart(before, record);
	room->restarts = count_widen(before->restarts, record->restarts);
	room->merged = count_widen(before->merged, record->merged);
	return room;
}

/* An entry's row is of an earlier report if it is not the row's owner. */
static bool has_row(const struct book *book, const struct flow_entry *entry)
{
	return entry->row < book->row_count && book->notes[entry->row].owner == entry;
}

#define ROWS_AHEAD 4

/* Rows that are written again were written a tick ago, and are in no cache. */
static void rows_fetch(const struct book *book, size_t row)
{
	for (size_t at = 0; row < book->row_capacity && at < sizeof(*book->rows); at += 64)
		__builtin_prefetch((const char *)&book->rows[row] + at, 1);
}

/* Makes the row, and its note, if it has none. 0 or -ENOMEM. */
static int row_take(struct book *book, struct flow_entry *entry)
{
	struct flow_report *row;

	if (has_row(book, entry))
		return 0;
	if (rows_make_room(book))
		return -ENOMEM;
	entry->row = (uint32_t)book->row_count++;
	rows_fetch(book, book->row_count + ROWS_AHEAD);
	row = &book->rows[entry->row];
	memset(row, 0, sizeof(*row));
	row->key = entry->key;
	book->notes[entry->row] = (struct flow_note){ .owner = entry,
						      .group = (unsigned char)group_of(entry->key.protocol),
						      .was_top = entry->top };
	return 0;
}

static void enter_counts(struct book *book, struct flow_entry *entry, const struct flow_counts *now,
			 struct flow_report *row, struct flow_note *note)
{
	struct tally *lane = &lane_of(book, &entry->key)->followed;
	struct flow_counts *held = &entry->held;
	uint64_t packets = held->number[COUNT_PACKETS], bytes = held->number[COUNT_BYTES],
		 fresh = held->number[COUNT_FRESH_BYTES];

	counts_hold_in(&book->followed_now.counts[note->group], held, now);
	lane->packets += held->number[COUNT_PACKETS] - packets;
	lane->bytes += held->number[COUNT_BYTES] - bytes;
	note->grown += (double)(held->number[COUNT_BYTES] - bytes);
	note->fresh += (double)(held->number[COUNT_FRESH_BYTES] - fresh);
	row->packets = held->number[COUNT_PACKETS];
	row->bytes = held->number[COUNT_BYTES];
	row->payload_bytes = held->number[COUNT_PAYLOAD_BYTES];
	row->gaps_total = held->number[COUNT_GAPS];
	row->gap_seconds_total = counts_gap_seconds(held);
	row->gap_squared_seconds_total = counts_gap_squared_seconds(held);
	entry->score += (float)(held->number[COUNT_BYTES] - bytes);
}

static void enter_gaps(const struct flow_entry *entry, const struct flow_record *record, struct flow_note *note)
{
	struct flow_record before;
	struct gap_sums interval;

	gaps_recall(&entry->gaps, &before);
	interval = gaps_of_interval(&before, record);
	/* A second reading of the flow for the same report goes on where the first one ended. */
	if (note->gaps.count && !gaps_restarted(&before, record))
		interval = gaps_add(note->gaps, interval);
	note->gaps = interval;
}

static void enter_sequence(const struct flow_entry *entry, const struct flow_record *record, struct flow_report *row)
{
	const struct sequence_record *sequence = &record->sequence;

	row->sequence = (struct sequence_report){ .kind = SEQUENCE_NONE };
	if (!sequence->started)
		return;
	row->sequence.kind = entry->key.protocol == IPPROTO_TCP ? SEQUENCE_BYTES : SEQUENCE_PACKETS;
	row->sequence.current = sequence->current;
	counts_sequence(&entry->held, &row->sequence);
}

void entry_counts_leave(struct book *book, const struct flow_entry *entry, struct flow_counts *counts,
			struct tally *lane)
{
	struct tally *followed = &lane_of(book, &entry->key)->followed, its = { 0 };

	counts_subtract(&book->followed_now.counts[group_of(entry->key.protocol)], &entry->held);
	tally_count(&its, &entry->held);
	*followed = tally_subtract(*followed, its);
	counts_add(counts, &entry->held);
	*lane = tally_add(*lane, its);
}

/* What the flow had stays in the sums. */
static void let_counts_go(struct book *book, const struct flow_entry *entry)
{
	entry_counts_leave(book, entry, &book->gone.counts[group_of(entry->key.protocol)],
			   &lane_of(book, &entry->key)->gone);
}

void entry_found(struct book *book, struct flow_entry *entry)
{
	if (entry->reading == book->reading)
		return;
	entry->reading = book->reading;
	book->followed_now.flows[group_of(entry->key.protocol)]++;
}

uint64_t entries_found(const struct book *book)
{
	uint64_t found = 0;

	for (int group = 0; group < PROTOCOL_GROUPS; group++)
		found += book->followed_now.flows[group];
	return found;
}

/* The table's flow ended and another one under the same key began, both between two readings. */
static bool began_anew(const struct flow_entry *entry, const struct flow_record *record)
{
	return entry->gaps.packets &&
	       (record->first_ns != entry->gaps.first_ns || record->packets < entry->gaps.packets);
}

static void begin_anew(struct book *book, struct flow_entry *entry, struct flow_note *note)
{
	let_counts_go(book, entry);
	entry->gaps = (struct gap_memory){ 0 };
	entry->held = (struct flow_counts){ 0 };
	entry->square_turns = 0;
	entry->late = false;
	note->gaps = (struct gap_sums){ 0 };
}

static void count_square_turns(struct flow_entry *entry, const struct flow_record *record)
{
	if (!entry->gaps.packets)
		entry->square_turns = (uint32_t)gap_square_turns(record);
	else if (record->gap_squares < entry->gaps.gap_squares)
		entry->square_turns++;
}

static void enter_record(struct book *book, struct flow_entry *entry, const struct flow_record *record,
			 struct flow_report *row, struct flow_note *note)
{
	uint64_t epoch = book->realtime_ns - book->monotonic_ns;
	struct flow_record room;
	struct flow_counts now = { 0 };

	if (began_anew(entry, record))
		begin_anew(book, entry, note);
	record = gaps_widen(&entry->gaps, record, &room);
	count_square_turns(entry, record);
	counts_add_life(&now, &entry->key, record, entry->square_turns);
	if (record->packets >> 32)
		counts_widen(&now, &entry->held);
	memcpy(row->interface, book->places[entry->place].name, sizeof(row->interface));
	row->first_seen_ns = record->first_ns + epoch;
	row->last_seen_ns = record->last_ns + epoch;
	enter_counts(book, entry, &now, row, note);
	enter_gaps(entry, record, note);
	enter_sequence(entry, record, row);
	row->tcp = counts_tcp(&entry->held, entry->key.protocol == IPPROTO_TCP);
	row->unanswered = entry->key.protocol == IPPROTO_TCP && !(record->tcp.state & TCP_ANSWERED);
	entry->gaps = gaps_remember(record);
	entry->pinned |= record->packets >> 31 != 0;
}

int followed_read(struct book *book, struct flow_entry *entry, const struct flow_record *record)
{
	struct flow_note *note;

	if (row_take(book, entry))
		return -ENOMEM;
	note = &book->notes[entry->row];
	if (entry->reading != book->reading)
		entry->score *= book->decay;
	entry_found(book, entry);
	enter_record(book, entry, record, &book->rows[entry->row], note);
	note->score = entry->score;
	note->late = entry->late;
	return 0;
}

struct flow_entry *followed_new(struct book *book, uint32_t slot, const struct flow_key *key, uint32_t place)
{
	struct flow_entry *entry = entries_take(&book->entries);

	if (!entry)
		return NULL;
	entry->key = *key;
	entry->slot = slot;
	entry->place = place;
	entry->reading = book->reading - 1;
	book->words[slot] = word_of_entry(entry->index);
	book->followed++;
	return entry;
}

int followed_late(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record,
		  const struct slot_state *state)
{
	struct flow_entry *entry = followed_new(book, slot, key, (uint32_t)standing_take(book, key->ifindex));
	int error;

	if (!entry)
		return -ENOMEM;
	entry->late = true;
	entry->gaps = gaps_remember(record);
	entry->square_turns = state->square_turns;
	error = followed_read(book, entry, record);
	entry->score = state->score;
	if (!error)
		book->notes[entry->row].score = state->score;
	return error;
}

void entry_leave(struct book *book, struct flow_entry *entry)
{
	let_counts_go(book, entry);
	if (entry->slot != NO_SLOT)
		book->words[entry->slot] = 0;
	if (!entry->retired)
		book->followed--;
	entries_give(&book->entries, entry);
}
