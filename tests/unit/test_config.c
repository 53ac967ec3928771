/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.json as users write it, rightly and wrongly. Errors are compared whole: they are what a user has to go by. Each
 * test works in a directory of its own, so that the file is called config.json in them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config.h"
#include "app/config_lines.h"

#define NAME "config.json"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct place {
	char directory[32];
	char before[4096];
};

static int enter(void **state)
{
	struct place *place = test_calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/config_test.XXXXXX");
	assert_non_null(getcwd(place->before, sizeof(place->before)));
	assert_non_null(mkdtemp(place->directory));
	assert_int_equal(chdir(place->directory), 0);
	*state = place;
	return 0;
}

static int leave(void **state)
{
	struct place *place = *state;

	unlink(NAME);
	assert_int_equal(chdir(place->before), 0);
	assert_int_equal(rmdir(place->directory), 0);
	test_free(place);
	return 0;
}

static void write_bytes(const void *bytes, size_t length)
{
	FILE *file = fopen(NAME, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* Reads `text` over the defaults. The caller frees. */
static int read_text(struct config *config, const char *text, char error[CONFIG_ERROR_SIZE])
{
	error[0] = '\0';
	write_bytes(text, strlen(text));
	config_defaults(config);
	return config_read(config, NAME, error);
}

static void must_read(struct config *config, const char *text)
{
	char error[CONFIG_ERROR_SIZE];

	if (read_text(config, text, error))
		fail_msg("%s\n%s", text, error);
}

static void test_defaults(void **state)
{
	struct config config;

	(void)state;
	must_read(&config, "{}");
	assert_string_equal(config.path, NAME);
	assert_int_equal(config.rule_count, 0);
	assert_int_equal(config.constants.sequence_mode, SEQUENCE_OFF);
	assert_int_equal(config.constants.sequence_threshold, 2);
	assert_true(config.show_throughput && config.show_goodput && config.show_jitter && !config.show_sequence);
	assert_int_equal(config.interface_count, 0);
	assert_int_equal(config.hook, HOOK_AUTO);
	assert_true(config.direction[DIRECTION_INGRESS] && config.direction[DIRECTION_EGRESS]);
	assert_int_equal(config.max_flows, 65536);
	assert_true(config.idle_timeout_seconds == 60 && config.interval_seconds == 1);
	assert_true(config.http_enabled && !config.http_allow_unauthenticated);
	assert_string_equal(config.http_address, "127.0.0.1");
	assert_int_equal(config.http_port, 8080);
	assert_int_equal(config.metrics_max_flows, 1000);
	assert_false(config.metrics_bpf_run_time || config.legacy_metrics || config.bits || config.json ||
		     config.quiet);
	assert_string_equal(config.control_path, "/run/flowgauge/control.sock");
	config_free(&config);
}

static void test_every_key(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf{\r\n \"RULES\": [\"1.1.1.1 2.2.2.2 - 22 TCP\", \"- - - - UDP\"],\r\n"
		"\"EXAMPLES\": {\"a\": [1, {}], \"a\": null}, \"EXAMPLE\": 1e3, \"PATTERN\": \"0xFFFFFFFF\", \"OFFSET\": 12,\n"
		"\"SEQUENCE_THRESHOLD\": 7, \"DISPLAY\": {\"Throughput\": \"False\", \"Goodput\": false, \"Jitter\": \"True\",\n"
		"\"SEQ_ERRORS\": true}, \"interfaces\": [\"eth0\", \"wlan*\"], \"hook\": \"xdp-generic\", \"direction\": \"out\",\n"
		"\"max_flows\": 16777216, \"idle_timeout_seconds\": 1.5, \"interval_seconds\": 0.1,\n"
		"\"http\": {\"enabled\": true, \"listen\": \"[::]:9000\", \"allow_unauthenticated\": true},\n"
		"\"metrics\": {\"max_flows\": 0, \"bpf_run_time\": true}, \"control\": {\"socket\": \"/tmp/\\u00e9.sock\"},\n"
		"\"legacy_metrics\": true}\n";
	struct config config;

	(void)state;
	must_read(&config, text);
	assert_int_equal(config.rule_count, 2);
	assert_int_equal(config.rules[0].protocols[0], 6);
	assert_int_equal(config.rules[1].protocols[0], 17);
	assert_int_equal(config.constants.sequence_mode, SEQUENCE_AT_OFFSET);
	assert_int_equal(config.constants.sequence_offset, 12);
	assert_int_equal(config.constants.sequence_threshold, 7);
	assert_true(!config.show_throughput && !config.show_goodput && config.show_jitter && config.show_sequence);
	assert_int_equal(config.interface_count, 2);
	assert_string_equal(config.interfaces[0], "eth0");
	assert_string_equal(config.interfaces[1], "wlan*");
	assert_int_equal(config.hook, HOOK_XDP_GENERIC);
	assert_true(!config.direction[DIRECTION_INGRESS] && config.direction[DIRECTION_EGRESS]);
	assert_int_equal(config.max_flows, 16777216);
	assert_true(config.idle_timeout_seconds == 1.5 && config.interval_seconds == 0.1);
	assert_string_equal(config.http_address, "::");
	assert_int_equal(config.http_port, 9000);
	assert_true(config.http_enabled && config.http_allow_unauthenticated);
	assert_int_equal(config.metrics_max_flows, 0);
	assert_true(config.metrics_bpf_run_time && config.legacy_metrics);
	assert_string_equal(config.control_path, "/tmp/\xc3\xa9.sock");
	config_free(&config);
}

static void test_rules_as_object(void **state)
{
	struct config config;

	(void)state;
	must_read(&config, "{\"RULES\": {\"web\": \"- - - 443 TCP\", \"dns\": \"- - - 53 UDP\"}}");
	assert_int_equal(config.rule_count, 2);
	assert_int_equal(config.rules[0].protocols[0], 6);
	assert_int_equal(config.rules[1].protocols[0], 17);
	config_free(&config);
	must_read(&config, "{\"RULES\": {}}");
	assert_int_equal(config.rule_count, 0);
	config_free(&config);
}

static void test_pattern(void **state)
{
	/* Bytes of the pattern, their mask, and which byte is the rarest. */
	static const struct {
		const char *value;
		unsigned int length, rare;
		unsigned char bytes[8], mask[8];
	} rows[] = {
		{ "0x0a1b2c3d", 4, 1, { 0x0a, 0x1b, 0x2c, 0x3d }, { 255, 255, 255, 255 } },
		{ "0xFFFFFFFE", 4, 3, { 255, 255, 255, 254 }, { 255, 255, 255, 255 } },
		{ "00", 1, 0, { 0 }, { 255 } },
		{ "0xff", 1, 0, { 255 }, { 255 } },
		{ "0xFFFFFFFFFF", 5, 0, { 255, 255, 255, 255, 255 }, { 255, 255, 255, 255, 255 } },
		{ "0x0000000100000000", 8, 3, { 0, 0, 0, 1 }, { 255, 255, 255, 255, 255, 255, 255, 255 } },
		{ "0x48656c6c6f21", 6, 0, { 'H', 'e', 'l', 'l', 'o', '!' }, { 255, 255, 255, 255, 255, 255 } },
		{ "0x206500ff9a", 5, 4, { ' ', 'e', 0, 255, 0x9a }, { 255, 255, 255, 255, 255 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config;
		char text[128];

		snprintf(text, sizeof(text), "{\"OFFSET\": 4, \"PATTERN\": \"%s\"}", rows[i].value);
		must_read(&config, text);
		assert_int_equal(config.constants.sequence_mode, SEQUENCE_AT_PATTERN);
		assert_int_equal(config.constants.sequence_offset, 4);
		assert_int_equal(config.constants.pattern_length, rows[i].length);
		assert_memory_equal(&config.constants.pattern, rows[i].bytes, 8);
		assert_memory_equal(&config.constants.pattern_mask, rows[i].mask, 8);
		assert_int_equal(config.constants.pattern_rare, rows[i].rare);
		config_free(&config);
	}
}

static void test_pattern_off(void **state)
{
	static const char *const offs[] = { "0xFFFFFFFF", "0xffffffff", "FFffFFff" };

	(void)state;
	for (size_t i = 0; i < COUNT(offs); i++) {
		struct config config;
		char text[128];

		snprintf(text, sizeof(text), "{\"OFFSET\": -1, \"PATTERN\": \"%s\"}", offs[i]);
		must_read(&config, text);
		assert_int_equal(config.constants.sequence_mode, SEQUENCE_OFF);
		assert_int_equal(config.constants.pattern, 0);
		assert_int_equal(config.constants.pattern_mask, 0);
		config_free(&config);
	}
}

static void test_listen(void **state)
{
	static const struct {
		const char *value, *address;
		unsigned int port;
	} rows[] = {
		{ "127.0.0.1:1", "127.0.0.1", 1 },   { "127.1.2.3:65535", "127.1.2.3", 65535 },
		{ "[::1]:8080", "::1", 8080 },       { ":9000", "127.0.0.1", 9000 },
		{ "localhost:80", "127.0.0.1", 80 }, { "[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config;
		char text[128];

		snprintf(text, sizeof(text), "{\"http\": {\"listen\": \"%s\"}}", rows[i].value);
		must_read(&config, text);
		assert_string_equal(config.http_address, rows[i].address);
		assert_int_equal(config.http_port, rows[i].port);
		config_free(&config);
	}
}

#define EXPOSED                                                                                                      \
	" would let other machines in without a password: choose a loopback address such as 127.0.0.1:8080, or set " \
	"http.allow_unauthenticated to true"
#define FLOWS " is not a whole number of 1 to 16777216"
#define PATTERNS " is not a hexadecimal string of 1 to 8 bytes such as \"0x0a1b2c3d\", or \"0xFFFFFFFF\" for off"
#define PORT " is not ADDRESS:PORT with a port of 1 to 65535"
#define NAMES " is not an interface's name or a glob of 1 to 15 characters, without spaces, commas, colons and slashes"
#define ARRAY " is not an array of interface names, such as [\"eth0\", \"wlan*\"]"

static const struct {
	const char *text, *error; /* without "config.json: " */
} wrong_values[] = {
	{ "{\n\"http\":\n{\n \"listen\": \"127.0.0.1:99999\"}}", "line 4: http.listen: \"127.0.0.1:99999\"" PORT },
	{ "{\"http\": {\"listen\": \"127.0.0.1\"}}", "line 1: http.listen: \"127.0.0.1\"" PORT },
	{ "{\"http\": {\"listen\": \"127.0.0.1:0\"}}", "line 1: http.listen: \"127.0.0.1:0\"" PORT },
	{ "{\"http\": {\"listen\": \"::1:8080\"}}", "line 1: http.listen: \"::1:8080\"" PORT },
	{ "{\"http\": {\"listen\": \"[::1]8080\"}}", "line 1: http.listen: \"[::1]8080\"" PORT },
	{ "{\"http\": {\"listen\": \"[127.0.0.1]:80\"}}", "line 1: http.listen: \"[127.0.0.1]:80\"" PORT },
	{ "{\"http\": {\"listen\": \"example.org:80\"}}", "line 1: http.listen: \"example.org:80\"" PORT },
	{ "{\"http\": {\"listen\": 8080}}", "line 1: http.listen: 8080" PORT },
	{ "{\"http\": {\n\"listen\": \"0.0.0.0:80\"}}", "line 2: http.listen: \"0.0.0.0:80\"" EXPOSED },
	{ "{\"http\": {\"allow_unauthenticated\": false,\n\"listen\": \"[::]:80\"}}",
	  "line 2: http.listen: \"[::]:80\"" EXPOSED },
	{ "{\"http\": {\"enabled\": \"yes\"}}", "line 1: http.enabled: \"yes\" is not true or false" },
	{ "{\"http\": true}", "line 1: http: true is not an object in braces" },
	{ "[1,\n 2]", "[1, 2] is not an object: {\"RULES\": []} would be one" },
	{ "{\"max_flows\": 0}", "line 1: max_flows: 0" FLOWS },
	{ "{\"max_flows\": 16777217}", "line 1: max_flows: 16777217" FLOWS },
	{ "{\"max_flows\": 1.5}", "line 1: max_flows: 1.5" FLOWS },
	{ "{\"max_flows\": 1e999}", "line 1: max_flows: 1e999" FLOWS },
	{ "{\"max_flows\": \"10\"}", "line 1: max_flows: \"10\"" FLOWS },
	{ "{\"interval_seconds\": 0.09}",
	  "line 1: interval_seconds: 0.09 is not a number of seconds from 0.1 to 3600" },
	{ "{\"interval_seconds\": 3600.5}",
	  "line 1: interval_seconds: 3600.5 is not a number of seconds from 0.1 to 3600" },
	{ "{\"decapsulate\": [\"vxlan\", \"gre:5\"]}",
	  "line 1: decapsulate[1]: \"gre:5\" is not \"vxlan\", \"geneve\", \"gre\", \"ipip\" or \"gtpu\", with a UDP port such as "
	  "\"vxlan:8472\" where it has one" },
	{ "{\"vlan\": 1}", "line 1: vlan: 1 is not true or false" },
	{ "{\"idle_timeout_seconds\": null}",
	  "line 1: idle_timeout_seconds: null is not a number of seconds from 1 to 86400" },
	{ "{\"metrics\": {\"max_flows\": -1}}",
	  "line 1: metrics.max_flows: -1 is not a whole number of 0 to 16777216" },
	{ "{\"SEQUENCE_THRESHOLD\": 0}", "line 1: SEQUENCE_THRESHOLD: 0 is not a whole number of 1 to 2147483647" },
	{ "{\"OFFSET\": -2}", "line 1: OFFSET: -2 is not a whole number of 0 to 65535, or -1 for off" },
	{ "{\"OFFSET\": 65536}", "line 1: OFFSET: 65536 is not a whole number of 0 to 65535, or -1 for off" },
	{ "{\"OFFSET\": 1, \"PATTERN\": \"0x123\"}", "line 1: PATTERN: \"0x123\"" PATTERNS },
	{ "{\"OFFSET\": 1, \"PATTERN\": \"0x\"}", "line 1: PATTERN: \"0x\"" PATTERNS },
	{ "{\"OFFSET\": 1, \"PATTERN\": \"\"}", "line 1: PATTERN: \"\"" PATTERNS },
	{ "{\"OFFSET\": 1, \"PATTERN\": \"0x010203040506070809\"}",
	  "line 1: PATTERN: \"0x010203040506070809\"" PATTERNS },
	{ "{\"OFFSET\": 1, \"PATTERN\": 255}", "line 1: PATTERN: 255" PATTERNS },
	{ "{\n\"PATTERN\": \"0x01\"}",
	  "line 2: PATTERN: needs an OFFSET of 0 to 65535: bytes from the match's start to the number" },
	{ "{\"OFFSET\": -1, \"PATTERN\": \"0x01\"}",
	  "line 1: PATTERN: needs an OFFSET of 0 to 65535: bytes from the match's start to the number" },
	{ "{\"DISPLAY\": {\"Jitter\": \"yes\"}}",
	  "line 1: DISPLAY.Jitter: \"yes\" is not true, false, \"True\" or \"False\"" },
	{ "{\"hook\": \"XDP\"}", "line 1: hook: \"XDP\" is not auto, xdp, xdp-generic, tc or clsact" },
	{ "{\"direction\": \"ingress\"}", "line 1: direction: \"ingress\" is not in, out or both" },
	{ "{\"interfaces\": \"eth0\"}", "line 1: interfaces: \"eth0\"" ARRAY },
	{ "{\"interfaces\": [\"eth0\",\n\"eth0,eth1\"]}", "line 2: interfaces[1]: \"eth0,eth1\"" NAMES },
	{ "{\"interfaces\": [\"sixteencharacter\"]}", "line 1: interfaces[0]: \"sixteencharacter\"" NAMES },
	{ "{\"interfaces\": [\"\"]}", "line 1: interfaces[0]: \"\"" NAMES },
	{ "{\"interfaces\": [\"..\"]}", "line 1: interfaces[0]: \"..\"" NAMES },
	{ "{\"interfaces\": [\"a b\"]}", "line 1: interfaces[0]: \"a b\"" NAMES },
	{ "{\"interfaces\": [\"a\\nb\"]}", "line 1: interfaces[0]: \"a\\nb\"" NAMES },
	{ "{\"interfaces\": [7]}", "line 1: interfaces[0]: 7" NAMES },
	{ "{\"control\": {\"socket\": \"run/x\"}}",
	  "line 1: control.socket: \"run/x\" is not the path of a socket, of 1 to 107 bytes, from / on" },
	{ "{\"legacy_metrics\": 1}", "line 1: legacy_metrics: 1 is not true or false" },
	{ "{\"RULES\": \"- - - - -\"}",
	  "line 1: RULES: \"- - - - -\" is not an array of rules such as [\"- - - 443 TCP\"]" },
	{ "{\"RULES\": [\"- - - - -\",\n\n {\"a\":\n  1}]}",
	  "line 3: RULES[1]: {\"a\": 1} is not a rule: a string \"SRC DST SPORT DPORT PROTO\"" },
	{ "{\"RULES\": {\"a\": 5}}", "line 1: RULES.a: 5 is not a rule: a string \"SRC DST SPORT DPORT PROTO\"" },
	{ "{\"RULES\": {\"a\": \"- - - - -\",\n\"a\": \"- - - - -\"}}",
	  "line 2: RULES.a: stands twice, first in line 1: leave one" },
	{ "{\"hook\": \"tc\",\n\"OFFSET\": 1,\n\"hook\": \"tc\"}",
	  "line 3: hook: stands twice, first in line 1: leave one" },
	{ "{\"http\": {\"enabled\": true}, \"http\": {}}", "line 1: http: stands twice, first in line 1: leave one" },
};

static const struct {
	const char *key, *meant; /* NULL: nothing is near */
} wrong_keys[] = {
	{ "rules", "RULES" },
	{ "RULE", "RULES" },
	{ "Offset", "OFFSET" },
	{ "interface", "interfaces" },
	{ "interval_second", "interval_seconds" },
	{ "intervall_seconds", "interval_seconds" },
	{ "HTTP", "http" },
	{ "htpt", "http" },
	{ "display", "DISPLAY" },
	{ "listen", "http.listen" },
	{ "SEQ_ERRORS", "DISPLAY.SEQ_ERRORS" },
	{ "SEQUENCE_TRESHOLD", "SEQUENCE_THRESHOLD" },
	{ "openstack", NULL },
	{ "", NULL },
	{ "http.listen.port", NULL },
	{ "a_name_that_is_much_longer_than_any_name_of_a_key_that_was_ever_thought_of", NULL },
};

static void refuses(const char *text, const char *expected)
{
	char error[CONFIG_ERROR_SIZE], whole[CONFIG_ERROR_SIZE + 16];
	struct config config, before;

	write_bytes(text, strlen(text));
	memset(&before, 0, sizeof(before));
	config_defaults(&before);
	memcpy(&config, &before, sizeof(config));
	assert_true(config_read(&config, NAME, error) < 0);
	snprintf(whole, sizeof(whole), "config.json: %s", expected);
	assert_string_equal(error, whole);
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_wrong_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_values); i++)
		refuses(wrong_values[i].text, wrong_values[i].error);
}

static void test_wrong_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_keys); i++) {
		char text[256], expected[256];

		snprintf(text, sizeof(text), "{\n\"EXAMPLES\": {\"%s\": 1},\n\"%s\":\n\n 1}", wrong_keys[i].key,
			 wrong_keys[i].key);
		if (wrong_keys[i].meant)
			snprintf(expected, sizeof(expected), "line 3: %s: there is no such key: did you mean %s?",
				 wrong_keys[i].key, wrong_keys[i].meant);
		else
			snprintf(expected, sizeof(expected),
				 "line 3: %.63s: there is no such key: flowgauge.json(5) describes those there are",
				 wrong_keys[i].key);
		refuses(text, expected);
	}
	refuses("{\"http\": {\"Listen\": 1}}", "line 1: http.Listen: there is no such key: did you mean http.listen?");
	refuses("{\"http\": {\"max_flows\": 1}}",
		"line 1: http.max_flows: there is no such key: did you mean max_flows?");
	refuses("{\"a\\u001b\\n\": 1}",
		"line 1: a\?\?: there is no such key: flowgauge.json(5) describes those there are");
}

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
		refuses(wrong_syntax[i].text, wrong_syntax[i].error);
}

