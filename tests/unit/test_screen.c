/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen as a user sees it and plays it: pictures, keys, windows of other sizes, and terminals that misbehave. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "screen_bench.h"

#define KEY_DOWN "\033OB"
#define KEY_UP "\033OA"
#define KEY_PAGE_DOWN "\033[6~"
#define KEY_PAGE_UP "\033[5~"
#define KEY_END "\033OF"
#define KEY_HOME "\033OH"
#define CTRL_C "\003"
#define CTRL_S "\023"

static void test_picture(void **state)
{
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	assert_true(bench->seen.alternate);
	assert_string_equal(emulated_row(&bench->seen, 0),
			    "2026-11-21T08:00:00.123Z  interval 1.000 s  40 flows  late by 1 tick  by throughput");
	assert_string_equal(emulated_row(&bench->seen, 1),
			    "INTERFACE  DIR  PROTO  SOURCE          DESTINATION  THROUGHPUT     GOODPUT  JITTER(ms)  "
			    "GAP(ms)  PACKETS    BYTES");
	assert_string_equal(emulated_row(&bench->seen, 2),
			    "eth0       in   TCP    10.0.0.1:1000   10.9.9.9:80  40.00 KB/s  36.00 KB/s           -  "
			    "      -        1  1234667");
	for (int i = 0; i < COLUMNS; i++) {
		assert_true(bench->seen.reversed[1][i]);
		assert_false(bench->seen.reversed[2][i]);
	}
	/* 24 rows: 2 of the head, 13 flows, 7 of the foot, 2 at the bottom. */
	assert_non_null(strstr(emulated_row(&bench->seen, 14), "10.0.0.13:1012"));
	assert_string_equal(emulated_row(&bench->seen, 15), "PROTO  FLOWS  THROUGHPUT  GOODPUT  JITTER(ms)  GAP(ms)");
	assert_string_equal(emulated_row(&bench->seen, 20), "INTERFACE  DIR  THROUGHPUT  PACKETS/S  SEEN  BYTES");
	assert_non_null(strstr(emulated_row(&bench->seen, 22), BANNER));
	assert_non_null(strstr(emulated_row(&bench->seen, 22), "flows 1-13 of 40"));
	assert_non_null(strstr(emulated_row(&bench->seen, 23), "order: t throughput"));
}

static void test_orders(void **state)
{
	static const struct {
		const char *key, *name, *first; /* the flow that then stands on top */
	} orders[] = {
		{ "p", "by packets", "10.0.0.40:1039" }, { "g", "by goodput", "10.0.0.1:1000" },
		{ "b", "by bytes", "10.0.0.40:1039" },   { "j", "by jitter", "10.0.0.1:1000" },
		{ "a", "by age", "10.0.0.1:1000" },      { "t", "by throughput", "10.0.0.1:1000" },
	};
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		screen_bench_press(bench, orders[i].key);
		screen_bench_wait_row(bench, 0, orders[i].name);
		screen_bench_wait_row(bench, 2, orders[i].first);
	}
}

static void test_scrolling(void **state)
{
	static const struct {
		const char *keys, *place, *first;
	} steps[] = {
		{ KEY_DOWN, "flows 2-14 of 40", "10.0.0.2:1001" },
		{ KEY_DOWN KEY_DOWN, "flows 4-16 of 40", "10.0.0.4:1003" },
		{ KEY_UP, "flows 3-15 of 40", "10.0.0.3:1002" },
		{ KEY_PAGE_DOWN, "flows 16-28 of 40", "10.0.0.16:1015" },
		{ KEY_PAGE_DOWN, "flows 28-40 of 40", "10.0.0.28:1027" },
		{ KEY_HOME, "flows 1-13 of 40", "10.0.0.1:1000" },
		{ KEY_END, "flows 28-40 of 40", "10.0.0.28:1027" },
		{ KEY_PAGE_UP, "flows 15-27 of 40", "10.0.0.15:1014" },
		{ KEY_PAGE_UP KEY_PAGE_UP, "flows 1-13 of 40", "10.0.0.1:1000" },
	};
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		screen_bench_press(bench, steps[i].keys);
		screen_bench_wait_row(bench, 22, steps[i].place);
		screen_bench_wait_row(bench, 2, steps[i].first);
	}
}

static void test_freeze(void **state)
{
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	screen_bench_press(bench, " ");
	screen_bench_wait_row(bench, 0, "FROZEN");
	screen_bench_command(bench, 'n');
	screen_bench_press(bench, "p");
	screen_bench_wait_row(bench, 0, "by packets");
	assert_non_null(strstr(emulated_row(&bench->seen, 0), "late by 1 tick "));
	screen_bench_press(bench, " ");
	screen_bench_wait_row(bench, 0, "late by 2 ticks");
	screen_bench_wait_until_gone(bench, "FROZEN");
}

/* No key and no report: the window alone. */
static void test_resize(void **state)
{
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	screen_bench_resize(bench, 40, 160);
	screen_bench_wait_row(bench, 38, "flows 1-29 of 40");
	screen_bench_wait_row(bench, 39, "q quit");
	screen_bench_wait_row(bench, 30, "10.0.0.29:1028");
	screen_bench_resize(bench, 12, 60);
	screen_bench_wait_row(bench, 10, "flows 1-4 of 40");
	screen_bench_wait_row(bench, 11, "order: t");
	screen_bench_wait_row(bench, 5, "10.0.0.4:1003");
	assert_string_equal(emulated_row(&bench->seen, 1), "PROTO SOURCE         DESTINATION THROUGHPUT JITTER(ms)");
	screen_bench_resize(bench, 1, 5);
	screen_bench_press(bench, "p");
	screen_bench_resize(bench, ROWS, COLUMNS);
	screen_bench_wait_row(bench, 0, "by packets");
	screen_bench_wait_row(bench, 22, "flows 1-13 of 40");
}

