/* SPDX-License-Identifier: BSD-2-Clause */
/* config.json read over a configuration that is there, and which changes need a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A reload: what the file does not say stays as it was, and a mistake changes nothing. */
static void test_over_what_was(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;
	struct rule *rules;

	(void)state;
	config_files_must_read(&config,
			       "{\"RULES\": [\"- - - - TCP\"], \"OFFSET\": 4, \"PATTERN\": \"0x0102\", \"max_flows\": 10}");
	rules = config.rules;
	config_files_write("{\"OFFSET\": 8}", 13);
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	assert_ptr_equal(config.rules, rules);
	assert_int_equal(config.constants.sequence_mode, SEQUENCE_AT_PATTERN);
	assert_int_equal(config.constants.sequence_offset, 8);
	assert_int_equal(config.constants.pattern_length, 2);
	assert_int_equal(config.max_flows, 10);

	config_files_write("{\"RULES\": [], \"max_flows\": 0}", 29);
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	assert_int_equal(config.rule_count, 1);
	assert_ptr_equal(config.rules, rules);
	assert_int_equal(config.rules[0].protocols[0], 6);

	config_files_write("{\"RULES\": [], \"max_flows\": 9}", 29);
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
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
		{ "{\"pushgateway\": {\"url\": \"http://a\"}}", "pushgateway" },
		{ "{\"rtt\": {\"scope\": \"flow\"}, \"metrics\": {\"max_pairs\": 5}}", "metrics.max_pairs, rtt" },
		{ "{\"rtt\": {\"enabled\": false}}", "rtt" },
		{ "{\"rtt\": {\"max_flows\": 5}}", "rtt" },
		{ "{\"rtt\": {\"scope\": \"host\", \"enabled\": true, \"max_flows\": 65536}}", NULL },
		{ "{\"http\": {\"enabled\": false}, \"metrics\": {\"bpf_run_time\": true}}",
		  "http.enabled, metrics.bpf_run_time" },
	};
	struct config running;

	(void)state;
	config_defaults(&running);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config wanted;
		const char *names;

		config_files_must_read(&wanted, rows[i].text);
		names = config_needs_restart(&running, &wanted);
		if (rows[i].names)
			assert_string_equal(names, rows[i].names);
		else
			assert_null(names);
		config_free(&wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_over_what_was),
		CONFIG_FILES_TEST(test_needs_restart),
	};

	return cmocka_run_group_tests_name("config_reload", tests, NULL, NULL);
}
