/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report is written once a tick and again for each that asks, so there is no tree of values to build and free. Keys
 * are the program's own words and go out as they are; strings come from outside, and whatever they hold, what is
 * written is JSON (RFC 8259) on one line.
 */
#include "base/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT_CHARACTER "\xef\xbf\xbd" /* U+FFFD */

void json_begin(struct json_writer *json, struct text *out)
{
	*json = (struct json_writer){ .out = out };
}

/* What stands before a value: the comma after the one before it, and its name. */
static void lead(struct json_writer *json, const char *key)
{
	if (json->comma)
		text_append_char(json->out, ',');
	json->comma = true;
	if (!key)
		return;
	text_append_char(json->out, '"');
	text_append(json->out, key);
	text_append_bytes(json->out, "\":", 2);
}

static void open_with(struct json_writer *json, const char *key, char bracket)
{
	lead(json, key);
	text_append_char(json->out, bracket);
	json->comma = false;
}

static void close_with(struct json_writer *json, char bracket)
{
	text_append_char(json->out, bracket);
	json->comma = true;
}

void json_object_open(struct json_writer *json, const char *key)
{
	open_with(json, key, '{');
}

void json_object_close(struct json_writer *json)
{
	close_with(json, '}');
}

void json_array_open(struct json_writer *json, const char *key)
{
	open_with(json, key, '[');
}

void json_array_close(struct json_writer *json)
{
	close_with(json, ']');
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static void escape(struct text *out, char c)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *name = strchr(names, c);

	if (name) {
		text_append_char(out, '\\');
		text_append_char(out, letters[name - names]);
	} else {
		text_appendf(out, "\\u%04x", (unsigned char)c);
	}
}

static void append_escaped(struct text *out, const char *string)
{
	while (*string) {
		const char *end = string;
		unsigned int length;

		while (is_plain(*end))
			end++;
		text_append_bytes(out, string, (size_t)(end - string));
		string = end;
		if (!*string)
			break;
		length = utf8_length(string);
		if (length > 1)
			text_append_bytes(out, string, length);
		else if (length == 1)
			escape(out, *string);
		else
			text_append(out, REPLACEMENT_CHARACTER);
		string += length ? length : 1;
	}
}

void json_string(struct json_writer *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	lead(json, key);
	text_append_char(json->out, '"');
	append_escaped(json->out, value);
	text_append_char(json->out, '"');
}

void json_u64(struct json_writer *json, const char *key, uint64_t value)
{
	lead(json, key);
	text_append_u64(json->out, value);
}

void json_i64(struct json_writer *json, const char *key, int64_t value)
{
	lead(json, key);
	text_appendf(json->out, "%" PRId64, value);
}

void json_double(struct json_writer *json, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(json, key);
		return;
	}
	lead(json, key);
	text_append_double(json->out, value);
}

void json_bool(struct json_writer *json, const char *key, bool value)
{
	lead(json, key);
	text_append(json->out, value ? "true" : "false");
}

void json_null(struct json_writer *json, const char *key)
{
	lead(json, key);
	text_append_bytes(json->out, "null", 4);
}