static void test_log(void **state)
{
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	screen_bench_command(bench, 'l');
	screen_bench_wait_row(bench, 23, "the disk is full");
	screen_bench_press(bench, "h");
	screen_bench_wait_row(bench, 23, "q quit");
	screen_bench_press(bench, "h");
	screen_bench_wait_row(bench, 23, "the disk is full");
}

static void test_configure(void **state)
{
	struct screen_bench *bench = *state;

	screen_bench_start_usual(bench);
	screen_bench_press(bench, "p");
	screen_bench_wait_row(bench, 0, "by packets");
	screen_bench_command(bench, 'c');
	screen_bench_wait_row(bench, 2, "8.000 Kbit/s");
	assert_non_null(strstr(emulated_row(&bench->seen, 0), "by packets"));
	screen_bench_wait_until_gone(bench, "GOODPUT");
}

static void test_quit_puts_everything_back(void **state)
{
	struct screen_bench *bench = *state;
	struct termios after;
	int status, slave = -1;
	char name[64];

	screen_bench_start_usual(bench);
	/* Its other end stays open, so that the modes outlive the child. */
	assert_int_equal(ptsname_r(bench->terminal, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	screen_bench_command(bench, 'i');
	screen_bench_command(bench, 'l');
	screen_bench_press(bench, "q");
	/* Errors that only the screen has shown can be read afterwards. */
	screen_bench_wait(bench, "flowgauge: the disk is full");
	assert_false(bench->seen.alternate);
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, bench->before.c_lflag);
	assert_int_equal(after.c_iflag, bench->before.c_iflag);
	assert_int_equal(after.c_oflag, bench->before.c_oflag);
	assert_memory_equal(after.c_cc, bench->before.c_cc, sizeof(after.c_cc));
	close(slave);
}

static void test_control_keys(void **state)
{
	struct screen_bench *bench = *state;
	struct termios modes;
	int status;

	screen_bench_start_usual(bench);
	screen_bench_press(bench, CTRL_S "p");
	screen_bench_wait_row(bench, 0, "by packets");
	/* A session of one process could not be stopped by Ctrl-Z anyhow, so the mode itself is looked at. */
	assert_int_equal(tcgetattr(bench->terminal, &modes), 0);
	assert_int_equal(modes.c_cc[VSUSP], _POSIX_VDISABLE);
	screen_bench_press(bench, CTRL_C);
	status = screen_bench_wait_for_end(bench);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

/* Nobody looks while hundreds of frames are to be drawn: none of them may hold up the loop. */
static void test_stalled_terminal(void **state)
{
	struct screen_bench *bench = *state;
	char last[64];

	screen_bench_start_usual(bench);
	screen_bench_command(bench, 's');
	screen_bench_command(bench, 'n');
	snprintf(last, sizeof(last), "late by %d ticks", STORM_REPORTS + 2);
	screen_bench_wait_row(bench, 0, last);
	screen_bench_wait_row(bench, 2, "10.0.0.1:1000");
	assert_non_null(strstr(emulated_row(&bench->seen, 1), "INTERFACE  DIR  PROTO"));
}

static void test_hang_up(void **state)
{
	struct screen_bench *bench = *state;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int status;

	assert_int_equal(sigaction(SIGHUP, &ignore, &before), 0);
	screen_bench_start_usual(bench);
	assert_int_equal(sigaction(SIGHUP, &before, NULL), 0);
	close(bench->terminal);
	bench->terminal = -1;
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A window too narrow for the addresses. */
static void assert_shortened(struct screen_bench *bench, const char *locale, const char *source)
{
	screen_bench_start(bench, "xterm", locale);
	screen_bench_wait(bench, "late by 1 tick");
	screen_bench_resize(bench, ROWS, 31);
	screen_bench_wait_row(bench, 2, source);
}

static void test_ellipsis(void **state)
{
	assert_shortened(*state, "C.UTF-8", "10^1:1000"); /* the emulator's sign for an ellipsis */
}

static void test_ellipsis_without_utf8(void **state)
{
	assert_shortened(*state, "C", "10~1:1000");
}

static void test_terminals_that_will_not_do(void **state)
{
	static const char *const terms[] = { "dumb", "no-such-terminal", "" };

	for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
		struct screen_bench *bench;
		int status;

		(void)state;
		screen_bench_enter((void **)&bench);
		screen_bench_start(bench, terms[i], "C");
		status = screen_bench_wait_for_end(bench);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), OPEN_FAILED + EOPNOTSUPP);
		for (int row = 0; row < ROWS; row++)
			assert_string_equal(emulated_row(&bench->seen, row), "");
		screen_bench_leave((void **)&bench);
	}
}

static void test_no_terminal(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, STDIN_FILENO) < 0)
			_exit(1);
		_exit(screen_bench_run_child(null));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), OPEN_FAILED + ENOTTY);
}

#define screen_test(function) cmocka_unit_test_setup_teardown(function, screen_bench_enter, screen_bench_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		screen_test(test_picture),
		screen_test(test_orders),
		screen_test(test_scrolling),
		screen_test(test_freeze),
		screen_test(test_resize),
		screen_test(test_log),
		screen_test(test_configure),
		screen_test(test_quit_puts_everything_back),
		screen_test(test_control_keys),
		screen_test(test_stalled_terminal),
		screen_test(test_hang_up),
		screen_test(test_ellipsis),
		screen_test(test_ellipsis_without_utf8),
		cmocka_unit_test(test_terminals_that_will_not_do),
		cmocka_unit_test(test_no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
