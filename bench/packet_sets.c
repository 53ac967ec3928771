/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet_sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>

#define IP_BYTES 20
#define UDP_BYTES 8
#define TCP_BYTES 32       /* with the time stamp option */
#define STAMP_PACKETS 1024 /* about a millisecond's */
#define SMALL 106          /* bytes of a frame: 64 of UDP payload, or 40 of TCP */
#define FEW_FLOWS 2000
#define FEW_PACKETS (1U << 18)
#define MANY_FLOWS 1000000 /* never in a cache: half the order says as much */

#define UDP(name, flows)                                                                             \
	{                                                                                            \
		name, flows, false, false, false, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false \
	}
#define TCP(name, flows)                                                                            \
	{                                                                                           \
		name, flows, true, false, false, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false \
	}
#define UDP_ZIPF(name, flows)                                                                       \
	{                                                                                           \
		name, flows, false, true, false, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false \
	}
#define TCP_ZIPF(name, flows)                                                                      \
	{                                                                                          \
		name, flows, true, true, false, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false \
	}

const struct packet_set packet_sets[] = {
	UDP("UDP 1", 1),
	UDP("UDP 1k", 1000),
	UDP("UDP 10k", 10000),
	UDP("UDP 100k", 100000),
	UDP("UDP 1M", 1000000),
	TCP("TCP 1", 1),
	TCP("TCP 1k", 1000),
	TCP("TCP 2k", 2000),
	TCP("TCP 10k", 10000),
	TCP("TCP 20k", 20000),
	TCP("TCP 100k", 100000),
	TCP("TCP 195k", 195000),
	TCP("TCP 1M", 1000000),
	UDP_ZIPF("UDP 1k Zipf", 1000),
	UDP_ZIPF("UDP 10k Zipf", 10000),
	UDP_ZIPF("UDP 100k Zipf", 100000),
	UDP_ZIPF("UDP 1M Zipf", 1000000),
	TCP_ZIPF("TCP 1k Zipf", 1000),
	TCP_ZIPF("TCP 10k Zipf", 10000),
	TCP_ZIPF("TCP 100k Zipf", 100000),
	TCP_ZIPF("TCP 1M Zipf", 1000000),
	{ "UDP 100k new", 100000, false, false, true, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false },
	{ "TCP 100k new", 100000, true, false, true, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false },
	{ "UDP 1M new", 1000000, false, false, true, SMALL, SEQUENCE_AT_OFFSET, 0, STAMP_PACKETS, false },
	{ "TCP 2k both ways, stamps often", 2 * ANSWERS_AFTER, true, false, false, SMALL, SEQUENCE_AT_OFFSET, 0,
	  ANSWERS_AFTER, true },
	{ "TCP 2k both ways, stamps seldom", 2 * ANSWERS_AFTER, true, false, false, SMALL, SEQUENCE_AT_OFFSET, 0,
	  16 * ANSWERS_AFTER, true },
	{ "UDP 1k, sequence off", 1000, false, false, false, SMALL, SEQUENCE_OFF, 0, STAMP_PACKETS, false },
	{ "UDP 1k, 1460 bytes, pattern absent", 1000, false, false, false, 1502, SEQUENCE_AT_PATTERN, 0, STAMP_PACKETS,
	  false },
	{ "UDP 1k unwanted, 16 rules", 1000, false, false, false, SMALL, SEQUENCE_AT_OFFSET, 16, STAMP_PACKETS, false },
	{ "UDP 1k unwanted, 256 rules", 1000, false, false, false, SMALL, SEQUENCE_AT_OFFSET, 256, STAMP_PACKETS,
	  false },
};
const size_t packet_set_count = sizeof(packet_sets) / sizeof(*packet_sets);

uint32_t set_packets(const struct packet_set *set)
{
	if (set->is_new)
		return set->flows;
	if (set->flows <= FEW_FLOWS)
		return FEW_PACKETS;
	return set->flows < MANY_FLOWS ? ORDER_PACKETS : ORDER_PACKETS / 2;
}

static uint32_t headers_of(const struct packet_set *set)
{
	return ETH_HLEN + IP_BYTES + (set->is_tcp ? TCP_BYTES : UDP_BYTES);
}

uint32_t set_payload(const struct packet_set *set)
{
	return set->frame_bytes - headers_of(set);
}

uint32_t set_number_at(const struct packet_set *set)
{
	return set->is_tcp || set->sequence == SEQUENCE_AT_PATTERN ? 0 : headers_of(set);
}

static void write_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void write_tcp(uint8_t *tcp)
{
	static const uint8_t stamp_option[] = { 1, 1, 8, 10 };

	tcp[11] = 1; /* acknowledges what the other side never sends more than */
	tcp[12] = (TCP_BYTES / 4) << 4;
	tcp[13] = 0x10; /* ACK */
	write_be16(tcp + 14, 0xff00);
	memcpy(tcp + 20, stamp_option, sizeof(stamp_option));
	tcp[31] = 1;
}

