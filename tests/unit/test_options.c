/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, old words and new, alone and over a file, and the file found when none is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_files.h"
#include "options_words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_every_flag(void **state)
{
	static const char *const lines[] = {
		"-i eth0,wlan* -i lo -c e.json -t 0.5 -b -j 20 --packet-loss --listen [::1]:9000 --hook clsact "
		"--direction in --max-flows 7 --json -q --duration 2.5 --control /tmp/s --check-config",
		"--interface=eth0,wlan* --interface=lo --config=e.json --interval=0.5 --bits --nominal-gap=20 --packet-loss "
		"--listen=[::1]:9000 --hook=clsact --direction=in --max-flows=7 --json --quiet --duration=2.5 "
		"--control=/tmp/s --check-config",
		"-bqieth0,wlan* -i lo -ce.json -t0.5 -j20 -packet_loss --listen [::1]:9000 --hook clsact --direction in "
		"--max-flows 7 --json --duration 2.5 --control /tmp/s --check-config",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct config config;

		options_words_must_load(lines[i], &config);
		assert_int_equal(config.interface_count, 3);
		assert_string_equal(config.interfaces[0], "eth0");
		assert_string_equal(config.interfaces[1], "wlan*");
		assert_string_equal(config.interfaces[2], "lo");
		assert_string_equal(config.path, "e.json");
		assert_true(config.interval_seconds == 0.5);
		assert_true(config.bits && config.json && config.quiet && config.check_only && config.show_sequence);
		assert_true(config.nominal_gap_ms == 20);
		assert_true(config.http_enabled);
		assert_string_equal(config.http_address, "::1");
		assert_int_equal(config.http_port, 9000);
		assert_int_equal(config.hook, HOOK_CLSACT);
		assert_true(config.direction[DIRECTION_INGRESS] && !config.direction[DIRECTION_EGRESS]);
		assert_int_equal(config.max_flows, 7);
		assert_true(config.duration_seconds == 2.5);
		assert_string_equal(config.control_path, "/tmp/s");
		config_free(&config);
	}
}

static void test_none(void **state)
{
	struct config config;

	(void)state;
	options_words_must_load("-c e.json", &config);
	assert_string_equal(config.path, "e.json");
	options_words_must_be_default(&config);
}

static void test_old_words(void **state)
{
	struct config config;

	(void)state;
	config_files_write_text("f.json", "{\"max_flows\": 11}");
	options_words_must_load("-conf f.json -server_port 9 -packet_loss", &config);
	assert_string_equal(config.path, "f.json");
	assert_int_equal(config.max_flows, 11);
	assert_string_equal(config.http_address, "127.0.0.1");
	assert_int_equal(config.http_port, 9);
	assert_true(config.show_sequence);

	/* A word that is another flag's argument stays what it is. */
	config_files_write_text("-conf", "{\"max_flows\": 12}");
	options_words_must_load("-c -conf", &config);
	assert_int_equal(config.max_flows, 12);
	options_words_must_load("-bc -conf", &config);
	assert_int_equal(config.max_flows, 12);
	options_words_must_load("--config -conf -packet_loss", &config);
	assert_int_equal(config.max_flows, 12);
	assert_true(config.show_sequence);
	options_words_must_load("-conf -conf", &config);
	assert_int_equal(config.max_flows, 12);

	/* Neither do longer words become something else: this is -c with a file's name. */
	config_files_write_text("onf", "{\"max_flows\": 13}");
	config_files_write_text("-j.json", "{\"max_flows\": 14}");
	options_words_must_load("-c onf", &config);
	assert_int_equal(config.max_flows, 13);
	options_words_must_load("-c -j.json -b", &config);
	assert_int_equal(config.max_flows, 14);
	assert_true(config.bits);
}

