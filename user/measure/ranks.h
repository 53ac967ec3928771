/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of a report's flows: by throughput, then bytes, largest first, then by key. */
#ifndef FLOWGAUGE_RANKS_H
#define FLOWGAUGE_RANKS_H

#include "measure/flow_notes.h"

struct rank {
	uint64_t grown; /* bytes since the report before: in the order of the throughput */
	uint64_t bytes;
	uint64_t ends; /* of the key: its last word of the source, and the ports; most ties end here */
	const struct flow_report *row;
};

#define RANKS_PER_ROW 2 /* the second half is scratch */

/* Notes what the order needs. What the rows have grown by counts only if `rates_known`. */
void ranks_take(struct rank *ranks, const struct flow_report *rows, const struct flow_note *notes, size_t count,
		bool rates_known);
/* Puts the rows in order. */
void ranks_sort(struct rank *ranks, struct flow_report *rows, size_t count);

#endif
