/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a report as people read them in a table. Unknown is "-". All append to `out`. */
#ifndef FLOWGAUGE_CELLS_H
#define FLOWGAUGE_CELLS_H

#include "base/text.h"
#include "measure/report.h"

#define CELL_UNKNOWN "-"

void cell_count(struct text *out, uint64_t count);
void cell_count_if(struct text *out, bool known, uint64_t count);
void cell_rate(struct text *out, double bytes_per_second, bool bits);
void cell_milliseconds(struct text *out, double seconds);
void cell_decimal(struct text *out, double value); /* one decimal place */
/* An interface's name: the kernel allows control characters in one, a terminal must not see them. */
void cell_interface(struct text *out, const char *name);
void cell_direction(struct text *out, unsigned int direction);
void cell_protocol(struct text *out, unsigned int protocol);
/* "10.1.0.1:5001", "[2001:db8::1]:5001"; only the address where the protocol has no ports. */
void cell_end_point(struct text *out, const struct flow_key *key, bool source);
void cell_vlan(struct text *out, const struct flow_key *key); /* "7", "100.7" outermost first, or nothing */

#endif