/* Text-like filler, so that a search meets the odd decoy. */
static void write_payload(const struct packet_set *set, uint8_t *frame)
{
	static const char filler[] = "the quick brown fox jumps over 1234567890 lazy dogs\r\n";

	for (uint32_t i = headers_of(set); i < set->frame_bytes; i++)
		frame[i] = (uint8_t)filler[i * 7 % (sizeof(filler) - 1)];
}

void set_frame(const struct packet_set *set, uint8_t frame[FRAME_BYTES_MAX])
{
	static const uint8_t addresses[] = { 10, 0, 0, 1, 10, 1, 0, 2 };
	uint8_t *ip = frame + ETH_HLEN, *transport = ip + IP_BYTES;

	memset(frame, 0, set->frame_bytes);
	write_be16(frame + 12, ETH_P_IP);
	ip[0] = 0x45;
	write_be16(ip + 2, set->frame_bytes - ETH_HLEN);
	ip[8] = 64;
	ip[9] = set->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	memcpy(ip + 12, addresses, sizeof(addresses));
	write_be16(transport + 2, 5001);
	if (set->is_tcp)
		write_tcp(transport);
	else
		write_be16(transport + 4, UDP_BYTES + set_payload(set));
	write_payload(set, frame);
}

static uint64_t draw(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

static uint32_t draw_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(draw(state) * limit >> 31);
}

/* A bijection of 24 bits, so that flows differ and their addresses are not a counter. */
static uint32_t scatter(uint32_t number)
{
	number = number * 0x7feb35U & 0xffffff;
	number ^= number >> 13;
	return number * 0x46ca6bU & 0xffffff;
}

static struct packet_choice choice_of(uint32_t flow)
{
	return (struct packet_choice){
		.source = htonl(0x0a000000 | scatter(flow)),
		.port = htons((uint16_t)(1024 + flow * 40503U % 60000)),
	};
}

/* Each flow once, shuffled: the order in which a table was filled is not the one in which it is used. */
static void order_fill(const struct packet_set *set, struct packet_choice *order, uint64_t *state)
{
	for (uint32_t i = 0; i < ORDER_PACKETS; i++)
		order[i] = choice_of(i % set->flows);
	for (uint32_t i = set->flows - 1; i; i--) {
		uint32_t other = draw_below(state, i + 1);
		struct packet_choice swapped = order[i];

		order[i] = order[other];
		order[other] = swapped;
	}
}

/* shares[k]: what part of all packets belongs to the flows 0 to k. */
static void shares_fill(const struct packet_set *set, double *shares)
{
	double sum = 0;

	for (uint32_t i = 0; i < set->flows; i++) {
		sum += set->is_zipf ? 1.0 / (i + 1) : 1;
		shares[i] = sum;
	}
	for (uint32_t i = 0; i < set->flows; i++)
		shares[i] /= sum;
}

static uint32_t draw_flow(const struct packet_set *set, const double *shares, uint64_t *state)
{
	double wanted = (double)draw(state) / 2147483648.0;
	uint32_t low = 0, high = set->flows - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (shares[middle] <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void order_replay(const struct packet_set *set, const double *shares, uint32_t *counts, uint32_t *flows,
			 struct packet_choice *order, uint64_t *state)
{
	for (uint32_t i = 0; i < ORDER_PACKETS; i++) {
		flows[i] = draw_flow(set, shares, state);
		order[i] = choice_of(flows[i]);
		order[i].number = ++counts[flows[i]]; /* number 0 was in the first part */
	}
	for (uint32_t i = 0; i < ORDER_PACKETS; i++)
		order[i].step = counts[flows[i]];
}

/* Rounds of one packet a conversation, which go to and fro by turns. */
static void order_both_ways(struct packet_choice *order, uint32_t first_number)
{
	for (uint32_t i = 0; i < ORDER_PACKETS; i++) {
		uint32_t round = i / ANSWERS_AFTER;

		order[i] = choice_of(i * 677 % ANSWERS_AFTER);
		order[i].is_answer = round & 1;
		order[i].number = first_number + round / 2;
		order[i].step = ORDER_PACKETS / ANSWERS_AFTER / 2;
	}
}

int set_order(const struct packet_set *set, struct packet_choice order[ORDER_ENTRIES])
{
	double *shares = calloc(set->flows, sizeof(*shares));
	uint32_t *counts = calloc(set->flows, sizeof(*counts)), *flows = calloc(ORDER_PACKETS, sizeof(*flows));
	int error = shares && counts && flows ? 0 : -ENOMEM;
	uint64_t state = 1;

	if (set->both_ways) {
		order_both_ways(order, 0);
		order_both_ways(order + ORDER_PACKETS, 1);
	} else if (!error) {
		order_fill(set, order, &state);
		shares_fill(set, shares);
		order_replay(set, shares, counts, flows, order + ORDER_PACKETS, &state);
	}
	free(shares);
	free(counts);
	free(flows);
	return error;
}
