/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the book share. A reading is written straight into the rows of the report to come; the book itself
 * keeps of each flow only what the next difference needs. While a report is in the making, a row's throughput and
 * goodput hold the bytes since the report before; book_report divides them by the time that passed.
 */
#ifndef FLOWGAUGE_BOOK_INTERNAL_H
#define FLOWGAUGE_BOOK_INTERNAL_H

#include "measure/book.h"
#include "measure/flow_table.h"

#define UNKNOWN_INTERFACE "?"

/* The tallies of a ledger as one array: what is seen, then each outcome. */
#define SHEET_SEEN 0
#define SHEET_OUTCOME 1
#define SHEET_LINES (1 + OUTCOMES)

struct sheet {
	struct tally lines[SHEET_LINES];
};

/*
 * One direction of an interface. The total is base + last, modulo 2^64. A reading may bring several ledgers for one
 * interface, when it was let go and taken up again; they are added.
 */
struct side {
	struct sheet base;
	struct sheet last;    /* sum of the ledgers of the last whole reading */
	struct sheet pending; /* the same of the reading in progress */
	unsigned int ledgers, pending_ledgers;
	bool known;            /* there was a ledger */
	struct tally reported; /* seen, in the report before */
	bool residual_known;   /* in the reading in progress */
	int64_t residual;      /* packets */
};

/* An interface, from its first packet or mention to the monitor's end. */
struct place {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	bool present;  /* among the interfaces as of now */
	bool replaced; /* its index belongs to another interface now */
	struct side sides[DIRECTIONS];
};

struct protocol_memory {
	struct sequence_report sequence; /* sums over all flows that ever were */
	uint64_t last_ns;                /* of the flow that gave `current` */
};

struct book {
	struct book_config config;
	struct flow_table table;

	uint64_t monotonic_ns, realtime_ns; /* of the reading in progress */
	uint64_t reported_ns;               /* monotonic, of the reading that the report before shows */
	bool reported;
	uint32_t reading; /* its number */
	size_t seen;      /* flows that this reading visited */
	size_t retired;   /* flows that leave with the next report */

	struct flow_report *rows; /* of the report in the making */
	size_t row_count, row_capacity;
	struct flow_entry **owners; /* of each row */
	struct rank *ranks;         /* RANKS_PER_ROW a row */
	size_t owner_capacity, rank_capacity;
	struct report *last; /* its rows are written again when nobody shows it any more */

	struct place *places;
	size_t place_count, place_capacity;
	size_t place_hit; /* found last */
	struct interface_report *interfaces;
	size_t interface_count;

	struct flow_sums sums; /* packets and bytes are the ledger's, and filled in the report */
	struct protocol_memory protocols[PROTOCOL_GROUPS];
};

enum protocol_group group_of(unsigned int protocol);

/* --- rows of the report in the making: book_rows.c --- */

/* Room for one row more, and its owner. 0 or -ENOMEM. */
int rows_make_room(struct book *book);
int rows_make_room_for_ranks(struct book *book);
/* The rows become the report's, and the report the last. */
void rows_hand_over(struct book *book, struct report *report);

/* --- interfaces and ledgers: book_ledgers.c --- */

/* Index of the interface's place, made if it is not known; -ENOMEM. */
int64_t standing_take(struct book *book, unsigned int ifindex);

/* The ledgers of this reading become the last ones. */
void ledgers_commit(struct book *book);
/* Fills and sorts `out` (room for DIRECTIONS a place), and returns how many there are. `interval` NaN: no rates. */
size_t ledgers_report(struct book *book, double interval, struct total_report *out);
struct tally ledgers_flow_sum(const struct book *book);

#endif
