/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the book share. A reading of a followed flow is written straight into the rows of the report to
 * come, and into its note; of the others only sums are kept.
 */
#ifndef FLOWGAUGE_BOOK_INTERNAL_H
#define FLOWGAUGE_BOOK_INTERNAL_H

#include "measure/book.h"
#include "measure/flow_entries.h"
#include "measure/flow_notes.h"

#define UNKNOWN_INTERFACE "?"

/* The tallies of a ledger as one array: what is seen, then each outcome. */
#define SHEET_SEEN 0
#define SHEET_OUTCOME 1
#define SHEET_LINES (1 + OUTCOMES)

struct sheet {
	struct tally lines[SHEET_LINES];
};

/*
 * Packets and bytes of all flows of an index and direction: those that left the table, and those in it. `leaving` left
 * it after this reading had counted them in `present`. `followed` is the sum of what is held of the entries, kept as they change.
 */
struct lane {
	struct tally gone, leaving, present, followed;
	struct tally held; /* their sum, in the report before */
};

/*
 * One direction of an interface. The total is base + last, modulo 2^64, and that of its flows lane_base + lane.held. A
 * reading may bring several ledgers for one interface, when it was let go and taken up again; they are added.
 */
struct side {
	struct sheet base;
	struct sheet last;    /* sum of the ledgers of the last whole reading */
	struct sheet pending; /* the same of the reading in progress */
	unsigned int ledgers, pending_ledgers;
	struct lane lane;
	struct tally lane_base;
	uint64_t unaccounted;  /* packets that were charged as flow, and are in none */
	bool known;            /* there was a ledger */
	struct tally reported; /* seen, in the report before */
	bool residual_known;   /* in the reading in progress */
	int64_t residual;      /* packets */
};

/* An interface, from its first packet or mention until its totals are added to another place's. */
struct place {
	unsigned int ifindex;
	char name[IF_NAMESIZE]; /* empty: the place is free */
	bool present;           /* among the interfaces as of now */
	uint64_t gone;          /* since which list of interfaces it is not; 0: it never was */
	bool replaced;          /* its index belongs to another interface now */
	struct side sides[DIRECTIONS];
};

/* A set of flows by protocol. */
struct group_counts {
	uint64_t flows[PROTOCOL_GROUPS];
	struct flow_counts counts[PROTOCOL_GROUPS];
};

struct protocol_memory {
	enum sequence_kind kind;
	uint32_t current;
	uint64_t last_ns;        /* of the flow that gave `current` */
	struct flow_counts held; /* over all flows that ever were, as reported last */
};

/* How many flows have a score of about this: the first bits of a float, 8 classes an octave. */
#define SCORE_CLASSES 2048
/* The same of times without a packet, 4 classes an octave. */
#define AGE_CLASSES 1024

struct age_cut {
	uint32_t class; /* flows above it go, and `quota` of those in it */
	size_t quota;
};

struct pressure {
	uint64_t now_ns;
	uint64_t tick_ns; /* length of the last tick */
	size_t flows;     /* counted */
	uint32_t few[AGE_CLASSES], many[AGE_CLASSES];
	struct age_cut few_cut, many_cut;
};

struct book {
	struct book_config config;
	uint64_t *words; /* of each slot */
	struct flow_entries entries;
	size_t followed; /* entries of flows that are in the table, as far as known */

	uint64_t monotonic_ns, realtime_ns; /* of the reading in progress */
	uint64_t reported_ns;               /* monotonic, of the reading that the report before shows */
	bool reported;
	bool reading_open; /* from book_begin to book_report */
	bool unread;       /* a flow could not be read in this reading */
	uint32_t reading;  /* its number */
	float decay;       /* of scores, since the reading before */

	struct group_counts gone, leaving, present; /* as in struct lane; of flows that are not followed */
	struct group_counts
		followed_now; /* the same of entries; its flows are those that this reading found in the table */
	struct protocol_memory protocols[PROTOCOL_GROUPS];
	bool tcp_known; /* there was a TCP flow */

	uint32_t scores[SCORE_CLASSES];          /* of flows that are not followed, in this reading */
	uint32_t followed_scores[SCORE_CLASSES]; /* of those that are */
	uint32_t enter_class;                    /* a flow of this class of scores is followed, if there is room */
	struct pressure pressure;
	struct idle_flow *idle;
	size_t idle_count;

