/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page of metrics is hundreds of thousands of small appends. So the room is asked for once in many calls (it
 * doubles), numbers are written by hand, and a failed allocation is remembered instead of returned: a renderer reads
 * as the page it writes, and its owner checks once.
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"

#define CAPACITY_FIRST 256

/* Room for `length` bytes more and the NUL after them. */
static bool reserve(struct text *text, size_t length)
{
	size_t capacity = text->capacity ? text->capacity : CAPACITY_FIRST;
	size_t needed;
	char *bytes;

	if (text->failed)
		return false;
	if (length < text->capacity - text->length)
		return true;
	if (__builtin_add_overflow(text->length, length, &needed) || __builtin_add_overflow(needed, 1, &needed))
		goto failed;
	while (capacity < needed)
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			goto failed;
	bytes = realloc(text->bytes, capacity);
	if (!bytes)
		goto failed;
	text->bytes = bytes;
	text->capacity = capacity;
	return true;
failed:
	text->failed = true;
	return false;
}

void text_append(struct text *text, const char *string)
{
	text_append_bytes(text, string, strlen(string));
}

void text_append_bytes(struct text *text, const void *bytes, size_t length)
{
	if (!length || !reserve(text, length))
		return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void text_append_char(struct text *text, char c)
{
	text_append_bytes(text, &c, 1);
}

void text_append_u64(struct text *text, uint64_t value)
{
	if (!reserve(text, DECIMAL_SIZE))
		return;
	text->length += decimal_format_u64(value, text->bytes + text->length);
	text->bytes[text->length] = '\0';
}

void text_append_double(struct text *text, double value)
{
	if (!reserve(text, DECIMAL_SIZE))
		return;
	text->length += decimal_format_double(value, text->bytes + text->length);
	text->bytes[text->length] = '\0';
}

static int print(struct text *text, const char *format, va_list arguments)
{
	va_list copy;
	int length;

	va_copy(copy, arguments);
	length = vsnprintf(text->bytes + text->length, text->capacity - text->length, format, copy);
	va_end(copy);
	return length;
}

void text_appendf(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	if (!reserve(text, 1))
		return;
	va_start(arguments, format);
	length = print(text, format, arguments);
	if (length >= 0 && (size_t)length >= text->capacity - text->length && reserve(text, (size_t)length))
		length = print(text, format, arguments);
	va_end(arguments);
	if (length < 0)
		text->failed = true;
	if (!text->failed)
		text->length += (size_t)length;
	text->bytes[text->length] = '\0';
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

	if (reserve(text, 0)) {
		bytes = text->bytes;
		bytes[text->length] = '\0';
		*text = TEXT_EMPTY;
	}
	text_free(text);
	return bytes;
}
