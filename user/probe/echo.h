/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP echo messages as bytes. Behind the header stand 16 bytes of our own: which target, which of its pings, and a
 * tag that only this run can make, so that a reply is known for ours whatever its source says, and a forged or an old
 * one is not. All is in network byte order.
 *
 *   0 type | 1 code | 2 checksum | 4 identifier | 6 sequence | 8 target | 12 number | 16 tag | 24 zeros
 */
#ifndef FLOWGAUGE_ECHO_H
#define FLOWGAUGE_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_HEADER 8
#define ECHO_LEAST 24 /* bytes of a message that has the whole of it */

struct echo_key {
	uint64_t words[2];
};

struct echo {
	uint16_t identifier;
	uint16_t sequence; /* the lower half of `number` */
	bool tagged; /* the rest is known, and is ours by its tag; otherwise the message was cut, or is not ours */
	uint32_t target;
	uint32_t number;
};

enum echo_kind { ECHO_REQUEST, ECHO_REPLY };

/* The first ECHO_LEAST bytes of a request; whatever follows is to be zero. `family`: 4 or 6; of 6 the kernel makes the checksum. */
void echo_write(const struct echo_key *key, int family, const struct echo *echo, uint8_t out[ECHO_LEAST]);
/* False: too short for a header, or of another kind. `bytes` begin at the ICMP header. */
bool echo_read(const struct echo_key *key, int family, enum echo_kind kind, const uint8_t *bytes, size_t length,
	       struct echo *out);
/* Length of the IPv4 header that a raw socket leaves in front of the message; 0 if it lies. */
size_t echo_after_ip(const uint8_t *bytes, size_t length);

#endif
