/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flows the book names to be freed, and that nothing is lost or counted twice when they are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "book_steps.h"

#define SLOTS 8192

struct table {
	struct flow_record records[SLOTS];
	bool alive[SLOTS];
	struct ledger_record ledger;
};

static struct book *small_book(uint32_t followed)
{
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = SLOTS,
		.followed_max = followed,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

static void come(struct table *table, uint32_t slot, uint64_t packets, uint64_t last_ns)
{
	table->alive[slot] = true;
	table->records[slot] = (struct flow_record){
		.packets = packets,
		.bytes = 100 * packets,
		.payload_bytes = 50 * packets,
		.first_ns = 1,
		.last_ns = last_ns,
	};
	table->ledger.seen.packets += packets;
	table->ledger.seen.bytes += 100 * packets;
	table->ledger.outcome[OUTCOME_FLOW] = table->ledger.seen;
}

static void read_table(const struct table *table, struct book *book)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct flow_key key = key_of(i, IPPROTO_UDP);

		if (table->alive[i])
			assert_int_equal(book_flow(book, i, &key, &table->records[i]), 0);
	}
}

static void retire(struct table *table, struct book *book, uint32_t slot)
{
	struct flow_key key = key_of(slot, IPPROTO_UDP);

	book_retired(book, slot, &key, &table->records[slot]);
	table->alive[slot] = false;
}

static size_t press(struct table *table, struct book *book)
{
	size_t count = 0;

	if (!book_press_choose(book))
		return 0;
	for (uint32_t i = 0; i < SLOTS; i++)
		if (table->alive[i] && book_press_takes(book, &table->records[i])) {
			retire(table, book, i);
			count++;
		}
	return count;
}

/* Everything that ever came is in the report, in the flows and in the ledger. */
static struct report *check_end(const struct table *table, struct book *book, uint64_t live)
{
	struct report *report;

	assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &table->ledger), 0);
	report = end(book);
	assert_int_equal(report->sums.packets, table->ledger.seen.packets);
	assert_int_equal(report->sums.bytes, table->ledger.seen.bytes);
	assert_int_equal(report->sums.payload_bytes, table->ledger.seen.packets * 50);
	assert_int_equal(report->totals[0].unaccounted_packets, 0);
	assert_int_equal(report->live_flows, live);
	assert_int_equal(report->protocols[GROUP_UDP].flows, live);
	return report;
}

static void read_all(const struct table *table, struct book *book, uint64_t now)
{
	begin(book, now);
	read_table(table, book);
}

static void test_no_pressure_below_seven_eighths(void **state)
{
	static struct table table;
	struct book *book = small_book(SLOTS);

	(void)state;
	for (uint32_t i = 0; i < SLOTS / 8 * 7; i++)
		come(&table, i, 1, SECOND);
	read_all(&table, book, 2 * SECOND);
	assert_false(book_press_choose(book));
	report_release(check_end(&table, book, SLOTS / 8 * 7));
	book_free(book);
}

/* A flood of one-packet flows goes, the idlest of it first; no flow that lives does. */
static void flood(uint32_t followed)
{
	static struct table table;
	struct book *book = small_book(followed);
	uint64_t oldest_left = UINT64_MAX;

	table = (struct table){ 0 };
	for (uint32_t i = 0; i < 1000; i++)
		come(&table, i, 1000, 9 * SECOND);
	for (uint32_t i = 1000; i < SLOTS; i++)
		come(&table, i, 1, SECOND + (uint64_t)i * MILLISECOND);
	report_release((read_all(&table, book, 9 * SECOND), check_end(&table, book, SLOTS)));
	read_all(&table, book, 10 * SECOND);
	assert_int_equal(press(&table, book), SLOTS / 4);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(table.alive[i]);
	for (uint32_t i = 1000; i < SLOTS; i++)
		if (table.alive[i] && table.records[i].last_ns < oldest_left)
			oldest_left = table.records[i].last_ns;
	/* Within the width of a class of ages, none that is left is older than one that went. */
	for (uint32_t i = 1000; i < SLOTS; i++)
		if (!table.alive[i])
			assert_true(10 * SECOND - table.records[i].last_ns > (10 * SECOND - oldest_left) / 5 * 4);
	report_release(check_end(&table, book, SLOTS / 4 * 3));
	read_all(&table, book, 11 * SECOND);
	assert_int_equal(press(&table, book), 0);
	report_release(check_end(&table, book, SLOTS / 4 * 3));
	book_free(book);
}