	struct flow_report *rows; /* of the report in the making */
	size_t row_count, row_capacity;
	bool rows_of_before;     /* some are not of this reading */
	struct flow_note *notes; /* of each row */
	struct rank *ranks;      /* RANKS_PER_ROW a row */
	size_t note_capacity, rank_capacity;
	struct report *last; /* its rows are written again when nobody shows it any more */

	struct place *places;
	size_t place_count, place_capacity;
	size_t place_hit; /* found last */
	struct interface_report *interfaces;
	size_t interface_count;
	uint64_t lists; /* of interfaces, so far */
};

enum protocol_group group_of(unsigned int protocol);

/* --- which flows are followed: book_follow.c --- */

uint32_t score_class(float score);
bool follow_wants(const struct book *book, float score, const struct flow_record *record);
/* Counts the scores of the entries that stay, while there are notes. */
void follow_count(struct book *book);
/* Lets go of the flows with the lowest scores, if there are more than may be followed. `live`: flows in the table. */
void follow_choose(struct book *book, uint64_t live);

/* --- which flows are freed: book_pressure.c --- */

void idle_note(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record);
void pressure_begin(struct book *book, uint64_t monotonic_ns);

/* --- the top: book_top.c --- */

/* Marks the rows of the top. `weights` is room for a number a row. */
void top_mark(struct book *book, uint32_t *weights);

/* --- flows that are followed: book_followed.c --- */

/* An entry in the slot, of a flow that is measured from its first packet. NULL: no memory. */
struct flow_entry *followed_new(struct book *book, uint32_t slot, const struct flow_key *key, uint32_t place);
/* The same of one that was born before the last reading: what it had then is not known, and so is nothing of this
 * interval. 0 or -ENOMEM. */
int followed_late(struct book *book, uint32_t slot, const struct flow_key *key, const struct flow_record *record,
		  const struct slot_state *state);
/* Its row, made of this reading. 0 or -ENOMEM. */
int followed_read(struct book *book, struct flow_entry *entry, const struct flow_record *record);
/* This reading found the entry's flow in the table. */
void entry_found(struct book *book, struct flow_entry *entry);
/* How many entries that is so of. */
uint64_t entries_found(const struct book *book);
/* What the entry holds goes from the sums of entries to others'. */
void entry_counts_leave(struct book *book, const struct flow_entry *entry, struct flow_counts *counts,
			struct tally *lane);
/* The entry leaves the book; its slot, if it is still the flow's, holds nothing of it. */
void entry_leave(struct book *book, struct flow_entry *entry);

/* --- rows of the report in the making: book_rows.c --- */

/* Room for one row more, and its owner. 0 or -ENOMEM. */
int rows_make_room(struct book *book);
/* The report's `rest`, with room for the notes and ranks of all rows, which are the report's from rows_hand_over on. */
int rows_prepare(struct book *book, struct report *report);
/* The rows become the report's, and the report the last. */
void rows_hand_over(struct book *book, struct report *report);

/* --- interfaces: book_places.c --- */

/* The place of the interface that has the index now, or had it last; NULL. */
struct place *place_find(struct book *book, unsigned int ifindex);
/* A new one, or a free one again; NULL: no memory. Places may move. */
struct place *place_add(struct book *book, unsigned int ifindex, const char *name);
/* Index of the interface's place, made if it is not known; -ENOMEM. */
int64_t standing_take(struct book *book, unsigned int ifindex);
/* The lane of a key whose interface has a place. */
struct lane *lane_of(struct book *book, const struct flow_key *key);

/* --- interfaces that are gone, and too many: book_fold.c --- */

/* 0 or -ENOMEM. */
int places_fold(struct book *book);

/* --- ledgers: book_ledgers.c --- */

struct sheet sheet_add(const struct sheet *a, const struct sheet *b);
struct sheet sheet_subtract(const struct sheet *a, const struct sheet *b);
struct tally tally_add(struct tally a, struct tally b);
struct tally tally_subtract(struct tally a, struct tally b);
struct sheet total_of(const struct side *side);
/* Packets and bytes of the side's flows, as reported last. */
struct tally flows_of(const struct side *side);
void tally_count(struct tally *sum, const struct flow_counts *counts);

void ledgers_begin(struct book *book);
/* The ledgers of this reading become the last ones, and the lanes what this reading found. */
void ledgers_commit(struct book *book);
/* Fills and sorts `out` (room for DIRECTIONS a place), and returns how many there are. `interval` NaN: no rates. */
size_t ledgers_report(struct book *book, double interval, struct total_report *out);
struct tally ledgers_flow_sum(const struct book *book);

#endif
