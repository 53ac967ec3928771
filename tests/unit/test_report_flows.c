/* SPDX-License-Identifier: BSD-2-Clause */
/* A report's rows are finished when they are first asked for: whenever that is, they say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book_steps.h"

#define FLOWS 3000
#define FOLLOWED 1000
#define TICKS 12

static struct book *book_that_follows(uint32_t followed)
{
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = FLOWS,
		.followed_max = followed,
		.top_max = 100,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

/* Some have as much as others, and which have the most changes: flows come to be followed late. */
static struct flow_record record_of(uint32_t flow, uint64_t tick)
{
	uint64_t packets = 1 + tick * (1 + flow % 7) + (tick > 4 && flow % 5 == 0 ? tick * tick : 0);
	uint64_t gap = SECOND / (1 + flow % 7);

	return (struct flow_record){
		.packets = packets,
		.bytes = packets * (100 + flow % 40),
		.payload_bytes = packets * (58 + flow % 40),
		.first_ns = SECOND,
		.last_ns = SECOND + (packets - 1) * gap,
		.gap_squares = (packets - 1) * (gap * gap >> GAP_SQUARE_SHIFT),
	};
}

/* The report is not asked for its rows. */
static struct report *tick_of(struct book *book, uint64_t tick)
{
	struct self_report self = { 0 };
	struct report *report = NULL;

	begin(book, (2 + tick) * SECOND);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow_key key = key_of(i, i % 3 ? IPPROTO_UDP : IPPROTO_TCP);
		struct flow_record record = record_of(i, tick);

		assert_int_equal(book_flow(book, i, &key, &record), 0);
	}
	assert_int_equal(book_report(book, 0, &self, &report), 0);
	return report;
}

/* To the bit; what is not known is the same NaN. */
static bool same(double a, double b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static bool same_gaps(const struct interarrival_report *a, const struct interarrival_report *b)
{
	return a->count == b->count && a->merged == b->merged && same(a->mean, b->mean) && same(a->stddev, b->stddev);
}

static bool same_row(const struct flow_report *a, const struct flow_report *b)
{
	return !memcmp(&a->key, &b->key, sizeof(a->key)) && !strcmp(a->interface, b->interface) &&
	       a->packets == b->packets && a->bytes == b->bytes && a->payload_bytes == b->payload_bytes &&
	       a->first_seen_ns == b->first_seen_ns && a->last_seen_ns == b->last_seen_ns &&
	       same(a->throughput, b->throughput) && same(a->goodput, b->goodput) &&
	       same_gaps(&a->interarrival, &b->interarrival) && a->gaps_total == b->gaps_total &&
	       same(a->gap_seconds_total, b->gap_seconds_total) &&
	       same(a->gap_squared_seconds_total, b->gap_squared_seconds_total) && a->tcp.known == b->tcp.known &&
	       a->top == b->top;
}

static void assert_same(const struct flow_report *a, const struct flow_report *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!same_row(&a[i], &b[i]))
			fail_msg("row %zu of %zu differs", i, count);
}

static void assert_same_rows(const struct report *left, const struct report *right)
{
	assert_int_equal(left->flow_count, right->flow_count);
	assert_same(report_flows(left), report_flows(right), left->flow_count);
}

/* Throughput, then bytes, largest first; a rate that is not known counts as none. */
static void assert_in_order(const struct report *report)
{
	const struct flow_report *rows = report_flows(report);

	for (size_t i = 1; i < report->flow_count; i++) {
		double before = rows[i - 1].throughput > 0 ? rows[i - 1].throughput : 0;
		double now = rows[i].throughput > 0 ? rows[i].throughput : 0;

		assert_true(before > now || (before == now && rows[i - 1].bytes >= rows[i].bytes));
	}
}

/* One book's reports are asked at once, the other's when the next is already made, or never. */
static void compare_books(uint32_t followed)
{
	struct book *asked = book_that_follows(followed), *late = book_that_follows(followed);
	struct report *held = NULL, *first = NULL;

	for (uint64_t tick = 0; tick < TICKS; tick++) {
		struct report *now = tick_of(asked, tick), *later = tick_of(late, tick);

		assert_in_order(now);
		if (first) {
			assert_same_rows(first, held);
			assert_in_order(held);
		}
		report_release(first);
		report_release(held);
		held = first = NULL;
		if (tick % 3) {
			held = later;
			first = now;
			continue;
		}
		report_release(now);
		report_release(later);
	}
	report_release(first);
	report_release(held);
	book_free(asked);
	book_free(late);
}

static void test_all_followed(void **state)
{
	(void)state;
	compare_books(FLOWS);
}

static void test_some_followed(void **state)
{
	(void)state;
	compare_books(FOLLOWED);
}

/* Asked again, and through another reference, it is as it was. */
static void test_asked_twice(void **state)
{
	struct book *book = book_that_follows(FLOWS);
	struct report *report = tick_of(book, 1), *twice = report_reference(report);
	struct flow_report *copy = malloc(FLOWS * sizeof(*copy));

	(void)state;
	assert_non_null(copy);
	memcpy(copy, report_flows(report), FLOWS * sizeof(*copy));
	report_release(report);
	book_free(book);
	assert_same(report_flows(twice), copy, FLOWS);
	report_release(twice);
	free(copy);
}

static void test_asked_when_the_book_is_gone(void **state)
{
	struct book *book = book_that_follows(FLOWS), *other = book_that_follows(FLOWS);
	struct report *report = tick_of(book, 1), *now = tick_of(other, 1);

	(void)state;
	report_flows(now);
	book_free(book);
	assert_same_rows(report, now);
	report_release(report);
	report_release(now);
	book_free(other);
}

/* A report that no book made has all it has. */
static void test_made_by_hand(void **state)
{
	struct flow_report rows[2] = { { .throughput = 1 }, { .throughput = 2 } };
	struct report report = { .flows = rows, .flow_count = 2 };

	(void)state;
	assert_ptr_equal(report_flows(&report), rows);
	assert_true(rows[0].throughput == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_followed), cmocka_unit_test(test_some_followed),
		cmocka_unit_test(test_asked_twice),  cmocka_unit_test(test_asked_when_the_book_is_gone),
		cmocka_unit_test(test_made_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
