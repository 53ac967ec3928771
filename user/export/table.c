/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The columns of the flows stand in one array, each with what fills it and when it is shown, so that a further column
 * is one more line here. In a narrow window BYTES leaves first and the column that orders the table never does.
 */
#include "export/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/cells.h"
#include "export/grid.h"

#define PIECE_SPACE "  "

/* What a cell is made from. */
struct view {
	const struct console_config *config;
	const struct report *report;
	const struct flow_report *flow; /* NULL before the first row */
};

struct flow_column {
	struct grid_column grid;
	bool (*shown)(const struct view *view); /* NULL: always */
	void (*write)(const struct view *view, struct text *out);
	enum console_order order; /* the order that this column shows; CONSOLE_ORDERS: none */
};

static bool shown_vlan(const struct view *view)
{
	for (size_t i = 0; i < view->report->flow_count; i++)
		if (view->report->flows[i].key.vlan[0] & VLAN_PRESENT)
			return true;
	return false;
}

static bool shown_throughput(const struct view *view)
{
	return view->config->show_throughput;
}

static bool shown_goodput(const struct view *view)
{
	return view->config->show_goodput;
}

static bool shown_jitter(const struct view *view)
{
	return view->config->show_jitter;
}

static bool shown_sequence(const struct view *view)
{
	return view->config->show_sequence;
}

static bool shown_age(const struct view *view)
{
	return view->config->order == ORDER_AGE;
}

static void write_interface(const struct view *view, struct text *out)
{
	cell_interface(out, view->flow->interface);
}

static void write_direction(const struct view *view, struct text *out)
{
	cell_direction(out, view->flow->key.direction);
}

static void write_protocol(const struct view *view, struct text *out)
{
	cell_protocol(out, view->flow->key.protocol);
}

static void write_source(const struct view *view, struct text *out)
{
	cell_end_point(out, &view->flow->key, true);
}

static void write_destination(const struct view *view, struct text *out)
{
	cell_end_point(out, &view->flow->key, false);
}

static void write_vlan(const struct view *view, struct text *out)
{
	cell_vlan(out, &view->flow->key);
}

static void write_throughput(const struct view *view, struct text *out)
{
	cell_rate(out, view->flow->throughput, view->config->bits);
}

static void write_goodput(const struct view *view, struct text *out)
{
	cell_rate(out, view->flow->goodput, view->config->bits);
}

static void write_jitter(const struct view *view, struct text *out)
{
	cell_milliseconds(out, view->flow->interarrival.stddev);
}

static void write_gap(const struct view *view, struct text *out)
{
	cell_milliseconds(out, view->flow->interarrival.mean - view->config->nominal_gap);
}

static bool shown_rtt(const struct view *view)
{
	for (size_t i = 0; i < view->report->flow_count; i++)
		if (view->report->flows[i].rtt.known)
			return true;
	return false;
}

static void write_rtt(const struct view *view, struct text *out)
{
	cell_milliseconds(out, view->flow->rtt.known ? view->flow->rtt.smoothed : NAN);
}

static void write_age(const struct view *view, struct text *out)
{
	cell_decimal(out, (double)(int64_t)(view->report->time_ns - view->flow->first_seen_ns) / 1e9);
}

static void write_packets(const struct view *view, struct text *out)
{
	cell_count(out, view->flow->packets);
}

static void write_bytes(const struct view *view, struct text *out)
{
	cell_count(out, view->flow->bytes);
}

#define SEQUENCE_WRITER(member, kind_needed)                                                            \
	static void write_##member(const struct view *view, struct text *out)                           \
	{                                                                                               \
		cell_count_if(out, view->flow->sequence.kind kind_needed, view->flow->sequence.member); \
	}

SEQUENCE_WRITER(current, != SEQUENCE_NONE)
SEQUENCE_WRITER(received, != SEQUENCE_NONE)
SEQUENCE_WRITER(reverse, != SEQUENCE_NONE)
SEQUENCE_WRITER(small, == SEQUENCE_PACKETS)
SEQUENCE_WRITER(big, != SEQUENCE_NONE)
SEQUENCE_WRITER(lost, == SEQUENCE_PACKETS)
SEQUENCE_WRITER(duplicate, == SEQUENCE_PACKETS)
SEQUENCE_WRITER(reordered, == SEQUENCE_PACKETS)

