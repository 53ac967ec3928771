/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strtoull() takes "-1", " 7" and "7x", and says so only to who asks thrice. A number in a rule, a flag or the
 * configuration is all digits or it is a mistake of the user's, to be told.
 */
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int number_parse_u64(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
	uint64_t value = 0;

	if (!text || !*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -EINVAL;
	}
	if (value < low || value > high)
		return -EINVAL;
	*out = value;
	return 0;
}

/* Only digits, one point, a sign, an exponent: not the hexadecimal, the blanks and the names that strtod() takes. */
static bool looks_decimal(const char *text)
{
	return text[strspn(text, "0123456789.eE+-")] == '\0';
}

int number_parse_double(const char *text, double low, double high, double *out)
{
	char *end;
	double value;

	if (!text || !*text || !looks_decimal(text))
		return -EINVAL;
	value = strtod(text, &end);
	if (*end || !isfinite(value) || value < low || value > high)
		return -EINVAL;
	*out = value;
	return 0;
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : tolower(c) - 'a' + 10);
}

int number_parse_hex(const char *text, uint8_t *bytes, unsigned int capacity, unsigned int *length)
{
	size_t count;

	if (!text)
		return -EINVAL;
	if (!strncasecmp(text, "0x", 2))
		text += 2;
	count = strlen(text);
	if (!count || count % 2 || count / 2 > capacity)
		return -EINVAL;
	if (strspn(text, "0123456789abcdefABCDEF") != count)
		return -EINVAL;
	for (size_t i = 0; i < count / 2; i++)
		bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	*length = (unsigned int)(count / 2);
	return 0;
}
