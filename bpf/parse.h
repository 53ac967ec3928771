/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From bytes to facts, once a packet: link, network, tunnel if it is to be looked into, transport. Every step checks
 * that its bytes are there before it reads them, and every loop has a named bound.
 *
 * The file knows no BPF helper, so that it compiles in userspace as well.
 */
#ifndef FLOWGAUGE_PARSE_H
#define FLOWGAUGE_PARSE_H

#include "cursor.h"
#include "facts.h"
#include "parse_link.h"
#include "parse_network.h"
#include "parse_transport.h"
#include "parse_tunnel.h"

/*
 * A merged buffer stands for several packets: each had the headers of the first, up to `payload_offset`. Where the device
 * says how large the segments are but not how many (SKB_GSO_DODGY), the payload tells.
 */
static __always_inline void count_segments(const struct buffer *buffer, struct facts *facts, __u32 payload_offset,
					   __u32 payload_bytes)
{
	facts->packets = buffer->segments ? buffer->segments : 1;
	facts->segment_size = buffer->segment_size == SEGMENTS_DIFFER ? 0 : buffer->segment_size;
	if (facts->segment_size && facts->packets == 1 && payload_bytes > facts->segment_size)
		facts->packets = (payload_bytes + facts->segment_size - 1) / facts->segment_size;
	facts->bytes = buffer->length + buffer->stripped - facts->unsent;
	if (facts->packets > 1)
		facts->bytes += (facts->packets - 1) * (payload_offset + buffer->stripped - facts->unsent);
}

/* Network and transport header at the cursor. */
static __always_inline int parse_packet(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
					__be16 protocol)
{
	__u32 left = 0;
	int result = parse_network(cursor, buffer, facts, protocol, &left);

	if (!result)
		result = parse_transport(cursor, buffer, facts, &left);
	if (!result)
		facts->payload_bytes = left;
	return result;
}

/* What was not found may stand outside the linear part: then nothing is said before that has been looked into. */
static __always_inline int is_to_be_pulled(const struct cursor *cursor, const struct buffer *buffer,
					   const struct facts *facts)
{
	return carried(facts->ran_out) && !buffer->captured && (__u32)(cursor->end - cursor->start) < buffer->length;
}

/* The inner packet of a tunnel, if it is to be looked into and there is one. It must lie within the outer payload. */
static __always_inline int parse_inner(struct cursor *cursor, const struct buffer *buffer, struct facts *facts)
{
	struct buffer inner = { .length = facts->payload_offset + facts->payload_bytes,
				.segment_size = buffer->segment_size,
				.captured = buffer->captured };
	__be16 protocol;

	cursor->offset = facts->payload_offset;
	protocol = tunnel_enter(cursor, facts, &buffer->tunnels);
	if (!protocol) {
		facts->payload_offset = inner.length - facts->payload_bytes; /* what the attempt carried in it */
		return PARSED_IP;
	}
	facts->key.sport = facts->key.dport = 0;
	return parse_packet(cursor, &inner, facts, protocol);
}

/* `facts` is zeroed, but for key.ifindex and key.direction. What is not IP has its packets and bytes counted, too. */
static __always_inline int parse(void *start, void *end, const struct buffer *buffer, struct facts *facts)
{
	struct cursor cursor = {
		.start = start, .end = end, .offset = buffer->link_bytes & LINK_BYTES_MASK, .ran_out = &facts->ran_out
	};
	__be16 protocol = 0;
	int result;

	facts->packets = buffer->segments ? buffer->segments : 1;
	facts->bytes = buffer->length + buffer->stripped;
	result = parse_link(&cursor, buffer, facts, &protocol);
	if (result)
		return result;
	if (!is_ip(protocol))
		return is_to_be_pulled(&cursor, buffer, facts) ? PARSED_SHORT : PARSED_NON_IP;
	result = parse_packet(&cursor, buffer, facts, protocol);
	if (result)
		return result;
	if (buffer->tunnels.kinds && !facts->fragment && !facts->fragment_first && !facts->partial)
		result = parse_inner(&cursor, buffer, facts);
	if (result)
		return result;
	if (is_to_be_pulled(&cursor, buffer, facts))
		return PARSED_SHORT;
	count_segments(buffer, facts, facts->payload_offset, facts->payload_bytes);
	return PARSED_IP;
}

#endif
