/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP, UDP, ICMP, ICMPv6 and SCTP: ports, and where the payload starts. Other protocols are not looked into. */
#ifndef FLOWGAUGE_PARSE_TRANSPORT_H
#define FLOWGAUGE_PARSE_TRANSPORT_H

#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "cursor.h"
#include "facts.h"

#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132
#define ICMP_HEADER_BYTES 8
#define SCTP_HEADER_BYTES 12

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
	facts->tcp_acknowledged = bpf_ntohl(tcp->ack_seq);
	facts->tcp_window = bpf_ntohs(tcp->window);
	facts->tcp_flags = ((__u8 *)tcp)[13];
	facts->tcp_header = header;
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

static __always_inline int parse_whole_transport(struct cursor *cursor, const struct buffer *buffer,
						 struct facts *facts, __u32 *left)
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
	if (buffer->captured && facts->key.protocol == PROTOCOL_SCTP &&
	    !cursor_take(cursor, SCTP_HEADER_BYTES - sizeof(*ports)))
		return PARSED_SHORT;
	if (has_ports(facts->key.protocol)) {
		facts->key.sport = ports->source;
		facts->key.dport = ports->destination;
	}
	return PARSED_IP;
}

#define TCP_DATA_OFFSET 8 /* from behind the ports */
#define TCP_TO_WINDOW 12  /* bytes from behind the ports to behind the window: fewer are not taken for a header */

/*
 * A transport header of which a part is missing, because the fragment is too small for it (RFC 791 promises 8 bytes) or
 * the capture was cut, or that lies in a capture: the ports, and TCP's length, count if they are there.
 */
static __always_inline void parse_part_of_transport(struct cursor *cursor, struct facts *facts, __u32 *left)
{
	__u32 offset = cursor->offset, header = transport_header_bytes(facts->key.protocol);
	struct ports_header *ports = NULL;
	__u8 *rest = NULL;

	if (has_ports(facts->key.protocol) && facts->key.protocol != PROTOCOL_SCTP && *left >= sizeof(*ports))
		ports = cursor_take(cursor, sizeof(*ports));
	if (ports) {
		facts->key.sport = ports->source;
		facts->key.dport = ports->destination;
		if (*left >= sizeof(*ports) + TCP_TO_WINDOW)
			rest = cursor_take(cursor, TCP_TO_WINDOW);
	}
	if (facts->key.protocol == IPPROTO_TCP)
		header = rest ? (rest[TCP_DATA_OFFSET] >> 4) * 4 : 0;
	facts->partial = 1;
	facts->payload_offset = offset + header;
	*left = *left > header ? *left - header : 0;
}

static __always_inline int parse_transport(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
					   __u32 *left)
{
	__u32 offset = cursor->offset, all = *left;
	int result;

	if (facts->fragment) {
		facts->payload_offset = offset;
		return PARSED_IP;
	}
	result = parse_whole_transport(cursor, buffer, facts, left);
	if (result == PARSED_IP || (!buffer->captured && (result == PARSED_SHORT || !facts->fragment_first)))
		return result;
	cursor->offset = offset;
	*left = all;
	parse_part_of_transport(cursor, facts, left);
	return PARSED_IP;
}

#endif
