/* SPDX-License-Identifier: BSD-2-Clause */
#include "emulated_terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARAMETERS_MAX 8
#define TAB_STOP 8

static void clear_cells(struct emulated_terminal *terminal, int row, int from, int to)
{
	for (int i = from; i < to && i < terminal->columns; i++) {
		terminal->cells[row][i] = ' ';
		terminal->reversed[row][i] = terminal->reverse;
	}
}

void emulated_reset(struct emulated_terminal *terminal, int rows, int columns)
{
	assert_true(rows <= EMULATED_ROWS_MAX && columns <= EMULATED_COLUMNS_MAX);
	*terminal = (struct emulated_terminal){ .rows = rows, .columns = columns, .bottom = rows - 1 };
	for (int i = 0; i < rows; i++)
		clear_cells(terminal, i, 0, columns);
}

/* Lines top to bottom move up by `count` (down if negative); what comes in is empty. */
static void scroll(struct emulated_terminal *terminal, int top, int count)
{
	int height = terminal->bottom - top + 1, kept;

	if (count > height || count < -height)
		count = count > 0 ? height : -height;
	kept = height - abs(count);
	memmove(terminal->cells[top + (count < 0 ? -count : 0)], terminal->cells[top + (count > 0 ? count : 0)],
		(size_t)kept * sizeof(*terminal->cells));
	memmove(terminal->reversed[top + (count < 0 ? -count : 0)], terminal->reversed[top + (count > 0 ? count : 0)],
		(size_t)kept * sizeof(*terminal->reversed));
	for (int i = 0; i < abs(count); i++)
		clear_cells(terminal, count > 0 ? terminal->bottom - i : top + i, 0, terminal->columns);
}

static void line_feed(struct emulated_terminal *terminal)
{
	if (terminal->row == terminal->bottom)
		scroll(terminal, terminal->top, 1);
	else if (terminal->row + 1 < terminal->rows)
		terminal->row++;
}

static void put(struct emulated_terminal *terminal, char c)
{
	if (terminal->wrap) {
		terminal->column = 0;
		line_feed(terminal);
	}
	terminal->cells[terminal->row][terminal->column] = c;
	terminal->reversed[terminal->row][terminal->column] = terminal->reverse;
	terminal->last = c;
	terminal->wrap = terminal->column + 1 == terminal->columns;
	if (!terminal->wrap)
		terminal->column++;
}

static void move_to(struct emulated_terminal *terminal, int row, int column)
{
	terminal->row = row < 0 ? 0 : row >= terminal->rows ? terminal->rows - 1 : row;
	terminal->column = column < 0 ? 0 : column >= terminal->columns ? terminal->columns - 1 : column;
	terminal->wrap = false;
}

static void shift_cells(struct emulated_terminal *terminal, int count, bool insert)
{
	char *cells = terminal->cells[terminal->row];
	bool *reversed = terminal->reversed[terminal->row];
	int from = terminal->column, length = terminal->columns - from;

	if (count > length)
		count = length;
	if (insert) {
		memmove(cells + from + count, cells + from, (size_t)(length - count));
		memmove(reversed + from + count, reversed + from, (size_t)(length - count));
		clear_cells(terminal, terminal->row, from, from + count);
	} else {
		memmove(cells + from, cells + from + count, (size_t)(length - count));
		memmove(reversed + from, reversed + from + count, (size_t)(length - count));
		clear_cells(terminal, terminal->row, terminal->columns - count, terminal->columns);
	}
}

/* 0: from the cursor, 1: to it, 2: all. */
static void erase_in_line(struct emulated_terminal *terminal, int which)
{
	clear_cells(terminal, terminal->row, which ? 0 : terminal->column,
		    which == 1 ? terminal->column + 1 : terminal->columns);
}

static void erase_in_display(struct emulated_terminal *terminal, int which)
{
	for (int i = 0; i < terminal->rows; i++)
		if (which == 2 || (which == 0 && i > terminal->row) || (which == 1 && i < terminal->row))
			clear_cells(terminal, i, 0, terminal->columns);
	erase_in_line(terminal, which);
}

static void set_attributes(struct emulated_terminal *terminal, const int *parameters, int count)
{
	for (int i = 0; i < count; i++) {
		if (parameters[i] == 0 || parameters[i] == 27)
			terminal->reverse = false;
		else if (parameters[i] == 7)
			terminal->reverse = true;
	}
}

static bool edit(struct emulated_terminal *terminal, char final, int n)
{
	switch (final) {
	case '@':
	case 'P':
		shift_cells(terminal, n, final == '@');
		return true;
	case 'X':
		clear_cells(terminal, terminal->row, terminal->column, terminal->column + n);
		return true;
	case 'L':
	case 'M':
		scroll(terminal, terminal->row, final == 'M' ? n : -n);
		return true;
	case 'S':
	case 'T':
		scroll(terminal, terminal->top, final == 'S' ? n : -n);
		return true;
	case 'b':
		while (n--)
			put(terminal, terminal->last);
		return true;
	default:
		return false;
	}
}

