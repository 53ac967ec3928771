/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tunnel's packets merged into one buffer, whose outer flow is counted. What was cut, or is to be, is the payload of the
 * inner packet: each packet on the wire has the inner headers, too, and to the outer flow they are payload.
 */
#ifndef FLOWGAUGE_MERGED_H
#define FLOWGAUGE_MERGED_H

#include "parse.h"

/* The kernel merges in no other. In TCP and SCTP it merges their own payload. */
static __always_inline int merged_in_tunnel(const struct facts *facts)
{
	__u8 protocol = facts->key.protocol;

	return facts->segment_size && !facts->fragment && !facts->fragment_first &&
	       (protocol == IPPROTO_UDP || protocol == PROTOCOL_GRE || protocol == PROTOCOL_IPIP ||
		protocol == PROTOCOL_IPV6_IN_IP);
}

/* Whether a payload of so many bytes makes so many segments; 0 of them: not known. */
static __always_inline int makes_segments(__u32 bytes, __u32 segments, __u32 segment_size)
{
	return !segments || (bytes + segment_size - 1) / segment_size == segments;
}

/*
 * Reads on from the outer payload: `inner`, zeroed, gets the inner packet's facts. Which tunnel it is in UDP, the port does not
 * say for sure: Geneve's has its own, any other is tried as VXLAN. A payload that is none by chance holds no
 * headers whose lengths fit, or does not make as many segments as there are.
 */
static __always_inline int parse_merged_tunnel(void *start, void *end, const struct buffer *buffer,
					       const struct facts *outer, struct facts *inner)
{
	struct cursor cursor = {
		.start = start, .end = end, .offset = outer->payload_offset, .ran_out = &inner->ran_out
	};
	__u16 port = bpf_ntohs(outer->key.dport), geneve = buffer->tunnels.geneve_port;
	struct buffer within = { .length = outer->payload_offset + outer->payload_bytes,
				 .segment_size = buffer->segment_size };
	struct tunnels any = { .kinds = TUNNEL_VXLAN | TUNNEL_GENEVE | TUNNEL_GRE | TUNNEL_IPIP };
	__be16 protocol;
	int result;

	any.geneve_port = geneve ? geneve : TUNNEL_GENEVE_PORT;
	any.vxlan_port = port == any.geneve_port ? 0 : port;
	inner->key.protocol = outer->key.protocol;
	inner->key.dport = outer->key.dport;
	protocol = tunnel_enter(&cursor, inner, &any);
	if (!protocol)
		return PARSED_NON_IP;
	carry(inner->link_protocol, protocol);
	carry(inner->payload_offset, cursor.offset);
	cursor.offset = carried(inner->payload_offset);
	protocol = carried(inner->link_protocol);
	result = parse_packet(&cursor, &within, inner, protocol);
	if (!result && !makes_segments(inner->payload_bytes, buffer->segments, buffer->segment_size))
		result = PARSED_LYING;
	return result;
}

static __always_inline void count_inner_segments(const struct buffer *buffer, struct facts *facts,
						 const struct facts *inner)
{
	__u32 inner_headers = inner->payload_offset - facts->payload_offset - inner->unsent;

	facts->unsent += inner->unsent;
	count_segments(buffer, facts, inner->payload_offset, inner->payload_bytes);
	facts->payload_bytes += (facts->packets - 1) * inner_headers - inner->unsent;
	facts->segment_size = 0; /* the outer payloads have other places and sizes */
}

#endif
