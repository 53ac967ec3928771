/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen on a terminal of its own: a child process draws on one end of a pty, and the test presses keys at the
 * other and looks at what an xterm would show. A second channel tells the child when to show the next report, so that
 * nothing hangs on time; a wait ends with what is waited for, or fails after WAIT_SECONDS.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "emulated_terminal.h"
#include "export/screen.h"
#include "table_sample.h"

#define WAIT_SECONDS 30
#define ROWS 24
#define COLUMNS 132
#define FLOWS 40
#define STORM_REPORTS 500 /* far more than a terminal's buffer holds */
#define BANNER "page http://127.0.0.1:8080/"
#define OPEN_FAILED 100 /* exit status of a child whose screen did not open: this + errno */

#define KEY_DOWN "\033OB"
#define KEY_UP "\033OA"
#define KEY_PAGE_DOWN "\033[6~"
#define KEY_PAGE_UP "\033[5~"
#define KEY_END "\033OF"
#define KEY_HOME "\033OH"
#define CTRL_C "\003"
#define CTRL_Z "\032"
#define CTRL_S "\023"

/* --- the child --- */

struct child {
	struct loop *loop;
	struct screen *screen;
	struct loop_source commands;
	uint64_t reports; /* shown so far: "late by N ticks" tells which one is seen */
};

static void show_next(struct child *child)
{
	struct report *report = sample_many(FLOWS);

	report->late_ticks = ++child->reports;
	/* Other contents in each row, so that there is something to draw. */
	for (size_t i = 0; i < FLOWS; i++)
		report->flows[i].bytes += child->reports * 1234567;
	screen_show(child->screen, report);
	report_release(report);
}

static bool handlers_are_default(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };
	struct sigaction action;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (sigaction(signals[i], NULL, &action) || action.sa_handler != SIG_DFL)
			return false;
	return true;
}

static void take_command(struct loop_source *source, uint32_t epoll_events)
{
	struct child *child = (struct child *)((char *)source - offsetof(struct child, commands));
	struct console_config bits = { .bits = true, .show_throughput = true };
	char command, answer = 'y';

	(void)epoll_events;
	if (read(source->fd, &command, 1) != 1)
		_exit(1);
	switch (command) {
	case 'n':
		show_next(child);
		break;
	case 's':
		for (int i = 0; i < STORM_REPORTS; i++)
			show_next(child);
		break;
	case 'l':
		log_error("the disk is full");
		break;
	case 'c':
		screen_configure(child->screen, &bits);
		break;
	case 'i':
		answer = handlers_are_default() ? 'y' : 'n';
		break;
	}
	if (write(source->fd, &answer, 1) != 1)
		_exit(1);
}

static void quit(void *context)
{
	struct child *child = context;

	loop_stop(child->loop);
}

static int run_child(int commands)
{
	const struct console_config config = { .show_throughput = true, .show_goodput = true, .show_jitter = true };
	struct child child = { .commands = { .fd = -1, .ready = take_command } };
	int error;

	if (loop_new(&child.loop))
		return 1;
	error = screen_open(child.loop, &config, BANNER, quit, &child, &child.screen);
	if (error)
		return OPEN_FAILED - error;
	show_next(&child);
	if (loop_add(child.loop, &child.commands, commands, EPOLLIN) || loop_run(child.loop))
		return 1;
	screen_close(child.screen);
	loop_remove(&child.commands);
	loop_free(child.loop);
	return 0;
}

/* --- the bench --- */

struct bench {
	pid_t pid;
	int terminal; /* the pty's end where the user sits */
	int commands;
	struct termios before;
	struct emulated_terminal seen;
};

static void start(struct bench *bench, const char *term, const char *locale)
{
	struct winsize size = { .ws_row = ROWS, .ws_col = COLUMNS };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	emulated_reset(&bench->seen, ROWS, COLUMNS);
	bench->pid = forkpty(&bench->terminal, NULL, NULL, &size);
	assert_true(bench->pid >= 0);
	if (!bench->pid) {
		close(ends[0]);
		if (setenv("TERM", term, 1) || setenv("LC_ALL", locale, 1) || unsetenv("LINES") || unsetenv("COLUMNS"))
			_exit(1);
		_exit(run_child(ends[1]));
	}
	close(ends[1]);
	bench->commands = ends[0];
	assert_int_equal(tcgetattr(bench->terminal, &bench->before), 0);
}

