/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows in the book: rows, rates, order, protocols, and the report that is made of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "book_steps.h"
#include "flow_model.h"

static void test_first_report_has_no_interval(void **state)
{
	struct flow_record record = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	model_packet(&record, 9 * SECOND);
	report = tick(book, 10 * SECOND, &record, 1);
	assert_true(isnan(report->interval));
	assert_int_equal(report->late_ticks, 3);
	assert_int_equal(report->self.flows_limit, 4711);
	assert_int_equal(report->time_ns, 10 * SECOND + EPOCH);
	assert_int_equal(report->flow_count, 1);
	assert_int_equal(report->flows[0].packets, 1);
	assert_true(isnan(report->flows[0].throughput));
	assert_true(isnan(report->flows[0].goodput));
	assert_true(isnan(report->protocols[GROUP_UDP].throughput));
	report_release(report);
	book_free(book);
}

static void test_rates_use_the_time_that_passed(void **state)
{
	struct flow_record record = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	baseline(book, 10 * SECOND);
	model_buffer(&record, 11 * SECOND, 1, 1000, 800);
	report = tick(book, 12 * SECOND, &record, 1); /* the first interval of a flow is not lost */
	assert_true(report->interval == 2.0);
	assert_true(report->flows[0].throughput == 500.0);
	assert_true(report->flows[0].goodput == 400.0);
	assert_int_equal(report->flows[0].interarrival.count, 0);
	assert_true(isnan(report->flows[0].interarrival.mean));
	report_release(report);

	model_buffer(&record, 12 * SECOND, 2, 3000, 2000);
	report = tick(book, 12 * SECOND + 500 * MILLISECOND, &record, 1); /* a short tick */
	assert_true(report->interval == 0.5);
	assert_true(report->flows[0].throughput == 6000.0);
	assert_true(report->flows[0].goodput == 4000.0);
	assert_int_equal(report->flows[0].packets, 3);
	assert_int_equal(report->flows[0].bytes, 4000);
	assert_int_equal(report->flows[0].payload_bytes, 2800);
	assert_int_equal(report->flows[0].first_seen_ns, 11 * SECOND + EPOCH);
	assert_int_equal(report->flows[0].last_seen_ns, 12 * SECOND + EPOCH);
	assert_int_equal(report->flows[0].interarrival.count, 2);
	assert_int_equal(report->flows[0].interarrival.merged, 1);
	assert_int_equal(report->flows[0].gaps_total, 2);
	assert_true(fabs(report->flows[0].gap_seconds_total - 1.0) < 1e-12);
	assert_true(fabs(report->flows[0].gap_squared_seconds_total - 1.0) < 1e-9);
	report_release(report);

	model_packet(&record, 12 * SECOND + 1);
	report = tick(book, 12 * SECOND + 500 * MILLISECOND, &record, 1); /* no time passed */
	assert_true(report->interval == 0);
	assert_true(isnan(report->flows[0].throughput));
	report_release(report);
	book_free(book);
}

static void test_spilled_packets_count(void **state)
{
	struct flow_record record = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	baseline(book, SECOND);
	model_buffer(&record, SECOND, 1, 100, 50);
	record.spilled = (struct spilled_record){ .packets = 3, .bytes = 600, .payload_bytes = 450 };
	report = tick(book, 2 * SECOND, &record, 1);
	assert_int_equal(report->flows[0].packets, 4);
	assert_int_equal(report->flows[0].bytes, 700);
	assert_int_equal(report->flows[0].payload_bytes, 500);
	assert_true(report->flows[0].throughput == 700.0);
	assert_true(report->flows[0].goodput == 500.0);
	assert_int_equal(report->flows[0].gaps_total, 0);
	assert_int_equal(report->sums.payload_bytes, 500);
	assert_int_equal(report->sums.contended, 3);
	report_release(report);
	book_free(book);
}

