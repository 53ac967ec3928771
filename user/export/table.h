/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report as the lines of a table: head, flows, foot. The console prints them all; the screen puts the head at the
 * top and the foot at the bottom of the window, and scrolls between them. The report is only read: another order of
 * its flows is an array of their indexes.
 */
#ifndef FLOWGAUGE_TABLE_H
#define FLOWGAUGE_TABLE_H

#include "export/console.h"

enum table_style {
	TABLE_PLAIN,
	TABLE_TITLES, /* titles of columns */
	TABLE_ALARM,  /* packets that no flow has counted */
};

enum table_part { TABLE_HEAD, TABLE_FLOWS, TABLE_FOOT, TABLE_PARTS };

struct table_line {
	size_t start, length; /* in table.text */
	enum table_style style;
};

struct table {
	struct text text;
	struct table_line *lines; /* part by part; owned */
	size_t count, capacity;
	size_t part_end[TABLE_PARTS]; /* index after the part's last line */
	size_t rows;                  /* flows shown */
	bool failed;                  /* an allocation did */
};

#define TABLE_EMPTY ((struct table){ 0 })

/* The flows from place `first` on; config->max_rows of them. `note` (may be "") ends the head line. */
void table_build(struct table *table, const struct console_config *config, const struct report *report, size_t first,
		 const char *note);
void table_free(struct table *table);

/* "throughput", "goodput", … */
const char *table_order_name(enum console_order order);

/* For the files that build a table. */
struct grid;
void table_line_end(struct table *table, enum table_style style); /* of what was appended to table->text */
void table_grid_lines(struct table *table, struct grid *grid, size_t rows);
void table_build_foot(struct table *table, const struct console_config *config, const struct report *report);

/*
 * Places `first` to `first + count` of the flows in this order, largest first, as indexes into report->flows. Unknown
 * values stand last, equal ones as in the report. 0 or -ENOMEM; *out is to be freed.
 */
int table_order(const struct report *report, enum console_order order, size_t first, size_t count, uint32_t **out);

#endif
