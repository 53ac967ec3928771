/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What round-trip times read of packets: TCP's options, held against a reader that copies them out one by one, and ICMP
 * messages with the packet that they quote. Bytes behind the options' end do not matter.
 */
#include <stdbool.h>
#include <string.h>

#include "rtt_options.h"
#include "target.h"

struct option {
	uint8_t kind, length;
	const uint8_t *value;
};

/* The next option, as RFC 9293 has them; false: there is none, or it cannot be one. */
static bool option_next(const uint8_t **at, const uint8_t *end, struct option *out)
{
	while (*at < end && **at == TCP_OPTION_NOP)
		++*at;
	if (end - *at < 2 || **at == TCP_OPTION_END)
		return false;
	*out = (struct option){ (*at)[0], (*at)[1], *at + 2 };
	if (out->length < 2 || out->length > end - *at)
		return false;
	*at += out->length;
	return true;
}

static bool expected_stamps(const uint8_t *options, size_t bytes, struct tcp_stamps *stamps)
{
	const uint8_t *at = options;
	struct option option;

	while (option_next(&at, options + bytes, &option)) {
		if (option.kind != TCP_OPTION_TIMESTAMP)
			continue;
		if (option.length != TCP_TIMESTAMP_BYTES)
			return false;
		memcpy(&stamps->value, option.value, 4);
		memcpy(&stamps->echo, option.value + 4, 4);
		stamps->value = ntohl(stamps->value);
		stamps->echo = ntohl(stamps->echo);
		return true;
	}
	return false;
}

static void read_options(const uint8_t *input, size_t size)
{
	size_t bytes = size < TCP_OPTIONS_BYTES ? size : TCP_OPTIONS_BYTES;
	struct tcp_stamps wanted = { 0 }, found = { 0 }, again = { 0 };
	uint8_t *room = malloc(OPTIONS_ROOM);
	bool there;

	HOLD(room);
	memset(room, TCP_OPTION_NOP, OPTIONS_ROOM);
	memcpy(room, input, bytes);
	there = options_stamps(room, (__u32)bytes, &found);
	HOLD(there == expected_stamps(input, bytes, &wanted));
	HOLD(found.value == wanted.value && found.echo == wanted.echo);
	memset(room + bytes, 0xff, OPTIONS_ROOM - bytes);
	HOLD(there == (options_stamps(room, (__u32)bytes, &again) != 0));
	HOLD(!memcmp(&found, &again, sizeof(found)));
	free(room);
}

static void read_message(const uint8_t *input, size_t size)
{
	for (uint32_t family = 4; family <= 6; family += 2) {
		size_t bytes = family == 4 ? ICMP_QUOTED4 : ICMP_QUOTED6;
		__be32 destination[4] = { 0 };
		uint8_t *message;
		bool quoted;

		if (size < bytes)
			return;
		message = malloc(bytes);
		HOLD(message);
		memcpy(message, input, bytes);
		HOLD(icmp_kind(message, family) == ICMP_OTHER || !message[1]);
		quoted = !icmp_quoted(message, family, destination);
		HOLD(quoted == (message[ICMP_ECHO_BYTES] >> 4 == family));
		if (quoted)
			HOLD(!memcmp(destination, message + bytes - (family == 4 ? 4 : 16), family == 4 ? 4 : 16));
		HOLD(family == 6 || !(destination[1] | destination[2] | destination[3]));
		free(message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (!size)
		return 0;
	read_options(input, size);
	read_message(input, size);
	return 0;
}
