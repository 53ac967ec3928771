/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cells in columns, as wide as their contents, fitted to a window. A cell is never cut, for half a number is a wrong
 * number: where the window is too narrow, columns stand closer, then the columns that may do so shorten their texts
 * with an ellipsis, then whole columns are left out, and the grid can say which.
 */
#ifndef FLOWGAUGE_GRID_H
#define FLOWGAUGE_GRID_H

#include "base/text.h"

#define GRID_COLUMNS_MAX 24
#define GRID_ELLIPSIS "…" /* UTF-8, one column wide; everything else in a grid is ASCII */

struct grid_column {
	const char *title;  /* static, ASCII */
	bool left;          /* texts stand left, numbers right */
	bool shortens;      /* an address: its middle may become an ellipsis, its port stays */
	unsigned int leave; /* where the window is narrow: 1 leaves first; 0 never leaves */
};

struct grid {
	struct grid_column columns[GRID_COLUMNS_MAX];
	size_t column_count;
	unsigned int width[GRID_COLUMNS_MAX]; /* 0: left out */
	unsigned int space;                   /* between columns */
	size_t last;                          /* column after which nothing is padded */
	struct text cells;                    /* their bytes, one after the other */
	struct text lengths;                  /* one byte a cell; longer ones do not exist */
	size_t cell_start;                    /* of the cell being written */
	size_t next_cell, next_byte;          /* reading */
};

#define GRID_EMPTY ((struct grid){ 0 })

void grid_column_add(struct grid *grid, const struct grid_column *column); /* before the first cell */
/* A cell is what the caller appends to grid->cells before grid_cell_end; row by row, each with all columns. */
void grid_cell_end(struct grid *grid);
/* Settles the widths for a window of `width` columns, 0 = unlimited. After all cells, before the writing. */
void grid_fit(struct grid *grid, unsigned int width);
void grid_write_titles(const struct grid *grid, struct text *out);
void grid_write_row(struct grid *grid, struct text *out); /* the next row, in order; no newline */
/* The titles of the columns left out, separated by spaces; returns how many they are. */
unsigned int grid_write_left_out(const struct grid *grid, struct text *out);
bool grid_failed(const struct grid *grid);
void grid_free(struct grid *grid);

/* Columns that `length` bytes of ASCII and ellipses take. */
unsigned int grid_text_width(const char *bytes, size_t length);

#endif
