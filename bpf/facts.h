/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parser finds out about a packet. Later stages read these facts and, for the payload alone, the packet. */
#ifndef FLOWGAUGE_FACTS_H
#define FLOWGAUGE_FACTS_H

#include "constants.h"
#include "records.h"

#define SEGMENTS_DIFFER 0xffff /* the kernel's GSO_BY_FRAGS: each packet (of SCTP) has a size of its own */

/* What the hook knows of a buffer beside its bytes. */
struct buffer {
	__u32 length;           /* bytes of the buffer, link header included, and also what is not in its linear part */
	__u32 stripped;         /* bytes that were on the wire and that the device or kernel took out: a VLAN tag */
	__u16 vlan;             /* that tag: VLAN_PRESENT | id, or 0 */
	__be16 link_protocol;   /* EtherType of a buffer without an Ethernet header; 0: it has one */
	__u32 link_bytes;       /* then, of what stands before its network header */
	struct tunnels tunnels; /* to be looked into */
	__u32 captured; /* a capture's frame: its end may be missing; an IP length of 0 was left to the sender's card */
	__u32 segments; /* packets that were, or will be, on the wire for this buffer; 0 is read as 1 */
	__u32 segment_size; /* payload bytes of each of them but the last, or SEGMENTS_DIFFER; 0: not merged */
};

enum parse_result {
	PARSED_IP = 0,
	PARSED_NON_IP,
	PARSED_SHORT, /* the bytes end inside a header: more may lie outside the linear part */
	PARSED_LYING, /* a header's length cannot be true */
};

struct facts {
	struct flow_key key;
	__u32 packets;          /* on the wire */
	__u32 bytes;            /* on the wire, all packets together */
	__u32 payload_bytes;    /* all packets together */
	__u32 payload_offset;   /* from the buffer's start */
	__u32 segment_size;     /* payload bytes of one packet; 0: not merged, or they differ */
	__u32 tcp_sequence;     /* host byte order, like the next one and the window */
	__u32 tcp_acknowledged; /* also without the flag ACK */
	__u16 tcp_window;       /* not scaled */
	__be16 link_protocol;   /* EtherType of what follows the headers walked over so far */
	__u16 unsent;           /* bytes of a header that a merged buffer has and none of its packets */
	__u32 ran_out;          /* 1: bytes were wanted that are not there */
	__be32 fragment_ident;  /* which datagram a fragment is of; IPv4's 16 bits are the lower ones */
	union {
		struct {
			__u8 fragment; /* not the first: its payload does not start with a transport header */
			__u8 fragment_first;
			__u8 partial; /* its transport header is not all there */
		};
		__u32 irregular; /* 0: none of these */
	};
	__u8 tcp_flags;
	__u8 tcp_header; /* bytes, options included; 0: not known */
	__u8 reserved[2];
};

/* What a transport header says cannot be had of it. Asked of each packet, so that one look tells of nearly all. */
static __always_inline int is_cut(const struct facts *facts)
{
	return facts->irregular && (facts->fragment || facts->partial);
}

#endif
