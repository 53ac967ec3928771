/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/echo.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static void put(uint8_t *out, unsigned int bytes, uint64_t value)
{
	while (bytes--) {
		out[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t get(const uint8_t *bytes, unsigned int count)
{
	uint64_t value = 0;

	while (count--)
		value = value << 8 | *bytes++;
	return value;
}

/* Stirs a word so that each bit of it changes half of the bits (the finaliser of splitmix64). */
static uint64_t stir(uint64_t word)
{
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ULL;
	word = (word ^ word >> 27) * 0x94d049bb133111ebULL;
	return word ^ word >> 31;
}

static uint64_t tag_of(const struct echo_key *key, uint32_t target, uint32_t number)
{
	return stir(stir(((uint64_t)target << 32 | number) ^ key->words[0]) + key->words[1]);
}

/* RFC 1071, of an even number of bytes. */
static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)get(bytes + i, 2);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static uint8_t type_of(int family, enum echo_kind kind)
{
	if (family == 4)
		return kind == ECHO_REPLY ? ICMP_ECHOREPLY : ICMP_ECHO;
	return kind == ECHO_REPLY ? ICMP6_ECHO_REPLY : ICMP6_ECHO_REQUEST;
}

void echo_write(const struct echo_key *key, int family, const struct echo *echo, uint8_t out[ECHO_LEAST])
{
	put(out, 4, (uint64_t)type_of(family, ECHO_REQUEST) << 24);
	put(out + 4, 2, echo->identifier);
	put(out + 6, 2, echo->number & 0xffff);
	put(out + 8, 4, echo->target);
	put(out + 12, 4, echo->number);
	put(out + 16, 8, tag_of(key, echo->target, echo->number));
	if (family == 4)
		put(out + 2, 2, checksum(out, ECHO_LEAST));
}

bool echo_read(const struct echo_key *key, int family, enum echo_kind kind, const uint8_t *bytes, size_t length,
	       struct echo *out)
{
	if (length < ECHO_HEADER || bytes[0] != type_of(family, kind) || bytes[1])
		return false;
	*out = (struct echo){ .identifier = (uint16_t)get(bytes + 4, 2), .sequence = (uint16_t)get(bytes + 6, 2) };
	if (length < ECHO_LEAST)
		return true;
	out->target = (uint32_t)get(bytes + 8, 4);
	out->number = (uint32_t)get(bytes + 12, 4);
	out->tagged = get(bytes + 16, 8) == tag_of(key, out->target, out->number) &&
		      out->sequence == (uint16_t)out->number;
	return true;
}

size_t echo_after_ip(const uint8_t *bytes, size_t length)
{
	size_t header = length ? (size_t)(bytes[0] & 0xf) * 4 : 0;

	return length < 20 || bytes[0] >> 4 != 4 || header < 20 || header > length ? 0 : header;
}
