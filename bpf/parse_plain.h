/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packets that nearly all are: Ethernet, IPv4 without options or IPv6 without extension headers, not a fragment, whole TCP or
 * UDP, nothing odd about any length. They are taken in a few steps; what is in doubt is left to parse(), which finds the
 * same facts of a packet that both take. A test holds the two against each other.
 */
#ifndef FLOWGAUGE_PARSE_PLAIN_H
#define FLOWGAUGE_PARSE_PLAIN_H

#include "parse.h"

#define IPV4_WITHOUT_OPTIONS 0x45
#define IPV6_VERSION_MASK bpf_htons(0xf000)
#define IPV6_VERSION bpf_htons(0x6000)

/* What every packet must have of bytes that can be read in place: the headers up to TCP's, or UDP's. */
static __always_inline void *plain_transport(void *ip, void *end, __u32 header, __u32 bytes)
{
	void *transport = ip + header;

	return transport + bytes <= end ? transport : NULL;
}

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define KEY_PART(value, at, bytes) ((__u64)(value) << (64 - 8 * ((at) + (bytes))))
#else
#define KEY_PART(value, at, bytes) ((__u64)(value) << (8 * (at)))
#endif

/* Words of the key are written whole: fewer stores, and each is handed on to the whole load that follows it soon. */
static __always_inline void plain_key_word(struct facts *facts, int word, __u64 value)
{
	((__u64 *)&facts->key)[word] = value;
}

static __always_inline void plain_ports(struct facts *facts, const void *ports, __u32 ifindex)
{
	plain_key_word(facts, 4, KEY_PART(*(const __u32 *)ports, 0, 4) | KEY_PART(ifindex, 4, 4));
}

/* The transport header of `left` bytes, which starts at `offset`. 0, or -1 if there is something to be looked into. */
static __always_inline int plain_tcp(const struct tcphdr *tcp, struct facts *facts, __u32 ifindex, __u32 offset,
				     __u32 left)
{
	__u32 header = tcp->doff * 4;

	if (header < sizeof(*tcp) || header > left)
		return -1;
	plain_ports(facts, tcp, ifindex);
	facts->tcp_sequence = bpf_ntohl(tcp->seq);
	facts->tcp_acknowledged = bpf_ntohl(tcp->ack_seq);
	facts->tcp_window = bpf_ntohs(tcp->window);
	facts->tcp_flags = ((const __u8 *)tcp)[13];
	facts->tcp_header = header;
	facts->payload_offset = offset + header;
	facts->payload_bytes = left - header;
	return 0;
}

static __always_inline int plain_udp(const struct udphdr *udp, struct facts *facts, __u32 ifindex, __u32 offset,
				     __u32 left)
{
	if (left < sizeof(*udp))
		return -1;
	plain_ports(facts, udp, ifindex);
	facts->payload_offset = offset + sizeof(*udp);
	facts->payload_bytes = left - sizeof(*udp);
	return 0;
}

static __always_inline int plain_rest(void *ip, void *end, struct facts *facts, __u32 ifindex, __u32 protocol,
				      __u32 header, __u32 left)
{
	__u32 offset = ETH_HLEN + header;
	void *transport;

	if (protocol == IPPROTO_TCP) {
		transport = plain_transport(ip, end, header, sizeof(struct tcphdr));
		return transport ? plain_tcp(transport, facts, ifindex, offset, left) : -1;
	}
	transport = plain_transport(ip, end, header, sizeof(struct udphdr));
	return transport ? plain_udp(transport, facts, ifindex, offset, left) : -1;
}

static __always_inline int is_plain_protocol(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline int plain_ipv4(const struct iphdr *ip, struct facts *facts, __u32 room, __u32 *left)
{
	__u32 total = bpf_ntohs(ip->tot_len);

	if (*(const __u8 *)ip != IPV4_WITHOUT_OPTIONS || total > room || total < sizeof(*ip) ||
	    ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET | IP_FRAGMENT_MORE) || !is_plain_protocol(ip->protocol))
		return -1;
	plain_key_word(facts, 0, KEY_PART(ip->saddr, 0, 4));
	plain_key_word(facts, 1, 0);
	plain_key_word(facts, 2, KEY_PART(ip->daddr, 0, 4));
	plain_key_word(facts, 3, 0);
	*left = total - sizeof(*ip);
	return 0;
}

static __always_inline int plain_ipv6(const struct ipv6hdr *ip, struct facts *facts, __u32 room, __u32 *left)
{
	__u32 payload = bpf_ntohs(ip->payload_len);

	if ((*(const __be16 *)ip & IPV6_VERSION_MASK) != IPV6_VERSION || !payload || payload + sizeof(*ip) > room ||
	    !is_plain_protocol(ip->nexthdr))
		return -1;
	__builtin_memcpy(facts->key.src, &ip->saddr, sizeof(facts->key.src));
	__builtin_memcpy(facts->key.dst, &ip->daddr, sizeof(facts->key.dst));
	*left = payload;
	return 0;
}

/*
 * 0: `facts` are complete. -1: it is not such a packet, and `facts` are undefined. Not to be asked when tunnels are looked
 * into, nor for captures.
 */
static __always_inline int parse_plain(void *start, void *end, const struct buffer *buffer, struct facts *facts,
				       __u32 ifindex, enum direction direction)
{
	void *ip = start + ETH_HLEN;
	__u32 room = buffer->length - ETH_HLEN, left, header, family, protocol;
	__be16 next;

	if (ip + sizeof(struct iphdr) > end)
		return -1;
	next = *(const __be16 *)(ip - sizeof(next));
	if (next == bpf_htons(ETH_P_IP)) {
		header = sizeof(struct iphdr);
		if (plain_ipv4(ip, facts, room, &left))
			return -1;
		family = 4;
		protocol = ((const struct iphdr *)ip)->protocol;
	} else if (next == bpf_htons(ETH_P_IPV6) && ip + sizeof(struct ipv6hdr) <= end) {
		header = sizeof(struct ipv6hdr);
		if (plain_ipv6(ip, facts, room, &left))
			return -1;
		family = 6;
		protocol = ((const struct ipv6hdr *)ip)->nexthdr;
	} else {
		return -1;
	}
	facts->irregular = 0;
	facts->tcp_flags = 0;
	facts->unsent = 0;
	plain_key_word(facts, 5,
		       KEY_PART(buffer->vlan, 0, 2) | KEY_PART(protocol, 4, 1) | KEY_PART(family, 5, 1) |
			       KEY_PART(direction, 6, 1));
	if (plain_rest(ip, end, facts, ifindex, protocol, header, left))
		return -1;
	count_segments(buffer, facts, facts->payload_offset, facts->payload_bytes);
	return 0;
}

#endif
