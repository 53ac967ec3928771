/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the bench and its driver agree on: which packet comes when. */
#ifndef FLOWGAUGE_PACKET_CHOICE_H
#define FLOWGAUGE_PACKET_CHOICE_H

#include <linux/types.h>

/*
 * The order holds two parts of as many packets: the first has each flow once and is run once, so that every flow is
 * there before the first figure; the second is replayed over and over, in an order of its own.
 */
#define ORDER_PACKETS (1U << 20)
#define ORDER_ENTRIES (2 * ORDER_PACKETS)

/* In a set that goes both ways, each packet answers the one so many before it, in a conversation that has no other between. */
#define ANSWERS_AFTER 1024

struct packet_choice {
	__be32 source;
	__be16 port;
	__u16 is_answer; /* goes the other way */
	__u32 number;    /* of the packet in its flow, in the first pass */
	__u32 step;      /* what a pass adds to it: the flow's packets in the order */
};

#endif
