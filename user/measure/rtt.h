/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passive round-trip times between ticks: the kernel's pairs in, rows of a report out.
 *
 * One tick: rtt_begin, rtt_pair for each pair that is there, rtt_gone for each that was taken out since, rtt_hop for each
 * hop, rtt_report. A reading may stay without a report: the next one spans both.
 *
 * - A pair here has no interface: what is seen at several is one pair, and is counted at each.
 * - The kernel takes pairs in as they come, up to its limit, and lets go of those that are idle: who has a row keeps it for as
 *   long as there is traffic. What a pair had that is gone, and what found no room, is the rest of its method, so that no
 *   sum over pairs falls. The same of hops.
 */
#ifndef FLOWGAUGE_RTT_H
#define FLOWGAUGE_RTT_H

#include "measure/report.h"

struct rtt_book;

int rtt_book_new(struct rtt_book **out); /* 0 or -ENOMEM */
struct rtt_book *rtt_book_free(struct rtt_book *book);

/* The moment of the reading, in the clock of the records' seen_ns and since the epoch. */
void rtt_begin(struct rtt_book *book, uint64_t monotonic_ns, uint64_t realtime_ns);
/* Counters are those since the pair was taken in; each pair comes once. 0 or -ENOMEM: no report should follow. */
int rtt_pair(struct rtt_book *book, const struct rtt_pair_key *key, const struct rtt_pair_record *record);
/* What found no room in the kernel's table, since it was made. */
void rtt_other(struct rtt_book *book, enum rtt_method method, const struct rtt_pair_record *record);
/* With its last counters, which are not below those read before. */
void rtt_gone(struct rtt_book *book, const struct rtt_pair_key *key, const struct rtt_pair_record *last);
int rtt_hop(struct rtt_book *book, const struct rtt_hop_key *key, uint64_t count);
/* Fills the rows of `report`, which has none. 0 or -ENOMEM: then the next one spans both. */
int rtt_report(struct rtt_book *book, struct rtts_report *report);

#endif
