/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From bytes to facts, once a packet. A cursor walks the headers; every step checks that its bytes are there before it
 * reads them and every loop has a named bound. Lengths that the headers give are held against each other and against
 * the buffer: a packet that lies is not guessed at.
 *
 * The file knows no BPF helper, so that it compiles in userspace as well.
 */
#ifndef FLOWGAUGE_PARSE_H
#define FLOWGAUGE_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include "facts.h"

#ifdef __BPF__
#include <bpf/bpf_endian.h>
#else
#include <arpa/inet.h>
#define bpf_htons(x) htons(x)
#define bpf_ntohs(x) ntohs(x)
#define bpf_ntohl(x) ntohl(x)
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define LINK_TAGS_MAX 4       /* VLAN tags walked over; the VLAN_MAX_DEPTH outermost are in the key */
#define EXTENSIONS_MAX 8      /* IPv6 extension headers walked over */
#define LINK_BYTES_MASK 63    /* a link header that is not Ethernet is shorter */
#define HEADERS_REACH 4096    /* where the last header begins at most */
#define ETHERTYPE_QINQ_OLD 0x9100

#define IP_FRAGMENT_OFFSET 0x1fff
#define IP_FRAGMENT_MORE 0x2000
#define IP6_FRAGMENT_OFFSET 0xfff8

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_AH 51
#define PROTOCOL_DESTINATION 60
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132
#define ICMP_HEADER_BYTES 8
#define SCTP_HEADER_BYTES 12

struct cursor {
	void *start;
	void *end;    /* of the bytes that can be read directly */
	__u32 offset; /* of the next header */
};

/* The header at the cursor, or NULL if its bytes are not all there; the cursor moves on. */
static __always_inline void *cursor_take(struct cursor *cursor, __u32 bytes)
{
	void *header = cursor->start + cursor->offset;

	if (cursor->offset > HEADERS_REACH || header + bytes > cursor->end)
		return NULL;
	cursor->offset += bytes;
	return header;
}

/*
 * A loop keeps what it carries from turn to turn in the facts, and reads it anew each turn: the verifier then sees each
 * turn begin alike and proves the body once, where otherwise it would follow every combination of headers.
 */
#define carry(field, value) (*(volatile __typeof__(field) *)&(field) = (value))
#define carried(field) (*(volatile __typeof__(field) *)&(field))

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

static __always_inline int is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD) ||
	       protocol == bpf_htons(ETHERTYPE_QINQ_OLD);
}

/* Link header and tags; gives the EtherType. */
static __always_inline int parse_link(struct cursor *cursor, const struct buffer *buffer, struct facts *facts, __be16 *protocol)
{
	struct ethhdr *ethernet;
	__u32 depth = 0;

	if (buffer->vlan)
		facts->key.vlan[depth++] = buffer->vlan;
	if (buffer->link_protocol) {
		*protocol = buffer->link_protocol;
		return PARSED_IP;
	}
	ethernet = cursor_take(cursor, sizeof(*ethernet));
	if (!ethernet)
		return PARSED_SHORT;
	*protocol = ethernet->h_proto;
	for (int i = 0; i < LINK_TAGS_MAX && is_vlan(*protocol); i++) {
		struct vlan_header *tag = cursor_take(cursor, sizeof(*tag));

		if (!tag)
			return PARSED_SHORT;
		if (depth == 0)
			facts->key.vlan[0] = VLAN_PRESENT | (bpf_ntohs(tag->tci) & VLAN_ID_MASK);
		else if (depth == 1)
			facts->key.vlan[1] = VLAN_PRESENT | (bpf_ntohs(tag->tci) & VLAN_ID_MASK);
		depth++;
		*protocol = tag->protocol;
		carry(facts->payload_offset, cursor->offset);
		cursor->offset = carried(facts->payload_offset);
	}
	return PARSED_IP;
}

/* `left`: bytes after the IP header, by the IP length. */
static __always_inline int parse_ipv4(struct cursor *cursor, const struct buffer *buffer, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, header, total;
	struct iphdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip)
		return PARSED_SHORT;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip) || offset > buffer->length)
		return PARSED_LYING;
	if (header > sizeof(*ip) && !cursor_take(cursor, header - sizeof(*ip))) {
		if (!buffer->cut)
			return PARSED_SHORT;
		cursor->offset += header - sizeof(*ip);
	}
	total = bpf_ntohs(ip->tot_len);
	if (total == 0 && (buffer->segment_size || buffer->captured))
		total = buffer->length - offset; /* a merged buffer over 64 KiB has no room for its length */
	if (total < header || total > buffer->length - offset)
		return PARSED_LYING;
	facts->key.src[0] = ip->saddr;
	facts->key.dst[0] = ip->daddr;
	facts->key.family = 4;
	facts->key.protocol = ip->protocol;
	facts->fragment = (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET)) != 0;
	facts->fragment_first = (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET | IP_FRAGMENT_MORE)) == bpf_htons(IP_FRAGMENT_MORE);
	facts->fragment_ident = ip->id;
	*left = total - header;
	return PARSED_IP;
}