static bool move(struct emulated_terminal *terminal, char final, int n, int second)
{
	switch (final) {
	case 'H':
		move_to(terminal, n - 1, second - 1);
		return true;
	case 'G':
		move_to(terminal, terminal->row, n - 1);
		return true;
	case 'd':
		move_to(terminal, n - 1, terminal->column);
		return true;
	case 'A':
	case 'B':
		move_to(terminal, terminal->row + (final == 'B' ? n : -n), terminal->column);
		return true;
	case 'Z':
		move_to(terminal, terminal->row, (terminal->column - 1) / TAB_STOP * TAB_STOP);
		return true;
	case 'C':
	case 'D':
		move_to(terminal, terminal->row, terminal->column + (final == 'C' ? n : -n));
		return true;
	default:
		return false;
	}
}

/* ESC [ parameters final */
static void control(struct emulated_terminal *terminal, const char *body, size_t length)
{
	int parameters[PARAMETERS_MAX] = { 0 }, count = 1, first;
	char final = body[length - 1];
	bool private = *body == '?';

	for (size_t i = private ? 1 : 0; i + 1 < length; i++) {
		if (body[i] == ';' && count < PARAMETERS_MAX)
			count++;
		else if (body[i] >= '0' && body[i] <= '9')
			parameters[count - 1] = parameters[count - 1] * 10 + body[i] - '0';
	}
	first = parameters[0] ? parameters[0] : 1;
	if (private && parameters[0] == 1049)
		terminal->alternate = final == 'h';
	if (final == 'h' || final == 'l' || final == 't')
		return;
	if (final == 'm')
		set_attributes(terminal, parameters, count);
	else if (final == 'J')
		erase_in_display(terminal, parameters[0]);
	else if (final == 'K')
		erase_in_line(terminal, parameters[0]);
	else if (final == 'r') {
		terminal->top = first - 1;
		terminal->bottom = parameters[1] ? parameters[1] - 1 : terminal->rows - 1;
		move_to(terminal, 0, 0);
	} else if (!move(terminal, final, first, parameters[1] ? parameters[1] : 1) && !edit(terminal, final, first))
		fail_msg("unknown sequence: ESC [ %.*s", (int)length, body);
}

/* The sequence in `pending`, if it is whole. */
static bool sequence(struct emulated_terminal *terminal)
{
	const char *bytes = terminal->pending;
	size_t length = terminal->pending_length;
	char last = bytes[length - 1];

	if ((unsigned char)*bytes >= 0xe0) {
		if (length < 3)
			return false;
		assert_memory_equal(bytes, "…", 3);
		put(terminal, EMULATED_ELLIPSIS);
		return true;
	}
	if (length < 2)
		return false;
	switch (bytes[1]) {
	case '[':
		if (length < 3 || last < '@')
			return false;
		control(terminal, bytes + 2, length - 2);
		return true;
	case '(':
	case ')':
		return length == 3;
	case 'M':
		if (terminal->row == terminal->top)
			scroll(terminal, terminal->top, -1);
		else
			move_to(terminal, terminal->row - 1, terminal->column);
		return true;
	default:
		if (!strchr("=>78", bytes[1]))
			fail_msg("unknown sequence: ESC %c", bytes[1]);
		return true;
	}
}

static void take(struct emulated_terminal *terminal, char c)
{
	if (terminal->pending_length || c == '\033' || (unsigned char)c >= 0xc0) {
		assert_true(terminal->pending_length < sizeof(terminal->pending));
		terminal->pending[terminal->pending_length++] = c;
		if (sequence(terminal))
			terminal->pending_length = 0;
	} else if (c == '\r') {
		move_to(terminal, terminal->row, 0);
	} else if (c == '\n') {
		terminal->wrap = false;
		line_feed(terminal);
	} else if (c == '\b') {
		move_to(terminal, terminal->row, terminal->column - 1);
	} else if (c == '\t') {
		move_to(terminal, terminal->row, (terminal->column / TAB_STOP + 1) * TAB_STOP);
	} else if (c >= ' ' && c <= '~') {
		put(terminal, c);
	} else if (c != '\017') {
		fail_msg("unknown control character: %d", c);
	}
}

void emulated_write(struct emulated_terminal *terminal, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		take(terminal, bytes[i]);
}

const char *emulated_row(const struct emulated_terminal *terminal, int row)
{
	static char text[EMULATED_COLUMNS_MAX + 1];
	int length = terminal->columns;

	memcpy(text, terminal->cells[row], (size_t)length);
	while (length && text[length - 1] == ' ')
		length--;
	text[length] = '\0';
	return text;
}
