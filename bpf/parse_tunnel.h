/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels, one level deep: VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, 2890), IP in IP (RFC 2003, 2473, 4213) and
 * GTP-U (3GPP TS 29.281). tunnel_enter() moves the cursor from the end of the outer headers to the inner network header;
 * what does not carry IP, or is not understood, stays with the outer flow.
 */
#ifndef FLOWGAUGE_PARSE_TUNNEL_H
#define FLOWGAUGE_PARSE_TUNNEL_H

#include <linux/if_ether.h>
#include <linux/in.h>

#include "constants.h"
#include "cursor.h"
#include "facts.h"
#include "parse_link.h"

#define INNER_TAGS_MAX 2
#define PROTOCOL_IPIP 4
#define PROTOCOL_IPV6_IN_IP 41
#define PROTOCOL_GRE 47

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING 0x4000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION 0x0007

#define VXLAN_HAS_NETWORK 0x08 /* in the first byte of its flags */

#define GTP_VERSION_MASK 0xf0
#define GTP_VERSION_1 0x30 /* version 1, protocol type GTP */
#define GTP_OPTIONS 0x07   /* any of extension header, sequence number, N-PDU number: four more bytes */
#define GTP_EXTENSION 0x04
#define GTP_USER_DATA 0xff
#define GTP_EXTENSIONS_MAX 4

/* The last byte of an Ethernet frame's header chain; its tags are not part of the key: they are the tunnel's payload. */
static __always_inline __be16 inner_ethernet(struct cursor *cursor)
{
	struct ethhdr *ethernet = cursor_take(cursor, sizeof(*ethernet));
	__be16 protocol;

	if (!ethernet)
		return 0;
	protocol = ethernet->h_proto;
	for (int i = 0; i < INNER_TAGS_MAX && is_vlan(protocol); i++) {
		struct vlan_header *tag = cursor_take(cursor, sizeof(*tag));

		if (!tag)
			return 0;
		protocol = tag->protocol;
	}
	return protocol;
}

static __always_inline __be16 inner_of(struct cursor *cursor, __be16 protocol)
{
	return protocol == bpf_htons(ETH_P_TEB) ? inner_ethernet(cursor) : protocol;
}

struct gre_header {
	__be16 flags;
	__be16 protocol;
};

static __always_inline __be16 enter_gre(struct cursor *cursor)
{
	struct gre_header *gre = cursor_take(cursor, sizeof(*gre));
	__be16 protocol;
	__u32 flags;

	if (!gre)
		return 0;
	flags = bpf_ntohs(gre->flags);
	protocol = gre->protocol;
	if (flags & (GRE_VERSION | GRE_ROUTING))
		return 0;
	cursor->offset += (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
	return inner_of(cursor, protocol);
}

static __always_inline __be16 enter_vxlan(struct cursor *cursor)
{
	__u8 *vxlan = cursor_take(cursor, 8);

	return vxlan && vxlan[0] & VXLAN_HAS_NETWORK ? inner_ethernet(cursor) : 0;
}

struct geneve_header {
	__u8 version_and_length; /* of the options, in units of four bytes */
	__u8 flags;
	__be16 protocol;
	__be32 network;
};

static __always_inline __be16 enter_geneve(struct cursor *cursor)
{
	struct geneve_header *geneve = cursor_take(cursor, sizeof(*geneve));
	__be16 protocol;

	if (!geneve || geneve->version_and_length >> 6)
		return 0;
	protocol = geneve->protocol;
	cursor->offset += (geneve->version_and_length & 0x3f) * 4;
	return inner_of(cursor, protocol);
}

/* Extension headers: their length in units of four bytes comes first, the next one's type last. */
static __always_inline int gtp_extensions(struct cursor *cursor, struct facts *facts)
{
	carry(facts->payload_offset, cursor->offset);
	for (int i = 0; i < GTP_EXTENSIONS_MAX; i++) {
		__u8 *next, *units;

		cursor->offset = carried(facts->payload_offset) - 1;
		next = cursor_take(cursor, 1);
		if (!next)
			return -1;
		if (!*next)
			return 0;
		units = cursor_take(cursor, 1);
		if (!units || !*units)
			return -1;
		carry(facts->payload_offset, cursor->offset - 1 + *units * 4);
	}
	return -1;
}

struct gtp_header {
	__u8 flags;
	__u8 type;
	__be16 length;
	__be32 tunnel;
};

static __always_inline __be16 enter_gtp(struct cursor *cursor, struct facts *facts)
{
	struct gtp_header *gtp = cursor_take(cursor, sizeof(*gtp));
	__u8 *version;

	if (!gtp || (gtp->flags & GTP_VERSION_MASK) != GTP_VERSION_1 || gtp->type != GTP_USER_DATA)
		return 0;
	if (gtp->flags & GTP_OPTIONS) {
		__u8 extension = gtp->flags & GTP_EXTENSION;

		cursor->offset += 4;
		if (extension && gtp_extensions(cursor, facts))
			return 0;
	}
	version = cursor_take(cursor, 1);
	if (!version)
		return 0;
	cursor->offset--;
	return *version >> 4 == 4 ? bpf_htons(ETH_P_IP) : *version >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : 0;
}

static __always_inline __be16 enter_udp(struct cursor *cursor, struct facts *facts, const struct tunnels *tunnels)
{
	__u32 port = bpf_ntohs(facts->key.dport);

	if (tunnels->kinds & TUNNEL_VXLAN && port == tunnels->vxlan_port)
		return enter_vxlan(cursor);
	if (tunnels->kinds & TUNNEL_GENEVE && port == tunnels->geneve_port)
		return enter_geneve(cursor);
	if (tunnels->kinds & TUNNEL_GTPU && port == tunnels->gtpu_port)
		return enter_gtp(cursor, facts);
	return 0;
}

/* The cursor stands behind the outer headers. The EtherType of an inner IP packet at the cursor, or 0: there is none. */
static __always_inline __be16 tunnel_enter(struct cursor *cursor, struct facts *facts, const struct tunnels *tunnels)
{
	__be16 protocol = 0;

	switch (facts->key.protocol) {
	case PROTOCOL_IPIP:
		protocol = tunnels->kinds & TUNNEL_IPIP ? bpf_htons(ETH_P_IP) : 0;
		break;
	case PROTOCOL_IPV6_IN_IP:
		protocol = tunnels->kinds & TUNNEL_IPIP ? bpf_htons(ETH_P_IPV6) : 0;
		break;
	case PROTOCOL_GRE:
		protocol = tunnels->kinds & TUNNEL_GRE ? enter_gre(cursor) : 0;
		break;
	case IPPROTO_UDP:
		protocol = enter_udp(cursor, facts, tunnels);
		break;
	}
	return is_ip(protocol) ? protocol : 0;
}

#endif