struct extension_header {
	__u8 next;
	__u8 length;
	__be16 fragment_offset; /* of a fragment header; the lowest three bits are flags */
	__be32 ident; /* likewise */
};

static __always_inline int is_extension(__u8 protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
	       protocol == PROTOCOL_AH || protocol == PROTOCOL_DESTINATION;
}

/*
 * Extension headers come in units of 8 bytes, the first not counted; AH in units of 4, the first two not counted.
 * Carried in the facts: the header's protocol, its offset, and the bytes that are left from it on.
 */
static __always_inline int parse_extension(struct cursor *cursor, struct facts *facts)
{
	__u32 bytes, left = carried(facts->payload_bytes);
	__u8 protocol = carried(facts->key.protocol);
	struct extension_header *extension;

	cursor->offset = carried(facts->payload_offset);
	extension = cursor_take(cursor, sizeof(*extension));
	if (!extension)
		return PARSED_SHORT;
	bytes = ((__u32)extension->length + 1) * 8;
	if (protocol == PROTOCOL_FRAGMENT) {
		bytes = sizeof(*extension);
		carry(facts->fragment, (extension->fragment_offset & bpf_htons(IP6_FRAGMENT_OFFSET)) != 0);
		carry(facts->fragment_first,
		      (extension->fragment_offset & bpf_htons(IP6_FRAGMENT_OFFSET | 1)) == bpf_htons(1));
		carry(facts->fragment_ident, extension->ident);
	} else if (protocol == PROTOCOL_AH) {
		bytes = ((__u32)extension->length + 2) * 4;
	}
	if (bytes < sizeof(*extension) || bytes > left)
		return PARSED_LYING;
	carry(facts->key.protocol, extension->next);
	carry(facts->payload_bytes, left - bytes);
	carry(facts->payload_offset, cursor->offset + bytes - (__u32)sizeof(*extension));
	return PARSED_IP;
}

static __always_inline int parse_extensions(struct cursor *cursor, struct facts *facts, __u32 *left)
{
	int result = PARSED_IP;

	if (!is_extension(facts->key.protocol))
		return PARSED_IP;
	carry(facts->payload_bytes, *left);
	carry(facts->payload_offset, cursor->offset);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (result || !is_extension(carried(facts->key.protocol)) || carried(facts->fragment))
			break;
		result = parse_extension(cursor, facts);
	}
	if (!result && is_extension(carried(facts->key.protocol)) && !carried(facts->fragment))
		return PARSED_LYING; /* a longer chain than anybody sends */
	*left = carried(facts->payload_bytes);
	cursor->offset = carried(facts->payload_offset);
	return result;
}

static __always_inline int parse_ipv6(struct cursor *cursor, const struct buffer *buffer, struct facts *facts, __u32 *left)
{
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));
	__u32 rest;

	if (!ip)
		return PARSED_SHORT;
	if (ip->version != 6 || cursor->offset > buffer->length)
		return PARSED_LYING;
	rest = buffer->length - cursor->offset;
	*left = bpf_ntohs(ip->payload_len);
	/* 0 is a jumbogram (RFC 2675), which starts with a hop-by-hop header, or a merged buffer over 64 KiB. */
	if (*left == 0 && (buffer->segment_size || buffer->captured || ip->nexthdr == PROTOCOL_HOP_BY_HOP))
		*left = rest;
	if (*left > rest)
		return PARSED_LYING;
	__builtin_memcpy(facts->key.src, &ip->saddr, sizeof(facts->key.src));
	__builtin_memcpy(facts->key.dst, &ip->daddr, sizeof(facts->key.dst));
	facts->key.family = 6;
	facts->key.protocol = ip->nexthdr;
	return parse_extensions(cursor, facts, left);
}

struct ports_header {
	__be16 source;
	__be16 destination;
};

static __always_inline int parse_tcp(struct cursor *cursor, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, header;
	struct tcphdr *tcp = cursor_take(cursor, sizeof(*tcp));

	if (!tcp)
		return PARSED_SHORT;
	header = tcp->doff * 4;
	if (header < sizeof(*tcp) || header > *left)
		return PARSED_LYING;
	facts->key.sport = tcp->source;
	facts->key.dport = tcp->dest;
	facts->tcp_sequence = bpf_ntohl(tcp->seq);
	facts->tcp_flags = ((__u8 *)tcp)[13];
	/* The options are not read, so they need not be there. */
	facts->payload_offset = offset + header;
	*left -= header;
	return PARSED_IP;
}

