/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report comes sorted by throughput, so the usual order costs nothing. For the others only the places asked for are
 * found: sorting all flows at each key would be felt.
 */
#include "export/table.h"

#include <errno.h>
#include <stdlib.h>

#include "export/ranking.h"

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

/* Places `first` to `first + count` of the order. */
static int order_by(const struct report *report, enum console_order order, size_t first, size_t count,
		    uint32_t *indexes)
{
	const struct flow_report *flows = report_flows(report);
	struct ranking ranking;

	if (ranking_open(&ranking, first + count))
		return -ENOMEM;
	for (size_t i = 0; i < report->flow_count; i++)
		ranking_offer(&ranking, (struct ranked){ value_of(&flows[i], order), (uint32_t)i });
	ranking_sort(&ranking);
	for (size_t i = 0; i < count; i++)
		indexes[i] = ranking.items[first + i].index;
	ranking_close(&ranking);
	return 0;
}

int table_order(const struct report *report, enum console_order order, size_t first, size_t count, uint32_t **out)
{
	uint32_t *indexes = calloc(count ? count : 1, sizeof(*indexes));

	if (!indexes)
		return -ENOMEM;
	if (order == ORDER_THROUGHPUT) {
		for (size_t i = 0; i < count; i++)
			indexes[i] = (uint32_t)(first + i);
	} else if (count && order_by(report, order, first, count, indexes)) {
		free(indexes);
		return -ENOMEM;
	}
	*out = indexes;
	return 0;
}
