/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of a flow, or of many together. All are whole numbers, so that a sum does not depend on the order of its
 * parts: a sum made anew at each reading equals the one before where nothing happened.
 */
#ifndef FLOWGAUGE_FLOW_COUNTS_H
#define FLOWGAUGE_FLOW_COUNTS_H

#include "measure/report.h"

enum flow_count {
	COUNT_PACKETS,
	COUNT_BYTES,
	COUNT_PAYLOAD_BYTES,
	COUNT_FRESH_BYTES, /* payload less repeats of TCP */
	COUNT_CONTENDED,   /* packets without a gap and a sequence number, as another CPU was in the flow */
	COUNT_GAPS,
	COUNT_LOST,
	COUNT_RETRANSMITTED_BYTES,
	COUNTS_WIDE, /* of those from here on the kernel keeps the lower 32 bits */
	COUNT_RECEIVED = COUNTS_WIDE,
	COUNT_REVERSE,
	COUNT_SMALL,
	COUNT_BIG,
	COUNT_DUPLICATE,
	COUNT_REORDERED,
	COUNT_RETRANSMITTED_PACKETS,
	COUNT_OUT_OF_ORDER,
	COUNT_LOST_SEGMENTS,
	COUNT_ZERO_WINDOW,
	COUNT_SYN,
	COUNT_FIN,
	COUNT_RST,
	COUNTS,
};

struct flow_counts {
	uint64_t number[COUNTS];
	unsigned __int128 gap_ns;      /* sum of the gaps that are not over 2 s */
	unsigned __int128 gap_squares; /* sum of their squares, in 2^GAP_SQUARE_SHIFT ns^2 */
};

/* What the record says of the flow's life. `square_turns`: how often the sum of squares has turned over 2^64. */
void counts_add_life(struct flow_counts *sum, const struct flow_key *key, const struct flow_record *record,
		     uint64_t square_turns);
void counts_add(struct flow_counts *sum, const struct flow_counts *part);
void counts_subtract(struct flow_counts *sum, const struct flow_counts *part);
/* Raises each counter of `held` to that of `now`, if that is higher. */
void counts_hold(struct flow_counts *held, const struct flow_counts *now);
/* The same, where `held` is part of a sum. */
void counts_hold_in(struct flow_counts *sum, struct flow_counts *held, const struct flow_counts *now);
/* Completes the counters of 32 bits in `now` from `held`: `now` is at or after it, or a little behind. */
void counts_widen(struct flow_counts *now, const struct flow_counts *held);
/* A number whose lower 32 bits are `now`, at `held` or after it. A small fall is none: it stays at `held`. */
uint64_t count_widen(uint64_t held, uint64_t now);

double counts_gap_seconds(const struct flow_counts *counts);
double counts_gap_squared_seconds(const struct flow_counts *counts);
struct tcp_report counts_tcp(const struct flow_counts *counts, bool known);
/* The counters alone: kind and current stay. */
void counts_sequence(const struct flow_counts *counts, struct sequence_report *out);

#endif
