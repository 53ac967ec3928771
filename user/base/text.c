/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256
#define INTEGERS_EXACT 9007199254740992.0 /* 2^53: a double holds every integer below it */

/* Room for `more` bytes and the NUL. */
static bool reserve(struct text *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : CAPACITY_FIRST;
	size_t needed;
	char *bytes;

	if (text->failed || __builtin_add_overflow(text->length, more + 1, &needed)) {
		text->failed = true;
		return false;
	}
	if (needed <= text->capacity)
		return true;
	while (capacity < needed)
		capacity = capacity > needed / 2 ? capacity * 2 : needed;
	bytes = realloc(text->bytes, capacity);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return true;
}

void text_append_bytes(struct text *text, const void *bytes, size_t length)
{
	if (!reserve(text, length))
		return;
	if (length)
		memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
	text_append_bytes(text, string, strlen(string));
}

void text_append_char(struct text *text, char c)
{
	text_append_bytes(text, &c, 1);
}

void text_append_u64(struct text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text_append_bytes(text, digits + at, sizeof(digits) - at);
}

void text_append_double(struct text *text, double value)
{
	char digits[40];

	if (isnan(value)) {
		text_append(text, "NaN");
	} else if (isinf(value)) {
		text_append(text, value > 0 ? "+Inf" : "-Inf");
	} else if (value >= 0 && value < INTEGERS_EXACT && value == floor(value) && !signbit(value)) {
		text_append_u64(text, (uint64_t)value);
	} else {
		snprintf(digits, sizeof(digits), "%.15g", value);
		if (strtod(digits, NULL) != value)
			snprintf(digits, sizeof(digits), "%.17g", value);
		text_append(text, digits);
	}
}

void text_appendf(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text->failed = true;
		return;
	}
	if (!reserve(text, (size_t)length))
		return;
	va_start(arguments, format);
	vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->bytes)
		text->bytes[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = TEXT_EMPTY;
}

char *text_steal(struct text *text)
{
	char *bytes = NULL;

	text_append_bytes(text, "", 0);
	if (text->failed)
		text_free(text);
	else
		bytes = text->bytes;
	*text = TEXT_EMPTY;
	return bytes;
}
