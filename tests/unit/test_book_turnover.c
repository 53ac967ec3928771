/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of 32 bits, and squares of 64, that turn over between readings: what is reported goes on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "book_limited.h"

static void test_counters_turn_over(void **state)
{
	struct flow_key key = udp_key_of(0);
	struct flow_record truth = { .first_ns = SECOND };
	struct self_report self = { 0 };
	struct book *book = book_of(8, 1, 1);
	uint64_t before = 0;

	(void)state;
	for (uint64_t second = 1; second < 12; second++) {
		const uint64_t step = 1500000000;
		struct flow_record record;
		struct report *report;

		truth.packets += step + step / 2;
		truth.bytes = truth.packets * 100;
		truth.last_ns = second * SECOND;
		truth.merged += step;
		truth.restarts += second % 2;
		truth.restart_packets = second % 2 ? truth.packets - 1000 : truth.restart_packets;
		truth.restart_ns = second % 2 ? truth.last_ns - 1000 : truth.restart_ns;
		truth.sequence.started = 1;
		truth.sequence.duplicate += step;
		truth.sequence.reordered += second == 6 ? (uint64_t)-1 : step; /* a run started again */
		record = narrow(truth, false);
		book_begin(book, second * SECOND, second * SECOND);
		assert_int_equal(book_flow(book, 0, &key, &record), 0);
		for (uint32_t i = 1; i < 8; i++) { /* others have more bytes, and would push it out */
			struct flow_key other = udp_key_of(i);
			struct flow_record big = {
				.packets = second, .bytes = second << 50, .first_ns = 1, .last_ns = 1
			};

			assert_int_equal(book_flow(book, i, &other, &big), 0);
		}
		assert_int_equal(book_report(book, 0, &self, &report), 0);
		report_flows(report);
		if (second > 1) {
			const struct flow_report *row = row_of(report, 0);

			assert_non_null(row);
			assert_int_equal(row->packets, truth.packets);
			assert_int_equal(row->sequence.duplicate, truth.sequence.duplicate);
			if (second != 6)
				assert_int_equal(row->sequence.reordered, truth.sequence.reordered);
			assert_int_equal(row->gaps_total, truth.packets - 1 - truth.restarts);
			assert_true(second % 2 == 0 || row->interarrival.count == 999);
			assert_true(report->sums.duplicate >= before);
			before = report->sums.duplicate;
		}
		report_release(report);
	}
	book_free(book);
}

/* Gaps of 2 s, for a day, of a flow that is never followed: its squares turn over 18 times. */
static void test_squares_turn_over_unfollowed(void **state)
{
	struct flow_key key = udp_key_of(0), large = udp_key_of(1);
	struct flow_record record = { 0 };
	struct self_report self = { 0 };
	struct book *book = book_of(2, 1, 1);
	double truth = 0;

	(void)state;
	for (uint64_t hour = 1; hour <= 16; hour++) {
		struct flow_record big = { .packets = hour, .bytes = hour << 40, .first_ns = 1, .last_ns = 1 };
		struct report *report;

		while (record.last_ns + 2 * SECOND < hour * 3600 * SECOND) {
			uint64_t gap = record.packets % 2 ? 2 * SECOND : 200 * MILLISECOND;

			truth += record.packets ? (double)gap * 1e-9 * (double)gap * 1e-9 : 0;
			model_packet(&record, record.last_ns + gap);
		}
		book_begin(book, hour * 3600 * SECOND, hour * 3600 * SECOND);
		assert_int_equal(book_flow(book, 1, &large, &big), 0);
		assert_int_equal(book_flow(book, 0, &key, &record), 0);
		assert_int_equal(book_report(book, 0, &self, &report), 0);
		report_flows(report);
		assert_null(row_of(report, 0));
		assert_true(fabs(report->sums.gap_squared_seconds - truth) < 1e-6 * truth);
		report_release(report);
	}
	assert_true(truth > 9445.0 * 5);
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_turn_over),
		cmocka_unit_test(test_squares_turn_over_unfollowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