static void test_depth(void **state)
{
	char text[512] = "{\"EXAMPLES\": ";
	struct config config;

	(void)state;
	memset(text + 13, '[', CONFIG_DEPTH_MAX - 1);
	memset(text + 13 + CONFIG_DEPTH_MAX - 1, ']', CONFIG_DEPTH_MAX - 1);
	strcat(text, "}");
	must_read(&config, text);
	memset(text + 13, '[', CONFIG_DEPTH_MAX);
	memset(text + 13 + CONFIG_DEPTH_MAX, ']', CONFIG_DEPTH_MAX);
	strcat(text, "}");
	refuses(text, "line 1, column 77: over 64 objects and arrays within each other");
}

static void test_bad_rule_is_named(void **state)
{
	static const char expected[] = "config.json: line 4: RULES[1]: \"- - - [TCP, UDP]\": ";
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	assert_true(read_text(&config, "{\n\"RULES\": [\n\"- - - - TCP\",\n\"- - - [TCP, UDP]\"\n]}", error) < 0);
	assert_memory_equal(error, expected, strlen(expected));
	assert_true(strlen(error) > strlen(expected));
	assert_null(strchr(error, '\n'));
	assert_null(config.rules);
}

static void test_limits_of_lists(void **state)
{
	char *text = test_malloc(65536), error[CONFIG_ERROR_SIZE];
	struct config config;
	char *at = text;

	(void)state;
	at += sprintf(at, "{\"RULES\": [\"- - - - -\"");
	for (int i = 1; i < RULES_MAX; i++)
		at += sprintf(at, ",\n\"- - - - -\"");
	strcpy(at, "]}");
	must_read(&config, text);
	assert_int_equal(config.rule_count, RULES_MAX);
	config_free(&config);
	strcpy(at, ",\"- - - - -\"]}");
	refuses(text, "line 1: RULES: 513 rules: at most 512 are possible");

	at = text + sprintf(text, "{\"interfaces\": [\"i0\"");
	for (int i = 1; i < INTERFACE_PATTERNS_MAX; i++)
		at += sprintf(at, ",\n\"i%d\"", i);
	strcpy(at, "]}");
	assert_int_equal(read_text(&config, text, error), 0);
	assert_int_equal(config.interface_count, INTERFACE_PATTERNS_MAX);
	strcpy(at, ",\"one\"]}");
	refuses(text, "line 64: interfaces[64]: more than 64 names or globs");
	test_free(text);
}

