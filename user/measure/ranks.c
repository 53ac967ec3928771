/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorting is the dearest thing that a tick does, so it is done on small ranks, and by digits: two numbers of some 30
 * and 40 bits take fewer steps that way than comparisons do. Only what is equal in both is compared, by key. The rows
 * then move once each, in place.
 */
#include "measure/ranks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1U << DIGIT_BITS)
#define CACHE_LINE 64

static uint64_t ends_of(const struct flow_key *key)
{
	uint32_t source = ntohl(key->src[key->family == 4 ? 0 : 3]);

	return (uint64_t)source << 32 | (uint64_t)ntohs(key->sport) << 16 | ntohs(key->dport);
}

void ranks_take(struct rank *ranks, const struct flow_report *rows, const struct flow_note *notes, size_t count,
		bool rates_known)
{
	for (size_t i = 0; i < count; i++)
		ranks[i] = (struct rank){
			.grown = rates_known && !notes[i].late ? (uint64_t)notes[i].grown : 0,
			.bytes = rows[i].bytes,
			.ends = ends_of(&rows[i].key),
			.row = &rows[i],
		};
}

static uint64_t number_of(const struct rank *rank, bool by_grown)
{
	return by_grown ? rank->grown : rank->bytes;
}

/* One stable pass, largest digit first. */
static void sort_digit(const struct rank *from, struct rank *to, size_t count, bool by_grown, unsigned int shift)
{
	size_t place[DIGITS] = { 0 }, next = 0;

	for (size_t i = 0; i < count; i++)
		place[number_of(&from[i], by_grown) >> shift & (DIGITS - 1)]++;
	for (size_t digit = DIGITS; digit-- > 0;) {
		size_t those = place[digit];

		place[digit] = next;
		next += those;
	}
	for (size_t i = 0; i < count; i++)
		to[place[number_of(&from[i], by_grown) >> shift & (DIGITS - 1)]++] = from[i];
}

static void sort_number(struct rank **ranks, struct rank **scratch, size_t count, bool by_grown)
{
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all |= number_of(&(*ranks)[i], by_grown);
	for (unsigned int shift = 0; shift < 64 && all >> shift; shift += DIGIT_BITS) {
		struct rank *sorted = *scratch;

		sort_digit(*ranks, sorted, count, by_grown, shift);
		*scratch = *ranks;
		*ranks = sorted;
	}
}

static int compare_keys(const void *left, const void *right)
{
	const struct rank *a = left, *b = right;

	if (a->ends != b->ends)
		return a->ends < b->ends ? -1 : 1;
	return memcmp(&a->row->key, &b->row->key, sizeof(a->row->key));
}

static void sort_ties(struct rank *ranks, size_t count)
{
	size_t end;

	for (size_t start = 0; start < count; start = end) {
		for (end = start + 1; end < count; end++)
			if (ranks[end].grown != ranks[start].grown || ranks[end].bytes != ranks[start].bytes)
				break;
		if (end - start > 1)
			qsort(&ranks[start], end - start, sizeof(*ranks), compare_keys);
	}
}

static void fetch(const struct flow_report *row)
{
	for (size_t at = 0; row && at < sizeof(*row); at += CACHE_LINE)
		__builtin_prefetch((const char *)row + at);
}

/* Along the cycles of the permutation: no second array of rows. A rank whose row has come is cleared. */
static void permute(struct flow_report *rows, struct rank *ranks, size_t count)
{
	for (size_t start = 0; start < count; start++) {
		struct flow_report moved;
		size_t hole = start, from;

		if (!ranks[start].row || ranks[start].row == &rows[start])
			continue;
		moved = rows[start];
		for (from = (size_t)(ranks[hole].row - rows); from != start; from = (size_t)(ranks[hole].row - rows)) {
			fetch(ranks[from].row);
			rows[hole] = rows[from];
			ranks[hole].row = NULL;
			hole = from;
		}
		rows[hole] = moved;
		ranks[hole].row = NULL;
	}
}

void ranks_sort(struct rank *ranks, struct flow_report *rows, size_t count)
{
	struct rank *scratch;

	if (!count)
		return;
	scratch = ranks + count;
	sort_number(&ranks, &scratch, count, false);
	sort_number(&ranks, &scratch, count, true);
	sort_ties(ranks, count);
	permute(rows, ranks, count);
}
