/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP's time-stamp option (RFC 7323) among others, and the packet that an ICMP error quotes. They read bytes that were
 * copied out, and know no BPF helper: they compile in userspace as well.
 */
#ifndef FLOWGAUGE_RTT_OPTIONS_H
#define FLOWGAUGE_RTT_OPTIONS_H

#include "cursor.h"
#include "facts.h"

#define TCP_OPTIONS_BYTES 40 /* at most */
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_TIMESTAMP 8
#define TCP_TIMESTAMP_BYTES 10
#define TCP_TIMESTAMP_ALIGNED 0x0101080a /* two NOPs, kind and length: how nearly all are sent */
#define TCP_STAMPS_BYTES 12
#define OPTIONS_MASK 63
#define OPTIONS_ROOM 72 /* that offsets below the mask, and an option's 8 bytes, stay within */

/* Both in host byte order. */
struct tcp_stamps {
	__u32 value;
	__u32 echo; /* undefined without the flag ACK */
};

static __always_inline __u32 bytes_word(const __u8 *at)
{
	return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

/*
 * `options`: OPTIONS_ROOM bytes that may be read, of which `bytes` are options. 1: there is a time stamp. An option whose
 * length is none ends the search, as a receiver would.
 */
static __always_inline int options_stamps(const __u8 *options, __u32 bytes, struct tcp_stamps *stamps)
{
	__u32 at = 0;

	for (int i = 0; i < TCP_OPTIONS_BYTES; i++) {
		__u32 kind, length;

		at &= OPTIONS_MASK;
		if (at >= bytes || at >= TCP_OPTIONS_BYTES)
			return 0;
		kind = options[at];
		if (kind == TCP_OPTION_END)
			return 0;
		if (kind == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		length = options[at + 1];
		if (length < 2 || at + length > bytes)
			return 0;
		if (kind == TCP_OPTION_TIMESTAMP) {
			if (length != TCP_TIMESTAMP_BYTES)
				return 0;
			stamps->value = bytes_word(options + at + 2);
			stamps->echo = bytes_word(options + at + 6);
			return 1;
		}
		at += length;
	}
	return 0;
}

#define ICMP_TYPE_ECHO_REPLY 0
#define ICMP_TYPE_ECHO 8
#define ICMP_TYPE_TIME_EXCEEDED 11
#define ICMP6_TYPE_TIME_EXCEEDED 3
#define ICMP6_TYPE_ECHO 128
#define ICMP6_TYPE_ECHO_REPLY 129
#define ICMP_ECHO_BYTES 8
#define IPV4_DESTINATION 16 /* in its header, as */
#define IPV6_DESTINATION 24
#define ICMP_QUOTED4 (ICMP_ECHO_BYTES + IPV4_DESTINATION + 4)  /* of a time-exceeded message, what is needed: */
#define ICMP_QUOTED6 (ICMP_ECHO_BYTES + IPV6_DESTINATION + 16) /* to the end of the quoted destination */

enum icmp_kind { ICMP_OTHER, ICMP_REQUEST, ICMP_REPLY, ICMP_EXCEEDED };

/* A time-exceeded message of which code 1 is a reassembly that took too long: no hop. */
static __always_inline enum icmp_kind icmp_kind(const __u8 *message, __u32 family)
{
	__u8 type = message[0];

	if (message[1])
		return ICMP_OTHER;
	if (type == (family == 4 ? ICMP_TYPE_ECHO : ICMP6_TYPE_ECHO))
		return ICMP_REQUEST;
	if (type == (family == 4 ? ICMP_TYPE_ECHO_REPLY : ICMP6_TYPE_ECHO_REPLY))
		return ICMP_REPLY;
	if (type == (family == 4 ? ICMP_TYPE_TIME_EXCEEDED : ICMP6_TYPE_TIME_EXCEEDED))
		return ICMP_EXCEEDED;
	return ICMP_OTHER;
}

/* `message`: ICMP_QUOTED4 or ICMP_QUOTED6 bytes. The quoted packet's destination, as in flow_key; -1: it is none of this family. */
static __always_inline int icmp_quoted(const __u8 *message, __u32 family, __be32 destination[4])
{
	const __u8 *quoted = message + ICMP_ECHO_BYTES;

	if (quoted[0] >> 4 != (__u8)family)
		return -1;
	if (family == 4) {
		__builtin_memcpy(destination, quoted + IPV4_DESTINATION, 4);
		destination[1] = destination[2] = destination[3] = 0;
	} else {
		__builtin_memcpy(destination, quoted + IPV6_DESTINATION, 16);
	}
	return 0;
}

#endif
