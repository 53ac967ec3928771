/* SPDX-License-Identifier: BSD-2-Clause */
/* What --version and --help print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "options_words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What loading these words prints on standard output. The caller frees. */
static char *printed(const char *line)
{
	char error[CONFIG_ERROR_SIZE], *text = NULL;
	size_t size = 0;
	struct config config;
	enum options_result result;
	int saved;
	FILE *out;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0);
	assert_non_null(freopen("out", "w", stdout));
	result = options_words_load(line, &config, error);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	assert_int_equal(result, OPTIONS_DONE);
	out = fopen("out", "r");
	assert_non_null(out);
	assert_true(getdelim(&text, &size, '\0', out) > 0);
	fclose(out);
	return text;
}

static void test_version(void **state)
{
	static const char *const lines[] = { "-V", "--version", "-bV -c none.json" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		char *text = printed(lines[i]);

		assert_string_equal(text, "flowgauge " FLOWGAUGE_VERSION "\n");
		free(text);
	}
}

/* Each flag stands in the help, with the default that it really has. */
static void test_help(void **state)
{
	static const char *const flags[] = {
		"-i, --interface IF[,IF...]",
		"-c, --config FILE",
		"-t, --interval S",
		"-b, --bits",
		"-j, --nominal-gap MS",
		"--packet-loss",
		"--listen [ADDR]:PORT",
		"--hook HOOK",
		"--direction DIR",
		"--max-flows N",
		"--json",
		"-q, --quiet",
		"--duration S",
		"--control PATH",
		"--check-config",
		"-V, --version",
		"-h, --help",
	};
	static const char *const with_default[] = { "--interval",  "--nominal-gap", "--listen", "--hook",
						    "--direction", "--max-flows",   "--control" };
	char *text = printed("--help --check-config"), *again = printed("-h");

	(void)state;
	assert_string_equal(text, again);
	for (size_t i = 0; i < COUNT(flags); i++)
		if (!strstr(text, flags[i]))
			fail_msg("%s is not in the help", flags[i]);
	for (size_t i = 0; i < COUNT(with_default); i++) {
		char line[160], *from = strstr(text, with_default[i]);
		struct config config;
		size_t length;

		assert_non_null(from);
		length = strcspn(from, "\n");
		assert_true(length > 1 && from[length - 1] == ']');
		for (from += length - 1, length = 0; from[-1] != '['; from--)
			length++;
		snprintf(line, sizeof(line), "-c e.json %s %.*s", with_default[i], (int)length, from);
		options_words_must_load(line, &config);
		options_words_must_be_default(&config);
	}
	free(text);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTIONS_WORDS_TEST(test_version),
		OPTIONS_WORDS_TEST(test_help),
	};

	return cmocka_run_group_tests_name("options_help", tests, NULL, NULL);
}
