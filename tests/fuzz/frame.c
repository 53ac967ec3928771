/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <string.h>

#include "merged.h"
#include "parse.h"
#include "parse_plain.h"

#define HOLDS(what)                   \
	do {                          \
		if (!(what))          \
			return #what; \
	} while (0)

int frame_read(struct frame *frame, const uint8_t *input, size_t size)
{
	if (size < sizeof(frame->header))
		return -1;
	memcpy(&frame->header, input, sizeof(frame->header));
	frame->length = size - sizeof(frame->header);
	if (frame->length > sizeof(frame->bytes))
		frame->length = sizeof(frame->bytes);
	memcpy(frame->bytes, input + sizeof(frame->header), frame->length);
	return 0;
}

size_t frame_write(const struct frame *frame, uint8_t *out)
{
	memcpy(out, &frame->header, sizeof(frame->header));
	memcpy(out + sizeof(frame->header), frame->bytes, frame->length);
	return sizeof(frame->header) + frame->length;
}

static void captured_buffer(const struct frame *frame, struct buffer *buffer)
{
	const struct frame_header *header = &frame->header;

	buffer->captured = 1;
	if (header->flags & FRAME_SHORTER) {
		if (header->elsewhere < frame->length)
			buffer->length -= header->elsewhere;
	} else {
		buffer->length += header->elsewhere;
	}
	buffer->link_bytes = header->link_bytes;
}

static void tc_buffer(const struct frame *frame, struct buffer *buffer)
{
	const struct frame_header *header = &frame->header;

	buffer->length += header->elsewhere;
	buffer->segments = header->segments;
	buffer->segment_size = header->segment_size;
	if (header->flags & FRAME_TAGGED) {
		buffer->vlan = VLAN_PRESENT | (header->vlan & VLAN_ID_MASK);
		buffer->stripped = sizeof(struct vlan_header);
	}
}

struct buffer frame_buffer(const struct frame *frame)
{
	struct buffer buffer = { .length = (__u32)frame->length };

	if (frame->header.flags & FRAME_TUNNELS)
		buffer.tunnels = (struct tunnels){
			.kinds = TUNNEL_VXLAN | TUNNEL_GENEVE | TUNNEL_GRE | TUNNEL_IPIP | TUNNEL_GTPU,
			.vxlan_port = TUNNEL_VXLAN_PORT,
			.geneve_port = TUNNEL_GENEVE_PORT,
			.gtpu_port = TUNNEL_GTPU_PORT,
		};
	if (frame->header.flags & FRAME_NO_ETHERNET)
		buffer.link_protocol = frame->header.link_protocol;
	if (frame->header.flags & FRAME_CAPTURED)
		captured_buffer(frame, &buffer);
	else
		tc_buffer(frame, &buffer);
	return buffer;
}

int frame_parse(const struct buffer *buffer, const uint8_t *start, size_t length, enum direction direction,
		struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->key.ifindex = FRAME_IFINDEX;
	facts->key.direction = direction;
	return parse((void *)(uintptr_t)start, (void *)(uintptr_t)(start + length), buffer, facts);
}

void frame_parse_merged(const struct buffer *buffer, const uint8_t *start, size_t length, struct facts *facts)
{
	struct facts inner = { 0 };

	if (merged_in_tunnel(facts) &&
	    parse_merged_tunnel((void *)(uintptr_t)start, (void *)(uintptr_t)(start + length), buffer, facts, &inner) ==
		    PARSED_IP)
		count_inner_segments(buffer, facts, &inner);
}

/*
 * TCP's numbers are read of TCP alone, a fragment's identity of fragments, and the rest is the long way's own: there
 * the short one may leave what an earlier packet had.
 */
static const char *plain_facts_differ(const struct facts *plain, const struct facts *all)
{
	HOLDS(!memcmp(&plain->key, &all->key, sizeof(plain->key)));
	HOLDS(plain->packets == all->packets && plain->bytes == all->bytes);
	HOLDS(plain->payload_bytes == all->payload_bytes && plain->payload_offset == all->payload_offset);
	HOLDS(plain->segment_size == all->segment_size && plain->unsent == all->unsent);
	HOLDS(plain->fragment == all->fragment && plain->fragment_first == all->fragment_first);
	HOLDS(plain->partial == all->partial && plain->tcp_flags == all->tcp_flags);
	if (all->key.protocol != IPPROTO_TCP)
		return NULL;
	HOLDS(plain->tcp_sequence == all->tcp_sequence && plain->tcp_acknowledged == all->tcp_acknowledged);
	HOLDS(plain->tcp_window == all->tcp_window);
	return NULL;
}

