/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

int number_parse_u64(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -EINVAL;
	}
	if (value < low || value > high)
		return -EINVAL;
	*out = value;
	return 0;
}

int number_parse_double(const char *text, double low, double high, double *out)
{
	char *end;
	double value;

	/* strtod would take white space, hexadecimal, "nan" and "infinity" as well. */
	if (!isdigit((unsigned char)*text) && *text != '.' && *text != '-' && *text != '+')
		return -EINVAL;
	for (const char *at = text; *at; at++)
		if (!isdigit((unsigned char)*at) && *at != '.' && *at != '-' && *at != '+' && *at != 'e' && *at != 'E')
			return -EINVAL;
	value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || value < low || value > high)
		return -EINVAL;
	*out = value;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int number_parse_hex(const char *text, uint8_t *bytes, unsigned int capacity, unsigned int *length)
{
	unsigned int count = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (const char *at = text; *at; at += 2, count++)
		if (hex_digit(at[0]) < 0 || hex_digit(at[1]) < 0 || count == capacity)
			return -EINVAL;
	if (!count)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++)
		bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	*length = count;
	return 0;
}
