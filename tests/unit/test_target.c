/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of the pings to an address. Times in ms; a ping a second, a timeout of 2 s, rounds of 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "near.h"
#include "probe/target.h"

#define MS 1000000ULL
#define BOOT (100000 * MS) /* the monotonic clock lies behind the other */
#define EPOCH (9000000 * MS)

static const struct target_config config = { .timeout_ns = 2000 * MS, .round = 3, .memory = 6 };

struct bench {
	struct target_state target;
	uint64_t now; /* ms */
	int rounds;
};

static int setup(void **state)
{
	static struct bench bench;

	bench = (struct bench){ 0 };
	*state = &bench;
	return target_init(&bench.target, &config, UINT32_MAX - 2); /* numbers turn over */
}

static int teardown(void **state)
{
	target_free(&((struct bench *)*state)->target);
	return 0;
}

static void settle(struct bench *bench)
{
	int settled;

	while ((settled = target_settle(&bench->target, &config, BOOT + bench->now * MS)) >= 0)
		bench->rounds += settled;
}

static uint32_t send_at(struct bench *bench, uint64_t ms)
{
	uint32_t number;

	bench->now = ms;
	settle(bench);
	number = target_send(&bench->target, BOOT + ms * MS, EPOCH + ms * MS);
	target_stamp(&bench->target, number, EPOCH + ms * MS + 10000);
	return number;
}

/* Stamped at `ms`, and read 5 ms later. */
static enum target_answer reply_at(struct bench *bench, uint32_t number, uint64_t ms)
{
	struct target_round_trip trip = { 0 };
	enum target_answer answer;

	bench->now = ms + 5;
	answer = target_reply(&bench->target, &config, number, EPOCH + ms * MS + 10000, BOOT + bench->now * MS, &trip);
	assert_true(answer != ANSWER_IN_TIME || trip.by_kernel);
	settle(bench);
	return answer;
}

static struct ping_report report_of(const struct bench *bench)
{
	struct ping_report report;

	target_report(&bench->target, &config, &report);
	return report;
}

static void test_answered(void **state)
{
	struct bench *bench = *state;
	struct ping_report report;

	assert_false(report_of(bench).up_known);
	for (int i = 0; i < 4; i++)
		assert_int_equal(reply_at(bench, send_at(bench, 1000 * i), 1000 * i + 20 + 10 * i), ANSWER_IN_TIME);
	report = report_of(bench);
	assert_true(report.up_known && report.up && report.sent == 4 && report.received == 4 && bench->rounds == 1);
	assert_near(report.last_rtt, 0.050, 1e-9, 0);
	assert_near(ping_round_mean(&report.round), 0.030, 1e-9, 0);
	assert_near(ping_round_stddev(&report.round), 0.0081649658, 1e-9, 0);
	assert_near(report.delay_variation, 0.01 * (1 - pow(15. / 16, 3)), 1e-9, 0);
	assert_int_equal(report.histogram.count, 4);
}

static void test_lost_late_and_twice(void **state)
{
	struct bench *bench = *state;
	uint32_t first = send_at(bench, 0), second = send_at(bench, 1000);
	struct ping_report report;

	assert_int_equal(reply_at(bench, second, 1010), ANSWER_IN_TIME);
	assert_true(isnan(report_of(bench).last_rtt)); /* the first one's fate comes first */
	assert_int_equal(reply_at(bench, second, 1020), ANSWER_DUPLICATE);
	send_at(bench, 2001);
	report = report_of(bench);
	assert_near(report.last_rtt, 0.010, 1e-9, 0);
	assert_int_equal(reply_at(bench, first, 2100), ANSWER_LATE);
	bench->now = 5000;
	settle(bench);
	report = report_of(bench);
	assert_true(report.sent == 3 && report.received == 1 && report.late == 1 && report.duplicate == 1);
	assert_true(bench->rounds == 1 && report.round.received == 1 && isnan(report.last_rtt) && report.up);
}

/* A reply that was there in time, by its stamp, is in time however late it is read; one that was not is late. */
static void test_stamps_decide(void **state)
{
	struct bench *bench = *state;
	struct target_round_trip trip;
	uint32_t number = send_at(bench, 0);

	assert_int_equal(target_reply(&bench->target, &config, number, EPOCH + 1999 * MS, BOOT + 60000 * MS, &trip),
			 ANSWER_IN_TIME);
	assert_near(trip.seconds, 1.99899, 1e-9, 0);
	number = send_at(bench, 1000);
	assert_int_equal(target_reply(&bench->target, &config, number, EPOCH + 3002 * MS, BOOT + 3003 * MS, &trip),
			 ANSWER_LATE);
	/* The clock was set back, or ahead by an hour: what passed by the other clock stands in. */
	number = send_at(bench, 4000);
	assert_int_equal(target_reply(&bench->target, &config, number, EPOCH, BOOT + 4030 * MS, &trip), ANSWER_IN_TIME);
	assert_near(trip.seconds, 0.030, 1e-9, 0);
	assert_false(trip.by_kernel);
	number = send_at(bench, 5000);
	assert_int_equal(target_reply(&bench->target, &config, number, EPOCH + 3600000 * MS, BOOT + 5040 * MS, &trip),
			 ANSWER_IN_TIME);
	assert_near(trip.seconds, 0.040, 1e-9, 0);
	assert_false(trip.by_kernel);
}

