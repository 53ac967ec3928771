/* SPDX-License-Identifier: BSD-2-Clause */
/* The book's life, and the beginning of a reading. */
#include "measure/book.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/book_internal.h"

#define SCORE_SECONDS 60 /* the time constant of scores */

int book_new(const struct book_config *config, struct book **out)
{
	struct book *book = calloc(1, sizeof(*book));

	if (!book)
		return -ENOMEM;
	book->config = *config;
	/* Pages that no flow's slot is in stay without memory. */
	book->words = calloc(config->max_flows, sizeof(*book->words));
	book->idle = malloc(BOOK_IDLE_WAITING * sizeof(*book->idle));
	if (!book->words || !book->idle) {
		book_free(book);
		return -ENOMEM;
	}
	*out = book;
	return 0;
}

struct book *book_free(struct book *book)
{
	if (!book)
		return NULL;
	entries_close(&book->entries);
	free(book->words);
	free(book->idle);
	free(book->rows);
	free(book->notes);
	free(book->ranks);
	report_release(book->last);
	free(book->places);
	free(book->interfaces);
	free(book);
	return NULL;
}

void book_configure(struct book *book, const struct book_config *config)
{
	uint32_t max_flows = book->config.max_flows;

	book->config = *config;
	book->config.max_flows = max_flows;
}

/* What left the table after the last reading had counted it is counted as gone from now on. */
static void groups_begin(struct book *book)
{
	for (int group = 0; group < PROTOCOL_GROUPS; group++)
		counts_add(&book->gone.counts[group], &book->leaving.counts[group]);
	book->leaving = (struct group_counts){ 0 };
	book->present = (struct group_counts){ 0 };
	memset(book->followed_now.flows, 0, sizeof(book->followed_now.flows));
}

static float decay_since(const struct book *book, uint64_t monotonic_ns)
{
	if (monotonic_ns <= book->monotonic_ns)
		return 1;
	return (float)exp(-(double)(monotonic_ns - book->monotonic_ns) / (1e9 * SCORE_SECONDS));
}

/* A reading that was given up made no report: the rows it filled stay, and the next report spans both. */
void book_begin(struct book *book, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	book->decay = decay_since(book, monotonic_ns);
	book->monotonic_ns = monotonic_ns;
	book->realtime_ns = realtime_ns;
	book->reading++;
	book->reading_open = true;
	book->unread = false;
	book->rows_of_before = book->row_count > 0;
	book->idle_count = 0;
	memset(book->scores, 0, sizeof(book->scores));
	groups_begin(book);
	pressure_begin(book, monotonic_ns);
	ledgers_begin(book);
}
