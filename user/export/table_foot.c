/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The foot: sums over the flows of each protocol, and the ledger of each interface and direction. The outcomes that a
 * healthy watch does not have (no room, unparsed, …) take a column only when there is something in one.
 */
#include "export/cells.h"
#include "export/grid.h"
#include "export/table.h"

static const char *const group_names[PROTOCOL_GROUPS] = {
	[GROUP_TCP] = "TCP",
	[GROUP_UDP] = "UDP",
	[GROUP_ICMP] = "ICMP",
	[GROUP_OTHER] = "other",
};

/* In the order of the columns; what flows have counted is the rest of what was seen. */
static const struct {
	enum outcome outcome;
	const char *title;
} exceptions[] = {
	{ OUTCOME_OVERFLOW, "OVERFLOW" },
	{ OUTCOME_FILTERED, "FILTERED" },
	{ OUTCOME_UNPARSED, "UNPARSED" },
	{ OUTCOME_NON_IP, "NON-IP" },
};
#define EXCEPTIONS (sizeof(exceptions) / sizeof(*exceptions))

static void add_column(struct grid *grid, const char *title, bool left, unsigned int leave)
{
	struct grid_column column = { title, left, false, leave };

	grid_column_add(grid, &column);
}

static void add_sequence_cells(struct grid *grid, const struct sequence_report *sequence)
{
	bool any = sequence->kind != SEQUENCE_NONE, packets = sequence->kind == SEQUENCE_PACKETS;
	const struct {
		bool known;
		uint64_t value;
	} cells[] = {
		{ any, sequence->current },       { any, sequence->received },      { any, sequence->reverse },
		{ packets, sequence->small },     { any, sequence->big },           { packets, sequence->lost },
		{ packets, sequence->duplicate }, { packets, sequence->reordered },
	};

	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
		cell_count_if(&grid->cells, cells[i].known, cells[i].value);
		grid_cell_end(grid);
	}
}

static void add_protocol_columns(struct grid *grid, const struct console_config *config)
{
	static const struct {
		const char *title;
		unsigned int leave;
	} sequence[] = { { "SEQ", 2 }, { "RECEIVED", 1 }, { "REVERSE", 8 }, { "SMALL", 6 },
			 { "BIG", 7 }, { "LOST", 10 },    { "DUP", 5 },     { "REORD", 4 } };

	add_column(grid, "PROTO", true, 0);
	add_column(grid, "FLOWS", false, 0);
	if (config->show_throughput)
		add_column(grid, "THROUGHPUT", false, 12);
	if (config->show_goodput)
		add_column(grid, "GOODPUT", false, 9);
	if (config->show_jitter) {
		add_column(grid, "JITTER(ms)", false, 11);
		add_column(grid, "GAP(ms)", false, 3);
	}
	for (size_t i = 0; config->show_sequence && i < sizeof(sequence) / sizeof(*sequence); i++)
		add_column(grid, sequence[i].title, false, sequence[i].leave);
}

static void add_protocol_cells(struct grid *grid, const struct console_config *config, const char *name,
			       const struct protocol_report *protocol)
{
	text_append(&grid->cells, name);
	grid_cell_end(grid);
	cell_count(&grid->cells, protocol->flows);
	grid_cell_end(grid);
	if (config->show_throughput) {
		cell_rate(&grid->cells, protocol->throughput, config->bits);
		grid_cell_end(grid);
	}
	if (config->show_goodput) {
		cell_rate(&grid->cells, protocol->goodput, config->bits);
		grid_cell_end(grid);
	}
	if (config->show_jitter) {
		cell_milliseconds(&grid->cells, protocol->interarrival.stddev);
		grid_cell_end(grid);
		cell_milliseconds(&grid->cells, protocol->interarrival.mean - config->nominal_gap);
		grid_cell_end(grid);
	}
	if (config->show_sequence)
		add_sequence_cells(grid, &protocol->sequence);
}

static void add_total_cells(struct grid *grid, const struct console_config *config, const struct total_report *total,
			    const bool shown[EXCEPTIONS])
{
	cell_interface(&grid->cells, total->interface);
	grid_cell_end(grid);
	cell_direction(&grid->cells, total->direction);
	grid_cell_end(grid);
	cell_rate(&grid->cells, total->throughput, config->bits);
	grid_cell_end(grid);
	cell_decimal(&grid->cells, total->packet_rate);
	grid_cell_end(grid);
	cell_count(&grid->cells, total->seen.packets);
	grid_cell_end(grid);
	cell_count(&grid->cells, total->seen.bytes);
	grid_cell_end(grid);
	for (size_t i = 0; i < EXCEPTIONS; i++) {
		const struct tally *tally = &total->outcome[exceptions[i].outcome];

		if (!shown[i])
			continue;
		if (tally->packets)
			text_appendf(&grid->cells, "%llu (%llu B)", (unsigned long long)tally->packets,
				     (unsigned long long)tally->bytes);
		grid_cell_end(grid);
	}
}

static void end_grid(struct table *table, const struct console_config *config, struct grid *grid, size_t rows)
{
	grid_fit(grid, config->width);
	grid_write_titles(grid, &table->text);
	table_line_end(table, TABLE_TITLES);
	table_grid_lines(table, grid, rows);
}

static void build_protocols(struct table *table, const struct console_config *config, const struct report *report)
{
	struct grid grid cleanup(grid_free) = GRID_EMPTY;

	add_protocol_columns(&grid, config);
	for (size_t i = 0; i < PROTOCOL_GROUPS; i++)
		add_protocol_cells(&grid, config, group_names[i], &report->protocols[i]);
	end_grid(table, config, &grid, PROTOCOL_GROUPS);
}

static void build_totals(struct table *table, const struct console_config *config, const struct report *report)
{
	struct grid grid cleanup(grid_free) = GRID_EMPTY;
	bool shown[EXCEPTIONS] = { false };

	add_column(&grid, "INTERFACE", true, 0);
	add_column(&grid, "DIR", true, 0);
	add_column(&grid, "THROUGHPUT", false, 6);
	add_column(&grid, "PACKETS/S", false, 1);
	add_column(&grid, "SEEN", false, 7);
	add_column(&grid, "BYTES", false, 2);
	for (size_t i = 0; i < EXCEPTIONS; i++) {
		for (size_t j = 0; j < report->total_count; j++)
			shown[i] = shown[i] || report->totals[j].outcome[exceptions[i].outcome].packets;
		/* Non-IP leaves first, overflow never. */
		if (shown[i])
			add_column(&grid, exceptions[i].title, false, i ? (unsigned int)(EXCEPTIONS + 2 - i) : 0);
	}
	for (size_t i = 0; i < report->total_count; i++)
		add_total_cells(&grid, config, &report->totals[i], shown);
	end_grid(table, config, &grid, report->total_count);
}

void table_build_foot(struct table *table, const struct console_config *config, const struct report *report)
{
	build_protocols(table, config, report);
	build_totals(table, config, report);
}
