/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report comes sorted by throughput, so the usual order costs nothing. For the others only the places asked for are
 * found, in a heap of that many: a window shows fifty of 65 536 flows, and sorting them all at each key would be felt.
 */
#include "export/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct place {
	double value; /* larger stands earlier; -INFINITY where unknown */
	uint32_t index;
};

static double value_of(const struct flow_report *flow, enum console_order order)
{
	switch (order) {
	case ORDER_GOODPUT:
		return flow->goodput;
	case ORDER_PACKETS:
		return (double)flow->packets;
	case ORDER_BYTES:
		return (double)flow->bytes;
	case ORDER_JITTER:
		return flow->interarrival.stddev;
	case ORDER_AGE:
		return -(double)flow->first_seen_ns;
	case ORDER_THROUGHPUT:
	case CONSOLE_ORDERS:
		break;
	}
	return flow->throughput;
}

static bool stands_after(struct place a, struct place b)
{
	if (a.value < b.value)
		return true;
	return !(b.value < a.value) && a.index > b.index;
}

/* The root is the place that stands last; `hole` is where `place` may be, both children below it are heaps. */
static void sift_down(struct place *heap, size_t count, size_t hole, struct place place)
{
	for (;;) {
		size_t child = 2 * hole + 1;

		if (child >= count)
			break;
		if (child + 1 < count && stands_after(heap[child + 1], heap[child]))
			child++;
		if (!stands_after(heap[child], place))
			break;
		heap[hole] = heap[child];
		hole = child;
	}
	heap[hole] = place;
}

static struct place place_of(const struct report *report, enum console_order order, size_t index)
{
	double value = value_of(&report->flows[index], order);

	return (struct place){ isnan(value) ? -INFINITY : value, (uint32_t)index };
}

/* The first `count` places, in order. */
static struct place *first_places(const struct report *report, enum console_order order, size_t count)
{
	struct place *heap = calloc(count, sizeof(*heap));

	if (!heap)
		return NULL;
	for (size_t i = 0; i < count; i++)
		heap[i] = place_of(report, order, i);
	for (size_t i = count / 2; i-- > 0;)
		sift_down(heap, count, i, heap[i]);
	for (size_t i = count; i < report->flow_count; i++) {
		struct place place = place_of(report, order, i);

		if (stands_after(heap[0], place))
			sift_down(heap, count, 0, place);
	}
	for (size_t left = count; left-- > 1;) {
		struct place last = heap[0];

		sift_down(heap, left, 0, heap[left]);
		heap[left] = last;
	}
	return heap;
}

int table_order(const struct report *report, enum console_order order, size_t first, size_t count, uint32_t **out)
{
	uint32_t *indexes = calloc(count ? count : 1, sizeof(*indexes));
	struct place *places = NULL;

	if (!indexes)
		return -ENOMEM;
	if (order != ORDER_THROUGHPUT && count) {
		places = first_places(report, order, first + count);
		if (!places) {
			free(indexes);
			return -ENOMEM;
		}
	}
	for (size_t i = 0; i < count; i++)
		indexes[i] = places ? places[first + i].index : (uint32_t)(first + i);
	free(places);
	*out = indexes;
	return 0;
}
