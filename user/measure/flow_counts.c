/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/flow_counts.h"

#include <netinet/in.h>

#include "measure/moments.h"

#define SMALL_FALL 65536U /* a counter that is behind by less went back; by more, it went on and turned over */

static void add_sequence(const struct flow_key *key, const struct sequence_record *record, uint64_t *number)
{
	struct sequence_report report;

	if (!record->started)
		return;
	report = sequence_of(key, record);
	number[COUNT_RECEIVED] += report.received;
	number[COUNT_REVERSE] += report.reverse;
	number[COUNT_SMALL] += report.small;
	number[COUNT_BIG] += report.big;
	number[COUNT_LOST] += report.lost;
	number[COUNT_DUPLICATE] += report.duplicate;
	number[COUNT_REORDERED] += report.reordered;
}

static void add_tcp(const struct tcp_record *tcp, uint64_t *number)
{
	number[COUNT_RETRANSMITTED_PACKETS] += tcp->retransmitted_packets;
	number[COUNT_RETRANSMITTED_BYTES] += tcp->retransmitted_bytes;
	number[COUNT_OUT_OF_ORDER] += tcp->out_of_order;
	number[COUNT_LOST_SEGMENTS] += tcp->lost_segments;
	number[COUNT_ZERO_WINDOW] += tcp->zero_window;
	number[COUNT_SYN] += tcp->syn;
	number[COUNT_FIN] += tcp->fin;
	number[COUNT_RST] += tcp->rst;
}

void counts_add_life(struct flow_counts *sum, const struct flow_key *key, const struct flow_record *record,
		     uint64_t square_turns)
{
	struct gap_life life = gaps_of_life(record);

	sum->gap_ns += life.ns;
	sum->gap_squares += (unsigned __int128)square_turns << 64 | life.squares;
	sum->number[COUNT_PACKETS] += record->packets + record->spilled.packets;
	sum->number[COUNT_BYTES] += record->bytes + record->spilled.bytes;
	sum->number[COUNT_PAYLOAD_BYTES] += record->payload_bytes + record->spilled.payload_bytes;
	sum->number[COUNT_FRESH_BYTES] += fresh_bytes_of(key, record);
	sum->number[COUNT_CONTENDED] += record->spilled.packets;
	sum->number[COUNT_GAPS] += life.count;
	add_sequence(key, &record->sequence, sum->number);
	if (key->protocol == IPPROTO_TCP)
		add_tcp(&record->tcp, sum->number);
}

void counts_add(struct flow_counts *sum, const struct flow_counts *part)
{
	for (int i = 0; i < COUNTS; i++)
		sum->number[i] += part->number[i];
	sum->gap_ns += part->gap_ns;
	sum->gap_squares += part->gap_squares;
}

void counts_subtract(struct flow_counts *sum, const struct flow_counts *part)
{
	for (int i = 0; i < COUNTS; i++)
		sum->number[i] -= part->number[i];
	sum->gap_ns -= part->gap_ns;
	sum->gap_squares -= part->gap_squares;
}

void counts_hold(struct flow_counts *held, const struct flow_counts *now)
{
	for (int i = 0; i < COUNTS; i++)
		if (now->number[i] > held->number[i])
			held->number[i] = now->number[i];
	if (now->gap_ns > held->gap_ns)
		held->gap_ns = now->gap_ns;
	if (now->gap_squares > held->gap_squares)
		held->gap_squares = now->gap_squares;
}

void counts_hold_in(struct flow_counts *sum, struct flow_counts *held, const struct flow_counts *now)
{
	for (int i = 0; i < COUNTS; i++)
		if (now->number[i] > held->number[i]) {
			sum->number[i] += now->number[i] - held->number[i];
			held->number[i] = now->number[i];
		}
	if (now->gap_ns > held->gap_ns) {
		sum->gap_ns += now->gap_ns - held->gap_ns;
		held->gap_ns = now->gap_ns;
	}
	if (now->gap_squares > held->gap_squares) {
		sum->gap_squares += now->gap_squares - held->gap_squares;
		held->gap_squares = now->gap_squares;
	}
}

uint64_t count_widen(uint64_t held, uint64_t now)
{
	uint32_t growth = (uint32_t)now - (uint32_t)held;

	return growth > UINT32_MAX - SMALL_FALL ? held : held + growth;
}

void counts_widen(struct flow_counts *now, const struct flow_counts *held)
{
	for (int i = COUNTS_WIDE; i < COUNTS; i++)
		now->number[i] = count_widen(held->number[i], now->number[i]);
}

double counts_gap_seconds(const struct flow_counts *counts)
{
	return (double)counts->gap_ns / 1e9;
}

double counts_gap_squared_seconds(const struct flow_counts *counts)
{
	return (double)counts->gap_squares * ((1 << GAP_SQUARE_SHIFT) / 1e18);
}

struct tcp_report counts_tcp(const struct flow_counts *counts, bool known)
{
	const uint64_t *number = counts->number;

	if (!known)
		return (struct tcp_report){ .known = false };
	return (struct tcp_report){
		.known = true,
		.retransmitted_packets = number[COUNT_RETRANSMITTED_PACKETS],
		.retransmitted_bytes = number[COUNT_RETRANSMITTED_BYTES],
		.out_of_order = number[COUNT_OUT_OF_ORDER],
		.lost_segments = number[COUNT_LOST_SEGMENTS],
		.zero_window = number[COUNT_ZERO_WINDOW],
		.syn = number[COUNT_SYN],
		.fin = number[COUNT_FIN],
		.rst = number[COUNT_RST],
	};
}

void counts_sequence(const struct flow_counts *counts, struct sequence_report *out)
{
	out->received = counts->number[COUNT_RECEIVED];
	out->reverse = counts->number[COUNT_REVERSE];
	out->small = counts->number[COUNT_SMALL];
	out->big = counts->number[COUNT_BIG];
	out->lost = counts->number[COUNT_LOST];
	out->duplicate = counts->number[COUNT_DUPLICATE];
	out->reordered = counts->number[COUNT_REORDERED];
}
