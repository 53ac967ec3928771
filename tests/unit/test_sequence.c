/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence numbers, against tables and against a list of all numbers that random packets carried. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "flow_model.h"
#include "measure/moments.h"

static const struct flow_key udp = { .protocol = IPPROTO_UDP, .family = 4 };
static const struct flow_key tcp = { .protocol = IPPROTO_TCP, .family = 4 };

struct lost_case {
	const char *name;
	uint32_t base, highest;
	uint64_t run_unique, lost_before, lost;
};

static const struct lost_case lost_cases[] = {
	{ "one packet", 7, 7, 1, 0, 0 },
	{ "none lost", 1, 1000, 1000, 0, 0 },
	{ "ten lost", 1, 1000, 990, 0, 10 },
	{ "over the wrap", 0xfffffff0, 0x0f, 30, 0, 2 },
	{ "with runs before", 1, 100, 99, 41, 42 },
	{ "more than expected", 1, 100, 103, 5, 5 },
	{ "half the numbers", 0, 0xfffffffe, 0x7fffffff, 0, 0x80000000 },
	{ "all the numbers", 0, 0xffffffff, 0x100000000, 0, 0 },
	{ "over all the numbers", 0, 99, 0x100000000 + 90, 0, 10 },
	{ "a month at a million a second", 0, (uint32_t)(2592000000000 - 1), 2592000000000 - 77, 0, 77 },
	{ "long, and more than expected", 0, 99, 0x100000000 + 103, 0, 0 },
};

static void test_lost_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lost_cases) / sizeof(*lost_cases); i++) {
		const struct lost_case *row = &lost_cases[i];
		struct sequence_record record = {
			.started = 1,
			.base = row->base,
			.highest = row->highest,
			.run_unique = row->run_unique,
			.lost_before = row->lost_before,
		};

		print_message("  %s\n", row->name);
		assert_int_equal(sequence_of(&udp, &record).lost, row->lost);
	}
}

static void test_sequence_kinds(void **state)
{
	struct sequence_record record = {
		.current = 4000,
		.highest = 5000,
		.base = 1,
		.received = 10,
		.run_unique = 3,
		.reverse = 2,
		.small = 3,
		.big = 4,
		.duplicate = 5,
		.reordered = 6,
	};
	struct sequence_report report;

	(void)state;
	assert_int_equal(sequence_of(&udp, &record).kind, SEQUENCE_NONE);
	assert_int_equal(sequence_of(&tcp, &record).kind, SEQUENCE_NONE);
	record.started = 1;
	report = sequence_of(&udp, &record);
	assert_int_equal(report.kind, SEQUENCE_PACKETS);
	assert_int_equal(report.current, 4000);
	assert_int_equal(report.received, 10);
	assert_int_equal(report.reverse, 2);
	assert_int_equal(report.small, 3);
	assert_int_equal(report.big, 4);
	assert_int_equal(report.lost, 4997);
	assert_int_equal(report.duplicate, 5);
	assert_int_equal(report.reordered, 6);
	report = sequence_of(&tcp, &record);
	assert_int_equal(report.kind, SEQUENCE_BYTES);
	assert_int_equal(report.current, 4000);
	assert_int_equal(report.received, 10);
	assert_int_equal(report.reverse, 2);
	assert_int_equal(report.big, 4);
	assert_int_equal(report.small, 0);
	assert_int_equal(report.lost, 0);
	assert_int_equal(report.duplicate, 0);
	assert_int_equal(report.reordered, 0);
}

struct origin_case {
	const char *name;
	uint32_t first, step, modulus;
	uint64_t reverse, small, big; /* of 1000 packets, threshold 2 */
};

static const struct origin_case origin_cases[] = {
	{ "in order", 5, 1, 0, 0, 0, 0 },     { "0 to 7, again and again", 0, 1, 8, 124, 0, 0 },
	{ "steps of 3", 0, 3, 0, 0, 0, 999 }, { "steps of 2", 0, 2, 0, 0, 999, 0 },
	{ "the same", 9, 0, 0, 0, 999, 0 },   { "over the wrap", 0xfffffe00, 1, 0, 0, 0, 0 },
};