static void test_reordered(void **state)
{
	struct bench *bench = *state;
	uint32_t first = send_at(bench, 0), second = send_at(bench, 1000);

	assert_int_equal(reply_at(bench, second, 1010), ANSWER_IN_TIME);
	assert_int_equal(reply_at(bench, first, 1020), ANSWER_IN_TIME);
	assert_int_equal(report_of(bench).reordered, 1);
	assert_near(report_of(bench).last_rtt, 0.010, 1e-9, 0);
	/* In the order of sending: 1.020, then 0.010. */
	assert_near(report_of(bench).delay_variation, 1.010 / 16, 1e-9, 0);
}

static void test_foreign(void **state)
{
	struct bench *bench = *state;
	uint32_t first = send_at(bench, 0);

	assert_int_equal(reply_at(bench, first - 1, 10), ANSWER_FOREIGN);
	assert_int_equal(reply_at(bench, first + 1, 10), ANSWER_FOREIGN);
	assert_int_equal(reply_at(bench, first + 0x80000000u, 10), ANSWER_FOREIGN);
	assert_int_equal(reply_at(bench, first, 10), ANSWER_IN_TIME);
	for (int i = 1; i < 20; i++)
		reply_at(bench, send_at(bench, 1000 * i), 1000 * i + 1);
	/* So long ago that it is not known whether it was answered. */
	assert_int_equal(reply_at(bench, first, 21000), ANSWER_LATE);
}

static void test_up_and_down(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 3; i++)
		send_at(bench, 1000 * i);
	bench->now = 3999;
	settle(bench);
	assert_false(report_of(bench).up_known);
	bench->now = 4000;
	settle(bench);
	assert_true(report_of(bench).up_known && !report_of(bench).up);
	reply_at(bench, send_at(bench, 5000), 5001);
	assert_true(report_of(bench).up);
	for (int i = 6; i < 9; i++)
		send_at(bench, 1000 * i);
	bench->now = 9999;
	settle(bench);
	assert_true(report_of(bench).up);
	bench->now = 10000;
	settle(bench);
	assert_false(report_of(bench).up);
}

static void test_not_sent(void **state)
{
	struct bench *bench = *state;
	uint32_t number = send_at(bench, 0);

	target_unsend(&bench->target);
	assert_int_equal(report_of(bench).sent, 0);
	assert_int_equal(send_at(bench, 1000), number);
	assert_int_equal(reply_at(bench, number, 1010), ANSWER_IN_TIME);
	assert_near(report_of(bench).last_rtt, 0.010, 1e-9, 0);
}

static void test_errors(void **state)
{
	struct bench *bench = *state;
	uint8_t from[16] = { 10, 0, 0, 0 };
	const struct target_errors *errors;
	uint64_t sum = 0;

	for (int i = 0; i < 40; i++) {
		from[3] = (uint8_t)(i % 10);
		target_error(&bench->target, PING_TTL_EXCEEDED, 4, from);
		target_error(&bench->target, PING_HOST_UNREACHABLE, 6, from);
	}
	target_error(&bench->target, PING_LOCAL, 0, NULL);
	errors = bench->target.by_whom;
	assert_int_equal(errors->count, PING_REPORTERS_MAX + 3);
	for (unsigned int i = 0; i < errors->count; i++)
		sum += errors->items[i].count;
	assert_int_equal(sum, 81);
	assert_int_equal(bench->target.errors, 81);
	assert_int_equal(errors->items[PING_REPORTERS_MAX].family, TARGET_REPORTER_OTHER);
}

static void test_awaits(void **state)
{
	struct bench *bench = *state;
	uint32_t number = send_at(bench, 0);
	uint64_t deadline;

	assert_true(target_awaits(&bench->target, (uint16_t)number));
	assert_false(target_awaits(&bench->target, (uint16_t)(number + 1)));
	assert_true(target_deadline(&bench->target, &config, &deadline) && deadline == BOOT + 2000 * MS);
	reply_at(bench, number, 1);
	assert_false(target_awaits(&bench->target, (uint16_t)number));
	assert_false(target_deadline(&bench->target, &config, &deadline));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answered), TEST(test_lost_late_and_twice), TEST(test_stamps_decide), TEST(test_reordered),
		TEST(test_foreign),  TEST(test_up_and_down),         TEST(test_not_sent),      TEST(test_errors),
		TEST(test_awaits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