static int enter(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->terminal = bench->commands = -1;
	alarm(10 * WAIT_SECONDS);
	*state = bench;
	return 0;
}

static int leave(void **state)
{
	struct bench *bench = *state;

	alarm(0);
	if (bench->pid > 0) {
		kill(bench->pid, SIGKILL);
		waitpid(bench->pid, NULL, 0);
	}
	if (bench->terminal >= 0)
		close(bench->terminal);
	if (bench->commands >= 0)
		close(bench->commands);
	free(bench);
	return 0;
}

/* Feeds the emulator with what comes next; false at the end, or if nothing comes. */
static bool see_more(struct bench *bench)
{
	struct pollfd poll_fd = { .fd = bench->terminal, .events = POLLIN };
	char bytes[4096];
	ssize_t got;

	if (poll(&poll_fd, 1, WAIT_SECONDS * 1000) <= 0)
		return false;
	got = read(bench->terminal, bytes, sizeof(bytes));
	if (got <= 0)
		return false;
	emulated_write(&bench->seen, bytes, (size_t)got);
	return true;
}

static int find_row(const struct bench *bench, const char *part)
{
	for (int i = 0; i < bench->seen.rows; i++)
		if (strstr(emulated_row(&bench->seen, i), part))
			return i;
	return -1;
}

static void print_seen(const struct bench *bench)
{
	for (int i = 0; i < bench->seen.rows; i++)
		print_error("|%s\n", emulated_row(&bench->seen, i));
}

static void wait_for(struct bench *bench, const char *part)
{
	while (find_row(bench, part) < 0) {
		if (see_more(bench))
			continue;
		print_seen(bench);
		fail_msg("not seen: %s", part);
	}
}

static void wait_for_row(struct bench *bench, int row, const char *part)
{
	while (!strstr(emulated_row(&bench->seen, row), part)) {
		if (see_more(bench))
			continue;
		print_seen(bench);
		fail_msg("not seen in row %d: %s", row, part);
	}
}

static void press(struct bench *bench, const char *keys)
{
	assert_int_equal(write(bench->terminal, keys, strlen(keys)), strlen(keys));
}

static void command(struct bench *bench, char what)
{
	char answer = 0;

	assert_int_equal(write(bench->commands, &what, 1), 1);
	assert_int_equal(read(bench->commands, &answer, 1), 1);
	assert_int_equal(answer, 'y');
}

/* What it still writes is looked at, too. */
static int wait_for_end(struct bench *bench)
{
	int status;

	while (see_more(bench))
		;
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	return status;
}

static void start_usual(struct bench *bench)
{
	start(bench, "xterm", "C.UTF-8");
	wait_for(bench, "late by 1 tick");
	wait_for(bench, "q quit");
}

/* --- the tests --- */

static void test_picture(void **state)
{
	struct bench *bench = *state;

	start_usual(bench);
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
	struct bench *bench = *state;

	start_usual(bench);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		press(bench, orders[i].key);
		wait_for_row(bench, 0, orders[i].name);
		wait_for_row(bench, 2, orders[i].first);
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
	struct bench *bench = *state;

	start_usual(bench);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		press(bench, steps[i].keys);
		wait_for_row(bench, 22, steps[i].place);
		wait_for_row(bench, 2, steps[i].first);
	}
}

static void test_freeze(void **state)
{
	struct bench *bench = *state;

	start_usual(bench);
	press(bench, " ");
	wait_for_row(bench, 0, "FROZEN");
	command(bench, 'n');
	press(bench, "p");
	wait_for_row(bench, 0, "by packets");
	assert_non_null(strstr(emulated_row(&bench->seen, 0), "late by 1 tick "));
	press(bench, " ");
	wait_for_row(bench, 0, "late by 2 ticks");
	assert_int_equal(find_row(bench, "FROZEN"), -1);
}

static void resize(struct bench *bench, int rows, int columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	emulated_reset(&bench->seen, rows, columns);
	assert_int_equal(ioctl(bench->terminal, TIOCSWINSZ, &size), 0);
}

