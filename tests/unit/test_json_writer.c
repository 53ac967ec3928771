/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON as it should stand, byte by byte, and any string of bytes as a reader of JSON gets it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/json_writer.h"
#include "base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RANDOM_STRINGS 20000
#define STRING_LENGTH_MAX 24

static void a_record(void **state)
{
	struct text text = TEXT_EMPTY;
	struct json_writer json;

	(void)state;
	json_begin(&json, &text);
	json_object_open(&json, NULL);
	json_string(&json, "type", "flow");
	json_array_open(&json, "vlan");
	json_u64(&json, NULL, 100);
	json_u64(&json, NULL, 4094);
	json_array_close(&json);
	json_u64(&json, "bytes", UINT64_MAX);
	json_double(&json, "mean_seconds", 0.001);
	json_double(&json, "stddev_seconds", NAN);
	json_double(&json, "risk", INFINITY);
	json_bool(&json, "up", true);
	json_bool(&json, "alarm", false);
	json_null(&json, "rtt");
	json_string(&json, "hook", NULL);
	json_object_open(&json, "sequence");
	json_object_close(&json);
	json_array_open(&json, "hops");
	json_array_close(&json);
	json_array_open(&json, "totals");
	json_object_open(&json, NULL);
	json_u64(&json, "packets", 0);
	json_object_close(&json);
	json_object_open(&json, NULL);
	json_object_close(&json);
	json_string(&json, NULL, "*");
	json_null(&json, NULL);
	json_bool(&json, NULL, true);
	json_double(&json, NULL, -1.5);
	json_array_close(&json);
	json_object_close(&json);
	assert_false(text.failed);
	assert_string_equal(text.bytes,
			    "{\"type\":\"flow\",\"vlan\":[100,4094],\"bytes\":18446744073709551615,\"mean_seconds\":0.001,"
			    "\"stddev_seconds\":null,\"risk\":null,\"up\":true,\"alarm\":false,\"rtt\":null,\"hook\":null,"
			    "\"sequence\":{},\"hops\":[],\"totals\":[{\"packets\":0},{},\"*\",null,true,-1.5]}");
	text_free(&text);
}

/* A second record in the same text: no comma stands between the two. */
static void records_in_a_row(void **state)
{
	struct text text = TEXT_EMPTY;
	struct json_writer json;

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		json_begin(&json, &text);
		json_object_open(&json, NULL);
		json_u64(&json, "n", i);
		json_object_close(&json);
		text_append_char(&text, '\n');
	}
	assert_string_equal(text.bytes, "{\"n\":0}\n{\"n\":1}\n");
	text_free(&text);
}

static void write_string(struct text *text, const char *value)
{
	struct json_writer json;

	text_clear(text);
	json_begin(&json, text);
	json_string(&json, NULL, value);
	assert_false(text->failed);
}

static void strings(void **state)
{
	static const struct {
		const char *value, *json;
	} cases[] = {
		{ "", "\"\"" },
		{ "eth0", "\"eth0\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1f\x1b[1m\x7f", "\"\\u0001\\u001f\\u001b[1m\x7f\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "a\xc3", "\"a\xef\xbf\xbd\"" },
		{ "\xc0\xafz", "\"\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\"" },
	};
	struct text text = TEXT_EMPTY;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_string(&text, cases[i].value);
		assert_string_equal(text.bytes, cases[i].json);
	}
	text_free(&text);
}

/* What a reader should get: the bytes as they are, each that is in no character replaced. */
static void replace_bad(const char *value, char *out)
{
	while (*value) {
		unsigned int length = utf8_length(value), taken = length ? length : 1;

		memcpy(out, length ? value : "\xef\xbf\xbd", length ? length : 3);
		out += length ? length : 3;
		value += taken;
	}
	*out = '\0';
}

/* Bytes that matter to UTF-8 and JSON come often. Nothing written may be a control character: a record is a line. */
static void random_strings(void **state)
{
	static const char favoured[] = "\"\\\n\t\x01\x1f\x7f\x80\xbf\xc2\xe0\xe2\x82\xac\xed\xa0\xf0\x9f\x98\xf4\x90";
	unsigned int start = (unsigned int)time(NULL);
	unsigned short seed[3] = { (unsigned short)start, (unsigned short)(start >> 16), 7 };
	struct text text = TEXT_EMPTY;

	(void)state;
	print_message("seed %u\n", start);
	for (unsigned int i = 0; i < RANDOM_STRINGS; i++) {
		char value[STRING_LENGTH_MAX + 1] = "", expected[3 * STRING_LENGTH_MAX + 1];
		size_t length = (size_t)nrand48(seed) % STRING_LENGTH_MAX;
		cJSON *read;

		for (size_t j = 0; j < length; j++)
			value[j] = nrand48(seed) % 2 ? favoured[(size_t)nrand48(seed) % (sizeof(favoured) - 1)] :
						       (char)(1 + nrand48(seed) % 255);
		write_string(&text, value);
		for (size_t j = 0; j < text.length; j++)
			assert_true((unsigned char)text.bytes[j] >= ' ');
		replace_bad(value, expected);
		read = cJSON_ParseWithLength(text.bytes, text.length);
		assert_true(cJSON_IsString(read));
		assert_string_equal(read->valuestring, expected);
		cJSON_Delete(read);
	}
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record),
		cmocka_unit_test(records_in_a_row),
		cmocka_unit_test(strings),
		cmocka_unit_test(random_strings),
	};

	return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
