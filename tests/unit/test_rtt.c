/* SPDX-License-Identifier: BSD-2-Clause */
/* Pairs that come, go, come back and are seen at two interfaces: what is shown never falls, and its sum is exact. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "measure/rtt.h"
#include "measure/rtt_spread.h"
#include "near.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define REALTIME 1795248000000000000ULL

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int bucket = 0;

	while (bucket < RTT_BUCKETS - 1 && ns >= rtt_bucket_end(bucket))
		bucket++;
	return bucket;
}

static void observe(struct rtt_pair_record *record, uint64_t ns, uint64_t seen_ns)
{
	record->buckets[bucket_of(ns)]++;
	record->count++;
	record->sum_ns += ns;
	record->smoothed_ns = record->count == 1 ? ns : record->smoothed_ns - record->smoothed_ns / 8 + ns / 8;
	record->last_ns = ns;
	record->seen_ns = seen_ns;
	if (!record->min_ns || ns < record->min_ns)
		record->min_ns = ns;
}

static struct rtt_pair_key key_of(uint32_t src, unsigned int ifindex, enum rtt_method method)
{
	return (struct rtt_pair_key){
		.src = { htobe32(0x0a000000 + src) },
		.dst = { htobe32(0x0a090909) },
		.family = 4,
		.method = (uint8_t)method,
		.ifindex = ifindex,
	};
}

static struct rtt_book *book_of(void)
{
	struct rtt_book *book;

	assert_int_equal(rtt_book_new(&book), 0);
	return book;
}

static struct rtts_report report_of(struct rtt_book *book, enum rtt_scope scope)
{
	struct rtts_report report = { .enabled = true, .scope = scope };

	assert_int_equal(rtt_report(book, &report), 0);
	return report;
}

static void drop(struct rtts_report *report)
{
	free(report->pairs);
	free(report->hops);
}

static void test_row(void **state)
{
	struct rtt_book *book = book_of();
	struct rtt_pair_key key = key_of(1, 2, RTT_ICMP_ECHO);
	struct rtt_pair_record record = { 0 };
	struct rtts_report report;
	const struct rtt_pair_report *row;

	(void)state;
	observe(&record, 20 * MS, 5 * SECOND);
	observe(&record, 10 * MS, 6 * SECOND);
	rtt_begin(book, 8 * SECOND, REALTIME);
	assert_int_equal(rtt_pair(book, &key, &record), 0);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pair_count, 1);
	assert_int_equal(report.live_pairs, 1);
	row = &report.pairs[0];
	assert_false(row->is_rest);
	assert_int_equal(row->family, 4);
	assert_int_equal(row->prefix, 32);
	assert_int_equal(row->method, RTT_ICMP_ECHO);
	assert_int_equal(row->src[0], htobe32(0x0a000001));
	assert_int_equal(row->count, 2);
	assert_int_equal(row->sum_ns, 30 * MS);
	assert_near(row->min, 0.01, 1e-12, 0);
	assert_near(row->last, 0.01, 1e-12, 0);
	assert_near(row->smoothed, 0.01875, 1e-12, 0);
	assert_int_equal(row->last_seen_ns, REALTIME - 2 * SECOND);
	assert_int_equal(row->interval.count, 2);
	assert_near(row->interval.mean, 0.015, 1e-12, 0);
	/* 10 ms is over 6.3 and below 12.6 ms, 20 below 25.2. */
	assert_int_equal(row->cumulative[7], 0);
	assert_int_equal(row->cumulative[8], 1);
	assert_int_equal(row->cumulative[9], 2);
	assert_int_equal(row->cumulative[RTT_BOUNDS - 1], 2);
	drop(&report);

	/* The next interval has what came since. */
	observe(&record, 40 * MS, 9 * SECOND);
	rtt_begin(book, 10 * SECOND, REALTIME + 2 * SECOND);
	assert_int_equal(rtt_pair(book, &key, &record), 0);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pairs[0].interval.count, 1);
	assert_near(report.pairs[0].interval.mean, 0.04, 1e-12, 0);
	assert_int_equal(report.pairs[0].total.count, 3);
	drop(&report);

	/* And one without any has no mean. */
	rtt_begin(book, 11 * SECOND, REALTIME + 3 * SECOND);
	assert_int_equal(rtt_pair(book, &key, &record), 0);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pairs[0].interval.count, 0);
	assert_true(isnan(report.pairs[0].interval.mean));
	assert_true(isnan(report.pairs[0].interval.p99));
	assert_near(report.pairs[0].last, 0.04, 1e-12, 0);
	drop(&report);
	rtt_book_free(book);
}

