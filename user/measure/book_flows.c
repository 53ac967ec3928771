/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows in the book, as they are read and as they leave. One that is not followed goes into the sums as it stands, and
 * leaves 8 bytes behind.
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

static inline struct slot_state state_next(const struct book *book, struct slot_state state,
					   const struct flow_record *record)
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

	counts_add_life(&groups->counts[group], key, record, square_turns);
	groups->flows[group]++;
	lane->packets += record->packets + record->spilled.packets;
	lane->bytes += record->bytes + record->spilled.bytes;
}

static int read_unfollowed(struct book *book, uint32_t slot, const struct flow_key *key,
			   const struct flow_record *record, const struct slot_state *state)
{
	sum_up(key, record, state->square_turns, &book->present, &lane_of(book, key)->present);
	book->scores[score_class(state->score)]++;
	book->words[slot] = word_of_state(*state);
	return 0;
}

static int read_first(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record,
		      uint32_t place)
{
	struct slot_state state = state_at_first(record);
	struct flow_entry *entry;

	if (!follow_wants(book, state.score, record))
		return read_unfollowed(book, slot, key, record, &state);
	entry = followed_new(book, slot, key, place);
	return entry ? followed_read(book, entry, record) : -ENOMEM;
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
		return followed_read(book, entry, record);
	place = standing_take(book, key->ifindex);
	if (place < 0)
		return (int)place;
	if (!book->words[slot])
		return read_first(book, slot, key, record, (uint32_t)place);
	state = state_next(book, word_state(book->words[slot]), record);
	if (follow_wants(book, state.score, record) || state.square_turns == WORD_TURNS_MAX)
		return followed_late(book, slot, key, record, &state);
	return read_unfollowed(book, slot, key, record, &state);
}

void book_soon(const struct book *book, uint32_t slot)
{
	uint64_t word = slot < book->config.max_flows ? book->words[slot] : 0;

	if (word_is_followed(word))
		entry_fetch(entries_at(&book->entries, word_entry(word)));
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
		entry_found(book, entries_at(&book->entries, word_entry(book->words[slot])));
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
		entry = followed_new(book, slot, key, (uint32_t)place);
	if (!entry || followed_read(book, entry, last))
		return;
	entry->retired = true;
	book->followed_now.flows[group_of(key->protocol)]--;
	entry->slot = NO_SLOT;
	book->words[slot] = 0;
	book->followed--;
}

void book_left(struct book *book, const struct flow_key *key, const struct flow_record *record)
{
	int64_t place = standing_take(book, key->ifindex);

	if (place >= 0) /* else there is no memory: the metric of what is unaccounted says so */
		sum_up(key, record, 0, &book->gone, &lane_of(book, key)->gone);
}