static void test_record_without_a_packet_is_not_a_flow_yet(void **state)
{
	struct flow_record record = { .spilled = { .packets = 1, .bytes = 100 } };
	struct book *book = new_book();
	struct report *report = tick(book, SECOND, &record, 1);

	(void)state;
	assert_int_equal(report->flow_count, 0);
	report_release(report);
	book_free(book);
}

/* Its packets could not have a lock until it was gone: nothing is known of it but those. */
static void test_left_of_a_flow_that_was_never_met(void **state)
{
	const struct flow_record record = { .spilled = { .packets = 3, .bytes = 300, .payload_bytes = 120 } };
	struct flow_key key = key_of(1, IPPROTO_UDP);
	struct book *book = new_book();
	struct report *report;

	(void)state;
	baseline(book, SECOND);
	begin(book, 2 * SECOND);
	book_left(book, &key, &record);
	report = end(book);
	assert_int_equal(report->flow_count, 0);
	assert_int_equal(report->sums.packets, 3);
	assert_int_equal(report->sums.bytes, 300);
	assert_int_equal(report->sums.contended, 3);
	report_release(report);
	book_free(book);
}

/* Read last to first: the order is not that of the reading. */
static struct report *tick_backwards(struct book *book, uint64_t monotonic_ns, const struct flow_record *records,
				     uint32_t count)
{
	begin(book, monotonic_ns);
	while (count-- > 0) {
		struct flow_key key = key_of(count, IPPROTO_UDP);

		assert_int_equal(book_flow(book, count, &key, &records[count]), 0);
	}
	return end(book);
}

static void test_order(void **state)
{
	/* Bytes before and now: by what came, then by what came in all, then by key. */
	static const uint64_t before[] = { 500, 900, 0, 700, 700, 100 }, now[] = { 600, 900, 300, 800, 800, 100 };
	static const uint32_t order[] = { 2, 3, 4, 0, 1, 5 };
	struct flow_record records[6] = { 0 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	for (int i = 0; i < 6; i++)
		model_buffer(&records[i], SECOND, 1, before[i], 0);
	records[2].packets = 0;
	report_release(tick_backwards(book, SECOND, records, 6));
	for (int i = 0; i < 6; i++)
		model_buffer(&records[i], SECOND, 1, now[i] - before[i], 0);
	report = tick_backwards(book, 2 * SECOND, records, 6);
	assert_int_equal(report->flow_count, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(ntohl(report->flows[i].key.src[0]), 0x0a000000 + order[i]);
	report_release(report);
	book_free(book);
}

static void test_lost_waits_for_the_truth(void **state)
{
	/* Numbers that come, and lost as reported: 3 is missing, comes late, then 6 and 7 are missing. */
	static const struct {
		uint32_t number;
		uint64_t lost;
	} steps[] = { { 1, 0 }, { 2, 0 }, { 4, 1 }, { 3, 1 }, { 5, 1 }, { 7, 1 }, { 9, 2 } };
	struct flow_record record = { 0 };
	struct book *book = new_book();

	(void)state;
	for (uint64_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct report *report;

		model_packet(&record, (i + 1) * SECOND);
		model_number(&record.sequence, steps[i].number, 2);
		report = tick(book, (i + 1) * SECOND, &record, 1);
		assert_int_equal(report->flows[0].sequence.kind, SEQUENCE_PACKETS);
		assert_int_equal(report->flows[0].sequence.current, steps[i].number);
		assert_int_equal(report->flows[0].sequence.lost, steps[i].lost);
		assert_int_equal(report->sums.lost, steps[i].lost);
		assert_int_equal(report->protocols[GROUP_UDP].sequence.lost, steps[i].lost);
		report_release(report);
	}
	book_free(book);
}

static void test_protocol_groups(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, 132 };
	static const uint64_t flows[PROTOCOL_GROUPS] = { 1, 2, 2, 1 };
	struct book *book = new_book();
	struct report *report;

	(void)state;
	baseline(book, SECOND);
	begin(book, 3 * SECOND);
	for (uint32_t i = 6; i-- > 0;) { /* so that the flow seen last is not the one read last */
		struct flow_key key = key_of(i, protocols[i]);
		struct flow_record record = { 0 };

		for (uint64_t packet = 0; packet < 3; packet++) {
			model_packet(&record, SECOND + (i + 1) * packet * 10 * MILLISECOND);
			if (i < 3)
				model_number(&record.sequence, (uint32_t)(100 * i + 2 * packet), 2);
		}
		assert_int_equal(book_flow(book, i, &key, &record), 0);
	}
	report = end(book);
	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		assert_int_equal(report->protocols[group].flows, flows[group]);
		assert_true(report->protocols[group].throughput == (double)flows[group] * 150);
		assert_true(report->protocols[group].goodput == (double)flows[group] * 87);
		assert_int_equal(report->protocols[group].interarrival.count, 2 * flows[group]);
	}
	/* UDP: gaps of 20, 20, 30 and 30 ms. */
	assert_true(fabs(report->protocols[GROUP_UDP].interarrival.mean - 0.025) < 1e-9);
	assert_true(fabs(report->protocols[GROUP_UDP].interarrival.stddev - 0.005773502691896258) < 1e-6);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.kind, SEQUENCE_PACKETS);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.received, 6);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.lost, 4);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.small, 4);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.current, 204); /* the flow seen last */
	assert_int_equal(report->protocols[GROUP_TCP].sequence.kind, SEQUENCE_BYTES);
	assert_int_equal(report->protocols[GROUP_TCP].sequence.lost, 0);
	assert_int_equal(report->protocols[GROUP_ICMP].sequence.kind, SEQUENCE_NONE);
	report_release(report);
	book_free(book);
}