/* The quantiles of many values against the values themselves: within the bucket, which is 25 % wide. */
static void test_quantiles(void **state)
{
	struct rtt_sums sums = { 0 };
	const double shares[] = { 0.5, 0.95, 0.99 };
	uint64_t cumulative[RTT_BOUNDS];
	enum { VALUES = 10000 };

	(void)state;
	assert_true(isnan(rtt_sums_quantile(&sums, 0.5)));
	for (int i = 1; i <= VALUES; i++) /* 20 us to 200 ms, evenly */
		sums.buckets[bucket_of((uint64_t)i * 20000)]++;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double truth = shares[i] * VALUES * 20e-6;

		assert_near(rtt_sums_quantile(&sums, shares[i]), truth, 0, 0.01); /* as they do lie evenly */
	}
	rtt_sums_cumulate(&sums, cumulative);
	for (int i = 0; i < RTT_BOUNDS; i++) {
		uint64_t bound = (uint64_t)llround(rtt_bounds[i] * 1e9), below = (bound - 1) / 20000;

		assert_int_equal(bound, 49152ULL << i);
		assert_int_equal(cumulative[i], below < VALUES ? below : VALUES);
	}
	memset(&sums, 0, sizeof(sums));
	sums.buckets[RTT_BUCKETS - 1] = 3;
	assert_near(rtt_sums_quantile(&sums, 0.5), 12.884901888, 1e-9, 0);
	rtt_sums_cumulate(&sums, cumulative);
	assert_int_equal(cumulative[RTT_BOUNDS - 1], 0);
}

static void test_two_interfaces_are_one_pair(void **state)
{
	struct rtt_book *book = book_of();
	struct rtt_pair_key inner = key_of(1, 2, RTT_TCP_TIMESTAMP), outer = key_of(1, 3, RTT_TCP_TIMESTAMP);
	struct rtt_pair_record near = { 0 }, far = { 0 };
	struct rtts_report report;

	(void)state;
	observe(&near, 3 * MS, 2 * SECOND);
	observe(&far, 2 * MS, 1 * SECOND);
	rtt_begin(book, 3 * SECOND, REALTIME);
	rtt_pair(book, &inner, &near);
	rtt_pair(book, &outer, &far);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pair_count, 1);
	assert_int_equal(report.pairs[0].count, 2);
	assert_near(report.pairs[0].last, 0.003, 1e-12, 0); /* of the latest */
	assert_near(report.pairs[0].min, 0.002, 1e-12, 0);
	drop(&report);

	/* Gone at one of them, it is a pair still, and its row has both. */
	observe(&far, 2 * MS, 1 * SECOND);
	rtt_begin(book, 4 * SECOND, REALTIME);
	rtt_gone(book, &outer, &far);
	rtt_pair(book, &inner, &near);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pair_count, 1);
	assert_int_equal(report.pairs[0].count, 3);
	assert_int_equal(report.pairs[0].interval.count, 1);
	drop(&report);

	rtt_begin(book, 5 * SECOND, REALTIME);
	rtt_gone(book, &inner, &near);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.pair_count, 1);
	assert_int_equal(report.live_pairs, 0);
	assert_true(report.pairs[0].is_rest);
	assert_int_equal(report.pairs[0].method, RTT_TCP_TIMESTAMP);
	assert_int_equal(report.pairs[0].count, 3);
	assert_int_equal(report.pairs[0].interval.count, 0); /* nothing new: its rows have shown it */
	assert_true(isnan(report.pairs[0].last));
	drop(&report);
	rtt_book_free(book);
}

static void test_prefixes_and_hops(void **state)
{
	struct rtt_book *book = book_of();
	struct rtt_pair_key four = key_of(0, 2, RTT_ICMP_ECHO),
			    six = { .family = 6, .method = RTT_ICMP_ECHO, .ifindex = 2 };
	struct rtt_hop_key hops[] = {
		{ .hop = { 1 }, .dst = { 9 }, .ifindex = 2, .family = 4 },
		{ .hop = { 2 }, .dst = { 9 }, .ifindex = 2, .family = 4 },
		{ .hop = { 1 }, .dst = { 9 }, .ifindex = 3, .family = 4 },
	};
	struct rtt_pair_record record = { 0 };
	struct rtts_report report;

	(void)state;
	observe(&record, MS, SECOND);
	rtt_begin(book, 3 * SECOND, REALTIME);
	rtt_pair(book, &four, &record);
	rtt_pair(book, &six, &record);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rtt_hop(book, &hops[i], i + 1), 0);
	report = report_of(book, RTT_SCOPE_PREFIX);
	assert_int_equal(report.pair_count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(report.pairs[i].prefix, report.pairs[i].family == 6 ? 48 : 24);
	assert_int_equal(report.hop_count, 2); /* one of them was at two interfaces */
	assert_int_equal(report.hops[0].hop[0], 1);
	assert_int_equal(report.hops[0].count, 4);
	assert_int_equal(report.hops[1].count, 2);
	drop(&report);

	/* One of them came once more and then no more; one began anew at one interface. What they had stays in the sum. */
	rtt_begin(book, 4 * SECOND, REALTIME);
	assert_int_equal(rtt_hop(book, &hops[2], 1), 0);
	report = (struct rtts_report){ .enabled = true, .counts.hops_overflow = 100 };
	assert_int_equal(rtt_report(book, &report), 0);
	assert_int_equal(report.hop_count, 1);
	assert_int_equal(report.hops[0].count, 1);
	assert_int_equal(report.hops_rest, 100 + 1 + 2 + 3);
	drop(&report);

	/* A reading that is not reported is forgotten; the next one goes on. */
	rtt_begin(book, 5 * SECOND, REALTIME);
	assert_int_equal(rtt_hop(book, &hops[1], 5), 0);
	rtt_begin(book, 6 * SECOND, REALTIME);
	assert_int_equal(rtt_hop(book, &hops[2], 2), 0);
	report = report_of(book, RTT_SCOPE_HOST);
	assert_int_equal(report.hop_count, 1);
	assert_int_equal(report.hops[0].count, 2);
	assert_int_equal(report.hops_rest, 6);
	drop(&report);
	rtt_book_free(book);
}

