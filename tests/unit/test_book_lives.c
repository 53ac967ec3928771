/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows in the book that fall idle, retire, vanish and return, and their interfaces' names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "book_steps.h"
#include "flow_model.h"

static void test_idle_flows_retire(void **state)
{
	struct idle_flow idle[4];
	struct flow_key quiet = key_of(0, IPPROTO_UDP);
	struct flow_record records[3] = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	model_packet(&records[0], 10 * SECOND);
	model_packet(&records[1], 50 * SECOND);
	model_packet(&records[2], 10 * SECOND + 1);
	report_release(tick(book, 50 * SECOND, records, 3));
	begin(book, 70 * SECOND + 1);
	for (uint32_t i = 0; i < 3; i++) {
		struct flow_key key = key_of(i, IPPROTO_UDP);

		assert_int_equal(book_flow(book, i, &key, &records[i]), 0);
	}
	assert_int_equal(book_idle(book, idle, 0), 0);
	assert_int_equal(book_idle(book, idle, 4), 1);
	assert_memory_equal(&idle[0].key, &quiet, sizeof(quiet));
	model_buffer(&records[0], 70 * SECOND, 1, 500, 458); /* it spoke once more before it was taken out */
	book_retired(book, idle[0].slot, &quiet, &records[0]);
	assert_int_equal(book_idle(book, idle, 4), 0);
	report = end(book);
	assert_int_equal(report->flow_count, 3);
	assert_int_equal(report->flows[0].packets, 2);
	assert_true(report->flows[0].throughput > 0);
	assert_int_equal(report->protocols[GROUP_UDP].flows, 2);
	assert_int_equal(report->sums.payload_bytes, 58 + 58 + 516);
	report_release(report);

	begin(book, 71 * SECOND);
	for (uint32_t i = 1; i < 3; i++) {
		struct flow_key key = key_of(i, IPPROTO_UDP);

		assert_int_equal(book_flow(book, i, &key, &records[i]), 0);
	}
	assert_int_equal(book_idle(book, idle, 4), 1);
	book_retired(book, idle[0].slot, &idle[0].key, &records[2]);
	assert_int_equal(book_idle(book, idle, 4), 0); /* a second question does not name it again */
	report = end(book);
	assert_int_equal(report->flow_count, 2);
	assert_int_equal(report->sums.payload_bytes, 58 + 58 + 516);
	report_release(report);
	book_free(book);
}

static void test_timeout_changes_between_ticks(void **state)
{
	struct book_config config = { .idle_timeout_ns = 5 * SECOND, .max_flows = 1, .followed_max = 1 };
	struct flow_record record = { 0 };
	struct flow_key key = key_of(0, IPPROTO_UDP);
	struct idle_flow idle;
	struct book *book = new_book();

	(void)state;
	model_packet(&record, SECOND);
	begin(book, 10 * SECOND);
	assert_int_equal(book_flow(book, 0, &key, &record), 0);
	assert_int_equal(book_idle(book, &idle, 1), 0);
	book_configure(book, &config);
	begin(book, 10 * SECOND);
	assert_int_equal(book_flow(book, 0, &key, &record), 0);
	assert_int_equal(book_idle(book, &idle, 1), 1);
	book_free(book);
}

static void test_flow_that_nobody_read_can_retire(void **state)
{
	struct flow_key key = key_of(0, IPPROTO_UDP);
	struct flow_record record = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	baseline(book, SECOND);
	model_packet(&record, SECOND);
	begin(book, 2 * SECOND);
	book_retired(book, 0, &key, &record);
	report = end(book);
	assert_int_equal(report->flow_count, 1);
	assert_int_equal(report->flows[0].packets, 1);
	assert_int_equal(report->sums.payload_bytes, 58);
	report_release(report);
	baseline(book, 3 * SECOND);
	report = tick(book, 4 * SECOND, &record, 0);
	assert_int_equal(report->flow_count, 0);
	assert_int_equal(report->sums.payload_bytes, 58);
	report_release(report);
	book_free(book);
}

