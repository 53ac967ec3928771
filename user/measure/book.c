/* SPDX-License-Identifier: BSD-2-Clause */
/* The book's life, and the beginning of a reading. */
#include "measure/book.h"

#include <errno.h>
#include <stdlib.h>

#include "measure/book_internal.h"

int book_new(const struct book_config *config, struct book **out)
{
	struct book *book = calloc(1, sizeof(*book));

	if (!book)
		return -ENOMEM;
	book->config = *config;
	/* Where the book lies is not for others to know, as long as the address space is laid out at random. */
	if (flow_table_open(&book->table, (uint64_t)(uintptr_t)book * 0x9e3779b97f4a7c15ULL)) {
		free(book);
		return -ENOMEM;
	}
	*out = book;
	return 0;
}

struct book *book_free(struct book *book)
{
	if (!book)
		return NULL;
	flow_table_close(&book->table);
	free(book->rows);
	free(book->owners);
	free(book->ranks);
	report_release(book->last);
	free(book->places);
	free(book->interfaces);
	free(book);
	return NULL;
}

void book_configure(struct book *book, const struct book_config *config)
{
	book->config = *config;
}

/* A reading that was given up made no report: the rows it filled stay, and the next report spans both. */
void book_begin(struct book *book, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	book->monotonic_ns = monotonic_ns;
	book->realtime_ns = realtime_ns;
	book->reading++;
	book->seen = 0;
	for (size_t i = 0; i < book->place_count; i++) {
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			struct side *side = &book->places[i].sides[direction];

			side->pending = (struct sheet){ 0 };
			side->pending_ledgers = 0;
			side->residual_known = false;
		}
	}
}
