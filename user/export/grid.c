/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cells of a table with 65 536 flows are some megabytes, so a cell costs its bytes and one more for its length;
 * they are read back in the order in which they were written.
 */
#include "export/grid.h"

#include <string.h>

#define CELL_MAX UINT8_MAX
#define SPACE_WIDE 2
#define SPACE_NARROW 1
#define ADDRESS_SHORT 15   /* addresses shrink to this before columns leave */
#define ADDRESS_SHORTEST 9 /* and to this when none is left to leave */
#define PORT_MAX 6         /* ":65535" */

unsigned int grid_text_width(const char *bytes, size_t length)
{
	unsigned int width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)bytes[i] & 0xc0) != 0x80;
	return width;
}

void grid_column_add(struct grid *grid, const struct grid_column *column)
{
	if (grid->column_count == GRID_COLUMNS_MAX)
		return;
	grid->columns[grid->column_count] = *column;
	grid->width[grid->column_count++] = (unsigned int)strlen(column->title);
}

void grid_cell_end(struct grid *grid)
{
	size_t column = grid->lengths.length % grid->column_count;
	size_t length = grid->cells.length - grid->cell_start;

	if (grid->cells.failed)
		return;
	if (length > CELL_MAX) {
		length = CELL_MAX;
		grid->cells.length = grid->cell_start + length;
	}
	grid->cell_start = grid->cells.length;
	text_append_char(&grid->lengths, (char)length);
	if (grid->width[column] < length)
		grid->width[column] = (unsigned int)length;
}

static unsigned int total_width(const struct grid *grid)
{
	unsigned int total = 0;

	for (size_t i = 0; i < grid->column_count; i++)
		if (grid->width[i])
			total += grid->width[i] + (total ? grid->space : 0);
	return total;
}

/* Takes from the widest column that shortens until the grid fits or none is wider than `shortest`. */
static void shorten(struct grid *grid, unsigned int width, unsigned int shortest)
{
	while (total_width(grid) > width) {
		size_t widest = grid->column_count;

		for (size_t i = 0; i < grid->column_count; i++)
			if (grid->columns[i].shortens && grid->width[i] > shortest &&
			    (widest == grid->column_count || grid->width[i] > grid->width[widest]))
				widest = i;
		if (widest == grid->column_count)
			return;
		grid->width[widest]--;
	}
}

static void leave_out(struct grid *grid, unsigned int width)
{
	while (total_width(grid) > width) {
		size_t first = grid->column_count;

		for (size_t i = 0; i < grid->column_count; i++)
			if (grid->columns[i].leave && grid->width[i] &&
			    (first == grid->column_count || grid->columns[i].leave < grid->columns[first].leave))
				first = i;
		if (first == grid->column_count)
			return;
		grid->width[first] = 0;
	}
}

/* What leaving columns freed goes back to the addresses. */
static void widen(struct grid *grid, unsigned int width, const unsigned int natural[GRID_COLUMNS_MAX])
{
	bool grown = true;

	while (grown) {
		grown = false;
		for (size_t i = 0; i < grid->column_count && total_width(grid) < width; i++) {
			if (grid->width[i] && grid->width[i] < natural[i]) {
				grid->width[i]++;
				grown = true;
			}
		}
	}
}

void grid_fit(struct grid *grid, unsigned int width)
{
	unsigned int natural[GRID_COLUMNS_MAX];

	memcpy(natural, grid->width, sizeof(natural));
	grid->space = SPACE_WIDE;
	if (width && total_width(grid) > width) {
		grid->space = SPACE_NARROW;
		shorten(grid, width, ADDRESS_SHORT);
		leave_out(grid, width);
		widen(grid, width, natural);
		shorten(grid, width, ADDRESS_SHORTEST);
	}
	for (size_t i = 0; i < grid->column_count; i++)
		if (grid->width[i])
			grid->last = i;
}

static void pad(struct text *out, unsigned int count)
{
	while (count--)
		text_append_char(out, ' ');
}

/* "[2001:db8:0:1::a1b2]:443" in 18 columns is "[2001:…:a1b2]:443". `width` is less than `length`. */
static void write_shortened(struct text *out, const char *bytes, size_t length, unsigned int width)
{
	const char *colon = memrchr(bytes, ':', length);
	size_t keep = width - 1, tail;

	/* The last colon starts a port only behind a bracket or after the one colon of an IPv4 address. */
	if (colon && colon != bytes && (colon[-1] == ']' || memchr(bytes, ':', length) == colon))
		tail = (size_t)(bytes + length - colon);
	else
		tail = 0;
	if (tail > PORT_MAX || tail > keep)
		tail = 0;
	tail += (keep - tail) / 2;
	text_append_bytes(out, bytes, keep - tail);
	text_append(out, GRID_ELLIPSIS);
	text_append_bytes(out, bytes + length - tail, tail);
}

static void write_cell(const struct grid *grid, size_t column, const char *bytes, size_t length, struct text *out)
{
	unsigned int width = grid->width[column];
	unsigned int missing = length < width ? width - (unsigned int)length : 0;

	if (!grid->columns[column].left)
		pad(out, missing);
	if (length > width && grid->columns[column].shortens)
		write_shortened(out, bytes, length, width);
	else
		text_append_bytes(out, bytes, length);
	if (column == grid->last)
		return;
	if (grid->columns[column].left)
		pad(out, missing);
	pad(out, grid->space);
}

void grid_write_titles(const struct grid *grid, struct text *out)
{
	for (size_t i = 0; i < grid->column_count; i++)
		if (grid->width[i])
			write_cell(grid, i, grid->columns[i].title, strlen(grid->columns[i].title), out);
}

void grid_write_row(struct grid *grid, struct text *out)
{
	if (grid_failed(grid) || grid->next_cell + grid->column_count > grid->lengths.length)
		return;
	for (size_t i = 0; i < grid->column_count; i++) {
		size_t length = (unsigned char)grid->lengths.bytes[grid->next_cell++];

		if (grid->width[i])
			write_cell(grid, i, grid->cells.bytes + grid->next_byte, length, out);
		grid->next_byte += length;
	}
}

unsigned int grid_write_left_out(const struct grid *grid, struct text *out)
{
	const char *separator = "";
	unsigned int count = 0;

	for (size_t i = 0; i < grid->column_count; i++) {
		if (grid->width[i])
			continue;
		text_append(out, separator);
		text_append(out, grid->columns[i].title);
		separator = " ";
		count++;
	}
	return count;
}

bool grid_failed(const struct grid *grid)
{
	return grid->cells.failed || grid->lengths.failed;
}

void grid_free(struct grid *grid)
{
	text_free(&grid->cells);
	text_free(&grid->lengths);
	*grid = GRID_EMPTY;
}