const char *frame_plain_differs(const struct buffer *buffer, const uint8_t *start, size_t length,
				enum direction direction, bool *taken)
{
	struct facts plain, all;
	int result;

	/* The programs keep the facts of the packet before. */
	memset(&plain, 0xa5, sizeof(plain));
	*taken = !parse_plain((void *)(uintptr_t)start, (void *)(uintptr_t)(start + length), buffer, &plain,
			      FRAME_IFINDEX, direction);
	if (!*taken)
		return NULL;
	result = frame_parse(buffer, start, length, direction, &all);
	HOLDS(result == PARSED_IP);
	return plain_facts_differ(&plain, &all);
}

static const char *key_broken(const struct flow_key *key, const struct facts *facts)
{
	HOLDS(key->family == 4 || key->family == 6);
	HOLDS(key->family == 6 || !(key->src[1] | key->src[2] | key->src[3]));
	HOLDS(key->family == 6 || !(key->dst[1] | key->dst[2] | key->dst[3]));
	HOLDS(has_ports(key->protocol) || !(key->sport | key->dport));
	HOLDS(!facts->fragment || !(key->sport | key->dport));
	HOLDS(key->protocol == IPPROTO_TCP || !(facts->tcp_sequence | facts->tcp_flags));
	return NULL;
}

static const char *vlans_broken(const struct flow_key *key)
{
	for (int i = 0; i < VLAN_MAX_DEPTH; i++) {
		HOLDS(!key->vlan[i] || key->vlan[i] & VLAN_PRESENT);
		HOLDS(!(key->vlan[i] & ~(VLAN_PRESENT | VLAN_ID_MASK)));
	}
	HOLDS(key->vlan[0] || !key->vlan[1]);
	return NULL;
}

/* Lengths as 64 bits: a sum that does not fit 32 would be a fault of its own. */
static const char *lengths_broken(const struct buffer *buffer, const struct facts *facts)
{
	uint64_t headers = facts->payload_offset, one = (uint64_t)buffer->length + buffer->stripped - facts->unsent;

	/* The headers of a capture's frame are believed. */
	HOLDS(buffer->captured || facts->payload_bytes <= buffer->length);
	HOLDS(buffer->captured || facts->payload_bytes == 0 || headers + facts->payload_bytes <= buffer->length);
	HOLDS(buffer->captured || facts->partial || headers <= buffer->length);
	HOLDS(!facts->partial || buffer->captured || facts->fragment_first);
	HOLDS(!(facts->fragment && facts->fragment_first));
	HOLDS(facts->segment_size == (buffer->segment_size == SEGMENTS_DIFFER ? 0 : buffer->segment_size));
	HOLDS(facts->unsent == 0 || (buffer->segment_size && facts->unsent == JUMBO_HEADER_BYTES));
	HOLDS(facts->packets >= 1 && facts->packets >= buffer->segments);
	HOLDS(buffer->segment_size || facts->packets == (buffer->segments ? buffer->segments : 1));
	HOLDS(facts->packets == 1 ||
	      facts->bytes == one + (facts->packets - 1) * (headers + buffer->stripped - facts->unsent));
	HOLDS(facts->packets > 1 || facts->bytes == one);
	return NULL;
}

const char *merged_broken(const struct facts *before, const struct facts *facts)
{
	HOLDS(!memcmp(&before->key, &facts->key, sizeof(facts->key)));
	HOLDS(facts->packets >= 1 && facts->bytes >= facts->payload_bytes);
	HOLDS(facts->payload_bytes + (uint64_t)facts->unsent >= before->payload_bytes);
	return NULL;
}

const char *facts_broken(const struct buffer *buffer, enum direction direction, int result, const struct facts *facts)
{
	const char *broken;

	HOLDS(facts->key.ifindex == FRAME_IFINDEX);
	HOLDS(facts->key.direction == direction);
	HOLDS(facts->key.reserved == 0);
	broken = vlans_broken(&facts->key);
	if (broken)
		return broken;
	if (result != PARSED_IP) {
		HOLDS(result == PARSED_NON_IP || result == PARSED_SHORT || result == PARSED_LYING);
		HOLDS(facts->packets == (buffer->segments ? buffer->segments : 1));
		HOLDS(facts->bytes == buffer->length + buffer->stripped);
		return NULL;
	}
	broken = key_broken(&facts->key, facts);
	return broken ? broken : lengths_broken(buffer, facts);
}
