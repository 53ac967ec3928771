/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows in the book. A reading of a flow that is followed becomes a row of the report, by the difference to the reading
 * before; its counters are held: one that falls, because a late packet filled a hole, stays until the truth has passed
 * it. A flow that is not followed goes into the sums as it stands, and leaves 8 bytes behind.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "measure/book_internal.h"
#include "measure/moments.h"

enum protocol_group group_of(unsigned int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return GROUP_TCP;
	case IPPROTO_UDP:
		return GROUP_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return GROUP_ICMP;
	default:
		return GROUP_OTHER;
	}
}

static struct flow_record gaps_recall(const struct gap_memory *memory)
{
	return (struct flow_record){
		.packets = memory->packets,
		.first_ns = memory->first_ns,
		.last_ns = memory->last_ns,
		.gap_squares = memory->gap_squares,
		.merged = memory->merged,
		.restarts = memory->restarts,
		.stopped_ns = memory->stopped_ns,
		.restart_ns = memory->restart_ns,
		.restart_packets = memory->restart_packets,
	};
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

static struct flow_report *row_of(struct book *book, struct flow_entry *entry)
{
	struct flow_report *row;

	if (entry->row != NO_ROW)
		return &book->rows[entry->row];
	if (rows_make_room(book))
		return NULL;
	entry->row = (uint32_t)book->row_count++;
	book->owners[entry->row] = entry;
	row = &book->rows[entry->row];
	*row = (struct flow_report){ .key = entry->key };
	return row;
}

static void enter_counts(struct flow_entry *entry, const struct flow_counts *now, struct flow_report *row)
{
	struct flow_counts *held = &entry->held;
	uint64_t bytes = held->number[COUNT_BYTES], fresh = held->number[COUNT_FRESH_BYTES];

	counts_hold(held, now);
	row->throughput += (double)(held->number[COUNT_BYTES] - bytes);
	row->goodput += (double)(held->number[COUNT_FRESH_BYTES] - fresh);
	row->packets = held->number[COUNT_PACKETS];
	row->bytes = held->number[COUNT_BYTES];
	row->payload_bytes = held->number[COUNT_PAYLOAD_BYTES];
	row->gaps_total = held->number[COUNT_GAPS];
	row->gap_seconds_total = counts_gap_seconds(held);
	row->gap_squared_seconds_total = counts_gap_squared_seconds(held);
	entry->score += (float)(held->number[COUNT_BYTES] - bytes);
}

static void enter_gaps(const struct flow_entry *entry, const struct flow_record *record, struct flow_report *row)
{
	struct flow_record before = gaps_recall(&entry->gaps);
	struct gap_sums interval = gaps_of_interval(&before, record);

	/* A second reading of the flow for the same report goes on where the first one ended. */
	if (row->interarrival.count && !gaps_restarted(&before, record))
		interval = gaps_add(gaps_of_report(&row->interarrival), interval);
	row->interarrival = interarrival_of(interval);
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

/* The number seen last among the flows of a protocol. */
static void note_number(struct book *book, const struct flow_key *key, const struct flow_record *record)
{
	struct protocol_memory *protocol = &book->protocols[group_of(key->protocol)];

	book->tcp_known |= key->protocol == IPPROTO_TCP;
	if (!record->sequence.started || (protocol->kind != SEQUENCE_NONE && record->last_ns < protocol->last_ns))
		return;
	protocol->kind = key->protocol == IPPROTO_TCP ? SEQUENCE_BYTES : SEQUENCE_PACKETS;
	protocol->current = record->sequence.current;
	protocol->last_ns = record->last_ns;
}

/* What the flow had stays in the sums. */
static void let_counts_go(struct book *book, const struct flow_entry *entry)
{
	counts_add(&book->gone.counts[group_of(entry->key.protocol)], &entry->held);
	tally_count(&lane_of(book, &entry->key)->gone, &entry->held);
}

/* The table's flow ended and another one under the same key began, both between two readings. */
static bool began_anew(const struct flow_entry *entry, const struct flow_record *record)
{
	return entry->gaps.packets &&
	       (record->first_ns != entry->gaps.first_ns || record->packets < entry->gaps.packets);
}

static void begin_anew(struct book *book, struct flow_entry *entry, struct flow_report *row)
{
	let_counts_go(book, entry);
	entry->gaps = (struct gap_memory){ 0 };
	entry->held = (struct flow_counts){ 0 };
	entry->square_turns = 0;
	entry->late = false;
	row->interarrival = (struct interarrival_report){ 0 };
}

static void count_square_turns(struct flow_entry *entry, const struct flow_record *record)
{
	if (!entry->gaps.packets)
		entry->square_turns = (uint32_t)gap_square_turns(record);
	else if (record->gap_squares < entry->gaps.gap_squares)
		entry->square_turns++;
}

static void enter_record(struct book *book, struct flow_entry *entry, const struct flow_record *record,
			 struct flow_report *row)
{
	uint64_t epoch = book->realtime_ns - book->monotonic_ns;
	struct flow_record room;
	struct flow_counts now;

	if (began_anew(entry, record))
		begin_anew(book, entry, row);
	record = gaps_widen(&entry->gaps, record, &room);
	count_square_turns(entry, record);
	counts_of(&entry->key, record, entry->square_turns, &now);
	counts_widen(&now, &entry->held);
	memcpy(row->interface, book->places[entry->place].name, sizeof(row->interface));
	row->first_seen_ns = record->first_ns + epoch;
	row->last_seen_ns = record->last_ns + epoch;
	enter_counts(entry, &now, row);
	enter_gaps(entry, record, row);
	enter_sequence(entry, record, row);
	row->tcp = counts_tcp(&entry->held, entry->key.protocol == IPPROTO_TCP);
	entry->gaps = gaps_remember(record);
	entry->pinned |= record->packets >> 31 != 0;
}

static int read_followed(struct book *book, struct flow_entry *entry, const struct flow_record *record)
{
	struct flow_report *row = row_of(book, entry);

	if (!row)
		return -ENOMEM;
	if (entry->reading != book->reading)
		entry->score *= book->decay;
	entry->reading = book->reading;
	enter_record(book, entry, record, row);
	return 0;
}

static struct flow_entry *follow(struct book *book, uint32_t slot, const struct flow_key *key, uint32_t place)
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

/* It was born before the last reading: what it had then is not known, and so is nothing of this interval. */
static int follow_late(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record,
		       const struct slot_state *state)
{
	struct flow_entry *entry = follow(book, slot, key, (uint32_t)standing_take(book, key->ifindex));
	int error;

	if (!entry)
		return -ENOMEM;
	entry->late = true;
	entry->gaps = gaps_remember(record);
	entry->square_turns = state->square_turns;
	error = read_followed(book, entry, record);
	entry->score = state->score;
	return error;
}

/* Of a flow that the book has not met. */
static struct slot_state state_at_first(const struct flow_record *record)
{
	uint64_t bytes = record->bytes + record->spilled.bytes, turns = gap_square_turns(record);

	return (struct slot_state){
		.score = (float)bytes,
		.bytes_units = (uint32_t)(bytes / BYTES_UNIT),
		.square_turns = turns < WORD_TURNS_MAX ? (uint32_t)turns : WORD_TURNS_MAX,
		.octant = (uint32_t)(record->gap_squares >> SQUARES_OCTANT_SHIFT),
	};
}

static struct slot_state state_next(const struct book *book, struct slot_state state, const struct flow_record *record)
{
	uint32_t units = (uint32_t)((record->bytes + record->spilled.bytes) / BYTES_UNIT);
	uint32_t octant = (uint32_t)(record->gap_squares >> SQUARES_OCTANT_SHIFT);

	state.score = state.score * book->decay + (float)(units - state.bytes_units) * BYTES_UNIT;
	state.bytes_units = units;
	if (octant < state.octant && state.square_turns < WORD_TURNS_MAX)
		state.square_turns++;
	state.octant = octant;
	return state;
}

static void sum_up(const struct flow_key *key, const struct flow_record *record, uint32_t square_turns,
		   struct group_counts *groups, struct tally *lane)
{
	enum protocol_group group = group_of(key->protocol);
	struct flow_counts counts;

	counts_of(key, record, square_turns, &counts);
	counts_add(&groups->counts[group], &counts);
	groups->flows[group]++;
	tally_count(lane, &counts);
}

static int read_unfollowed(struct book *book, uint32_t slot, const struct flow_key *key,
			   const struct flow_record *record, struct slot_state state)
{
	sum_up(key, record, state.square_turns, &book->present, &lane_of(book, key)->present);
	book->scores[score_class(state.score)]++;
	book->words[slot] = word_of_state(state);
	return 0;
}

static int read_first(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record,
		      uint32_t place)
{
	struct slot_state state = state_at_first(record);
	struct flow_entry *entry;

	if (!follow_wants(book, state.score, record))
		return read_unfollowed(book, slot, key, record, state);
	entry = follow(book, slot, key, place);
	return entry ? read_followed(book, entry, record) : -ENOMEM;
}

/* The entry of the slot's flow; NULL if it is not followed. A slot that went to another flow is let go of. */
static struct flow_entry *entry_in(struct book *book, uint32_t slot, const struct flow_key *key)
{
	struct flow_entry *entry;

	if (!word_is_followed(book->words[slot]))
		return NULL;
	entry = entries_at(&book->entries, word_entry(book->words[slot]));
	if (!memcmp(&entry->key, key, sizeof(*key)))
		return entry;
	entry->slot = NO_SLOT;
	book->words[slot] = 0;
	return NULL;
}

static int read_flow(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct flow_entry *entry = entry_in(book, slot, key);
	int64_t place;
	struct slot_state state;

	if (entry)
		return read_followed(book, entry, record);
	place = standing_take(book, key->ifindex);
	if (place < 0)
		return (int)place;
	if (!book->words[slot])
		return read_first(book, slot, key, record, (uint32_t)place);
	state = state_next(book, word_state(book->words[slot]), record);
	if (follow_wants(book, state.score, record) || state.square_turns == WORD_TURNS_MAX)
		return follow_late(book, slot, key, record, &state);
	return read_unfollowed(book, slot, key, record, state);
}

int book_flow(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	int error;

	if (slot >= book->config.max_flows)
		return -ERANGE;
	if (!record->packets) /* in the table, but its first packet is not counted yet */
		return 0;
	error = read_flow(book, slot, key, record);
	note_number(book, key, record);
	book_press_count(book, record);
	idle_note(book, slot, key, record);
	return error;
}

void book_unread(struct book *book, uint32_t slot)
{
	if (slot >= book->config.max_flows)
		return;
	book->unread = true;
	if (word_is_followed(book->words[slot]))
		entries_at(&book->entries, word_entry(book->words[slot]))->reading = book->reading;
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

/* The reading in progress has counted the flow: what is new goes into the next report. */
static void retire_unfollowed(struct book *book, uint32_t slot, const struct flow_key *key,
			      const struct flow_record *last)
{
	struct slot_state state = state_next(book, word_state(book->words[slot]), last);
	struct group_counts *groups = book->reading_open ? &book->leaving : &book->gone;
	struct lane *lane = lane_of(book, key);

	sum_up(key, last, state.square_turns, groups, book->reading_open ? &lane->leaving : &lane->gone);
	if (book->reading_open)
		book->present.flows[group_of(key->protocol)]--;
	book->words[slot] = 0;
}

void book_retired(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *last)
{
	struct flow_entry *entry;
	int64_t place;

	if (slot >= book->config.max_flows || !last->packets)
		return;
	entry = entry_in(book, slot, key);
	place = standing_take(book, key->ifindex);
	if (!entry && place < 0)
		return;
	note_number(book, key, last);
	if (!entry && book->words[slot]) {
		retire_unfollowed(book, slot, key, last);
		return;
	}
	if (!entry)
		entry = follow(book, slot, key, (uint32_t)place);
	if (!entry || read_followed(book, entry, last))
		return;
	entry->retired = true;
	entry->slot = NO_SLOT;
	book->words[slot] = 0;
	book->followed--;
}
