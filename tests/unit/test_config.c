/* SPDX-License-Identifier: BSD-2-Clause */
/* config.json as users write it, rightly: what is read of it, and the defaults of what it does not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config_files.h"
#include "export/prometheus.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_defaults(void **state)
{
	struct config config;

	(void)state;
	config_files_must_read(&config, "{}");
	assert_string_equal(config.path, CONFIG_FILES_NAME);
	assert_int_equal(config.rule_count, 0);
	assert_int_equal(config.constants.sequence_mode, SEQUENCE_OFF);
	assert_int_equal(config.constants.sequence_threshold, 2);
	assert_true(config.show_throughput && config.show_goodput && config.show_jitter && !config.show_sequence);
	assert_int_equal(config.interface_count, 0);
	assert_int_equal(config.hook, HOOK_AUTO);
	assert_true(config.direction[DIRECTION_INGRESS] && config.direction[DIRECTION_EGRESS]);
	assert_int_equal(config.max_flows, 65536);
	assert_int_equal(config.followed_flows, 16384);
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
		"\"max_flows\": 16777216, \"followed_flows\": 9, \"idle_timeout_seconds\": 1.5, \"interval_seconds\": 0.1,\n"
		"\"http\": {\"enabled\": true, \"listen\": \"[::]:9000\", \"allow_unauthenticated\": true},\n"
		"\"metrics\": {\"max_flows\": 0, \"bpf_run_time\": true}, \"control\": {\"socket\": \"/tmp/\\u00e9.sock\"},\n"
		"\"pushgateway\": {\"what\": [\"rtt\", \"totals\"], \"url\": \"https://p:1/x\", \"grouping\": {\"b\": \"\", \"a\": \"c\"},\n"
		"\"basic_auth\": {\"username\": \"u\", \"password_file\": \"/p\"}, \"tls\": {\"server_name\": \"n\"}, \"method\": \"POST\"},\n"
		"\"legacy_metrics\": true}\n";
	struct config config;

	(void)state;
	config_files_must_read(&config, text);
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
	assert_int_equal(config.followed_flows, 9);
	assert_true(config.idle_timeout_seconds == 1.5 && config.interval_seconds == 0.1);
	assert_string_equal(config.http_address, "::");
	assert_int_equal(config.http_port, 9000);
	assert_true(config.http_enabled && config.http_allow_unauthenticated);
	assert_int_equal(config.metrics_max_flows, 0);
	assert_true(config.metrics_bpf_run_time && config.legacy_metrics);
	assert_string_equal(config.push.url, "https://p:1/x");
	assert_int_equal(config.push.what, PUSH_RTT | PUSH_TOTALS);
	assert_int_equal(config.push.grouping_count, 2);
	assert_string_equal(config.push.grouping[1].name, "a");
	assert_string_equal(config.push.grouping[1].value, "c");
	assert_string_equal(config.push.password_file, "/p");
	assert_string_equal(config.push.server_name, "n");
	assert_true(config.push.post && config.push.gzip && config.push.delete_on_exit && !config.push.instance_given);
	assert_string_equal(config.control_path, "/tmp/\xc3\xa9.sock");
	config_free(&config);
}

static void test_rules_as_object(void **state)
{
	struct config config;

	(void)state;
	config_files_must_read(&config, "{\"RULES\": {\"web\": \"- - - 443 TCP\", \"dns\": \"- - - 53 UDP\"}}");
	assert_int_equal(config.rule_count, 2);
	assert_int_equal(config.rules[0].protocols[0], 6);
	assert_int_equal(config.rules[1].protocols[0], 17);
	config_free(&config);
	config_files_must_read(&config, "{\"RULES\": {}}");
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
		config_files_must_read(&config, text);
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
		config_files_must_read(&config, text);
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
		config_files_must_read(&config, text);
		assert_string_equal(config.http_address, rows[i].address);
		assert_int_equal(config.http_port, rows[i].port);
		config_free(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_defaults),        CONFIG_FILES_TEST(test_every_key),
		CONFIG_FILES_TEST(test_rules_as_object), CONFIG_FILES_TEST(test_pattern),
		CONFIG_FILES_TEST(test_pattern_off),     CONFIG_FILES_TEST(test_listen),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
