/* SPDX-License-Identifier: BSD-2-Clause */
/* The sets of packets that are measured: their frame, their flows, and the order in which these come. */
#ifndef FLOWGAUGE_PACKET_SETS_H
#define FLOWGAUGE_PACKET_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"
#include "packet_choice.h"

#define FRAME_BYTES_MAX 1502
#define PATTERN_ABSENT "fe9bcafe" /* occurs in no frame */

struct packet_set {
	const char *name;
	uint32_t flows; /* at most ORDER_PACKETS */
	bool is_tcp;    /* with the time stamp option; otherwise UDP */
	bool is_zipf;   /* the flow of rank k comes in proportion to 1/k; otherwise all alike */
	bool is_new;    /* each packet is the first of its flow */
	uint16_t frame_bytes;
	enum sequence_mode sequence;
	uint16_t rules;         /* that no packet satisfies; 0: none in force */
	uint32_t stamp_packets; /* TCP: that share a time stamp */
	bool both_ways;         /* each packet answers one of the other way: ANSWERS_AFTER conversations */
};

extern const struct packet_set packet_sets[];
extern const size_t packet_set_count;

/* Packets of one timed run. */
uint32_t set_packets(const struct packet_set *set);
/* Where the word that counts up in each flow stands in the frame; 0: nowhere. */
uint32_t set_number_at(const struct packet_set *set);
uint32_t set_payload(const struct packet_set *set); /* bytes */
void set_frame(const struct packet_set *set, uint8_t frame[FRAME_BYTES_MAX]);
/* Fills both parts of the order. 0 or -ENOMEM. */
int set_order(const struct packet_set *set, struct packet_choice order[ORDER_ENTRIES]);

#endif
