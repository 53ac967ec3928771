/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live screen (ncurses): the console's table, redrawn each tick and when the window changes, sorted by the column
 * that a key chooses; q asks to end. While it is open it takes the log's lines and shows the last of them at the foot.
 */
#ifndef FLOWGAUGE_SCREEN_H
#define FLOWGAUGE_SCREEN_H

#include "base/loop.h"
#include "export/console.h"

struct screen;

/*
 * 0 or -errno (-ENOTTY: standard input or output is no terminal; -EOPNOTSUPP: TERM names none that can place a cursor);
 * the terminal is put back by screen_close, whatever happened. `quit` is called when the user asks to end, and when the
 * terminal hangs up; it must not close the screen. Rows and width of the configuration are the window's.
 */
int screen_open(struct loop *loop, const struct console_config *config, const char *banner, void (*quit)(void *context),
		void *context, struct screen **out);
/* Errors and warnings that only the screen has shown are then logged again, where they stay to be read. */
struct screen *screen_close(struct screen *screen);
/* The order stays the one that the user chose. */
void screen_configure(struct screen *screen, const struct console_config *config);
void screen_show(struct screen *screen, struct report *report); /* takes a reference */

#endif
