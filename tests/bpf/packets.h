/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets from a line of words, so that a table of tests reads as what is on the wire:
 *
 *   "eth vlan:5 ip6 hop tcp+12 100"    a TCP segment with 12 bytes of options and 100 of payload
 *
 * Lengths are filled in from what follows. Addresses and ports are always the same; see below.
 */
#ifndef FLOWGAUGE_TEST_PACKETS_H
#define FLOWGAUGE_TEST_PACKETS_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_SPORT 1234
#define PACKET_DPORT 5678
#define PACKET_SEQUENCE 0x01020304
#define PACKET_IDENT 4711      /* of packets and of first fragments */
#define PACKET_IDENT_ELSE 4712 /* of later fragments: of a datagram whose first one never came */

#define PACKET_NESTED_MAX 4

struct packet {
	uint8_t bytes[16384];
	size_t length;
	size_t next; /* where the number of the next protocol is to be written; 0: nowhere */
	int next_is_ethertype, next_is_ppp;
	size_t ip4[PACKET_NESTED_MAX], ip6[PACKET_NESTED_MAX]; /* where each starts */
	int ip4_count, ip6_count;
	int extensions;
};

static inline uint8_t *packet_add(struct packet *packet, size_t bytes)
{
	uint8_t *at = packet->bytes + packet->length;

	memset(at, 0, bytes);
	packet->length += bytes;
	return at;
}

static inline void packet_put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void packet_link(struct packet *packet, unsigned int type)
{
	if (packet->next_is_ppp)
		type = type == 0x0800 ? 0x0021 : type == 0x86dd ? 0x0057 : type;
	if (packet->next && packet->next_is_ethertype)
		packet_put16(packet->bytes + packet->next, type);
	packet->next_is_ppp = 0;
}

static inline void packet_protocol(struct packet *packet, unsigned int protocol)
{
	if (packet->next && !packet->next_is_ethertype)
		packet->bytes[packet->next] = (uint8_t)protocol;
}

static inline void packet_tag(struct packet *packet, unsigned int type, unsigned int id)
{
	uint8_t *tag;

	packet_link(packet, type);
	tag = packet_add(packet, 4);
	packet_put16(tag, 0x2000 | id); /* a priority, too */
	packet->next = packet->length - 2;
}

/* PPP's own numbers stand for IP in the place of EtherTypes. */
static inline void packet_pppoe(struct packet *packet)
{
	uint8_t *header;

	packet_link(packet, 0x8864);
	header = packet_add(packet, 8);
	header[0] = 0x11;
	packet->next = packet->length - 2;
	packet->next_is_ppp = 1;
}

static inline void packet_label(struct packet *packet, int bottom)
{
	uint8_t *entry;

	packet_link(packet, 0x8847);
	entry = packet_add(packet, 4);
	entry[1] = 0x12;
	entry[2] = (uint8_t)(0x30 | bottom);
	entry[3] = 64;
	packet->next = 0;
}

static inline void packet_ip4(struct packet *packet, unsigned int options, unsigned int fragment)
{
	uint8_t *ip;

	packet_link(packet, 0x0800);
	packet_protocol(packet, 4);
	packet->ip4[packet->ip4_count++ % PACKET_NESTED_MAX] = packet->length;
	ip = packet_add(packet, 20 + options);
	ip[0] = (uint8_t)(0x40 | (5 + options / 4));
	ip[8] = 64;
	packet_put16(ip + 4, fragment & 0x1fff ? PACKET_IDENT_ELSE : PACKET_IDENT);
	packet_put16(ip + 6, fragment);
	memcpy(ip + 12, "\x0a\x01\x00\x01\x0a\x01\x00\x02", 8);
	packet->next = (size_t)(ip - packet->bytes) + 9;
	packet->next_is_ethertype = 0;
}

