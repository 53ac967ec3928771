/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in front of IP: Ethernet, VLAN tags, PPPoE, MPLS labels. The VLAN_MAX_DEPTH outermost tags are part of the
 * flow's key; the rest is walked over.
 */
#ifndef FLOWGAUGE_PARSE_LINK_H
#define FLOWGAUGE_PARSE_LINK_H

#include <linux/if_ether.h>

#include "cursor.h"
#include "facts.h"

#define LINK_HEADERS_MAX 8 /* tags and labels, all together */
#define LINK_BYTES_MASK 63 /* a link header that is not Ethernet is shorter */
#define ETHERTYPE_QINQ_OLD 0x9100
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define MPLS_BOTTOM 0x00000100 /* of a label stack entry, host byte order */

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

struct pppoe_header {
	__u8 version_and_type;
	__u8 code;
	__be16 session;
	__be16 length;
	__be16 protocol; /* PPP's */
};

static __always_inline int is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD) ||
	       protocol == bpf_htons(ETHERTYPE_QINQ_OLD);
}

static __always_inline int is_mpls(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_MPLS_UC) || protocol == bpf_htons(ETH_P_MPLS_MC);
}

static __always_inline int is_ip(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_IP) || protocol == bpf_htons(ETH_P_IPV6);
}

static __always_inline int parse_tag(struct cursor *cursor, struct facts *facts, __be16 *protocol)
{
	struct vlan_header *tag = cursor_take(cursor, sizeof(*tag));
	__u16 vlan;

	if (!tag)
		return PARSED_SHORT;
	vlan = VLAN_PRESENT | (bpf_ntohs(tag->tci) & VLAN_ID_MASK);
	if (!carried(facts->key.vlan[0]))
		carry(facts->key.vlan[0], vlan);
	else if (!carried(facts->key.vlan[1]))
		carry(facts->key.vlan[1], vlan);
	*protocol = tag->protocol;
	return PARSED_IP;
}

/* Only a session's frames (code 0) carry IP; PPP's own protocols do not. */
static __always_inline int parse_pppoe(struct cursor *cursor, __be16 *protocol)
{
	struct pppoe_header *pppoe = cursor_take(cursor, sizeof(*pppoe));

	if (!pppoe)
		return PARSED_SHORT;
	*protocol = pppoe->protocol == bpf_htons(PPP_IPV4) ? bpf_htons(ETH_P_IP) :
		    pppoe->protocol == bpf_htons(PPP_IPV6) ? bpf_htons(ETH_P_IPV6) :
							     0;
	return PARSED_IP;
}

/*
 * The last label does not say what follows it; the first four bits of that do. 0 there is a pseudowire's control word
 * (RFC 4928).
 */
static __always_inline int parse_label(struct cursor *cursor, __be16 *protocol)
{
	__be32 *entry = cursor_take(cursor, sizeof(*entry));
	__u8 *first;

	if (!entry)
		return PARSED_SHORT;
	if (!(bpf_ntohl(*entry) & MPLS_BOTTOM))
		return PARSED_IP;
	first = cursor_take(cursor, 1);
	if (!first)
		return PARSED_SHORT;
	cursor->offset--;
	*protocol = *first >> 4 == 4 ? bpf_htons(ETH_P_IP) : *first >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : 0;
	return PARSED_IP;
}

/* One header behind Ethernet's; what it carries from turn to turn is in the facts. */
static __always_inline int parse_link_header(struct cursor *cursor, struct facts *facts)
{
	__be16 protocol = carried(facts->link_protocol);
	int result;

	cursor->offset = carried(facts->payload_offset);
	if (is_vlan(protocol))
		result = parse_tag(cursor, facts, &protocol);
	else if (is_mpls(protocol))
		result = parse_label(cursor, &protocol);
	else
		result = parse_pppoe(cursor, &protocol);
	carry(facts->link_protocol, protocol);
	carry(facts->payload_offset, cursor->offset);
	return result;
}

static __always_inline int is_link_header(__be16 protocol)
{
	return is_vlan(protocol) || is_mpls(protocol) || protocol == bpf_htons(ETH_P_PPP_SES);
}

/* Gives the EtherType of what follows; 0 if it is nothing that is known. */
static __always_inline int parse_link(struct cursor *cursor, const struct buffer *buffer, struct facts *facts,
				      __be16 *protocol)
{
	struct ethhdr *ethernet;
	int result = PARSED_IP;

	facts->key.vlan[0] = buffer->vlan;
	*protocol = buffer->link_protocol;
	if (!buffer->link_protocol) {
		ethernet = cursor_take(cursor, sizeof(*ethernet));
		if (!ethernet)
			return PARSED_SHORT;
		*protocol = ethernet->h_proto;
	}
	if (!is_link_header(*protocol))
		return PARSED_IP;
	carry(facts->link_protocol, *protocol);
	carry(facts->payload_offset, cursor->offset);
	for (int i = 0; i < LINK_HEADERS_MAX; i++) {
		if (result || !is_link_header(carried(facts->link_protocol)))
			break;
		result = parse_link_header(cursor, facts);
	}
	*protocol = carried(facts->link_protocol);
	cursor->offset = carried(facts->payload_offset);
	return result;
}

#endif
