/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The book of flows and ledgers between ticks: takes readings in, gives a report out. It holds the last record of each
 * flow, so that a report is the difference of two readings. It knows no clock and no map: the caller brings the times.
 *
 * One tick: book_begin, book_flow for each flow, book_ledger for each ledger, book_retired for each flow that the
 * caller takes out of the table, book_report. The first report is the baseline: it has no interval and so no rates, and
 * a flow that comes later is measured from its first packet.
 *
 * book_begin may also follow a reading that made no report, because it failed or because the time for a report has not
 * come: the next report spans both. A replay reads so at least once in an hour of its packets' time, that the squares
 * of gaps do not turn over unseen.
 */
#ifndef FLOWGAUGE_BOOK_H
#define FLOWGAUGE_BOOK_H

#include "measure/report.h"

struct book;

struct book_config {
	uint64_t idle_timeout_ns;
};

int book_new(const struct book_config *config, struct book **out); /* 0 or -ENOMEM */
struct book *book_free(struct book *book);
void book_configure(struct book *book, const struct book_config *config);

/* The interfaces as they are now. A flow or ledger of an index that was here keeps its name after the interface is gone;
 * an interface that comes back under its old name goes on counting where it stood. */
int book_interfaces(struct book *book, const struct interface_report *interfaces, size_t count);

void book_begin(struct book *book, uint64_t monotonic_ns, uint64_t realtime_ns);
int book_flow(struct book *book, const struct flow_key *key, const struct flow_record *record);
int book_ledger(struct book *book, unsigned int ifindex, enum direction direction, const struct ledger_record *sum);
/* Of this reading; without it, the report's is unknown. */
int book_residual(struct book *book, unsigned int ifindex, enum direction direction, int64_t packets);

/* Keys of flows idle for longer than the timeout, as of this reading; up to `capacity`; returns how many were written. */
size_t book_idle(struct book *book, struct flow_key *out, size_t capacity);
/* The flow left the table with this last record: its counts stay in the sums. It is still in this tick's report.
 * A flow that a reading does not find at all leaves the book likewise, but has no row. */
void book_retired(struct book *book, const struct flow_key *key, const struct flow_record *last);

/* `self` is copied into the report. 0 or -ENOMEM. The caller owns one reference. The book holds the last two reports,
 * to write its next rows where those of a report are that nobody shows any more. */
int book_report(struct book *book, uint64_t late_ticks, const struct self_report *self, struct report **out);

#endif