static inline void packet_ip6(struct packet *packet)
{
	uint8_t *ip;

	packet_link(packet, 0x86dd);
	packet_protocol(packet, 41);
	packet->ip6[packet->ip6_count++ % PACKET_NESTED_MAX] = packet->length;
	ip = packet_add(packet, 40);
	ip[0] = 0x60;
	ip[7] = 64;
	ip[6] = 59;
	inet_pton(AF_INET6, "2001:db8::1", ip + 8);
	inet_pton(AF_INET6, "2001:db8::2", ip + 24);
	packet->next = (size_t)(ip - packet->bytes) + 6;
	packet->next_is_ethertype = 0;
}

/* `units`: the header's own length field. */
static inline void packet_extension(struct packet *packet, unsigned int protocol, size_t bytes, unsigned int units)
{
	uint8_t *header;

	packet_protocol(packet, protocol);
	packet->next = packet->length;
	header = packet_add(packet, bytes);
	header[0] = 59;
	header[1] = (uint8_t)units;
}

static inline void packet_fragment6(struct packet *packet, unsigned int offset_and_more)
{
	packet_extension(packet, 44, 8, 0);
	packet_put16(packet->bytes + packet->length - 6, offset_and_more);
	packet_put16(packet->bytes + packet->length - 2, offset_and_more & 0xfff8 ? PACKET_IDENT_ELSE : PACKET_IDENT);
}

static inline uint8_t *packet_ports(struct packet *packet, unsigned int protocol, size_t bytes)
{
	uint8_t *header;

	packet_protocol(packet, protocol);
	packet->next = 0;
	header = packet_add(packet, bytes);
	packet_put16(header, PACKET_SPORT);
	packet_put16(header + 2, PACKET_DPORT);
	return header;
}

/* GRE and Geneve: a first byte, and the EtherType of what follows at 2. */
static inline void packet_tunnel(struct packet *packet, size_t bytes, unsigned int first)
{
	size_t at = packet->length;

	*packet_add(packet, bytes) = (uint8_t)first;
	packet_put16(packet->bytes + at + 2, 0x6558); /* Ethernet, unless IP follows at once */
	packet->next = at + 2;
	packet->next_is_ethertype = 1;
}

/* GTPv1-U user data; with bit 2 of `flags` set one extension header of 8 bytes. */
static inline void packet_gtp(struct packet *packet, unsigned int flags)
{
	uint8_t *gtp = packet_add(packet, 8);

	gtp[0] = (uint8_t)(0x30 | flags);
	gtp[1] = 0xff;
	if (flags)
		packet_add(packet, 4)[3] = flags & 4 ? 0x85 : 0;
	if (flags & 4)
		*packet_add(packet, 8) = 2;
	packet->next = 0;
}

static inline void packet_tcp(struct packet *packet, unsigned int options)
{
	uint8_t *tcp = packet_ports(packet, 6, 20 + options);

	packet_put16(tcp + 4, PACKET_SEQUENCE >> 16);
	packet_put16(tcp + 6, PACKET_SEQUENCE & 0xffff);
	tcp[12] = (uint8_t)((5 + options / 4) << 4);
	tcp[13] = 0x10;
}

static inline unsigned int packet_argument(const char *word, char separator)
{
	const char *at = strchr(word, separator);

	return at ? (unsigned int)strtoul(at + 1, NULL, 0) : 0;
}

