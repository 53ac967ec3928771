/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of an xterm as ncurses makes use of: what a user would see after the bytes that the monitor wrote. Anything
 * unknown fails the test, for a picture that may be wrong proves nothing.
 */
#ifndef FLOWGAUGE_EMULATED_TERMINAL_H
#define FLOWGAUGE_EMULATED_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define EMULATED_ROWS_MAX 60
#define EMULATED_COLUMNS_MAX 200
#define EMULATED_ELLIPSIS '^' /* stands for U+2026, which takes one column */

struct emulated_terminal {
	int rows, columns;
	int row, column; /* of the cursor */
	bool wrap;       /* the next character goes to the next line */
	int top, bottom; /* of the region that scrolls */
	bool reverse, alternate;
	char cells[EMULATED_ROWS_MAX][EMULATED_COLUMNS_MAX];
	bool reversed[EMULATED_ROWS_MAX][EMULATED_COLUMNS_MAX];
	char last;        /* character written, for REP */
	char pending[64]; /* of a sequence not complete yet */
	size_t pending_length;
};

void emulated_reset(struct emulated_terminal *terminal, int rows, int columns);
void emulated_write(struct emulated_terminal *terminal, const char *bytes, size_t length);
/* A row as text, without the spaces at its end; valid until the next call. */
const char *emulated_row(const struct emulated_terminal *terminal, int row);

#endif