static void test_flood_of_single_packets(void **state)
{
	(void)state;
	flood(SLOTS);
	flood(100);
}

/* Flows of many packets go by their idleness, but none that had one within the last tick, however full the table is. */
static void test_flows_that_live_are_spared(void **state)
{
	static struct table table;
	struct book *book = small_book(200);

	(void)state;
	for (uint32_t i = 0; i < SLOTS; i++)
		come(&table, i, 100, i < 500 ? 5 * SECOND + i : 9 * SECOND + 500 * MILLISECOND);
	report_release((read_all(&table, book, 9 * SECOND), check_end(&table, book, SLOTS)));
	read_all(&table, book, 10 * SECOND);
	assert_int_equal(press(&table, book), 500);
	for (uint32_t i = 0; i < SLOTS; i++)
		assert_int_equal(table.alive[i], i >= 500);
	report_release(check_end(&table, book, SLOTS - 500));
	book_free(book);
}

/* Between two ticks: slots are freed and taken again at once, and the next report has all of it. */
static void test_pressure_between_ticks(void **state)
{
	static struct table table;
	struct book *book = small_book(100);
	size_t freed;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		come(&table, i, 10, SECOND);
	report_release((read_all(&table, book, SECOND), check_end(&table, book, 1000)));
	for (uint32_t i = 1000; i < SLOTS; i++)
		come(&table, i, 2, SECOND + i);
	book_press_begin(book, 2 * SECOND);
	for (uint32_t i = 0; i < SLOTS; i++)
		book_press_count(book, &table.records[i]);
	freed = press(&table, book);
	assert_int_equal(freed, SLOTS / 4);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (!table.alive[i])
			come(&table, i, 3, 2 * SECOND + i);
	read_all(&table, book, 3 * SECOND);
	report_release(check_end(&table, book, SLOTS));
	read_all(&table, book, 4 * SECOND);
	report_release(check_end(&table, book, SLOTS));
	book_free(book);
}

/* Those that wait are taken while the reading goes on; so there may be any number. */
static void test_any_number_of_idle_flows(void **state)
{
	static struct table table;
	struct book *book = small_book(100);
	size_t freed = 0;

	(void)state;
	for (uint32_t i = 0; i < SLOTS; i++)
		come(&table, i, 10, SECOND);
	report_release((read_all(&table, book, SECOND), check_end(&table, book, SLOTS)));
	begin(book, 100 * SECOND);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct flow_key key = key_of(i, IPPROTO_UDP);
		struct idle_flow idle;

		assert_int_equal(book_flow(book, i, &key, &table.records[i]), 0);
		if (i + 1 < SLOTS && book_idle_waiting(book) < BOOK_IDLE_WAITING)
			continue;
		while (book_idle(book, &idle, 1)) {
			key = key_of(idle.slot, IPPROTO_UDP);
			assert_memory_equal(&idle.key, &key, sizeof(key));
			retire(&table, book, idle.slot);
			freed++;
		}
	}
	assert_int_equal(freed, SLOTS);
	report_release(check_end(&table, book, 0));
	read_all(&table, book, 101 * SECOND);
	report_release(check_end(&table, book, 0));
	book_free(book);
}

