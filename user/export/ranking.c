/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/ranking.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static bool stands_after(struct ranked a, struct ranked b)
{
	if (a.value < b.value)
		return true;
	return !(b.value < a.value) && a.index > b.index;
}

/* The root is the place that stands last; `hole` is where `ranked` may be, both children below it are heaps. */
static void sift_down(struct ranked *heap, size_t count, size_t hole, struct ranked ranked)
{
	for (;;) {
		size_t child = 2 * hole + 1;

		if (child >= count)
			break;
		if (child + 1 < count && stands_after(heap[child + 1], heap[child]))
			child++;
		if (!stands_after(heap[child], ranked))
			break;
		heap[hole] = heap[child];
		hole = child;
	}
	heap[hole] = ranked;
}

int ranking_open(struct ranking *ranking, size_t capacity)
{
	*ranking = (struct ranking){ .items = calloc(capacity ? capacity : 1, sizeof(*ranking->items)),
				     .capacity = capacity };
	return ranking->items ? 0 : -ENOMEM;
}

void ranking_close(struct ranking *ranking)
{
	free(ranking->items);
	*ranking = (struct ranking){ 0 };
}

void ranking_offer(struct ranking *ranking, struct ranked ranked)
{
	if (isnan(ranked.value))
		ranked.value = -INFINITY;
	if (ranking->count == ranking->capacity) {
		if (ranking->capacity && stands_after(ranking->items[0], ranked))
			sift_down(ranking->items, ranking->count, 0, ranked);
		return;
	}
	ranking->items[ranking->count++] = ranked;
	/* The heap is made when it is full; until then the order is that of coming. */
	if (ranking->count == ranking->capacity)
		for (size_t i = ranking->count / 2; i-- > 0;)
			sift_down(ranking->items, ranking->count, i, ranking->items[i]);
}

void ranking_sort(struct ranking *ranking)
{
	if (ranking->count < ranking->capacity)
		for (size_t i = ranking->count / 2; i-- > 0;)
			sift_down(ranking->items, ranking->count, i, ranking->items[i]);
	for (size_t left = ranking->count; left-- > 1;) {
		struct ranked last = ranking->items[0];

		sift_down(ranking->items, left, 0, ranking->items[left]);
		ranking->items[left] = last;
	}
}
