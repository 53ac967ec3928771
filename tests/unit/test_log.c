/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard error is a datagram socket here, so that each write() is told from the next: a line must be exactly one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct capture {
	int saved;
	int reader;
	char line[2 * PIPE_BUF];
};

static int start(void **state)
{
	static struct capture capture;
	int pair[2];

	capture.saved = dup(STDERR_FILENO);
	if (capture.saved < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) ||
	    dup2(pair[1], STDERR_FILENO) < 0 || close(pair[1]))
		return -1;
	capture.reader = pair[0];
	log_set_program("flowgauge");
	log_set_level(LOG_LEVEL_INFO);
	log_set_timestamps(false);
	log_set_sink(NULL, NULL);
	*state = &capture;
	return 0;
}

static int end(void **state)
{
	struct capture *capture = *state;

	log_set_sink(NULL, NULL);
	if (dup2(capture->saved, STDERR_FILENO) < 0)
		return -1;
	return close(capture->saved) || close(capture->reader) ? -1 : 0;
}

/* The next write, or "" if there was none. */
static const char *next_line(struct capture *capture)
{
	ssize_t length = recv(capture->reader, capture->line, sizeof(capture->line) - 1, MSG_DONTWAIT);

	if (length < 0)
		assert_int_equal(errno, EAGAIN);
	capture->line[length < 0 ? 0 : length] = '\0';
	return capture->line;
}

static void a_line_is_one_write(void **state)
{
	log_error("cannot open %s: %s", "rules.json", "no such file");
	log_warning("second");
	assert_string_equal(next_line(*state), "flowgauge: cannot open rules.json: no such file\n");
	assert_string_equal(next_line(*state), "flowgauge: second\n");
	assert_string_equal(next_line(*state), "");
}

static void levels(void **state)
{
	static const struct {
		enum log_level level;
		const char *lines[5];
	} cases[] = {
		{ LOG_LEVEL_ERROR, { "f: e\n", "" } },
		{ LOG_LEVEL_WARNING, { "f: e\n", "f: w\n", "" } },
		{ LOG_LEVEL_INFO, { "f: e\n", "f: w\n", "f: i\n", "" } },
		{ LOG_LEVEL_DEBUG, { "f: e\n", "f: w\n", "f: i\n", "f: d\n", "" } },
	};

	log_set_program("f");
	for (size_t i = 0; i < COUNT(cases); i++) {
		log_set_level(cases[i].level);
		log_error("e");
		log_warning("w");
		log_info("i");
		log_debug("d");
		for (size_t j = 0; j == 0 || *cases[i].lines[j - 1]; j++)
			assert_string_equal(next_line(*state), cases[i].lines[j]);
	}
}

static void debug_is_off_at_first(void **state)
{
	log_debug("d");
	assert_string_equal(next_line(*state), "");
}

static void what_is_not_printable_is_escaped(void **state)
{
	static const struct {
		const char *message, *line;
	} cases[] = {
		{ "a\nflowgauge: forged", "flowgauge: a\\nflowgauge: forged\n" },
		{ "\r\t\x01", "flowgauge: \\r\\t\\x01\n" },
		{ "\x1b[2J\x7f", "flowgauge: \\x1b[2J\\x7f\n" },
		{ "C1: \xc2\x9b"
		  "31m",
		  "flowgauge: C1: \\xc2\\x9b31m\n" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "flowgauge: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n" },
		{ "\xff\xe2\x82", "flowgauge: \\xff\\xe2\\x82\n" },
		{ "100%", "flowgauge: 100%\n" },
		{ "ended\n", "flowgauge: ended\n" },
		{ "\n\n", "flowgauge: \n" },
		{ "", "flowgauge: \n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		log_error("%s", cases[i].message);
		assert_string_equal(next_line(*state), cases[i].line);
	}
}

/* Of each kind of character that takes room; what is cut says so, stays one write, and is not cut within a character. */
static void a_long_line_is_cut(void **state)
{
	static const struct {
		const char *unit, *shown;
	} cases[] = { { "x", "x" }, { "\xe2\x82\xac", "\xe2\x82\xac" }, { "\x1b", "\\x1b" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t unit = strlen(cases[i].unit), shown = strlen(cases[i].shown),
		       start_length = strlen("flowgauge: ");
		char message[2 * PIPE_BUF] = "";
		const char *line;
		size_t length;

		for (size_t used = 0; used + unit < sizeof(message); used += unit)
			memcpy(message + used, cases[i].unit, unit + 1);
		log_error("%s", message);
		line = next_line(*state);
		length = strlen(line);
		assert_in_range(length, PIPE_BUF - 200, PIPE_BUF);
		assert_string_equal(line + length - 4, "...\n");
		for (size_t at = start_length; at + 4 < length; at += shown)
			assert_memory_equal(line + at, cases[i].shown, shown);
		assert_string_equal(next_line(*state), "");
	}
}

static void a_time_stands_in_front(void **state)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ flowgauge: reloaded\n";
	const char *line;

	log_set_timestamps(true);
	log_info("reloaded");
	line = next_line(*state);
	assert_int_equal(strlen(line), strlen(shape));
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'd' && i < 30)
			assert_true(isdigit((unsigned char)line[i]));
		else
			assert_int_equal(line[i], shape[i]);
}

struct heard {
	enum log_level level;
	char line[64];
};

static void hear(void *context, enum log_level level, const char *line)
{
	struct heard *heard = context;

	heard->level = level;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static void a_sink_takes_the_lines(void **state)
{
	struct heard heard = { .level = LOG_LEVEL_DEBUG };

	log_set_timestamps(true);
	log_set_sink(hear, &heard);
	log_warning("eth0 is gone\x1b\n");
	assert_int_equal(heard.level, LOG_LEVEL_WARNING);
	assert_string_equal(heard.line, "eth0 is gone\\x1b");
	log_debug("not wanted");
	assert_string_equal(heard.line, "eth0 is gone\\x1b");
	assert_string_equal(next_line(*state), "");
	log_set_sink(NULL, NULL);
	log_set_timestamps(false);
	log_error("back");
	assert_string_equal(next_line(*state), "flowgauge: back\n");
}

static void errno_is_left_alone(void **state)
{
	int before = dup(STDERR_FILENO);

	assert_true(before >= 0);
	errno = ENOSPC;
	log_error("with %m");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(next_line(*state), "flowgauge: with No space left on device\n");
	assert_int_equal(close(STDERR_FILENO), 0);
	errno = EPERM;
	log_error("lost");
	assert_int_equal(errno, EPERM);
	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(before), 0);
}

static void the_programs_name(void **state)
{
	char name[200], line[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	log_set_program(name);
	log_error("x");
	snprintf(line, sizeof(line), "%.63s: x\n", name);
	assert_string_equal(next_line(*state), line);
	log_set_program("monitor_controller");
	log_error("x");
	assert_string_equal(next_line(*state), "monitor_controller: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_is_one_write, start, end),
		cmocka_unit_test_setup_teardown(levels, start, end),
		cmocka_unit_test_setup_teardown(debug_is_off_at_first, start, end),
		cmocka_unit_test_setup_teardown(what_is_not_printable_is_escaped, start, end),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut, start, end),
		cmocka_unit_test_setup_teardown(a_time_stands_in_front, start, end),
		cmocka_unit_test_setup_teardown(a_sink_takes_the_lines, start, end),
		cmocka_unit_test_setup_teardown(errno_is_left_alone, start, end),
		cmocka_unit_test_setup_teardown(the_programs_name, start, end),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
