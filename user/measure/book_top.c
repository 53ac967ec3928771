/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The top: the flows with the most bytes over the last minute. A flow that is in it leaves it only if one outside has a
 * fifth more, or if it ends; so flows at the edge do not come and go.
 */
#include <string.h>

#include "measure/book_internal.h"

#define DIGIT_BITS 8
#define DIGITS (1U << DIGIT_BITS)
#define INCUMBENT_WEIGHT 1.2F

static float weight_of(const struct flow_note *note)
{
	return note->was_top ? note->score * INCUMBENT_WEIGHT : note->score;
}

/* The order of floats that are not below 0 is that of their bits. */
static uint32_t bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* The value that has `rank` others before it when the largest comes first; found digit by digit. */
static uint32_t value_at(const uint32_t *values, size_t count, size_t rank)
{
	uint32_t found = 0, fixed = 0; /* the leading bits that are found, and which these are */

	for (int shift = 32 - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
		size_t having[DIGITS] = { 0 };
		uint32_t digit = DIGITS - 1;

		for (size_t i = 0; i < count; i++)
			if ((values[i] & fixed) == found)
				having[values[i] >> shift & (DIGITS - 1)]++;
		while (having[digit] <= rank)
			rank -= having[digit--];
		found |= digit << shift;
		fixed |= (uint32_t)(DIGITS - 1) << shift;
	}
	return found;
}

static void mark(struct book *book, size_t row, bool top)
{
	if (top)
		book->rows[row].top = true;
	if (top != book->notes[row].was_top)
		book->notes[row].owner->top = top;
}

static void mark_all(struct book *book, bool top)
{
	for (size_t i = 0; i < book->row_count; i++)
		mark(book, i, top);
}

void top_mark(struct book *book, uint32_t *weights)
{
	size_t wanted = book->config.top_max, left = wanted, stayers = 0;
	uint32_t edge;

	if (!wanted || book->row_count <= wanted) {
		mark_all(book, wanted > 0);
		return;
	}
	for (size_t i = 0; i < book->row_count; i++)
		weights[i] = bits_of(weight_of(&book->notes[i]));
	edge = value_at(weights, book->row_count, wanted - 1);
	for (size_t i = 0; i < book->row_count; i++)
		left -= weights[i] > edge;
	/* Of those at the edge, who was in it stays. */
	for (size_t i = 0; i < book->row_count; i++)
		stayers += weights[i] == edge && book->notes[i].was_top;
	stayers = stayers < left ? stayers : left;
	left -= stayers;
	for (size_t i = 0; i < book->row_count; i++) {
		size_t *places = book->notes[i].was_top ? &stayers : &left;
		bool at_edge = weights[i] == edge && *places;

		*places -= at_edge;
		mark(book, i, weights[i] > edge || at_edge);
	}
}