/* Of those that wait and are not taken in time, some are named by the next reading. */
static void test_idle_flows_wait(void **state)
{
	static struct table table;
	static struct idle_flow idle[SLOTS];
	struct book *book = small_book(SLOTS);

	(void)state;
	for (uint32_t i = 0; i < SLOTS; i++)
		come(&table, i, 10, SECOND);
	for (uint64_t second = 100; second < 102; second++) {
		size_t count;

		read_all(&table, book, second * SECOND);
		count = book_idle(book, idle, SLOTS);
		assert_int_equal(count, BOOK_IDLE_WAITING);
		for (size_t i = 0; i < count; i++)
			retire(&table, book, idle[i].slot);
		report_release(check_end(&table, book, SLOTS - (second - 99) * count));
	}
	book_free(book);
}

/* What the ledger had charged when it was read last, the flows must have by now. */
static void test_unaccounted(void **state)
{
	static const struct {
		uint64_t flow, ledger, unaccounted;
		bool unread;
	} ticks[] = {
		{ 10, 15, 0, false }, /* five are on their way */
		{ 15, 15, 0, false }, { 20, 30, 0, false },
		{ 27, 40, 3, false }, /* three are lost */
		{ 38, 50, 3, false }, { 46, 60, 4, false },
		{ 46, 70, 4, true }, /* it could not be read: its counts stand, and say nothing */
		{ 66, 70, 4, false },
	};
	struct flow_key key = key_of(0, IPPROTO_UDP);

	(void)state;
	for (uint32_t followed = 0; followed < 2; followed++) {
		struct book *book = small_book(1);

		for (uint64_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
			struct flow_key large = key_of(1, IPPROTO_TCP);
			struct flow_record record = {
				.packets = ticks[i].flow, .bytes = ticks[i].flow, .first_ns = 1, .last_ns = 1
			};
			struct flow_record other = { .packets = 1, .bytes = 1ULL << 40, .first_ns = 1, .last_ns = 1 };
			struct ledger_record ledger = { .seen = { ticks[i].ledger, ticks[i].ledger } };
			struct report *report;

			ledger.outcome[OUTCOME_FLOW] = ledger.seen;
			begin(book, (i + 1) * SECOND);
			large.direction = DIRECTION_EGRESS;
			if (!followed)
				assert_int_equal(book_flow(book, 1, &large, &other), 0);
			if (ticks[i].unread)
				book_unread(book, 0);
			else
				assert_int_equal(book_flow(book, 0, &key, &record), 0);
			assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &ledger), 0);
			report = end(book);
			assert_int_equal(report->total_count, followed ? 1 : 2);
			assert_int_equal(report->totals[0].unaccounted_packets, ticks[i].unaccounted);
			assert_int_equal(report->totals[0].outcome[OUTCOME_FLOW].packets, ticks[i].flow);
			assert_int_equal(report->totals[0].seen.packets, ticks[i].flow);
			report_release(report);
		}
		book_free(book);
	}
}

static void test_a_slot_beyond_the_table(void **state)
{
	struct flow_key key = key_of(0, IPPROTO_UDP);
	struct flow_record record = { .packets = 1, .bytes = 1, .first_ns = 1, .last_ns = 1 };
	struct book *book = small_book(1);

	(void)state;
	begin(book, SECOND);
	assert_int_equal(book_flow(book, SLOTS, &key, &record), -ERANGE);
	book_unread(book, UINT32_MAX);
	book_retired(book, SLOTS, &key, &record);
	report_release(end(book));
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_pressure_below_seven_eighths),
		cmocka_unit_test(test_flood_of_single_packets),
		cmocka_unit_test(test_flows_that_live_are_spared),
		cmocka_unit_test(test_pressure_between_ticks),
		cmocka_unit_test(test_any_number_of_idle_flows),
		cmocka_unit_test(test_idle_flows_wait),
		cmocka_unit_test(test_unaccounted),
		cmocka_unit_test(test_a_slot_beyond_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