static void test_report_never_changes(void **state)
{
	struct flow_record records[2] = { 0 };
	struct flow_report kept[2];
	struct book *book = new_book();
	struct report *held;

	(void)state;
	model_buffer(&records[0], SECOND, 1, 200, 100);
	model_buffer(&records[1], SECOND, 1, 100, 50);
	held = tick(book, 2 * SECOND, records, 2);
	memcpy(kept, held->flows, sizeof(kept));
	for (uint64_t i = 3; i < 10; i++) {
		struct report *report;

		model_buffer(&records[i & 1], i * SECOND, 1, 1000, 500);
		report = tick(book, i * SECOND, records, 2);
		assert_ptr_not_equal(report->flows, held->flows);
		report_release(report);
	}
	book_free(book);
	assert_int_equal(held->flow_count, 2);
	assert_memory_equal(held->flows, kept, sizeof(kept));
	assert_ptr_equal(report_reference(held), held);
	assert_null(report_release(held));
	assert_int_equal(held->flow_count, 2);
	assert_null(report_release(held));
	assert_null(report_release(NULL));
	assert_null(book_free(NULL));
}

static void test_snapshot_histogram(void **state)
{
	static const double durations[] = { 0.00005, 0.0001, 0.002, 0.02, 5 };
	static const uint64_t buckets[SNAPSHOT_BUCKETS] = { 2, 2, 2, 2, 3, 3, 3, 4, 4, 4 };
	struct self_report self = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++)
		self_observe_snapshot(&self, durations[i]);
	assert_memory_equal(self.snapshot_bucket, buckets, sizeof(buckets));
	assert_int_equal(self.snapshot_count, 5);
	assert_true(fabs(self.snapshot_seconds - 5.02215) < 1e-12);
	for (int i = 1; i < SNAPSHOT_BUCKETS; i++)
		assert_true(snapshot_bucket_bounds[i] > snapshot_bucket_bounds[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_report_has_no_interval),
		cmocka_unit_test(test_rates_use_the_time_that_passed),
		cmocka_unit_test(test_spilled_packets_count),
		cmocka_unit_test(test_left_of_a_flow_that_was_never_met),
		cmocka_unit_test(test_record_without_a_packet_is_not_a_flow_yet),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_lost_waits_for_the_truth),
		cmocka_unit_test(test_protocol_groups),
		cmocka_unit_test(test_report_never_changes),
		cmocka_unit_test(test_snapshot_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
