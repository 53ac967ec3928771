/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The book of flows and ledgers between ticks: takes readings in, gives a report out. It knows no clock and no map: the
 * caller brings the times.
 *
 * One tick: book_begin, book_flow for each flow, book_ledger for each ledger, book_retired for each flow that the
 * caller takes out of the table, book_report. The first report is the baseline: it has no interval and so no rates, and
 * a flow that comes later is measured from its first packet.
 *
 * Of every flow in the table the book keeps 8 bytes; rows of the report and what they need have the flows that are
 * followed: all of them, as long as there are no more than `followed_max`, and else those with the most bytes over the
 * last minute. The sums are over all flows in any case.
 *
 * A report speaks of the moment when its flows were read: what a ledger charged as flow after that is left to the next
 * report. So seen = the sum of the outcomes, and the outcome "flow" = the sum over flows, in every report.
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
	uint32_t max_flows;    /* slots of the flow table: each is below it. Given when the book is made; 1 or more */
	uint32_t followed_max; /* 1 or more; from max_flows on, every flow is followed */
	size_t top_max;        /* flows that a report marks as its top */
	size_t interfaces_max; /* interfaces with totals of their own; 0: any number */
};

int book_new(const struct book_config *config, struct book **out); /* 0 or -ENOMEM */
struct book *book_free(struct book *book);
/* Everything but max_flows may change. */
void book_configure(struct book *book, const struct book_config *config);

/*
 * The interfaces as they are now. A flow or ledger of an index that was here keeps its name after the interface is gone; an
 * interface that comes back under its old name goes on counting where it stood. If there are more than interfaces_max,
 * the totals of those that are longest gone, and have neither flows nor a ledger any more, are added up under
 * BOOK_INTERFACES_OTHER, so that a sum over all names never falls. 0 or -ENOMEM.
 */
#define BOOK_INTERFACES_OTHER "other"
int book_interfaces(struct book *book, const struct interface_report *interfaces, size_t count);

void book_begin(struct book *book, uint64_t monotonic_ns, uint64_t realtime_ns);
/* `slot` is the flow's place in the table: its own until it is retired. Each flow comes once in a reading. 0, -ENOMEM,
 * or -ERANGE for a slot that there is not. */
int book_flow(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record);
/* The flow in this slot is read soon. Nothing depends on it but the time that takes. */
void book_soon(const struct book *book, uint32_t slot);
/* A flow is in this slot, but could not be read this time: its last counts stand. It has no row. */
void book_unread(struct book *book, uint32_t slot);
int book_ledger(struct book *book, unsigned int ifindex, enum direction direction, const struct ledger_record *sum);
/* Of this reading; without it, the report's is unknown. */
int book_residual(struct book *book, unsigned int ifindex, enum direction direction, int64_t packets);

/* --- which flows to free --- */

struct idle_flow {
	uint32_t slot;
	struct flow_key key;
};

/*
 * Takes flows idle for longer than the timeout, as found by this reading; up to `capacity`; returns how many were
 * written. Up to BOOK_IDLE_WAITING of them wait to be taken; the others are named by the next reading. Whoever takes
 * them while the reading goes on, whenever that many wait, gets them all.
 */
#define BOOK_IDLE_WAITING 4096
size_t book_idle(struct book *book, struct idle_flow *out, size_t capacity);
size_t book_idle_waiting(const struct book *book);
/*
 * The flow left the table with this last record: its counts stay in the sums. A row is still in this tick's report, and
 * has them. A followed flow that a reading does not find at all leaves the book likewise, but has no row. If the flow
 * is not followed, what came after its reading is in the next report.
 */
void book_retired(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *last);

/* Packets, in the record's `spilled` only, that came to the flow when it had just been retired. */
void book_left(struct book *book, const struct flow_key *key, const struct flow_record *record);

/*
 * Under pressure, when more than 7/8 of the table are taken, flows are freed until 3/4 are: first those of few packets,
 * the idlest first, then others, the idlest first; but none that has many packets and had one in the last tick. Two walks over
 * the table: the first counts (the reading of a tick has done so), the second takes.
 *
 *	book_press_begin(book, now); book_press_count(book, record) for each flow;  -- between ticks
 *	if (book_press_choose(book))
 *		for each flow: if (book_press_takes(book, record)) take it out, book_retired
 */
void book_press_begin(struct book *book, uint64_t monotonic_ns);
void book_press_count(struct book *book, const struct flow_record *record);
bool book_press_choose(struct book *book);
bool book_press_takes(struct book *book, const struct flow_record *record);

/* `self` is copied into the report. 0 or -ENOMEM. The caller owns one reference. The book holds the last two reports,
 * to write its next rows where those of a report are that nobody shows any more. */
int book_report(struct book *book, uint64_t late_ticks, const struct self_report *self, struct report **out);

#endif
