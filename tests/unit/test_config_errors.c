/* SPDX-License-Identifier: BSD-2-Clause */
/* Wrong values, keys, lists and files. Errors are compared whole: they are what a user has to go by. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
	{ "{\"followed_flows\": 0}", "line 1: followed_flows: 0" FLOWS },
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
	{ "{\"rtt\": {\"scope\": \"hosts\"}}", "line 1: rtt.scope: \"hosts\" is not host, prefix or flow" },
	{ "{\"rtt\": {\"max_flow\": 1}}", "line 1: rtt.max_flow: there is no such key: did you mean rtt.max_flows?" },
	{ "{\"metrics\": {\"max_pairs\": 0}}", "line 1: metrics.max_pairs: 0 is not a whole number of 1 to 65536" },
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
	{ "{\"pushgateway\": {\n\"job\": \"x\"}}",
	  "line 2: pushgateway.url: is not given: http://127.0.0.1:9091 would be one" },
	{ "{\"pushgateway\": {\"url\": \"http://me:secret@a\"}}",
	  "line 1: pushgateway.url: a user or a password has no place in the URL: use pushgateway.basic_auth" },
	{ "{\"pushgateway\": {\"url\": \"push:9091\"}}",
	  "line 1: pushgateway.url: \"push:9091\" is not http:// or https://, a host and, if wanted, a port and a path, without a "
	  "user, a password, '?' and '#'" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"grouping\": {\"interface\": \"x\"}}}",
	  "line 1: pushgateway.grouping.interface: is not the name of a label: letters, digits and '_', without a digit or "
	  "\"__\" in front; not job or instance, which have keys of their own, and none that the metrics have" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"grouping\": {\"a\": \"x\",\n\"a\": \"y\"}}}",
	  "line 2: pushgateway.grouping.a: stands twice, first in line 1: leave one" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"basic_auth\": {\"username\": \"u\"}}}",
	  "line 1: pushgateway.basic_auth: needs a username and a password_file" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"basic_auth\": {\"password\": \"p\"}}}",
	  "line 1: pushgateway.basic_auth.password: there is no such key: flowgauge.json(5) describes those there are" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"tls\": {\"cert\": \"/c\"}}}",
	  "line 1: pushgateway.tls: a cert needs its key, and a key its cert: give both" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"tls\": {\"ca\": \"ca.pem\"}}}",
	  "line 1: pushgateway.tls.ca: \"ca.pem\" is not the absolute path of a file, of 1 to 1023 bytes" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"what\": [\"rtt\", \"flows\"]}}",
	  "line 1: pushgateway.what[1]: \"flows\" is not \"rtt\", \"ping\", \"rates\" or \"totals\"" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"interval\": 0}}",
	  "line 1: pushgateway.interval: 0 is not a number of seconds from 1 to 86400" },
	{ "{\"pushgateway\": {\"url\": \"http://a\", \"method\": \"put\"}}",
	  "line 1: pushgateway.method: \"put\" is not \"PUT\" or \"POST\"" },
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

static void test_wrong_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong_values); i++)
		config_files_refuses(wrong_values[i].text, wrong_values[i].error);
}

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
	{ "weather", NULL },
	{ "", NULL },
	{ "http.listen.port", NULL },
	{ "a_name_that_is_much_longer_than_any_name_of_a_key_that_was_ever_thought_of", NULL },
};

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
		config_files_refuses(text, expected);
	}
	config_files_refuses("{\"http\": {\"Listen\": 1}}",
			     "line 1: http.Listen: there is no such key: did you mean http.listen?");
	config_files_refuses("{\"http\": {\"max_flows\": 1}}",
			     "line 1: http.max_flows: there is no such key: did you mean max_flows?");
	config_files_refuses("{\"a\\u001b\\n\": 1}",
			     "line 1: a\?\?: there is no such key: flowgauge.json(5) describes those there are");
}

static void test_bad_rule_is_named(void **state)
{
	static const char expected[] = "config.json: line 4: RULES[1]: \"- - - [TCP, UDP]\": ";
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	assert_true(config_files_read(&config, "{\n\"RULES\": [\n\"- - - - TCP\",\n\"- - - [TCP, UDP]\"\n]}", error) <
		    0);
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
	config_files_must_read(&config, text);
	assert_int_equal(config.rule_count, RULES_MAX);
	config_free(&config);
	strcpy(at, ",\"- - - - -\"]}");
	config_files_refuses(text, "line 1: RULES: 513 rules: at most 512 are possible");

	at = text + sprintf(text, "{\"interfaces\": [\"i0\"");
	for (int i = 1; i < INTERFACE_PATTERNS_MAX; i++)
		at += sprintf(at, ",\n\"i%d\"", i);
	strcpy(at, "]}");
	assert_int_equal(config_files_read(&config, text, error), 0);
	assert_int_equal(config.interface_count, INTERFACE_PATTERNS_MAX);
	strcpy(at, ",\"one\"]}");
	config_files_refuses(text, "line 64: interfaces[64]: more than 64 names or globs");
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
	assert_true(config_files_read(&config, text, error) < 0);
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
	config_files_write(large, 1 << 20);
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	config_files_write(large, (1 << 20) + 1);
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	assert_string_equal(error, "config.json: is larger than 1048576 bytes, the most a configuration may have");
	test_free(large);

	config_files_write("{\"hook\": \"t\0c\"}", 15);
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	assert_string_equal(error, "config.json: line 1, column 12: byte 0x00 in a string: write it as \\u0000");
	config_files_write("{}\0", 3);
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	assert_string_equal(error, "config.json: line 1, column 3: byte 0x00 where the end of the text should stand");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_wrong_values),        CONFIG_FILES_TEST(test_wrong_keys),
		CONFIG_FILES_TEST(test_bad_rule_is_named),   CONFIG_FILES_TEST(test_limits_of_lists),
		CONFIG_FILES_TEST(test_long_values_are_cut), CONFIG_FILES_TEST(test_files),
	};

	return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
