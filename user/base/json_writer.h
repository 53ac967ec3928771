/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes JSON into a text, in one pass, without a tree. Commas and quoting are its business; nesting is the caller's. */
#ifndef FLOWGAUGE_JSON_WRITER_H
#define FLOWGAUGE_JSON_WRITER_H

#include "base/text.h"

struct json_writer {
	struct text *out;
	bool comma; /* a value stands before the next one */
};

void json_begin(struct json_writer *json, struct text *out);
void json_object_open(struct json_writer *json, const char *key); /* key NULL inside an array or at the top */
void json_object_close(struct json_writer *json);
void json_array_open(struct json_writer *json, const char *key);
void json_array_close(struct json_writer *json);
void json_string(struct json_writer *json, const char *key, const char *value); /* NULL -> null; bad UTF-8 -> U+FFFD */
void json_u64(struct json_writer *json, const char *key, uint64_t value);
void json_i64(struct json_writer *json, const char *key, int64_t value);
void json_double(struct json_writer *json, const char *key, double value); /* NaN, infinity -> null */
void json_bool(struct json_writer *json, const char *key, bool value);
void json_null(struct json_writer *json, const char *key);

#endif