/* No key and no report: the window alone. */
static void test_resize(void **state)
{
	struct bench *bench = *state;

	start_usual(bench);
	resize(bench, 40, 160);
	wait_for_row(bench, 38, "flows 1-29 of 40");
	wait_for_row(bench, 39, "q quit");
	wait_for_row(bench, 30, "10.0.0.29:1028");
	resize(bench, 12, 60);
	wait_for_row(bench, 10, "flows 1-4 of 40");
	wait_for_row(bench, 11, "order: t");
	wait_for_row(bench, 5, "10.0.0.4:1003");
	assert_string_equal(emulated_row(&bench->seen, 1), "PROTO SOURCE         DESTINATION THROUGHPUT JITTER(ms)");
	resize(bench, 1, 5);
	press(bench, "p");
	resize(bench, ROWS, COLUMNS);
	wait_for_row(bench, 0, "by packets");
	wait_for_row(bench, 22, "flows 1-13 of 40");
}

static void test_log(void **state)
{
	struct bench *bench = *state;

	start_usual(bench);
	command(bench, 'l');
	wait_for_row(bench, 23, "the disk is full");
	press(bench, "h");
	wait_for_row(bench, 23, "q quit");
	press(bench, "h");
	wait_for_row(bench, 23, "the disk is full");
}

static void test_configure(void **state)
{
	struct bench *bench = *state;

	start_usual(bench);
	press(bench, "p");
	wait_for_row(bench, 0, "by packets");
	command(bench, 'c');
	wait_for_row(bench, 2, "8.000 Kbit/s");
	assert_non_null(strstr(emulated_row(&bench->seen, 0), "by packets"));
	assert_int_equal(find_row(bench, "GOODPUT"), -1);
}

static void test_quit_puts_everything_back(void **state)
{
	struct bench *bench = *state;
	struct termios after;
	int status, slave = -1;
	char name[64];

	start_usual(bench);
	/* Its other end stays open, so that the modes outlive the child. */
	assert_int_equal(ptsname_r(bench->terminal, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	command(bench, 'i');
	command(bench, 'l');
	press(bench, "q");
	/* Errors that only the screen has shown can be read afterwards. */
	wait_for(bench, "flowgauge: the disk is full");
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
	struct bench *bench = *state;
	int status;

	start_usual(bench);
	press(bench, CTRL_Z CTRL_S "p");
	wait_for_row(bench, 0, "by packets");
	press(bench, CTRL_C);
	status = wait_for_end(bench);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

/* Nobody looks while hundreds of frames are to be drawn: none of them may hold up the loop. */
static void test_stalled_terminal(void **state)
{
	struct bench *bench = *state;
	char last[64];

	start_usual(bench);
	command(bench, 's');
	command(bench, 'n');
	snprintf(last, sizeof(last), "late by %d ticks", STORM_REPORTS + 2);
	wait_for_row(bench, 0, last);
	wait_for_row(bench, 2, "10.0.0.1:1000");
	assert_non_null(strstr(emulated_row(&bench->seen, 1), "INTERFACE  DIR  PROTO"));
}

static void test_hang_up(void **state)
{
	struct bench *bench = *state;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int status;

	assert_int_equal(sigaction(SIGHUP, &ignore, &before), 0);
	start_usual(bench);
	assert_int_equal(sigaction(SIGHUP, &before, NULL), 0);
	close(bench->terminal);
	bench->terminal = -1;
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A window too narrow for the addresses. */
static void assert_shortened(struct bench *bench, const char *locale, const char *source)
{
	start(bench, "xterm", locale);
	wait_for(bench, "late by 1 tick");
	resize(bench, ROWS, 31);
	wait_for_row(bench, 2, source);
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
		struct bench *bench;
		int status;

		(void)state;
		enter((void **)&bench);
		start(bench, terms[i], "C");
		status = wait_for_end(bench);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), OPEN_FAILED + EOPNOTSUPP);
		for (int row = 0; row < ROWS; row++)
			assert_string_equal(emulated_row(&bench->seen, row), "");
		leave((void **)&bench);
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
		_exit(run_child(null));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), OPEN_FAILED + ENOTTY);
}

#define screen_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

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
