/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows in the book: a reading of one flow becomes a row of the report and moves the sums by the difference to the
 * reading before. Counters are held: one that falls, because a record was read in the middle of a packet or because a
 * late packet filled a hole, stays until the truth has passed it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
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

/* Raises *held to `now` if that is higher; returns by how much. */
static uint64_t raise_to(uint64_t *held, uint64_t now)
{
	uint64_t growth = now > *held ? now - *held : 0;

	*held += growth;
	return growth;
}

static double raise_seconds_to(double *held, double now)
{
	double growth = now > *held ? now - *held : 0;

	if (growth > 0)
		*held = now;
	return growth;
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

/* Packets and bytes of a flow's own series; the sums of these two are the ledger's. */
static void count_packets(struct book *book, struct flow_entry *entry, const struct flow_record *record,
			  struct flow_report *row)
{
	struct flow_sums *held = &entry->reported;
	uint64_t payload = raise_to(&held->payload_bytes, record->payload_bytes + record->spilled.payload_bytes);

	raise_to(&held->packets, record->packets + record->spilled.packets);
	row->throughput += (double)raise_to(&held->bytes, record->bytes + record->spilled.bytes);
	row->goodput += (double)raise_to(&held->fresh_bytes, fresh_bytes_of(&entry->key, record));
	book->sums.payload_bytes += payload;
	row->packets = held->packets;
	row->bytes = held->bytes;
	row->payload_bytes = held->payload_bytes;
}

static void count_gaps(struct book *book, struct flow_entry *entry, const struct flow_record *record,
		       struct flow_report *row)
{
	struct flow_sums *held = &entry->reported, *sums = &book->sums;
	struct flow_record before = gaps_recall(&entry->gaps);
	struct gap_sums life = gaps_between(NULL, record), since = gaps_between(&before, record);
	struct gap_sums interval = gaps_of_interval(&before, record);

	/* A second reading of the flow for the same report goes on where the first one ended. */
	if (row->interarrival.count && !gaps_restarted(&before, record))
		interval = gaps_add(gaps_of_report(&row->interarrival), interval);
	row->interarrival = interarrival_of(interval);
	sums->gaps += raise_to(&held->gaps, life.count);
	sums->gap_seconds += raise_seconds_to(&held->gap_seconds, life.seconds);
	sums->gap_squared_seconds += since.squared_seconds;
	held->gap_squared_seconds += since.squared_seconds;
	row->gaps_total = held->gaps;
	row->gap_seconds_total = held->gap_seconds;
	row->gap_squared_seconds_total = held->gap_squared_seconds;
}

static void hold_sequence(struct flow_sums *held, struct sequence_report *now, struct flow_sums *growth)
{
	growth->received = raise_to(&held->received, now->received);
	growth->reverse = raise_to(&held->reverse, now->reverse);
	growth->small = raise_to(&held->small, now->small);
	growth->big = raise_to(&held->big, now->big);
	growth->lost = raise_to(&held->lost, now->lost);
	growth->duplicate = raise_to(&held->duplicate, now->duplicate);
	growth->reordered = raise_to(&held->reordered, now->reordered);
	now->received = held->received;
	now->reverse = held->reverse;
	now->small = held->small;
	now->big = held->big;
	now->lost = held->lost;
	now->duplicate = held->duplicate;
	now->reordered = held->reordered;
}

static void add_to_sums(struct flow_sums *sums, const struct flow_sums *growth)
{
	sums->received += growth->received;
	sums->reverse += growth->reverse;
	sums->small += growth->small;
	sums->big += growth->big;
	sums->lost += growth->lost;
	sums->duplicate += growth->duplicate;
	sums->reordered += growth->reordered;
}

static void add_to_protocol(struct sequence_report *sums, const struct flow_sums *growth)
{
	sums->received += growth->received;
	sums->reverse += growth->reverse;
	sums->small += growth->small;
	sums->big += growth->big;
	sums->lost += growth->lost;
	sums->duplicate += growth->duplicate;
	sums->reordered += growth->reordered;
}

static void count_sequence(struct book *book, struct flow_entry *entry, const struct flow_record *record,
			   struct flow_report *row)
{
	struct protocol_memory *protocol = &book->protocols[group_of(entry->key.protocol)];
	struct flow_sums growth = { 0 };

	row->sequence = sequence_of(&entry->key, &record->sequence);
	if (row->sequence.kind == SEQUENCE_NONE)
		return;
	hold_sequence(&entry->reported, &row->sequence, &growth);
	add_to_sums(&book->sums, &growth);
	add_to_protocol(&protocol->sequence, &growth);
	if (protocol->sequence.kind == SEQUENCE_NONE || record->last_ns >= protocol->last_ns) {
		protocol->sequence.kind = row->sequence.kind;
		protocol->sequence.current = row->sequence.current;
		protocol->last_ns = record->last_ns;
	}
}

static void count_tcp(struct book *book, struct flow_entry *entry, const struct flow_record *record,
		      struct flow_report *row)
{
	struct tcp_report *held = &entry->reported.tcp, *sums = &book->sums.tcp, now = tcp_of(&entry->key, record);

	if (!now.known)
		return;
	held->known = sums->known = true;
	sums->retransmitted_packets += raise_to(&held->retransmitted_packets, now.retransmitted_packets);
	sums->retransmitted_bytes += raise_to(&held->retransmitted_bytes, now.retransmitted_bytes);
	sums->out_of_order += raise_to(&held->out_of_order, now.out_of_order);
	sums->lost_segments += raise_to(&held->lost_segments, now.lost_segments);
	sums->zero_window += raise_to(&held->zero_window, now.zero_window);
	sums->syn += raise_to(&held->syn, now.syn);
	sums->fin += raise_to(&held->fin, now.fin);
	sums->rst += raise_to(&held->rst, now.rst);
	row->tcp = *held;
}

/* The table's flow ended and another one under the same key began, both between two readings. */
static bool began_anew(const struct flow_entry *entry, const struct flow_record *record)
{
	return entry->gaps.packets &&
	       (record->first_ns != entry->gaps.first_ns || record->packets < entry->gaps.packets);
}

static void enter_record(struct book *book, struct flow_entry *entry, const struct flow_record *record,
			 struct flow_report *row)
{
	uint64_t epoch = book->realtime_ns - book->monotonic_ns;

	if (began_anew(entry, record)) {
		entry->gaps = (struct gap_memory){ 0 };
		entry->reported = (struct flow_sums){ 0 };
		row->interarrival = (struct interarrival_report){ 0 };
	}
	memcpy(row->interface, book->places[entry->place].name, sizeof(row->interface));
	row->first_seen_ns = record->first_ns + epoch;
	row->last_seen_ns = record->last_ns + epoch;
	count_packets(book, entry, record, row);
	count_gaps(book, entry, record, row);
	count_sequence(book, entry, record, row);
	count_tcp(book, entry, record, row);
	entry->gaps = gaps_remember(record);
}

static struct flow_entry *entry_of(struct book *book, const struct flow_key *key)
{
	struct flow_entry *entry = flow_table_find(&book->table, key);
	int64_t place;

	if (entry)
		return entry;
	place = standing_take(book, key->ifindex);
	if (place < 0)
		return NULL;
	entry = flow_table_insert(&book->table, key);
	if (entry)
		entry->place = (uint32_t)place;
	return entry;
}

static struct flow_entry *enter_flow(struct book *book, const struct flow_key *key, const struct flow_record *record)
{
	struct flow_entry *entry = entry_of(book, key);
	struct flow_report *row = entry ? row_of(book, entry) : NULL;

	if (!row)
		return NULL;
	if (entry->reading != book->reading) {
		entry->reading = book->reading;
		book->seen++;
	}
	if (entry->retired) {
		entry->retired = 0;
		book->retired--;
	}
	enter_record(book, entry, record, row);
	return entry;
}

int book_flow(struct book *book, const struct flow_key *key, const struct flow_record *record)
{
	if (!record->packets) /* in the table, but its first packet is not counted yet */
		return 0;
	return enter_flow(book, key, record) ? 0 : -ENOMEM;
}

size_t book_idle(struct book *book, struct flow_key *out, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; i < book->row_count && count < capacity; i++) {
		const struct flow_entry *entry = book->owners[i];
		uint64_t idle_ns = book->monotonic_ns - entry->gaps.last_ns;

		if (entry->retired || entry->reading != book->reading || (int64_t)idle_ns < 0)
			continue;
		if (idle_ns > book->config.idle_timeout_ns)
			out[count++] = entry->key;
	}
	return count;
}

void book_retired(struct book *book, const struct flow_key *key, const struct flow_record *last)
{
	struct flow_entry *entry;

	if (!last->packets)
		return;
	entry = enter_flow(book, key, last);
	if (!entry)
		return;
	entry->retired = 1;
	book->retired++;
}