/* Bytes of a protocol's header that stand before its payload; TCP's least, 0 for protocols that are not looked into. */
static __always_inline __u32 transport_header_bytes(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_ICMP:
	case PROTOCOL_ICMPV6:
		return ICMP_HEADER_BYTES;
	case PROTOCOL_SCTP:
		return SCTP_HEADER_BYTES;
	default:
		return 0;
	}
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == PROTOCOL_SCTP;
}

static __always_inline int parse_whole_transport(struct cursor *cursor, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, header = transport_header_bytes(facts->key.protocol);
	struct ports_header *ports;

	if (header > *left)
		return PARSED_LYING;
	if (facts->key.protocol == IPPROTO_TCP)
		return parse_tcp(cursor, facts, left);
	facts->payload_offset = offset + header;
	*left -= header;
	if (!header)
		return PARSED_IP;
	ports = cursor_take(cursor, sizeof(*ports));
	if (!ports)
		return PARSED_SHORT;
	if (has_ports(facts->key.protocol)) {
		facts->key.sport = ports->source;
		facts->key.dport = ports->destination;
	}
	return PARSED_IP;
}

#define TCP_TO_DATA_OFFSET 9 /* bytes of a TCP header from behind the ports to its data offset */

/*
 * A transport header of which a part is missing, because the fragment is too small for it (RFC 791 promises 8 bytes) or
 * the capture was cut: the ports, and TCP's length, count if they are there.
 */
static __always_inline void parse_part_of_transport(struct cursor *cursor, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, header = transport_header_bytes(facts->key.protocol);
	struct ports_header *ports = NULL;
	__u8 *rest = NULL;

	if (has_ports(facts->key.protocol) && *left >= sizeof(*ports))
		ports = cursor_take(cursor, sizeof(*ports));
	if (ports) {
		facts->key.sport = ports->source;
		facts->key.dport = ports->destination;
		if (*left >= sizeof(*ports) + TCP_TO_DATA_OFFSET)
			rest = cursor_take(cursor, TCP_TO_DATA_OFFSET);
	}
	if (facts->key.protocol == IPPROTO_TCP)
		header = rest ? (rest[TCP_TO_DATA_OFFSET - 1] >> 4) * 4 : 0;
	facts->partial = 1;
	facts->payload_offset = offset + header;
	*left = *left > header ? *left - header : 0;
}

static __always_inline int parse_transport(struct cursor *cursor, const struct buffer *buffer, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, all = *left;
	int result;

	if (facts->fragment) {
		facts->payload_offset = offset;
		return PARSED_IP;
	}
	result = parse_whole_transport(cursor, facts, left);
	if (result == PARSED_IP || (result == PARSED_SHORT && !buffer->cut) || (!buffer->cut && !facts->fragment_first))
		return result;
	cursor->offset = offset;
	*left = all;
	parse_part_of_transport(cursor, facts, left);
	return PARSED_IP;
}

/*
 * A merged buffer stands for several packets: each had the headers of the first. Where the device says how large the
 * segments are but not how many (SKB_GSO_DODGY), the payload tells.
 */
static __always_inline void count_segments(const struct buffer *buffer, struct facts *facts)
{
	facts->packets = buffer->segments ? buffer->segments : 1;
	facts->segment_size = buffer->segment_size;
	if (buffer->segment_size && facts->packets == 1 && facts->payload_bytes > buffer->segment_size)
		facts->packets = (facts->payload_bytes + buffer->segment_size - 1) / buffer->segment_size;
	facts->bytes = buffer->length + buffer->stripped;
	if (facts->packets > 1)
		facts->bytes += (facts->packets - 1) * (facts->payload_offset + buffer->stripped);
}

/* `facts` is zeroed, but for key.ifindex and key.direction. What is not IP has its packets and bytes counted, too. */
static __always_inline int parse(void *start, void *end, const struct buffer *buffer, struct facts *facts)
{
	struct cursor cursor = { .start = start, .end = end, .offset = buffer->link_bytes & LINK_BYTES_MASK };
	__be16 protocol = 0;
	__u32 left = 0;
	int result;

	facts->packets = buffer->segments ? buffer->segments : 1;
	facts->bytes = buffer->length + buffer->stripped;
	result = parse_link(&cursor, buffer, facts, &protocol);
	if (result)
		return result;
	if (protocol == bpf_htons(ETH_P_IP))
		result = parse_ipv4(&cursor, buffer, facts, &left);
	else if (protocol == bpf_htons(ETH_P_IPV6))
		result = parse_ipv6(&cursor, buffer, facts, &left);
	else
		return PARSED_NON_IP;
	if (result)
		return result;
	result = parse_transport(&cursor, buffer, facts, &left);
	if (result)
		return result;
	facts->payload_bytes = left;
	count_segments(buffer, facts);
	return PARSED_IP;
}

#endif