/* Removed and begun again between two readings: its counters start anew, the sums go on. */
static void test_flow_under_the_same_key(void **state)
{
	struct flow_record record = { 0 }, again = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		model_packet(&record, SECOND + i * MILLISECOND);
	report_release(tick(book, 2 * SECOND, &record, 1));
	for (uint64_t i = 0; i < 7; i++)
		model_packet(&again, 2 * SECOND + i * 10 * MILLISECOND);
	report = tick(book, 3 * SECOND, &again, 1);
	assert_int_equal(report->flows[0].packets, 7);
	assert_int_equal(report->flows[0].gaps_total, 6);
	assert_int_equal(report->flows[0].interarrival.count, 6);
	assert_true(fabs(report->flows[0].interarrival.mean - 0.010) < 1e-9);
	assert_true(report->flows[0].throughput == 700.0);
	assert_int_equal(report->sums.gaps, 4 + 6);
	assert_int_equal(report->sums.payload_bytes, 12 * 58);
	report_release(report);
	book_free(book);
}

/* A reading that was given up, or made only to keep the squares from turning over: the next report spans both. */
static void test_report_over_several_readings(void **state)
{
	struct flow_key key = key_of(0, IPPROTO_UDP);
	struct flow_record record = { 0 };
	struct book *book = new_book();
	struct report *report;
	uint64_t hours = 30 * 24;

	(void)state;
	baseline(book, SECOND);
	for (uint64_t hour = 1; hour <= hours; hour++) {
		while (record.last_ns < hour * 3600 * SECOND)
			model_packet(&record, record.last_ns + (record.packets & 1 ? 1800 : 2000) * MILLISECOND);
		begin(book, SECOND + hour * 3600 * SECOND);
		assert_int_equal(book_flow(book, 0, &key, &record), 0);
	}
	report = end(book);
	assert_true(report->interval == (double)hours * 3600);
	assert_int_equal(report->flow_count, 1);
	assert_int_equal(report->flows[0].interarrival.count, record.packets - 1);
	assert_true(fabs(report->flows[0].interarrival.stddev - 0.1) < 1e-4);
	assert_true(fabs(report->flows[0].throughput - (double)record.bytes / report->interval) < 1e-9);
	report_release(report);
	book_free(book);
}

static void test_flow_that_vanished_after_an_abandoned_reading(void **state)
{
	struct flow_record records[2] = { 0 };
	struct flow_key key = key_of(1, IPPROTO_UDP);
	struct book *book = new_book();
	struct report *report;

	(void)state;
	model_packet(&records[0], SECOND);
	model_packet(&records[1], SECOND);
	baseline(book, SECOND);
	begin(book, 2 * SECOND);
	assert_int_equal(book_flow(book, 1, &key, &records[1]), 0);
	report = tick(book, 3 * SECOND, records, 1);
	assert_int_equal(report->flow_count, 1);
	assert_int_equal(ntohl(report->flows[0].key.src[0]), 0x0a000000);
	assert_int_equal(report->sums.payload_bytes, 2 * 58);
	report_release(report);
	book_free(book);
}

static void test_interface_names(void **state)
{
	struct interface_report eth0 = { .name = "eth0", .ifindex = 2 }, wan = { .name = "wan", .ifindex = 2 };
	static const char *const names[] = { "?", "eth0", "eth0", "wan" };
	struct flow_record record = { 0 };
	struct book *book = new_book();

	(void)state;
	model_packet(&record, SECOND);
	for (uint64_t i = 0; i < 4; i++) {
		struct report *report;

		if (i == 1)
			assert_int_equal(book_interfaces(book, &eth0, 1), 0);
		if (i == 3) /* back and renamed */
			assert_int_equal(book_interfaces(book, &eth0, 1), 0);
		if (i == 3)
			assert_int_equal(book_interfaces(book, &wan, 1), 0);
		if (i == 2) /* gone */
			assert_int_equal(book_interfaces(book, NULL, 0), 0);
		report = tick(book, (i + 2) * SECOND, &record, 1);
		assert_string_equal(report->flows[0].interface, names[i]);
		report_release(report);
	}
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_flows_retire),
		cmocka_unit_test(test_timeout_changes_between_ticks),
		cmocka_unit_test(test_flow_that_nobody_read_can_retire),
		cmocka_unit_test(test_flow_under_the_same_key),
		cmocka_unit_test(test_report_over_several_readings),
		cmocka_unit_test(test_flow_that_vanished_after_an_abandoned_reading),
		cmocka_unit_test(test_interface_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