/* title, left, shortens, leave; shown; write; order */
static const struct flow_column flow_columns[] = {
	{ { "INTERFACE", true, false, 11 }, NULL, write_interface, CONSOLE_ORDERS },
	{ { "DIR", true, false, 12 }, NULL, write_direction, CONSOLE_ORDERS },
	{ { "PROTO", true, false, 16 }, NULL, write_protocol, CONSOLE_ORDERS },
	{ { "SOURCE", true, true, 0 }, NULL, write_source, CONSOLE_ORDERS },
	{ { "DESTINATION", true, true, 0 }, NULL, write_destination, CONSOLE_ORDERS },
	{ { "VLAN", false, false, 13 }, shown_vlan, write_vlan, CONSOLE_ORDERS },
	{ { "THROUGHPUT", false, false, 18 }, shown_throughput, write_throughput, ORDER_THROUGHPUT },
	{ { "GOODPUT", false, false, 14 }, shown_goodput, write_goodput, ORDER_GOODPUT },
	{ { "JITTER(ms)", false, false, 17 }, shown_jitter, write_jitter, ORDER_JITTER },
	{ { "GAP(ms)", false, false, 5 }, shown_jitter, write_gap, CONSOLE_ORDERS },
	{ { "RTT(ms)", false, false, 4 }, shown_rtt, write_rtt, CONSOLE_ORDERS },
	{ { "AGE(s)", false, false, 0 }, shown_age, write_age, ORDER_AGE },
	{ { "PACKETS", false, false, 2 }, NULL, write_packets, ORDER_PACKETS },
	{ { "BYTES", false, false, 1 }, NULL, write_bytes, ORDER_BYTES },
	{ { "SEQ", false, false, 4 }, shown_sequence, write_current, CONSOLE_ORDERS },
	{ { "RECEIVED", false, false, 3 }, shown_sequence, write_received, CONSOLE_ORDERS },
	{ { "REVERSE", false, false, 10 }, shown_sequence, write_reverse, CONSOLE_ORDERS },
	{ { "SMALL", false, false, 8 }, shown_sequence, write_small, CONSOLE_ORDERS },
	{ { "BIG", false, false, 9 }, shown_sequence, write_big, CONSOLE_ORDERS },
	{ { "LOST", false, false, 15 }, shown_sequence, write_lost, CONSOLE_ORDERS },
	{ { "DUP", false, false, 7 }, shown_sequence, write_duplicate, CONSOLE_ORDERS },
	{ { "REORD", false, false, 6 }, shown_sequence, write_reordered, CONSOLE_ORDERS },
};
#define FLOW_COLUMNS (sizeof(flow_columns) / sizeof(*flow_columns))
_Static_assert(FLOW_COLUMNS <= GRID_COLUMNS_MAX, "all columns of a flow fit a grid");

const char *table_order_name(enum console_order order)
{
	static const char *const names[CONSOLE_ORDERS] = {
		[ORDER_THROUGHPUT] = "throughput", [ORDER_GOODPUT] = "goodput", [ORDER_PACKETS] = "packets",
		[ORDER_BYTES] = "bytes",           [ORDER_JITTER] = "jitter",   [ORDER_AGE] = "age",
	};

	return names[order];
}

void table_line_end(struct table *table, enum table_style style)
{
	size_t start = table->count ? table->lines[table->count - 1].start + table->lines[table->count - 1].length : 0;

	if (table->count == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 64;
		struct table_line *lines = realloc(table->lines, capacity * sizeof(*lines));

		if (!lines) {
			table->failed = true;
			return;
		}
		table->lines = lines;
		table->capacity = capacity;
	}
	table->lines[table->count++] = (struct table_line){ start, table->text.length - start, style };
}

void table_grid_lines(struct table *table, struct grid *grid, size_t rows)
{
	for (size_t i = 0; i < rows && !table->failed; i++) {
		grid_write_row(grid, &table->text);
		table_line_end(table, TABLE_PLAIN);
	}
	table->failed = table->failed || grid_failed(grid);
}

/* A piece of a line is there whole or not at all; false if it found no room. ASCII only. */
static bool add_piece(struct text *line, unsigned int width, const char *piece)
{
	size_t space = line->length ? strlen(PIECE_SPACE) : 0;

	if (width && line->length + space + strlen(piece) > width)
		return false;
	if (space)
		text_append(line, PIECE_SPACE);
	text_append(line, piece);
	return true;
}

