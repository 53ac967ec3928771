/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IPv4 and IPv6: who speaks to whom, which protocol, and how many bytes follow. Lengths that the headers give are held
 * against each other and against the buffer: a live packet that lies is not guessed at. A capture may have lost its
 * frames' ends without saying so; there the headers are believed, and what is there is parsed.
 */
#ifndef FLOWGAUGE_PARSE_NETWORK_H
#define FLOWGAUGE_PARSE_NETWORK_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "cursor.h"
#include "facts.h"

#define EXTENSIONS_MAX 8 /* IPv6 extension headers walked over */
#define IP_FRAGMENT_OFFSET 0x1fff
#define IP_FRAGMENT_MORE 0x2000
#define IP6_FRAGMENT_OFFSET 0xfff8
#define JUMBO_HEADER_BYTES 8 /* a hop-by-hop header with RFC 2675's option in it */
#define IP6_LENGTH_MAX 65535
#define OPTION_JUMBO 0xc2

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_AH 51
#define PROTOCOL_DESTINATION 60

/* `left`: bytes after the IP header, by the IP length. */
static __always_inline int parse_ipv4(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
				      __u32 *left)
{
	__u32 offset = cursor->offset, header, total;
	struct iphdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip)
		return PARSED_SHORT;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip) || offset > buffer->length)
		return PARSED_LYING;
	if (header > sizeof(*ip) && !cursor_take(cursor, header - sizeof(*ip))) {
		if (!buffer->captured)
			return PARSED_SHORT;
		cursor->offset += header - sizeof(*ip);
	}
	total = bpf_ntohs(ip->tot_len);
	if (total == 0 && (buffer->segment_size || buffer->captured))
		total = buffer->length - offset; /* a merged buffer over 64 KiB has no room for its length */
	if (total < header || (total > buffer->length - offset && !buffer->captured))
		return PARSED_LYING;
	__builtin_memset(facts->key.src, 0, sizeof(facts->key.src));
	__builtin_memset(facts->key.dst, 0, sizeof(facts->key.dst));
	facts->key.src[0] = ip->saddr;
	facts->key.dst[0] = ip->daddr;
	facts->key.family = 4;
	facts->key.protocol = ip->protocol;
	facts->fragment = (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET)) != 0;
	facts->fragment_first = (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET | IP_FRAGMENT_MORE)) ==
				bpf_htons(IP_FRAGMENT_MORE);
	facts->fragment_ident = ip->id;
	*left = total - header;
	return PARSED_IP;
}

struct extension_header {
	__u8 next;
	__u8 length;
	__be16 fragment_offset; /* of a fragment header; the lowest three bits are flags */
	__be32 ident;           /* likewise */
};

static __always_inline int is_extension(__u8 protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
	       protocol == PROTOCOL_AH || protocol == PROTOCOL_DESTINATION;
}

/* The header behind this one, of `bytes`; a capture's may reach beyond what the IP length leaves room for. */
static __always_inline int extension_pass(const struct buffer *buffer, struct facts *facts, __u8 next, __u32 bytes)
{
	__u32 offset = carried(facts->payload_offset), left = carried(facts->payload_bytes);

	if (bytes > left && !buffer->captured)
		return PARSED_LYING;
	carry(facts->key.protocol, next);
	carry(facts->payload_bytes, bytes < left ? left - bytes : 0);
	carry(facts->payload_offset, offset + bytes);
	return PARSED_IP;
}

/* Extension headers come in units of 8 bytes, the first not counted; AH in units of 4, the first two not counted. */
static __always_inline __u32 extension_bytes(__u8 protocol, __u8 length)
{
	return protocol == PROTOCOL_AH ? ((__u32)length + 2) * 4 : ((__u32)length + 1) * 8;
}

/* One that ends outside the capture: all but a fragment's tells what follows by its first two bytes. */
static __always_inline int parse_extension_part(struct cursor *cursor, const struct buffer *buffer, struct facts *facts)
{
	__u8 protocol = carried(facts->key.protocol);
	__u8 *part;

	cursor->offset = carried(facts->payload_offset);
	part = cursor_take(cursor, 2);
	if (!part || protocol == PROTOCOL_FRAGMENT || carried(facts->payload_bytes) < 2)
		return PARSED_SHORT;
	return extension_pass(buffer, facts, part[0], extension_bytes(protocol, part[1]));
}

