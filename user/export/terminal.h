/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal as a window that ncurses draws in and that never holds up the loop. One at a time, as ncurses has it:
 * while it is open, stdscr, LINES and COLS are its.
 */
#ifndef FLOWGAUGE_TERMINAL_H
#define FLOWGAUGE_TERMINAL_H

#include "base/loop.h"

struct terminal;

/*
 * Standard input and output become a full-screen window. -ENOTTY if one of them is no terminal, -EOPNOTSUPP if TERM
 * names none that can place a cursor. `closed` is called once when the terminal hangs up.
 */
int terminal_open(struct loop *loop, void (*closed)(void *context), void *context, struct terminal **out);
struct terminal *terminal_close(struct terminal *terminal); /* everything as it was */

bool terminal_is_ready(const struct terminal *terminal); /* the last frame has left: there may be another one */
bool terminal_fit(struct terminal *terminal);            /* takes up the window's size; true if it was another one */
void terminal_update(struct terminal *terminal);         /* sends what stdscr shows now */
int terminal_key(struct terminal *terminal);             /* the next key, or ERR if there is none yet */
bool terminal_is_utf8(const struct terminal *terminal);

#endif
