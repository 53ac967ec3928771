/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/slot_record.h"

#include <netinet/in.h>

static struct sequence_record sequence_of(const struct slot_sequence *slot, const struct flow_detail *detail)
{
	return (struct sequence_record){
		.started = slot->received != 0,
		.current = slot->current,
		.highest = slot->highest,
		.base = detail->sequence.base,
		.received = slot->received,
		.suspect = detail->sequence.suspect,
		.window = slot->window,
		.run_unique = slot->run_unique,
		.reverse = detail->reverse,
		.small = detail->sequence.small,
		.big = detail->sequence.big,
		.duplicate = detail->sequence.duplicate,
		.reordered = detail->sequence.reordered,
		.lost_before = detail->sequence.lost_before,
	};
}

static struct tcp_record tcp_of(const struct slot_tcp *slot, const struct flow_detail *detail)
{
	return (struct tcp_record){
		.started = (slot->state & TCP_NUMBERED) != 0,
		.current = slot->current,
		.highest = slot->highest,
		.received = slot->received,
		.reverse = detail->reverse,
		.big = detail->tcp.big,
		.retransmitted_packets = detail->tcp.retransmitted_packets,
		.retransmitted_bytes = detail->tcp.retransmitted_bytes,
		.repeated_bytes = detail->tcp.repeated_bytes,
		.out_of_order = detail->tcp.out_of_order,
		.lost_segments = detail->tcp.lost_segments,
		.zero_window = detail->tcp.zero_window,
		.syn = detail->tcp.syn,
		.fin = detail->tcp.fin,
		.rst = detail->tcp.rst,
	};
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

void slot_record(const struct flow_slot *slot, const struct flow_detail *detail, struct flow_record *out)
{
	*out = (struct flow_record){
		.packets = slot->packets,
		.bytes = slot->bytes,
		.payload_bytes = slot->payload_bytes,
		.last_ns = slot->last_ns,
		.gap_squares = slot->gap_squares,
		.first_ns = slot->packets ? detail->first_ns : slot->last_ns,
		.merged = detail->merged,
		.restarts = detail->restarts,
		.stopped_ns = detail->stopped_ns,
		.restart_ns = detail->restart_ns,
		.restart_packets = restart_packets_of(slot, detail),
		.restart_squares = detail->restart_squares,
	};
	if (slot->key.protocol == IPPROTO_TCP)
		out->tcp = tcp_of(&slot->tcp, detail);
	else
		out->sequence = sequence_of(&slot->sequence, detail);
}
