/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first so many of many, by a value: a heap of that many, so that a window on fifty of 65 536 flows does not sort them
 * all. Larger values stand earlier; among equals the smaller index does.
 */
#ifndef FLOWGAUGE_RANKING_H
#define FLOWGAUGE_RANKING_H

#include <stddef.h>
#include <stdint.h>

struct ranked {
	double value; /* NaN, for what is not known, stands last */
	uint32_t index;
};

struct ranking {
	struct ranked *items; /* owned */
	size_t count, capacity;
};

int ranking_open(struct ranking *ranking, size_t capacity); /* 0 or -ENOMEM; to be freed with ranking_close() */
void ranking_close(struct ranking *ranking);
void ranking_offer(struct ranking *ranking, struct ranked ranked);
void ranking_sort(struct ranking *ranking); /* in order; nothing can be offered afterwards */

#endif