static void test_origins_own_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(origin_cases) / sizeof(*origin_cases); i++) {
		const struct origin_case *row = &origin_cases[i];
		struct sequence_record record = { 0 };
		struct sequence_report report;

		print_message("  %s\n", row->name);
		for (uint32_t packet = 0; packet < 1000; packet++) {
			uint32_t number = row->first + packet * row->step;

			model_number(&record, row->modulus ? number % row->modulus : number, 2);
		}
		report = sequence_of(&udp, &record);
		assert_int_equal(report.received, 1000);
		assert_int_equal(report.reverse, row->reverse);
		assert_int_equal(report.small, row->small);
		assert_int_equal(report.big, row->big);
		assert_int_equal(report.lost, row->step > 1 ? 999 * (row->step - 1) : 0);
	}
}

#define RUN_LENGTH 3000
#define SHUFFLE 20 /* a packet comes at most this much later than its place: within the window */

struct sent {
	uint32_t number;
	uint64_t place;
};

static int compare_places(const void *left, const void *right)
{
	const struct sent *a = left, *b = right;

	return a->place < b->place ? -1 : a->place > b->place;
}

/* A run of numbers, some lost, some twice, some late. Returns how many there were in `out`. */
static size_t random_run(uint64_t *random, uint32_t first, struct sent *out)
{
	size_t count = 0;

	for (uint32_t i = 0; i < RUN_LENGTH; i++) {
		uint64_t fate = random_below(random, 100);

		if (fate < 10 && i && i != RUN_LENGTH - 1) /* the ends come, or nobody could know of them */
			continue;
		for (int copies = fate > 95 ? 2 : 1; copies > 0; copies--)
			out[count++] = (struct sent){ first + i, i * 16ULL + random_below(random, 16 * SHUFFLE) };
	}
	qsort(out, count, sizeof(*out), compare_places);
	return count;
}

struct truth {
	uint64_t lost, duplicate, reverse, small, big;
};

/* What a list of all numbers says. */
static void judge_run(struct truth *truth, const struct sent *sent, size_t count, uint32_t first)
{
	static bool came[RUN_LENGTH];
	uint64_t distinct = 0;

	memset(came, 0, sizeof(came));
	for (size_t i = 0; i < count; i++) {
		uint32_t index = sent[i].number - first;

		truth->duplicate += came[index];
		distinct += !came[index];
		came[index] = true;
	}
	truth->lost += RUN_LENGTH - distinct;
}

static void judge_steps(struct truth *truth, const uint32_t *numbers, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		int32_t difference = (int32_t)(numbers[i] - numbers[i - 1]);

		truth->reverse += difference < 0;
		truth->small += difference == 0 || difference == 2;
		truth->big += difference > 2;
	}
}

static void random_numbers(uint64_t *random)
{
	static struct sent sent[2 * RUN_LENGTH];
	static uint32_t all[2 * RUN_LENGTH];
	uint32_t first = (uint32_t)random_draw(random);
	size_t count = random_run(random, first, sent);
	struct sequence_record record = { 0 };
	struct sequence_report report;
	struct truth truth = { 0 };

	judge_run(&truth, sent, count, first);
	for (size_t i = 0; i < count; i++) {
		all[i] = sent[i].number;
		model_number(&record, sent[i].number, 2);
	}
	judge_steps(&truth, all, count);
	report = sequence_of(&udp, &record);
	assert_int_equal(report.received, count);
	assert_int_equal(report.lost, truth.lost);
	assert_int_equal(report.duplicate, truth.duplicate);
	assert_int_equal(report.reverse, truth.reverse);
	assert_int_equal(report.small, truth.small);
	assert_int_equal(report.big, truth.big);
}

static void test_random_numbers(void **state)
{
	uint64_t random = random_seed();

	(void)state;
	print_message("  seed %llu\n", (unsigned long long)random);
	for (int i = 0; i < 200; i++)
		random_numbers(&random);
}

static void test_sender_that_starts_again(void **state)
{
	struct sequence_record record = { 0 };

	(void)state;
	for (uint32_t number = 1; number <= 1000; number++)
		if (number % 100)
			model_number(&record, number, 2);
	model_number(&record, 1001, 2);
	assert_int_equal(sequence_of(&udp, &record).lost, 10);
	for (uint32_t number = 1; number <= 500; number++)
		if (number != 77)
			model_number(&record, number, 2);
	assert_int_equal(sequence_of(&udp, &record).lost, 11);
	assert_int_equal(sequence_of(&udp, &record).duplicate, 0);
	assert_int_equal(sequence_of(&udp, &record).reordered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_table),
		cmocka_unit_test(test_sequence_kinds),
		cmocka_unit_test(test_origins_own_cases),
		cmocka_unit_test(test_random_numbers),
		cmocka_unit_test(test_sender_that_starts_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
