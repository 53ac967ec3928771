/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the rows of reports: most of what the monitor needs. Taken from the system and given back at each tick, the
 * kernel would clear it page by page each time, which costs as much as the whole reading. So the rows of the last report
 * are written again, if nobody shows it any more when the next reading begins; else new ones are made.
 */
#include <errno.h>
#include <stdlib.h>

#include "measure/book_internal.h"
#include "measure/ranks.h"

#define ROWS_STEP 1024 /* rows are allocated in multiples of it */

static size_t rows_enough(size_t count)
{
	return (count / ROWS_STEP + 1) * ROWS_STEP;
}

static void recycle_rows(struct book *book)
{
	struct report *last = book->last;

	if (!last || last->references > 1 || !last->flows)
		return;
	book->rows = last->flows;
	book->notes = last->rest->notes;
	book->ranks = last->rest->ranks;
	book->row_capacity = book->note_capacity = book->rank_capacity = last->rest->capacity;
	last->rest->notes = NULL;
	last->rest->ranks = NULL;
	last->flows = NULL;
	last->flow_count = 0;
}

static int grow_rows(struct book *book)
{
	size_t wanted = book->row_capacity * 3 / 2, capacity;
	struct flow_report *rows;

	if (wanted < book->entries.used)
		wanted = book->entries.used;
	capacity = rows_enough(wanted);
	rows = realloc(book->rows, capacity * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	book->rows = rows;
	book->row_capacity = capacity;
	return 0;
}

static int grow_notes(struct book *book)
{
	struct flow_note *notes = realloc(book->notes, book->row_capacity * sizeof(*notes));

	if (!notes)
		return -ENOMEM;
	book->notes = notes;
	book->note_capacity = book->row_capacity;
	return 0;
}

int rows_make_room(struct book *book)
{
	if (!book->rows)
		recycle_rows(book);
	if (book->row_count == book->row_capacity && grow_rows(book))
		return -ENOMEM;
	if (book->row_count >= book->note_capacity && grow_notes(book))
		return -ENOMEM;
	return 0;
}

/* Memory that no one sorts in is not touched, and so is none. */
static int make_room_for_ranks(struct book *book)
{
	struct rank *ranks;

	if (book->rank_capacity >= book->row_count)
		return 0;
	ranks = malloc(book->row_capacity * RANKS_PER_ROW * sizeof(*ranks));
	if (!ranks)
		return -ENOMEM;
	free(book->ranks);
	book->ranks = ranks;
	book->rank_capacity = book->row_capacity;
	return 0;
}

int rows_prepare(struct book *book, struct report *report)
{
	report->rest = calloc(1, sizeof(*report->rest));
	return report->rest ? make_room_for_ranks(book) : -ENOMEM;
}

/* If that fails, there is only more room than needed. */
static void *shrunk(void *items, size_t bytes)
{
	void *smaller = realloc(items, bytes);

	return smaller ? smaller : items;
}

/* Gives back what is not needed. */
static void shrink_rows(struct book *book)
{
	size_t enough = rows_enough(book->row_count);

	if (!book->row_count || enough >= book->row_capacity)
		return;
	book->rows = shrunk(book->rows, enough * sizeof(*book->rows));
	book->notes = shrunk(book->notes, enough * sizeof(*book->notes));
	book->ranks = shrunk(book->ranks, enough * RANKS_PER_ROW * sizeof(*book->ranks));
	book->row_capacity = enough;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void rows_hand_over(struct book *book, struct report *report)
{
	struct report_rest *rest = report->rest;

	shrink_rows(book);
	report->flows = book->rows;
	report->flow_count = book->row_count;
	rest->notes = book->notes;
	rest->ranks = book->ranks;
	rest->capacity = least(book->row_capacity, least(book->note_capacity, book->rank_capacity));
	book->rows = NULL;
	book->notes = NULL;
	book->ranks = NULL;
	book->row_count = 0;
	book->row_capacity = book->note_capacity = book->rank_capacity = 0;
	report_release(book->last);
	book->last = report_reference(report);
}
