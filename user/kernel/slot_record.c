/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/slot_record.h"

#include <netinet/in.h>
#include <string.h>

static void sequence_fill(const struct slot_sequence *slot, const struct flow_detail *detail,
			  struct sequence_record *out)
{
	out->started = slot->received != 0;
	out->current = slot->current;
	out->highest = slot->highest;
	out->base = detail->sequence.base;
	out->received = slot->received;
	out->suspect = detail->sequence.suspect;
	out->reserved = 0;
	out->window = slot->window;
	out->run_unique = slot->run_unique;
	out->reverse = detail->reverse;
	out->small = detail->sequence.small;
	out->big = detail->sequence.big;
	out->duplicate = detail->sequence.duplicate;
	out->reordered = detail->sequence.reordered;
	out->lost_before = detail->sequence.lost_before;
}

/* What only the programs need is left out. */
static void tcp_fill(const struct slot_tcp *slot, const struct flow_detail *detail, struct tcp_record *out)
{
	out->started = (slot->state & TCP_NUMBERED) != 0;
	out->current = slot->current;
	out->highest = slot->highest;
	out->next = 0;
	out->received = slot->received;
	out->acknowledged = 0;
	out->window = 0;
	out->state = slot->state & TCP_ANSWERED;
	out->duplicate_acks = 0;
	out->next_ns = 0;
	out->rtt_ns = 0;
	out->initial = 0;
	out->reverse = detail->reverse;
	out->hole = 0;
	out->missing = 0;
	out->big = detail->tcp.big;
	out->retransmitted_packets = detail->tcp.retransmitted_packets;
	out->retransmitted_bytes = detail->tcp.retransmitted_bytes;
	out->repeated_bytes = detail->tcp.repeated_bytes;
	out->out_of_order = detail->tcp.out_of_order;
	out->lost_segments = detail->tcp.lost_segments;
	out->zero_window = detail->tcp.zero_window;
	out->syn = detail->tcp.syn;
	out->fin = detail->tcp.fin;
	out->rst = detail->tcp.rst;
}

/*
 * The lower half of the packets at the last restart is kept. The restart was within the last 2^32 packets, or so long ago that
 * nobody asks for it.
 */
static uint64_t restart_packets_of(const struct flow_slot *slot, const struct flow_detail *detail)
{
	if (!detail->restarts && !detail->restart_ns)
		return 0;
	return slot->packets - (uint32_t)((uint32_t)slot->packets - detail->restart_packets);
}

/*
 * Member by member: a record that is made elsewhere and then copied waits for its own stores, and one that is cleared first is
 * cleared by an instruction that takes as long as all the rest.
 */
void slot_record(const struct flow_slot *slot, const struct flow_detail *detail, struct flow_record *out)
{
	out->packets = slot->packets;
	out->bytes = slot->bytes;
	out->payload_bytes = slot->payload_bytes;
	out->last_ns = slot->last_ns;
	out->gap_squares = slot->gap_squares;
	out->first_ns = out->packets ? detail->first_ns : out->last_ns;
	out->merged = detail->merged;
	out->restarts = detail->restarts;
	out->stopped_ns = detail->stopped_ns;
	out->restart_ns = detail->restart_ns;
	out->restart_packets = restart_packets_of(slot, detail);
	out->restart_squares = detail->restart_squares;
	out->spilled = (struct spilled_record){ 0 };
	if (slot->key.protocol == IPPROTO_TCP) {
		tcp_fill(&slot->tcp, detail, &out->tcp);
		return;
	}
	sequence_fill(&slot->sequence, detail, &out->sequence);
	memset((char *)&out->tcp + sizeof(out->sequence), 0, sizeof(out->tcp) - sizeof(out->sequence));
}