/* --- many pairs at random, against a model that keeps everything --- */

#define PAIRS 100
#define PLACES 3
#define ROUNDS 200

struct live {
	bool there;
	struct rtt_pair_record record;
};

static const struct rtt_pair_report *row_of(const struct rtts_report *report, uint32_t src)
{
	for (size_t i = 0; i < report->pair_count; i++)
		if (!report->pairs[i].is_rest && report->pairs[i].src[0] == htobe32(0x0a000000 + src))
			return &report->pairs[i];
	return NULL;
}

struct model {
	struct live pairs[PAIRS][PLACES];
	uint64_t rows[PAIRS]; /* samples of each pair since its row began */
	uint64_t rest;        /* those of rows that ended */
	uint64_t fresh;       /* since the last report */
};

/* One reading; a pair may go, come back and have samples in it. */
static void read_random(struct rtt_book *book, struct model *model, uint64_t now)
{
	rtt_begin(book, now, REALTIME + now);
	for (int i = 0; i < PAIRS; i++)
		for (unsigned int place = 0; place < PLACES; place++) {
			struct live *live = &model->pairs[i][place];
			struct rtt_pair_key key = key_of((uint32_t)i, place + 1, RTT_TCP_TIMESTAMP);

			if (live->there && random() % 3 == 0) {
				rtt_gone(book, &key, &live->record);
				*live = (struct live){ 0 };
			}
			if (random() % (live->there ? 2 : 8) == 0) {
				live->there = true;
				observe(&live->record, 5000 + (uint64_t)random() % (30 * SECOND), now);
				model->rows[i]++;
				model->fresh++;
			}
			if (live->there)
				assert_int_equal(rtt_pair(book, &key, &live->record), 0);
		}
}

static void assert_rows(const struct rtts_report *report, struct model *model)
{
	for (int i = 0; i < PAIRS; i++) {
		const struct rtt_pair_report *row = row_of(report, (uint32_t)i);
		bool there = false;

		for (unsigned int place = 0; place < PLACES; place++)
			there |= model->pairs[i][place].there;
		assert_int_equal(row != NULL, there);
		if (there) {
			assert_int_equal(row->count, model->rows[i]);
		} else {
			model->rest += model->rows[i];
			model->rows[i] = 0;
		}
	}
}

static void assert_report(const struct rtts_report *report, struct model *model)
{
	uint64_t interval = 0, rest = 0;

	assert_rows(report, model);
	for (size_t i = 0; i < report->pair_count; i++) {
		const struct rtt_pair_report *row = &report->pairs[i];

		interval += row->interval.count;
		if (row->is_rest)
			rest += row->count;
		assert_true(row->cumulative[RTT_BOUNDS - 1] <= row->count);
		if (i && !row->is_rest)
			assert_true(report->pairs[i - 1].interval.count >= row->interval.count);
	}
	assert_int_equal(interval, model->fresh);
	assert_int_equal(rest, model->rest);
	model->fresh = 0;
}

static void test_random(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	unsigned int seed = (unsigned int)getpid();
	struct rtt_pair_record other = { 0 };
	struct rtt_book *book = book_of();

	(void)state;
	assert_non_null(model);
	print_message("seed %u\n", seed);
	srandom(seed);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct rtts_report report;

		read_random(book, model, round * SECOND);
		observe(&other, MS, round * SECOND);
		model->rest++;
		model->fresh++;
		rtt_other(book, RTT_TCP_TIMESTAMP, &other);
		if (random() % 5 == 0)
			continue; /* a reading without a report: the next one spans both */
		report = report_of(book, RTT_SCOPE_HOST);
		assert_report(&report, model);
		drop(&report);
	}
	rtt_book_free(book);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_two_interfaces_are_one_pair),
		cmocka_unit_test(test_prefixes_and_hops),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
