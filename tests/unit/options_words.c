/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits a command line as a shell would split a simple one, and loads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_files.h"
#include "options_words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORDS_MAX 80

int options_words_enter(void **state)
{
	config_files_make_place(state);
	config_files_write_text("e.json", "{}");
	return 0;
}

int options_words_leave(void **state)
{
	static const char *const files[] = { "e.json", "f.json", "-conf", "-j.json", "onf", "out" };

	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return config_files_remove_place(state);
}

enum options_result options_words_load(const char *line, struct config *config, char error[CONFIG_ERROR_SIZE])
{
	char text[1024], *words[WORDS_MAX] = { "flowgauge" }, *given[WORDS_MAX], *rest = text, *word;
	struct options options = { .argc = 1, .argv = words };
	enum options_result result;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	while ((word = strsep(&rest, " ")) != NULL) {
		assert_true(options.argc < WORDS_MAX - 1);
		words[options.argc++] = strcmp(word, "''") ? word : "";
	}
	memcpy(given, words, sizeof(given));
	error[0] = '\0';
	result = options_load(&options, config, error);
	assert_memory_equal(given, words, sizeof(given));
	return result;
}

void options_words_must_load(const char *line, struct config *config)
{
	char error[CONFIG_ERROR_SIZE];

	if (options_words_load(line, config, error) != OPTIONS_RUN)
		fail_msg("%s\n%s", line, error);
}

void options_words_must_be_default(const struct config *config)
{
	struct config defaults;

	config_defaults(&defaults);
	assert_null(config->rules);
	assert_memory_equal(&config->constants, &defaults.constants, sizeof(defaults.constants));
	assert_true(config->show_throughput && config->show_goodput && config->show_jitter && !config->show_sequence);
	assert_int_equal(config->interface_count, 0);
	assert_int_equal(config->hook, defaults.hook);
	assert_memory_equal(config->direction, defaults.direction, sizeof(defaults.direction));
	assert_int_equal(config->max_flows, defaults.max_flows);
	assert_true(config->idle_timeout_seconds == defaults.idle_timeout_seconds);
	assert_true(config->interval_seconds == defaults.interval_seconds);
	assert_false(config->bits || config->json || config->quiet || config->check_only);
	assert_true(config->nominal_gap_ms == 0 && config->duration_seconds == 0);
	assert_true(config->http_enabled && !config->http_allow_unauthenticated);
	assert_string_equal(config->http_address, defaults.http_address);
	assert_int_equal(config->http_port, defaults.http_port);
	assert_int_equal(config->metrics_max_flows, defaults.metrics_max_flows);
	assert_false(config->metrics_bpf_run_time || config->legacy_metrics);
	assert_string_equal(config->control_path, defaults.control_path);
}