static void test_flags_over_file(void **state)
{
	struct config config;

	(void)state;
	config_files_write_text(
		"f.json",
		"{\"RULES\": [\"- - - - TCP\"], \"interfaces\": [\"a\", \"b\"], \"hook\": \"tc\",\n"
		"\"direction\": \"out\", \"max_flows\": 5, \"interval_seconds\": 9, \"DISPLAY\": "
		"{\"SEQ_ERRORS\": \"False\"},\n"
		"\"http\": {\"enabled\": false, \"listen\": \"127.0.0.1:81\"}, \"control\": {\"socket\": \"/a\"}}");
	options_words_must_load("-c f.json", &config);
	assert_int_equal(config.rule_count, 1);
	assert_int_equal(config.interface_count, 2);
	assert_false(config.http_enabled);
	assert_int_equal(config.http_port, 81);
	assert_string_equal(config.control_path, "/a");
	config_free(&config);

	options_words_must_load(
		"-c f.json -i c -t 2 --hook xdp --direction in --max-flows 6 --packet-loss --listen :82 --control b",
		&config);
	assert_int_equal(config.rule_count, 1);
	assert_int_equal(config.interface_count, 1);
	assert_string_equal(config.interfaces[0], "c");
	assert_string_equal(config.interfaces[1], "");
	assert_true(config.interval_seconds == 2);
	assert_int_equal(config.hook, HOOK_XDP);
	assert_true(config.direction[DIRECTION_INGRESS] && !config.direction[DIRECTION_EGRESS]);
	assert_int_equal(config.max_flows, 6);
	assert_true(config.show_sequence && config.http_enabled);
	assert_string_equal(config.http_address, "127.0.0.1");
	assert_int_equal(config.http_port, 82);
	assert_string_equal(config.control_path, "b");
	config_free(&config);

	config_files_write_text("f.json", "{\"http\": {\"allow_unauthenticated\": true}}");
	options_words_must_load("-c f.json --listen 0.0.0.0:83", &config);
	assert_string_equal(config.http_address, "0.0.0.0");
	options_words_must_load("-c f.json --listen off", &config);
	assert_false(config.http_enabled);
}

static void make_file(const char *root, const char *path)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	config_files_write_text(whole, "{}");
}

static void test_find_config(void **state)
{
	/* Directories are made, then files; the last column is the configuration found, all below the root. */
	static const struct {
		const char *program, *beside, *system, *found;
	} rows[] = {
		{ "flowgauge", "config.json", "etc.json", "config.json" },
		{ "flowgauge", NULL, "etc.json", "etc.json" },
		{ "flowgauge", NULL, NULL, NULL },
		{ "build/flowgauge", "config.json", "etc.json", "config.json" },
		{ "build/flowgauge", "build/config.json", "etc.json", "etc.json" },
		{ "build/sanitize/flowgauge", "config.json", NULL, "config.json" },
		{ "rebuild/flowgauge", "rebuild/config.json", NULL, "rebuild/config.json" },
		{ "rebuild/flowgauge", "config.json", NULL, NULL },
	};
	static const char *const directories[] = { "build", "build/sanitize", "rebuild" };
	const struct config_files_place *place = *state;
	const char *root = place->directory;

	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(mkdir(directories[i], 0700), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char program[128], system_path[128], expected[128], found[CONFIG_PATH_SIZE];

		if (rows[i].beside)
			make_file(root, rows[i].beside);
		if (rows[i].system)
			make_file(root, rows[i].system);
		snprintf(program, sizeof(program), "%s/%s", root, rows[i].program);
		snprintf(system_path, sizeof(system_path), "%s/etc.json", root);
		assert_int_equal(options_find_config(program, system_path, found), rows[i].found != NULL);
		snprintf(expected, sizeof(expected), "%s/%s", root, rows[i].found ? rows[i].found : "");
		if (rows[i].found)
			assert_string_equal(found, expected);
		if (rows[i].beside)
			unlink(rows[i].beside);
		if (rows[i].system)
			unlink("etc.json");
	}
	for (size_t i = COUNT(directories); i > 0; i--)
		assert_int_equal(rmdir(directories[i - 1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTIONS_WORDS_TEST(test_every_flag),  OPTIONS_WORDS_TEST(test_none),
		OPTIONS_WORDS_TEST(test_old_words),   OPTIONS_WORDS_TEST(test_flags_over_file),
		OPTIONS_WORDS_TEST(test_find_config),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
