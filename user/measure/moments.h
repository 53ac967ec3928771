/* SPDX-License-Identifier: BSD-2-Clause */
/* Mathematics of gaps and sequence numbers: pure functions of two records. Formulas: docs/metrics.md. */
#ifndef FLOWGAUGE_MOMENTS_H
#define FLOWGAUGE_MOMENTS_H

#include "measure/report.h"

/* Sums of gaps between two readings of a flow, or since the measure started anew, if that came in between. */
struct gap_sums {
	uint64_t count, merged;
	double seconds;         /* sum */
	double squared_seconds; /* sum of squares */
};

/* `before` NULL or all zero: since the flow began. */
struct gap_sums gaps_of_interval(const struct flow_record *before, const struct flow_record *now);
/* All gaps between the readings, restarts or not: what the counters over the flow's life grow by. */
struct gap_sums gaps_between(const struct flow_record *before, const struct flow_record *now);
/* The measure started anew between the readings: gaps_of_interval holds what came after that only. */
bool gaps_restarted(const struct flow_record *before, const struct flow_record *now);
struct gap_sums gaps_add(struct gap_sums a, struct gap_sums b);
/* All gaps of the flow's life, in whole numbers. */
struct gap_life {
	uint64_t count;
	uint64_t ns;      /* sum */
	uint64_t squares; /* sum of squares in 2^GAP_SQUARE_SHIFT ns^2, modulo 2^64 */
};
struct gap_life gaps_of_life(const struct flow_record *record);
/* How often the squares have turned over, as far as the sum of the gaps tells: exact while the squares of the gaps'
 * distances from their mean sum up to less than 4722 s^2. */
uint64_t gap_square_turns(const struct flow_record *record);

/* Mean and sample standard deviation (n-1) from sums; a variance below 0 by rounding is 0. */
struct interarrival_report interarrival_of(struct gap_sums sums);
/* The reverse of interarrival_of, within the rounding of a double. */
struct gap_sums gaps_of_report(const struct interarrival_report *report);

/* Numbers of the kernel's record as reported; lost = expected - distinct, per run (RFC 3550 A.3, duplicates taken out). */
struct sequence_report sequence_of(const struct flow_key *key, const struct sequence_record *record);

/* Payload bytes less those that TCP repeated: what goodput is made of. */
uint64_t fresh_bytes_of(const struct flow_key *key, const struct flow_record *record);

#endif
