/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json_writer.h"

#include <math.h>
#include <string.h>

void json_begin(struct json_writer *json, struct text *out)
{
	json->out = out;
	json->comma = false;
}

/* Length of the well-formed UTF-8 sequence at `at` (no overlong forms, no surrogates), or 0. */
static size_t utf8_length(const unsigned char *at)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high;
		size_t length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (at[0] < forms[i].first_low || at[0] > forms[i].first_high)
			continue;
		if (at[1] < forms[i].second_low || at[1] > forms[i].second_high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void append_special(struct text *out, unsigned char c)
{
	static const char escapes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = strchr(escapes, c);

	if (found)
		text_appendf(out, "\\%c", letters[found - escapes]);
	else
		text_appendf(out, "\\u%04x", c);
}

static void append_quoted(struct text *out, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	text_append_char(out, '"');
	while (*at) {
		size_t plain = 0, length;

		while (is_plain(at[plain]))
			plain++;
		text_append_bytes(out, at, plain);
		at += plain;
		if (!*at)
			break;
		if (*at < 0x80) {
			append_special(out, *at++);
			continue;
		}
		length = utf8_length(at);
		if (length)
			text_append_bytes(out, at, length);
		else
			text_append(out, "\xef\xbf\xbd"); /* U+FFFD for a byte that is not UTF-8 */
		at += length ? length : 1;
	}
	text_append_char(out, '"');
}

static void before_value(struct json_writer *json, const char *key)
{
	if (json->comma)
		text_append_char(json->out, ',');
	json->comma = true;
	if (key) {
		append_quoted(json->out, key);
		text_append_char(json->out, ':');
	}
}

static void open_nest(struct json_writer *json, const char *key, char bracket)
{
	before_value(json, key);
	text_append_char(json->out, bracket);
	json->comma = false;
}

static void close_nest(struct json_writer *json, char bracket)
{
	text_append_char(json->out, bracket);
	json->comma = true;
}

void json_object_open(struct json_writer *json, const char *key)
{
	open_nest(json, key, '{');
}

void json_object_close(struct json_writer *json)
{
	close_nest(json, '}');
}

void json_array_open(struct json_writer *json, const char *key)
{
	open_nest(json, key, '[');
}

void json_array_close(struct json_writer *json)
{
	close_nest(json, ']');
}

void json_string(struct json_writer *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	before_value(json, key);
	append_quoted(json->out, value);
}

void json_u64(struct json_writer *json, const char *key, uint64_t value)
{
	before_value(json, key);
	text_append_u64(json->out, value);
}

void json_double(struct json_writer *json, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(json, key);
		return;
	}
	before_value(json, key);
	text_append_double(json->out, value);
}

void json_bool(struct json_writer *json, const char *key, bool value)
{
	before_value(json, key);
	text_append(json->out, value ? "true" : "false");
}

void json_null(struct json_writer *json, const char *key)
{
	before_value(json, key);
	text_append(json->out, "null");
}
