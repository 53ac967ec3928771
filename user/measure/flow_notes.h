/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a report's rows lack while nobody looks at them: rates, mean gaps, and their order. All three are dear, and most ticks' rows
 * are never looked at. They are made of notes, one a row, when report_flows is first asked.
 */
#ifndef FLOWGAUGE_FLOW_NOTES_H
#define FLOWGAUGE_FLOW_NOTES_H

#include "measure/moments.h"

struct flow_entry;
struct rank;

struct flow_note {
	struct flow_entry *owner; /* while the report is in the making */
	struct gap_sums gaps;     /* of the interval */
	double grown, fresh;      /* bytes since the report before, and payload without repeats */
	float score;              /* as in the owner */
	unsigned char group;      /* enum protocol_group */
	bool late;                /* what it had in the interval is not known */
	bool was_top;             /* in the report before */
};

/* Of a report's rows. */
struct report_rest {
	bool settled;            /* nothing is lacking any more */
	bool rates_known;        /* else throughput does not count in the order */
	double divisor;          /* seconds; NaN: no rates */
	size_t capacity;         /* of the rows, the notes and, RANKS_PER_ROW times, the ranks */
	struct flow_note *notes; /* owned */
	struct rank *ranks;      /* owned; room to sort */
};

#endif
