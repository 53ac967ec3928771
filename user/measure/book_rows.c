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
	book->row_capacity = rows_enough(last->flow_count);
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

static int grow_owners(struct book *book)
{
	struct flow_entry **owners = realloc(book->owners, book->row_capacity * sizeof(*owners));

	if (!owners)
		return -ENOMEM;
	book->owners = owners;
	book->owner_capacity = book->row_capacity;
	return 0;
}

int rows_make_room(struct book *book)
{
	if (!book->rows)
		recycle_rows(book);
	if (book->row_count == book->row_capacity && grow_rows(book))
		return -ENOMEM;
	if (book->row_count >= book->owner_capacity && grow_owners(book))
		return -ENOMEM;
	return 0;
}

int rows_make_room_for_ranks(struct book *book)
{
	struct rank *ranks;

	if (book->rank_capacity >= book->row_count)
		return 0;
	ranks = realloc(book->ranks, book->row_capacity * RANKS_PER_ROW * sizeof(*ranks));
	if (!ranks)
		return -ENOMEM;
	book->ranks = ranks;
	book->rank_capacity = book->row_capacity;
	return 0;
}

/* Gives back what is not needed; if that fails, there is only more room than needed. */
static void shrink_rows(struct book *book)
{
	size_t enough = rows_enough(book->row_count);
	struct flow_report *rows;

	if (enough >= book->row_capacity)
		return;
	rows = realloc(book->rows, enough * sizeof(*rows));
	if (rows)
		book->rows = rows;
}

void rows_hand_over(struct book *book, struct report *report)
{
	shrink_rows(book);
	report->flows = book->rows;
	report->flow_count = book->row_count;
	book->rows = NULL;
	book->row_count = 0;
	book->row_capacity = 0;
	report_release(book->last);
	book->last = report_reference(report);
}