static void test_long_values_are_cut(void **state)
{
	char text[512], error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	strcpy(text, "{\"hook\": \"");
	for (int i = 0; i < 100; i++)
		strcat(text, "\xe2\x82\xac");
	strcat(text, "\"}");
	assert_true(read_text(&config, text, error) < 0);
	assert_non_null(strstr(error, "\xe2\x82\xac... is not auto, xdp, xdp-generic, tc or clsact"));
}

static void test_files(void **state)
{
	char error[CONFIG_ERROR_SIZE], *large, path[5000];
	struct config config;

	(void)state;
	config_defaults(&config);
	assert_int_equal(config_read(&config, "none/config.json", error), -ENOENT);
	assert_string_equal(error, "none/config.json: cannot be read: No such file or directory: give a file that can");
	assert_true(config_read(&config, ".", error) < 0);
	assert_string_equal(error, ".: is a directory: give a file, such as config.json in it");
	assert_string_equal(config.path, "");

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_true(config_read(&config, path, error) < 0);
	assert_non_null(strstr(error, "xxx: the path is longer than 4095 bytes"));

	large = test_malloc((1 << 20) + 1);
	memset(large, ' ', (1 << 20) + 1);
	memcpy(large, "{}", 2);
	write_bytes(large, 1 << 20);
	assert_int_equal(config_read(&config, NAME, error), 0);
	write_bytes(large, (1 << 20) + 1);
	assert_true(config_read(&config, NAME, error) < 0);
	assert_string_equal(error, "config.json: is larger than 1048576 bytes, the most a configuration may have");
	test_free(large);

	write_bytes("{\"hook\": \"t\0c\"}", 15);
	assert_true(config_read(&config, NAME, error) < 0);
	assert_string_equal(error, "config.json: line 1, column 12: byte 0x00 in a string: write it as \\u0000");
	write_bytes("{}\0", 3);
	assert_true(config_read(&config, NAME, error) < 0);
	assert_string_equal(error, "config.json: line 1, column 3: byte 0x00 where the end of the text should stand");
}

