/* SPDX-License-Identifier: BSD-2-Clause */
/* The report as a table of plain lines, for pipes; the screen draws the same table in a terminal. */
#ifndef FLOWGAUGE_CONSOLE_H
#define FLOWGAUGE_CONSOLE_H

#include <stdbool.h>

#include "base/text.h"
#include "measure/report.h"

enum console_order {
	ORDER_THROUGHPUT,
	ORDER_GOODPUT,
	ORDER_PACKETS,
	ORDER_BYTES,
	ORDER_JITTER,
	ORDER_AGE,
	CONSOLE_ORDERS
};

struct console_config {
	bool bits;          /* rates in bit/s */
	double nominal_gap; /* seconds taken off the mean gap as shown; the result may be negative */
	bool show_throughput, show_goodput, show_jitter, show_sequence;
	size_t max_rows;    /* flows shown at most; 0 = all */
	unsigned int width; /* columns of the window; 0 = unlimited */
	enum console_order order;
};

/* Head line, flows, totals per protocol and per interface at the foot. */
void console_render(const struct console_config *config, const struct report *report, struct text *out);

#endif
