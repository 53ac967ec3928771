/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rates_bench.h"

static void estimated(void *context, const struct rate_report *link, enum direction direction,
		      const struct rate_estimate *previous)
{
	struct rates_heard *heard = context;

	heard->estimates++;
	heard->last = link->estimate[direction];
	heard->turns += previous->alarm.on != heard->last.alarm.on;
}

void rates_bench_open(struct rates_bench *bench, double capacity)
{
	const struct rates_hooks hooks = { .context = &bench->heard, .estimated = estimated };
	const struct rates_link link = { .ifindex = IFINDEX, .name = "eth0", .capacity = capacity };

	memset(bench, 0, sizeof(*bench));
	bench->config = (struct rates_config){
		.bin_ns = MILLISECOND,
		.estimation_ns = SECOND / 10,
		.cutoff = 0.99,
		.alarm_trigger = 0.95,
		.alarm_measured_trigger = NAN,
	};
	bench->epoch = 5000;
	assert_int_equal(rates_new(&bench->config, &hooks, &bench->rates), 0);
	rates_now(bench->rates, 0, REALTIME);
	assert_int_equal(rates_set_links(bench->rates, &link, 1), 0);
}

void rates_bench_close(struct rates_bench *bench)
{
	assert_null(rates_free(bench->rates));
}

void rates_bench_feed(struct rates_bench *bench, uint64_t bytes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		rates_bins(bench->rates, IFINDEX, DIRECTION_INGRESS, bench->epoch++, &bytes, 1);
}

struct rate_estimate rates_bench_shown(const struct rates_bench *bench, double *capacity)
{
	struct rates_report report = { 0 };
	struct rate_estimate estimate;

	assert_int_equal(rates_report(bench->rates, &report), 0);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.links[0].interface, "eth0");
	estimate = report.links[0].estimate[DIRECTION_INGRESS];
	if (capacity)
		*capacity = report.links[0].capacity;
	free(report.links);
	return estimate;
}
