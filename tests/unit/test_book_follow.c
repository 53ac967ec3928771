/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is followed, and who is in the top, as flows grow, stand still and go: one flow at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "book_limited.h"

static struct report *tick_of(struct book *book, uint64_t second, const uint64_t *bytes, uint32_t count)
{
	struct self_report self = { 0 };
	struct report *report = NULL;

	book_begin(book, second * SECOND, second * SECOND);
	for (uint32_t i = 0; i < count; i++) {
		struct flow_key key = udp_key_of(i);
		struct flow_record record = {
			.packets = second, .bytes = bytes[i], .first_ns = SECOND, .last_ns = second * SECOND
		};

		assert_int_equal(book_flow(book, i, &key, &record), 0);
	}
	assert_int_equal(book_report(book, 0, &self, &report), 0);
	report_flows(report);
	return report;
}

/* A small flow that grows large: its counters are there at once, its interval from the next report on. */
static void test_flow_followed_late(void **state)
{
	uint64_t bytes[64];
	struct book *book = book_of(64, 32, 1);
	bool followed = false;

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		bytes[i] = (64 - i) * 1000;
	for (uint64_t second = 1; second < 20; second++) {
		struct report *report = tick_of(book, second, bytes, 64);
		const struct flow_report *row = row_of(report, 63);

		if (second < 5)
			assert_null(row);
		if (row) {
			assert_int_equal(row->bytes, bytes[63]);
			assert_int_equal(row->packets, second);
			assert_int_equal(isnan(row->throughput), !followed);
			assert_int_equal(isnan(row->goodput), !followed);
			if (followed)
				assert_true(row->throughput == 1e6);
			followed = true;
		}
		assert_true(second < 2 || isnan(report->interval) ||
			    report->others_throughput + 1e-6 >= (row && !isnan(row->throughput) ? 0 : 1));
		report_release(report);
		for (uint32_t i = 0; i < 64; i++)
			bytes[i] += i == 63 && second >= 4 ? 1000000 : 64 - i;
	}
	assert_true(followed);
	book_free(book);
}

/* Flows at the edge that change places by a few percent stay where they are, followed or not. */
static void test_no_flapping_at_the_edge(void **state)
{
	uint64_t bytes[256] = { 0 };
	bool was[256] = { 0 };
	struct book *book = book_of(256, 128, 1);

	(void)state;
	for (uint64_t second = 1; second < 120; second++) {
		struct report *report;

		for (uint32_t i = 0; i < 256; i++)
			bytes[i] += 100000 + i * 10 + (second / 7 + i) % 5 * 1000;
		report = tick_of(book, second, bytes, 256);
		for (uint32_t i = 0; i < 256; i++) {
			bool is = row_of(report, i) != NULL;

			if (second > 10)
				assert_int_equal(is, was[i]);
			was[i] = is;
		}
		assert_true(report->followed_flows >= 64);
		report_release(report);
	}
	book_free(book);
}

static void test_all_are_followed_again(void **state)
{
	uint64_t bytes[64] = { 0 };
	struct book *book = book_of(64, 32, 1);
	struct report *report;

	(void)state;
	for (uint64_t second = 1; second < 4; second++) {
		for (uint32_t i = 0; i < 64; i++)
			bytes[i] += 100 * i + 100;
		report = tick_of(book, second, bytes, 64);
		assert_int_equal(report->live_flows, 64);
		assert_true(report->followed_flows <= 32);
		report_release(report);
	}
	for (uint32_t i = 20; i < 64; i++) {
		struct flow_key key = udp_key_of(i);
		struct flow_record last = { .packets = 3, .bytes = bytes[i], .first_ns = SECOND, .last_ns = 3 * SECOND };

		book_retired(book, i, &key, &last);
	}
	report_release(tick_of(book, 4, bytes, 20));
	report = tick_of(book, 5, bytes, 20);
	assert_int_equal(report->live_flows, 20);
	assert_int_equal(report->followed_flows, 20);
	assert_int_equal(report->flow_count, 20);
	report_release(report);
	book_free(book);
}

/* A flow of the top goes only when one outside has a fifth more bytes, or when it ends. */
static void test_top_stays(void **state)
{
	uint64_t bytes[4] = { 1000, 900, 800, 0 };
	struct book *book = book_of(4, 4, 2);
	struct report *report = tick_of(book, 1, bytes, 4);

	(void)state;
	assert_true(row_of(report, 0)->top && row_of(report, 1)->top);
	assert_false(row_of(report, 2)->top || row_of(report, 3)->top);
	report_release(report);
	bytes[2] += 200; /* 1000: more than the second, but not by a fifth */
	report = tick_of(book, 1, bytes, 4);
	assert_true(row_of(report, 1)->top && !row_of(report, 2)->top);
	report_release(report);
	bytes[2] += 100; /* 1100 */
	report = tick_of(book, 1, bytes, 4);
	assert_true(row_of(report, 0)->top && !row_of(report, 1)->top && row_of(report, 2)->top);
	report_release(report);
	bytes[1] += 300; /* 1200, of 1000 * 1.2: who is in it stays */
	report = tick_of(book, 1, bytes, 4);
	assert_true(row_of(report, 0)->top && !row_of(report, 1)->top && row_of(report, 2)->top);
	report_release(report);
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_followed_late),
		cmocka_unit_test(test_no_flapping_at_the_edge),
		cmocka_unit_test(test_all_are_followed_again),
		cmocka_unit_test(test_top_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
