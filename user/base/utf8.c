/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of interfaces, words of a command line and bytes of a socket come from outside, and JSON, a terminal and a log
 * each break on what is not UTF-8. One judge for all of them.
 */
#include "base/utf8.h"

#include <stdint.h>

/* The ranges of table 3-7 of the Unicode Standard: what the first byte allows of the second, and how many there are. */
struct lead {
	uint8_t first, last;
	uint8_t second_low, second_high;
	unsigned int length;
};

static const struct lead LEADS[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

unsigned int utf8_length(const char *string)
{
	const uint8_t *byte = (const uint8_t *)string;

	if (byte[0] < 0x80)
		return byte[0] != 0;
	for (unsigned int i = 0; i < sizeof(LEADS) / sizeof(LEADS[0]); i++) {
		const struct lead *lead = &LEADS[i];

		if (byte[0] < lead->first || byte[0] > lead->last)
			continue;
		if (byte[1] < lead->second_low || byte[1] > lead->second_high)
			return 0;
		for (unsigned int next = 2; next < lead->length; next++)
			if ((byte[next] & 0xc0) != 0x80)
				return 0;
		return lead->length;
	}
	return 0;
}
