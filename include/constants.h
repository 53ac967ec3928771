/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the monitor sets before the programs are loaded. The verifier knows these values and drops what they turn off. */
#ifndef FLOWGAUGE_CONSTANTS_H
#define FLOWGAUGE_CONSTANTS_H

#include <linux/types.h>

enum clock_source {
	CLOCK_OF_KERNEL = 0, /* bpf_ktime_get_ns at each packet */
	CLOCK_OF_PACKET = 1, /* a struct packet_note in the XDP metadata, or skb->tstamp: for replays and tests */
};

/* What a capture knows of a frame beside its bytes; goes in front of the frame as XDP metadata. */
struct packet_note {
	__u64 time_ns;
	__u32 wire_length;    /* bytes on the wire, captured or not; 0: a live frame, whose bytes are all there */
	__u16 link_bytes;     /* of a link header that is not Ethernet: where the network header starts */
	__be16 link_protocol; /* EtherType after such a link header; 0: the link is Ethernet */
};

enum sequence_mode {
	SEQUENCE_OFF = 0,
	SEQUENCE_AT_OFFSET = 1,
	SEQUENCE_AT_PATTERN = 2,
};

#define PATTERN_MAX_LENGTH 8
#define PATTERN_REACH 5000 /* a match lies within this many payload bytes */
#define SEQUENCE_OFFSET_MAX 65535
#define SEGMENTS_MAX 128 /* segments of one merged buffer whose sequence numbers are read */

/* Tunnels that are looked into: their inner flow is counted, with the outer frame's bytes. */
enum tunnel_kind {
	TUNNEL_VXLAN = 1,
	TUNNEL_GENEVE = 2,
	TUNNEL_GRE = 4,
	TUNNEL_IPIP = 8, /* IPv4 or IPv6 in either */
	TUNNEL_GTPU = 16,
};
#define TUNNEL_VXLAN_PORT 4789
#define TUNNEL_GENEVE_PORT 6081
#define TUNNEL_GTPU_PORT 2152

struct tunnels {
	__u32 kinds;                              /* of enum tunnel_kind, or-ed */
	__u16 vxlan_port, geneve_port, gtpu_port; /* UDP, host byte order */
	__u16 reserved;
};

/* Of the hash that flows and conversations are found by (flow_hash.h). */
struct hash_secret {
	__u32 addends[8];
	__u64 factor; /* odd */
};

struct program_constants {
	__u32 clock;              /* enum clock_source */
	__u32 sequence_mode;      /* enum sequence_mode; TCP's own numbers are judged in any mode */
	__u32 sequence_offset;    /* bytes from the payload's start, or from the match's */
	__u32 sequence_threshold; /* a difference over it is `big` */
	__u64 pattern;            /* the bytes as they lie in the packet, zero after them */
	__u64 pattern_mask;       /* 0xff for each byte of the pattern */
	__u32 pattern_length;     /* 1 to PATTERN_MAX_LENGTH */
	__u32 pattern_rare;       /* index of the byte looked for first */
	struct tunnels tunnels;
	__u32 ignore_vlan; /* 1: tags are not part of a flow's key */
	__u32 table_slots; /* flows that have room in the flow table */
	__u32 index_pairs; /* of its index: half the lines */
	__u32 bins;        /* 1: bytes are put into bins of time (rate_bins.h) */
	__u32 flows_off;   /* 1: packets are counted in no flow, as if no rule wanted them */
	__u32 rtt_sets;    /* round-trip times: sets of connections (rtt_connections.h); 0: they are not measured */
	__u32 rtt_scope;   /* enum rtt_scope */
	__u32 rtt_pairs;   /* pairs that have a histogram */
	struct hash_secret secret;
};

#endif