/* Carried in the facts: the header's protocol, its offset, and the bytes that are left from it on. */
static __always_inline int parse_extension(struct cursor *cursor, const struct buffer *buffer, struct facts *facts)
{
	__u8 protocol = carried(facts->key.protocol);
	struct extension_header *extension;

	cursor->offset = carried(facts->payload_offset);
	extension = cursor_take(cursor, sizeof(*extension));
	if (buffer->captured && (!extension || carried(facts->payload_bytes) < sizeof(*extension)))
		return parse_extension_part(cursor, buffer, facts);
	if (!extension)
		return PARSED_SHORT;
	if (protocol != PROTOCOL_FRAGMENT)
		return extension_pass(buffer, facts, extension->next, extension_bytes(protocol, extension->length));
	carry(facts->fragment, (extension->fragment_offset & bpf_htons(IP6_FRAGMENT_OFFSET)) != 0);
	carry(facts->fragment_first, (extension->fragment_offset & bpf_htons(IP6_FRAGMENT_OFFSET | 1)) == bpf_htons(1));
	carry(facts->fragment_ident, extension->ident);
	return extension_pass(buffer, facts, extension->next, sizeof(*extension));
}

/* In a capture, an extension header that cannot be read is the flow's protocol, and its bytes are payload. */
static __always_inline int parse_extensions(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
					    __u32 *left)
{
	int result = PARSED_IP;

	if (!is_extension(facts->key.protocol))
		return PARSED_IP;
	carry(facts->payload_bytes, *left);
	carry(facts->payload_offset, cursor->offset);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (result || !is_extension(carried(facts->key.protocol)) || carried(facts->fragment))
			break;
		result = parse_extension(cursor, buffer, facts);
	}
	if (!result && is_extension(carried(facts->key.protocol)) && !carried(facts->fragment))
		result = PARSED_LYING; /* a longer chain than anybody sends */
	*left = carried(facts->payload_bytes);
	cursor->offset = carried(facts->payload_offset);
	return buffer->captured ? PARSED_IP : result;
}

struct jumbo_header {
	__u8 next, length;
	__u8 option, option_length; /* the first option */
	__be32 bytes;               /* after the IPv6 header */
};

/*
 * An IPv6 length of 0 stands for one that has no room there: that of a jumbogram (RFC 2675), which has it in an option
 * of its own, or of a buffer over 64 KiB that is yet to be cut into segments. Otherwise nothing follows.
 */
static __always_inline __u32 long_length(struct cursor *cursor, const struct buffer *buffer, __u8 next, __u32 rest)
{
	__u32 offset = cursor->offset;
	struct jumbo_header *jumbo;

	if (buffer->segment_size || (buffer->captured && rest > IP6_LENGTH_MAX))
		return rest;
	if (next != PROTOCOL_HOP_BY_HOP)
		return 0;
	jumbo = cursor_take(cursor, sizeof(*jumbo));
	cursor->offset = offset;
	if (!jumbo || jumbo->option != OPTION_JUMBO || jumbo->option_length != sizeof(jumbo->bytes))
		return 0;
	return bpf_ntohl(jumbo->bytes);
}

static __always_inline int parse_ipv6(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
				      __u32 *left)
{
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));
	__u32 rest;

	if (!ip)
		return PARSED_SHORT;
	if (ip->version != 6 || cursor->offset > buffer->length)
		return PARSED_LYING;
	rest = buffer->length - cursor->offset;
	*left = bpf_ntohs(ip->payload_len);
	if (*left == 0)
		*left = long_length(cursor, buffer, ip->nexthdr, rest);
	if (*left > rest && !buffer->captured)
		return PARSED_LYING;
	/* The kernel itself gives a merged buffer over 64 KiB such a header, and takes it off each packet. */
	if (buffer->segment_size && !ip->payload_len && ip->nexthdr == PROTOCOL_HOP_BY_HOP)
		facts->unsent = JUMBO_HEADER_BYTES;
	__builtin_memcpy(facts->key.src, &ip->saddr, sizeof(facts->key.src));
	__builtin_memcpy(facts->key.dst, &ip->daddr, sizeof(facts->key.dst));
	facts->key.family = 6;
	facts->key.protocol = ip->nexthdr;
	return parse_extensions(cursor, buffer, facts, left);
}

static __always_inline int parse_network(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
					 __be16 protocol, __u32 *left)
{
	if (protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(cursor, buffer, facts, left);
	return parse_ipv6(cursor, buffer, facts, left);
}

#endif
