/* SPDX-License-Identifier: BSD-2-Clause */
/* config.json as JSON: what is none, told with its line and column, where each value stands, and garbled texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "app/config_lines.h"
#include "config_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text, *error;
} wrong_syntax[] = {
	{ "", "line 1, column 1: the text ends where a value should stand" },
	{ " \n ", "line 2, column 2: the text ends where a value should stand" },
	{ "{\"OFFSET\": 1,\n}", "line 2, column 1: '}' where a key in double quotes should stand" },
	{ "{\"OFFSET\": 1\n\"hook\": \"tc\"}", "line 2, column 1: '\"' where a comma or } should stand" },
	{ "{\"interfaces\": [\"a\",]}", "line 1, column 21: ']' where a value should stand" },
	{ "{\"interfaces\": [\"a\" \"b\"]}", "line 1, column 21: '\"' where a comma or ] should stand" },
	{ "{\"OFFSET\" 1}", "line 1, column 11: '1' where a colon after the key should stand" },
	{ "{OFFSET: 1}", "line 1, column 2: 'O' where a key in double quotes should stand" },
	{ "{'OFFSET': 1}", "line 1, column 2: strings stand in double quotes" },
	{ "{\"hook\": tc}",
	  "line 1, column 10: tc where a value should stand: strings stand in double quotes, true and false do not" },
	{ "{\"legacy_metrics\": True}",
	  "line 1, column 20: True where a value should stand: strings stand in double quotes, true and false do not" },
	{ "{\"hook\": \"tc}\n", "line 1, column 10: the string does not end on its line: a closing quote is missing" },
	{ "{\"hook\": \"tc", "line 1, column 10: the string does not end: a closing quote is missing" },
	{ "{\"hook\": \"t\tc\"}", "line 1, column 12: byte 0x09 in a string: write it as \\u0009" },
	{ "{\"hook\": \"\\x\"}", "line 1, column 11: an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX" },
	{ "{\"hook\": \"\\u00g0\"}", "line 1, column 11: \\u needs four hexadecimal digits" },
	{ "{\"hook\": \"tc\\u0000\"}", "line 1, column 13: \\u0000 may not stand in a configuration" },
	{ "{\"hook\": \"\\ud83d\"}", "line 1, column 11: half of a surrogate pair is no character" },
	{ "{\"hook\": \"\\ude00\"}", "line 1, column 11: half of a surrogate pair is no character" },
	{ "{\"OFFSET\": 01}", "line 1, column 12: numbers are decimal, without a leading zero" },
	{ "{\"OFFSET\": 0x10}", "line 1, column 12: numbers are decimal, without a leading zero" },
	{ "{\"OFFSET\": 1.}", "line 1, column 14: '}' where a digit should stand" },
	{ "{\"OFFSET\": -}", "line 1, column 13: '}' where a digit should stand" },
	{ "{\"OFFSET\": 1e}", "line 1, column 14: '}' where a digit should stand" },
	{ "{\"OFFSET\": +1}", "line 1, column 12: '+' where a value should stand" },
	{ "{\"OFFSET\": 1} // one",
	  "line 1, column 15: '/' where the end of the text should stand: JSON has no comments" },
	{ "# one\n{}", "line 1, column 1: '#' where a value should stand: JSON has no comments" },
	{ "{}{}", "line 1, column 3: '{' where the end of the text should stand" },
	{ "{\"OFFSET\": 1", "line 1, column 13: the text ends where a comma or } should stand" },
	{ "{\"EXAMPLE\": \"\xc3\xa9\xe2\x82\xac\", \"OFFSET\": x}",
	  "line 1, column 29: x where a value should stand: strings stand in double quotes, true and false do not" },
	{ "\xff\xfe{}", "line 1, column 1: byte 0xff where a value should stand" },
	{ "{\"OFFSET\": 1234567890123456789012345678901234567890123456789012345678901}",
	  "line 1, column 12: a number of over 60 characters" },
};

static void test_wrong_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_syntax); i++)
		config_files_refuses(wrong_syntax[i].text, wrong_syntax[i].error);
}

static void test_depth(void **state)
{
	char text[512] = "{\"EXAMPLES\": ";
	struct config config;

	(void)state;
	memset(text + 13, '[', CONFIG_DEPTH_MAX - 1);
	memset(text + 13 + CONFIG_DEPTH_MAX - 1, ']', CONFIG_DEPTH_MAX - 1);
	strcat(text, "}");
	config_files_must_read(&config, text);
	memset(text + 13, '[', CONFIG_DEPTH_MAX);
	memset(text + 13 + CONFIG_DEPTH_MAX, ']', CONFIG_DEPTH_MAX);
	strcat(text, "}");
	config_files_refuses(text, "line 1, column 77: over 64 objects and arrays within each other");
}

static void test_places(void **state)
{
	static const char text[] = "{\"a\": [1,\n {\"b\": \"x\\\"]\"}, []],\n\"c\"\n:\ntrue}";
	char error[SYNTAX_ERROR_SIZE];
	cJSON *root = cJSON_ParseWithLength(text, strlen(text));
	const struct config_place *place;
	struct config_lines lines;

	(void)state;
	assert_non_null(root);
	assert_int_equal(config_lines_scan(&lines, text, strlen(text), error), 0);
	assert_int_equal(lines.count, 7);
	place = config_lines_find(&lines, root, root->child->child->next->child);
	assert_int_equal(config_lines_number(&lines, place->name), 2);
	assert_memory_equal(text + place->value, "\"x\\\"]\"", 6);
	assert_int_equal(place->end - place->value, 6);
	place = config_lines_find(&lines, root, root->child->next);
	assert_int_equal(config_lines_number(&lines, place->name), 3);
	assert_int_equal(config_lines_number(&lines, place->value), 5);
	config_lines_free(&lines);
	cJSON_Delete(root);
}

/* Whatever stands in the file: read, or refused with one line that names the file, and nothing changed. */
static void test_garbled_texts(void **state)
{
	static const char good[] =
		"{\"RULES\": [\"10.0.0.0/8 - - 22 TCP\"], \"PATTERN\": \"0x0a1b\", \"OFFSET\": 3,\n\"DISPLAY\": {\"Jitter\": "
		"\"True\"}, \"http\": {\"listen\": \"[::1]:80\"}, \"interfaces\": [\"e*\"], \"max_flows\": 1e3,\n"
		"\"control\": {\"socket\": \"/tmp/\\u00e9\"}, \"EXAMPLE\": [null, {}, -1.5E+2]}";
	static const char letters[] = "{}[]\",:\\0129.-eE+ntu \n\xc3";
	unsigned int seed = (unsigned int)time(NULL), accepted = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 4000; round++) {
		char text[sizeof(good)], error[CONFIG_ERROR_SIZE] = "";
		struct config config, before;
		size_t length = strlen(good);

		memcpy(text, good, sizeof(good));
		for (long edits = random() % 4; edits >= 0; edits--)
			text[random() % (long)length] = letters[random() % (long)strlen(letters)];
		if (random() % 4 == 0)
			length = random() % (long)length;
		config_files_write(text, length);
		memset(&before, 0, sizeof(before));
		config_defaults(&before);
		memcpy(&config, &before, sizeof(config));
		if (!config_read(&config, CONFIG_FILES_NAME, error)) {
			accepted++;
			config_free(&config);
			continue;
		}
		assert_memory_equal(error, CONFIG_FILES_NAME ": ", strlen(CONFIG_FILES_NAME) + 2);
		assert_null(strchr(error, '\n'));
		assert_null(strstr(error, "no memory"));
		assert_memory_equal(&config, &before, sizeof(config));
	}
	assert_in_range(accepted, 1, 3999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_wrong_syntax),
		CONFIG_FILES_TEST(test_depth),
		CONFIG_FILES_TEST(test_places),
		CONFIG_FILES_TEST(test_garbled_texts),
	};

	return cmocka_run_group_tests_name("config_syntax", tests, NULL, NULL);
}
