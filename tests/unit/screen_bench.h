/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal with the screen on it: a child process draws on one end of a pty, and the test presses keys at the other
 * and looks at what an xterm would show. A second channel tells the child when to show the next report, so that
 * nothing hangs on time; a wait ends with what is waited for, or fails when nothing comes for a long time.
 */
#ifndef FLOWGAUGE_SCREEN_BENCH_H
#define FLOWGAUGE_SCREEN_BENCH_H

#include <sys/types.h>
#include <termios.h>

#include "emulated_terminal.h"

#define ROWS 24
#define COLUMNS 132
#define FLOWS 40
#define STORM_REPORTS 500 /* far more than a terminal's buffer holds */
#define BANNER "page http://127.0.0.1:8080/"
#define OPEN_FAILED 100 /* exit status of a child whose screen did not open: this + errno */

struct screen_bench {
	pid_t pid;
	int terminal; /* the pty's end where the user sits */
	int commands;
	struct termios before;
	struct emulated_terminal seen;
};

int screen_bench_enter(void **state); /* for cmocka's setup and teardown */
int screen_bench_leave(void **state);
void screen_bench_start(struct screen_bench *bench, const char *term, const char *locale);
void screen_bench_start_usual(struct screen_bench *bench); /* an xterm, and its first picture */
int screen_bench_run_child(int commands);                  /* the child's part; returns its exit status */

void screen_bench_press(struct screen_bench *bench, const char *keys);
void screen_bench_resize(struct screen_bench *bench, int rows, int columns);
/*
 * n: show the next report; report k says "late by k ticks". s: show STORM_REPORTS of them. l: log an error. c: another
 * configuration. i: see that the signals' handlers are the default ones. It has happened when this returns.
 */
void screen_bench_command(struct screen_bench *bench, char what);

void screen_bench_wait(struct screen_bench *bench, const char *part); /* in any row */
void screen_bench_wait_row(struct screen_bench *bench, int row, const char *part);
void screen_bench_wait_until_gone(struct screen_bench *bench, const char *part);
int screen_bench_wait_for_end(struct screen_bench *bench); /* the child's status, as of waitpid */

#endif