/* A reload: what the file does not say stays as it was, and a mistake changes nothing. */
static void test_over_what_was(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;
	struct rule *rules;

	(void)state;
	must_read(&config, "{\"RULES\": [\"- - - - TCP\"], \"OFFSET\": 4, \"PATTERN\": \"0x0102\", \"max_flows\": 10}");
	rules = config.rules;
	write_bytes("{\"OFFSET\": 8}", 13);
	assert_int_equal(config_read(&config, NAME, error), 0);
	assert_ptr_equal(config.rules, rules);
	assert_int_equal(config.constants.sequence_mode, SEQUENCE_AT_PATTERN);
	assert_int_equal(config.constants.sequence_offset, 8);
	assert_int_equal(config.constants.pattern_length, 2);
	assert_int_equal(config.max_flows, 10);

	write_bytes("{\"RULES\": [], \"max_flows\": 0}", 29);
	assert_true(config_read(&config, NAME, error) < 0);
	assert_int_equal(config.rule_count, 1);
	assert_ptr_equal(config.rules, rules);
	assert_int_equal(config.rules[0].protocols[0], 6);

	write_bytes("{\"RULES\": [], \"max_flows\": 9}", 29);
	assert_int_equal(config_read(&config, NAME, error), 0);
	assert_int_equal(config.rule_count, 0);
	assert_int_equal(config.max_flows, 9);
	config_free(&config);
}