static bool add_piece_f(struct text *line, unsigned int width, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool add_piece_f(struct text *line, unsigned int width, const char *format, ...)
{
	char piece[160];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	return length > 0 && (size_t)length < sizeof(piece) && add_piece(line, width, piece);
}

/* To the millisecond: finer digits say nothing beside a tick. */
static void add_time(struct text *line, unsigned int width, uint64_t time_ns)
{
	char time[TIME_TEXT_SIZE];
	char *point;

	time_format(time_ns, time);
	point = strchr(time, '.');
	if (point && strlen(point) > 4) {
		point[4] = 'Z';
		point[5] = '\0';
	}
	add_piece(line, width, time);
}

static void build_head_line(struct table *table, const struct console_config *config, const struct report *report,
			    const struct grid *grid, const char *note)
{
	struct text line cleanup(text_free) = TEXT_EMPTY;
	struct text left_out cleanup(text_free) = TEXT_EMPTY;
	unsigned int columns;

	add_time(&line, config->width, report->time_ns);
	if (isfinite(report->interval))
		add_piece_f(&line, config->width, "interval %.3f s", report->interval);
	else
		add_piece(&line, config->width, "interval " CELL_UNKNOWN);
	add_piece_f(&line, config->width, "%zu flow%s", report->flow_count, report->flow_count == 1 ? "" : "s");
	if (report->live_flows > report->flow_count)
		add_piece_f(&line, config->width, "of %llu", (unsigned long long)report->live_flows);
	if (report->late_ticks)
		add_piece_f(&line, config->width, "late by %llu tick%s", (unsigned long long)report->late_ticks,
			    report->late_ticks == 1 ? "" : "s");
	if (*note)
		add_piece(&line, config->width, note);
	columns = grid_write_left_out(grid, &left_out);
	if (columns && !add_piece_f(&line, config->width, "no room for %s", left_out.bytes))
		add_piece_f(&line, config->width, "no room for %u columns", columns);
	add_piece_f(&line, config->width, "by %s", table_order_name(config->order));
	if (line.length)
		text_append_bytes(&table->text, line.bytes, line.length);
	table->failed = table->failed || line.failed || left_out.failed;
	table_line_end(table, TABLE_PLAIN);
}

static void build_alarm(struct table *table, const struct console_config *config, const struct report *report)
{
	struct text line cleanup(text_free) = TEXT_EMPTY;
	struct tally overflow = { 0, 0 };

	for (size_t i = 0; i < report->total_count; i++) {
		overflow.packets += report->totals[i].outcome[OUTCOME_OVERFLOW].packets;
		overflow.bytes += report->totals[i].outcome[OUTCOME_OVERFLOW].bytes;
	}
	if (!overflow.packets)
		return;
	add_piece_f(&line, config->width, "OVERFLOW: %llu packets", (unsigned long long)overflow.packets);
	add_piece_f(&line, config->width, "%llu bytes", (unsigned long long)overflow.bytes);
	add_piece(&line, config->width, "found no room in the table of flows:");
	add_piece_f(&line, config->width, "raise max_flows (now %llu)", (unsigned long long)report->self.flows_limit);
	if (line.length)
		text_append_bytes(&table->text, line.bytes, line.length);
	table->failed = table->failed || line.failed;
	table_line_end(table, TABLE_ALARM);
}

static void fill_grid(struct grid *grid, const struct console_config *config, const struct report *report,
		      const uint32_t *indexes, size_t rows)
{
	const struct flow_column *columns[FLOW_COLUMNS];
	const struct flow_report *flows = report_flows(report);
	struct view view = { config, report, NULL };
	size_t count = 0;

	for (size_t i = 0; i < FLOW_COLUMNS; i++) {
		struct grid_column column = flow_columns[i].grid;

		if (flow_columns[i].shown && !flow_columns[i].shown(&view))
			continue;
		if (flow_columns[i].order == config->order)
			column.leave = 0;
		grid_column_add(grid, &column);
		columns[count++] = &flow_columns[i];
	}
	for (size_t i = 0; i < rows && !grid_failed(grid); i++) {
		view.flow = &flows[indexes[i]];
		for (size_t j = 0; j < count; j++) {
			columns[j]->write(&view, &grid->cells);
			grid_cell_end(grid);
		}
	}
	grid_fit(grid, config->width);
}

void table_build(struct table *table, const struct console_config *config, const struct report *report, size_t first,
		 const char *note)
{
	size_t left = report->flow_count - (first < report->flow_count ? first : report->flow_count);
	struct grid grid cleanup(grid_free) = GRID_EMPTY;
	uint32_t *indexes = NULL;

	table->rows = config->max_rows && config->max_rows < left ? config->max_rows : left;
	if (table_order(report, config->order, first, table->rows, &indexes)) {
		table->failed = true;
		return;
	}
	fill_grid(&grid, config, report, indexes, table->rows);
	free(indexes);
	build_head_line(table, config, report, &grid, note);
	build_alarm(table, config, report);
	grid_write_titles(&grid, &table->text);
	table_line_end(table, TABLE_TITLES);
	table->part_end[TABLE_HEAD] = table->count;
	table_grid_lines(table, &grid, table->rows);
	if (left > table->rows) {
		text_appendf(&table->text, GRID_ELLIPSIS " and %zu more flow%s", left - table->rows,
			     left - table->rows == 1 ? "" : "s");
		table_line_end(table, TABLE_PLAIN);
	}
	table->part_end[TABLE_FLOWS] = table->count;
	table_build_foot(table, config, report);
	table->part_end[TABLE_FOOT] = table->count;
	table->failed = table->failed || table->text.failed;
}

void table_free(struct table *table)
{
	text_free(&table->text);
	free(table->lines);
	*table = TABLE_EMPTY;
}
