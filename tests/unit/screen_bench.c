/* SPDX-License-Identifier: BSD-2-Clause */
#include "screen_bench.h"

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
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "export/screen.h"
#include "table_sample.h"

#define WAIT_SECONDS 30

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

static const int signals[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static bool handlers_are_default(void)
{
	struct sigaction action;

	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], NULL, &action) || action.sa_handler != SIG_DFL)
			return false;
	return true;
}

/* A shell has what it starts in the background ignore some. */
static void handlers_begin(void)
{
	for (size_t i = 0; i < SIGNALS; i++)
		signal(signals[i], SIG_DFL);
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

int screen_bench_run_child(int commands)
{
	const struct console_config config = { .show_throughput = true, .show_goodput = true, .show_jitter = true };
	struct child child = { .commands = { .fd = -1, .ready = take_command } };
	int error;

	handlers_begin();
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

void screen_bench_start(struct screen_bench *bench, const char *term, const char *locale)
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
		_exit(screen_bench_run_child(ends[1]));
	}
	close(ends[1]);
	bench->commands = ends[0];
	assert_int_equal(tcgetattr(bench->terminal, &bench->before), 0);
}

int screen_bench_enter(void **state)
{
	struct screen_bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->terminal = bench->commands = -1;
	alarm(10 * WAIT_SECONDS);
	*state = bench;
	return 0;
}

int screen_bench_leave(void **state)
{
	struct screen_bench *bench = *state;

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
static bool see_more(struct screen_bench *bench)
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

static int find_row(const struct screen_bench *bench, const char *part)
{
	for (int i = 0; i < bench->seen.rows; i++)
		if (strstr(emulated_row(&bench->seen, i), part))
			return i;
	return -1;
}

static void print_seen(const struct screen_bench *bench)
{
	for (int i = 0; i < bench->seen.rows; i++)
		print_error("|%s\n", emulated_row(&bench->seen, i));
}

void screen_bench_wait(struct screen_bench *bench, const char *part)
{
	while (find_row(bench, part) < 0) {
		if (see_more(bench))
			continue;
		print_seen(bench);
		fail_msg("not seen: %s", part);
	}
}

void screen_bench_wait_row(struct screen_bench *bench, int row, const char *part)
{
	while (!strstr(emulated_row(&bench->seen, row), part)) {
		if (see_more(bench))
			continue;
		print_seen(bench);
		fail_msg("not seen in row %d: %s", row, part);
	}
}

void screen_bench_wait_until_gone(struct screen_bench *bench, const char *part)
{
	while (find_row(bench, part) >= 0) {
		if (see_more(bench))
			continue;
		print_seen(bench);
		fail_msg("still seen: %s", part);
	}
}

void screen_bench_press(struct screen_bench *bench, const char *keys)
{
	assert_int_equal(write(bench->terminal, keys, strlen(keys)), strlen(keys));
}

void screen_bench_command(struct screen_bench *bench, char what)
{
	char answer = 0;

	assert_int_equal(write(bench->commands, &what, 1), 1);
	assert_int_equal(read(bench->commands, &answer, 1), 1);
	assert_int_equal(answer, 'y');
}

void screen_bench_resize(struct screen_bench *bench, int rows, int columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	emulated_reset(&bench->seen, rows, columns);
	assert_int_equal(ioctl(bench->terminal, TIOCSWINSZ, &size), 0);
}

/* What it still writes is looked at, too. */
int screen_bench_wait_for_end(struct screen_bench *bench)
{
	int status;

	while (see_more(bench))
		;
	assert_int_equal(waitpid(bench->pid, &status, 0), bench->pid);
	bench->pid = 0;
	return status;
}

void screen_bench_start_usual(struct screen_bench *bench)
{
	screen_bench_start(bench, "xterm", "C.UTF-8");
	screen_bench_wait_row(bench, ROWS - 2, "flows 1-13 of 40");
	screen_bench_wait_row(bench, ROWS - 1, "q quit");
}