static void test_needs_restart(void **state)
{
	static const struct {
		const char *text, *names;
	} rows[] = {
		{ "{\"interval_seconds\": 5, \"DISPLAY\": {\"Jitter\": false}, \"legacy_metrics\": true}", NULL },
		{ "{\"RULES\": [\"- - - - -\"], \"metrics\": {\"max_flows\": 5}, \"idle_timeout_seconds\": 9}", NULL },
		{ "{\"OFFSET\": -1, \"SEQUENCE_THRESHOLD\": 2}", NULL },
		{ "{\"OFFSET\": 0}", "OFFSET" },
		{ "{\"OFFSET\": 0, \"PATTERN\": \"0x00\"}", "PATTERN, OFFSET" },
		{ "{\"interfaces\": [\"lo\"], \"hook\": \"tc\", \"direction\": \"in\"}",
		  "interfaces, hook, direction" },
		{ "{\"max_flows\": 5, \"SEQUENCE_THRESHOLD\": 3}", "SEQUENCE_THRESHOLD, max_flows" },
		{ "{\"http\": {\"listen\": \"127.0.0.1:8081\"}, \"control\": {\"socket\": \"/tmp/a\"}}",
		  "http.listen, control.socket" },
		{ "{\"http\": {\"enabled\": false}, \"metrics\": {\"bpf_run_time\": true}}",
		  "http.enabled, metrics.bpf_run_time" },
	};
	struct config running;

	(void)state;
	config_defaults(&running);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config wanted;
		const char *names;

		must_read(&wanted, rows[i].text);
		names = config_needs_restart(&running, &wanted);
		if (rows[i].names)
			assert_string_equal(names, rows[i].names);
		else
			assert_null(names);
		config_free(&wanted);
	}
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
		write_bytes(text, length);
		memset(&before, 0, sizeof(before));
		config_defaults(&before);
		memcpy(&config, &before, sizeof(config));
		if (!config_read(&config, NAME, error)) {
			accepted++;
			config_free(&config);
			continue;
		}
		assert_memory_equal(error, NAME ": ", strlen(NAME) + 2);
		assert_null(strchr(error, '\n'));
		assert_null(strstr(error, "no memory"));
		assert_memory_equal(&config, &before, sizeof(config));
	}
	assert_in_range(accepted, 1, 3999);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_defaults),
		IN_PLACE(test_every_key),
		IN_PLACE(test_rules_as_object),
		IN_PLACE(test_pattern),
		IN_PLACE(test_pattern_off),
		IN_PLACE(test_listen),
		IN_PLACE(test_wrong_values),
		IN_PLACE(test_wrong_keys),
		IN_PLACE(test_wrong_syntax),
		IN_PLACE(test_depth),
		IN_PLACE(test_bad_rule_is_named),
		IN_PLACE(test_limits_of_lists),
		IN_PLACE(test_long_values_are_cut),
		IN_PLACE(test_files),
		IN_PLACE(test_over_what_was),
		IN_PLACE(test_needs_restart),
		IN_PLACE(test_places),
		IN_PLACE(test_garbled_texts),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