static inline int packet_word(struct packet *packet, const char *word)
{
	if (!strcmp(word, "eth")) {
		memcpy(packet_add(packet, 14), "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
		packet->next = packet->length - 2;
		packet->next_is_ethertype = 1;
	} else if (!strncmp(word, "vlan:", 5)) {
		packet_tag(packet, 0x8100, packet_argument(word, ':'));
	} else if (!strncmp(word, "qinq:", 5)) {
		packet_tag(packet, 0x88a8, packet_argument(word, ':'));
	} else if (!strncmp(word, "old:", 4)) {
		packet_tag(packet, 0x9100, packet_argument(word, ':'));
	} else if (!strcmp(word, "pppoe")) {
		packet_pppoe(packet);
	} else if (!strcmp(word, "label") || !strcmp(word, "bottom")) {
		packet_label(packet, *word == 'b');
	} else if (!strncmp(word, "type:", 5)) {
		packet_link(packet, packet_argument(word, ':'));
		packet->next = 0;
	} else if (!strncmp(word, "ip4", 3)) {
		packet_ip4(packet, packet_argument(word, '+'), packet_argument(word, ':'));
	} else if (!strcmp(word, "ip6")) {
		packet_ip6(packet);
	} else if (!strncmp(word, "hop", 3)) {
		packet_extension(packet, 0, 8 + 8 * packet_argument(word, '+'), packet_argument(word, '+'));
	} else if (!strncmp(word, "dst", 3)) {
		packet_extension(packet, 60, 8 + 8 * packet_argument(word, '+'), packet_argument(word, '+'));
	} else if (!strncmp(word, "route", 5)) {
		packet_extension(packet, 43, 8 + 8 * packet_argument(word, '+'), packet_argument(word, '+'));
	} else if (!strcmp(word, "ah")) {
		packet_extension(packet, 51, 24, 4);
	} else if (!strncmp(word, "frag:", 5)) {
		packet_fragment6(packet, packet_argument(word, ':'));
	} else if (!strncmp(word, "tcp", 3)) {
		packet_tcp(packet, packet_argument(word, '+'));
	} else if (!strncmp(word, "udp", 3)) {
		uint8_t *udp = packet_ports(packet, 17, 8);

		if (word[3] == ':')
			packet_put16(udp + 2, packet_argument(word, ':'));
	} else if (!strcmp(word, "vxlan")) {
		*packet_add(packet, 8) = 0x08;
	} else if (!strncmp(word, "geneve", 6)) {
		packet_tunnel(packet, 8 + packet_argument(word, '+'), packet_argument(word, '+') / 4);
	} else if (!strncmp(word, "gre", 3)) {
		unsigned int flags = packet_argument(word, ':');
		size_t fields = 4u * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1));

		packet_protocol(packet, 47);
		packet_tunnel(packet, 4 + fields, flags >> 8);
	} else if (!strncmp(word, "gtp", 3)) {
		packet_gtp(packet, packet_argument(word, ':'));
	} else if (!strcmp(word, "sctp")) {
		packet_ports(packet, 132, 12);
	} else if (!strcmp(word, "icmp")) {
		memset(packet_ports(packet, 1, 8), 8, 1);
	} else if (!strcmp(word, "icmp6")) {
		memset(packet_ports(packet, 58, 8), 128, 1);
	} else if (!strncmp(word, "proto:", 6)) {
		packet_protocol(packet, packet_argument(word, ':'));
		packet->next = 0;
	} else if (*word >= '0' && *word <= '9') {
		size_t bytes = strtoul(word, NULL, 10);

		memset(packet_add(packet, bytes), 0x5a, bytes);
	} else {
		return -1;
	}
	return 0;
}

static inline void packet_lengths(struct packet *packet)
{
	for (int i = 0; i < packet->ip4_count; i++)
		packet_put16(packet->bytes + packet->ip4[i] + 2, (unsigned int)(packet->length - packet->ip4[i]));
	for (int i = 0; i < packet->ip6_count; i++)
		packet_put16(packet->bytes + packet->ip6[i] + 4, (unsigned int)(packet->length - packet->ip6[i] - 40));
}

/* "pad:N" at the end adds bytes that no IP length covers. Exits on a word it does not know: the table is wrong. */
static inline void packet_make(struct packet *packet, const char *line)
{
	char words[256], *save = NULL;
	size_t padding = 0;

	memset(packet, 0, sizeof(*packet));
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!strncmp(word, "pad:", 4)) {
			padding = packet_argument(word, ':');
		} else if (packet_word(packet, word)) {
			fprintf(stderr, "no such layer: %s\n", word);
			exit(1);
		}
	}
	packet_lengths(packet);
	packet_add(packet, padding);
}

#endif
