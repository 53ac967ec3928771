/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More flows than may be followed: a world of flows that come, speak and are retired at random, whose slots are used
 * again. The world keeps its own sums; every report must have them, whoever is followed, and nothing may ever fall.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "flow_model.h"
#include "measure/book.h"

#define SLOTS 2000
#define FOLLOWED 160
#define TOP 20
#define TICKS 150

struct world_flow {
	struct flow_record record;
	struct flow_key key;
	bool alive;
	uint64_t read_packets, read_bytes; /* when it was read last */
};

struct world {
	struct world_flow flows[SLOTS];
	uint64_t random, now;
	uint32_t born; /* how many flows there ever were */
	struct ledger_record ledger;
	struct tally cut; /* of all flows, when they were read */
	uint64_t payload_bytes, gaps, received, duplicate, syn;
	double gap_seconds, gap_squared_seconds;
	struct report *before;
};

static struct flow_key key_of(uint32_t number)
{
	return (struct flow_key){
		.src = { htonl(number) },
		.dst = { htonl(1) },
		.ifindex = 2,
		.protocol = number % 3 ? IPPROTO_UDP : IPPROTO_TCP,
		.family = 4,
	};
}

/* As the kernel hands it over: these counters have 32 bits. */
static struct flow_record narrow(struct flow_record record, bool tcp)
{
	record.merged = (uint32_t)record.merged;
	record.restarts = (uint32_t)record.restarts;
	record.restart_packets = (uint32_t)record.restart_packets;
	record.sequence.reverse = (uint32_t)record.sequence.reverse;
	record.sequence.big = (uint32_t)record.sequence.big;
	if (tcp) {
		record.tcp.syn = (uint32_t)record.tcp.syn;
		record.tcp.retransmitted_packets = (uint32_t)record.tcp.retransmitted_packets;
		return record;
	}
	record.sequence.small = (uint32_t)record.sequence.small;
	record.sequence.duplicate = (uint32_t)record.sequence.duplicate;
	record.sequence.reordered = (uint32_t)record.sequence.reordered;
	return record;
}

static void speak(struct world *world, struct world_flow *flow, uint64_t bytes)
{
	uint64_t at = world->now - SECOND + random_below(&world->random, 100) * 10 * MILLISECOND;
	bool tcp = flow->key.protocol == IPPROTO_TCP;

	if (flow->record.packets && at < flow->record.last_ns)
		at = flow->record.last_ns;
	if (flow->record.packets && at - flow->record.last_ns <= (uint64_t)GAP_STOPPED_NS) {
		double gap = (double)(at - flow->record.last_ns) * 1e-9;

		world->gaps++;
		world->gap_seconds += gap;
		world->gap_squared_seconds += gap * gap;
	}
	model_buffer(&flow->record, at, 1, bytes, bytes - 42);
	if (tcp) {
		flow->record.tcp.syn++;
		world->syn++;
	} else {
		uint64_t duplicates = flow->record.sequence.duplicate;

		model_number(&flow->record.sequence,
			     flow->record.sequence.current + 1 - (uint32_t)!random_below(&world->random, 9), 2);
		world->received++;
		world->duplicate += flow->record.sequence.duplicate - duplicates;
	}
	world->payload_bytes += bytes - 42;
	world->ledger.seen.packets++;
	world->ledger.seen.bytes += bytes;
	world->ledger.outcome[OUTCOME_FLOW].packets++;
	world->ledger.outcome[OUTCOME_FLOW].bytes += bytes;
}

/* A few flows have most of the bytes, and now and then become others. */
static uint64_t bytes_of(const struct world *world, uint32_t slot)
{
	uint32_t place = (slot + (uint32_t)(world->now / SECOND / 40) * 700) % SLOTS;

	return place < 60 ? 60000 + place * 1000 : 60 + place % 300;
}

static void live(struct world *world)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct world_flow *flow = &world->flows[i];
		uint64_t packets = random_below(&world->random, 4);

		if (!flow->alive && random_below(&world->random, 5) == 0) {
			*flow = (struct world_flow){ .alive = true, .key = key_of(world->born++) };
			packets++;
		}
		for (; flow->alive && packets > 0; packets--)
			speak(world, flow, bytes_of(world, i));
	}
}

static void read_flows(struct world *world, struct book *book)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct world_flow *flow = &world->flows[i];
		struct flow_record record = narrow(flow->record, flow->key.protocol == IPPROTO_TCP);

		if (!flow->alive)
			continue;
		assert_int_equal(book_flow(book, i, &flow->key, &record), 0);
	}
	world->cut = world->ledger.outcome[OUTCOME_FLOW];
}

/* Called when every sum has been checked: a retired flow without an entry speaks for the next report. */
static void retire_some(struct world *world, struct book *book, bool speaks)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct world_flow *flow = &world->flows[i];

		if (!flow->alive || random_below(&world->random, 25))
			continue;
		if (speaks && random_below(&world->random, 2))
			speak(world, flow, 100);
		book_retired(book, i, &flow->key, &flow->record);
		flow->alive = false;
	}
}

static size_t alive_now(const struct world *world)
{
	size_t count = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		count += world->flows[i].alive;
	return count;
}

static void check_sums(const struct world *world, const struct report *report)
{
	const struct flow_sums *sums = &report->sums;

	assert_int_equal(sums->packets, world->cut.packets);
	assert_int_equal(sums->bytes, world->cut.bytes);
	assert_int_equal(sums->payload_bytes, world->payload_bytes);
	assert_int_equal(sums->gaps, world->gaps);
	assert_int_equal(sums->received, world->received);
	assert_int_equal(sums->duplicate, world->duplicate);
	assert_int_equal(sums->tcp.syn, world->syn);
	assert_true(fabs(sums->gap_seconds - world->gap_seconds) < 1e-6 * (1 + world->gap_seconds));
	assert_true(fabs(sums->gap_squared_seconds - world->gap_squared_seconds) <
		    1e-6 * (1 + world->gap_squared_seconds));
}

static void check_nothing_fell(const struct report *before, const struct report *now)
{
	const struct flow_sums *a = &before->sums, *b = &now->sums;

	assert_true(b->packets >= a->packets && b->bytes >= a->bytes && b->payload_bytes >= a->payload_bytes);
	assert_true(b->gaps >= a->gaps && b->gap_seconds >= a->gap_seconds);
	assert_true(b->gap_squared_seconds >= a->gap_squared_seconds && b->received >= a->received);
	assert_true(b->reverse >= a->reverse && b->small >= a->small && b->big >= a->big && b->lost >= a->lost);
	assert_true(b->duplicate >= a->duplicate && b->reordered >= a->reordered);
	for (size_t i = 0; i < before->total_count; i++) {
		assert_true(now->totals[i].seen.packets >= before->totals[i].seen.packets);
		assert_true(now->totals[i].outcome[OUTCOME_FLOW].bytes >=
			    before->totals[i].outcome[OUTCOME_FLOW].bytes);
	}
}

/* The report speaks of the moment when the flows were read, though the ledger was read later. */
static void check_cut(const struct world *world, const struct report *report)
{
	const struct total_report *total = &report->totals[0];

	assert_int_equal(report->total_count, 1);
	assert_int_equal(total->outcome[OUTCOME_FLOW].packets, world->cut.packets);
	assert_int_equal(total->outcome[OUTCOME_FLOW].bytes, world->cut.bytes);
	assert_int_equal(total->seen.packets, world->cut.packets + 7);
	assert_int_equal(total->unaccounted_packets, 0);
}

static void check_rows(const struct world *world, const struct report *report)
{
	uint64_t packets = 0;
	size_t tops = 0;

	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *row = &report->flows[i];

		for (uint32_t k = 0; k < SLOTS; k++)
			if (!memcmp(&world->flows[k].key, &row->key, sizeof(row->key))) {
				assert_int_equal(row->packets, world->flows[k].read_packets);
				assert_int_equal(row->bytes, world->flows[k].read_bytes);
			}
		packets += row->packets;
		tops += row->top;
	}
	assert_true(packets <= report->sums.packets);
	assert_int_equal(tops, report->flow_count < TOP ? report->flow_count : TOP);
	assert_int_equal(report->live_flows, alive_now(world));
	assert_true(report->followed_flows <= FOLLOWED);
	if (alive_now(world) > FOLLOWED)
		assert_true(report->followed_flows >= FOLLOWED * 3 / 4);
}

static void remember(struct world *world)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		world->flows[i].read_packets = world->flows[i].record.packets;
		world->flows[i].read_bytes = world->flows[i].record.bytes;
	}
}

/* The heaviest flows, the 60 that have a thousand times the bytes of others, have been at it for long: all are there. */
static void check_heaviest(const struct world *world, const struct report *report)
{
	size_t heavy = 0, found = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		heavy += world->flows[i].alive && world->flows[i].read_bytes > 600000;
	for (size_t i = 0; i < report->flow_count; i++)
		found += report->flows[i].bytes > 600000;
	assert_true(heavy > 0 && heavy < FOLLOWED / 2 && found >= heavy);
}

static void test_random_world_above_the_limit(void **state)
{
	static struct world world;
	struct book_config config = {
		.idle_timeout_ns = 3600 * SECOND,
		.max_flows = SLOTS,
		.followed_max = FOLLOWED,
		.top_max = TOP,
	};
	struct self_report self = { 0 };
	struct book *book = NULL;

	(void)state;
	world.random = random_seed();
	print_message("  seed %llu\n", (unsigned long long)world.random);
	assert_int_equal(book_new(&config, &book), 0);
	for (uint64_t tick = 1; tick <= TICKS; tick++) {
		struct world *w = &world;
		struct ledger_record late;
		struct report *report;

		w->now = (tick + 100) * SECOND;
		live(w);
		if (tick % 10 == 9) { /* a reading that is given up, with flows that leave after it */
			book_begin(book, w->now, w->now);
			read_flows(w, book);
			retire_some(w, book, true);
		}
		book_begin(book, w->now, w->now);
		read_flows(w, book);
		remember(w);
		late = w->ledger; /* what passes between the flows and the ledger */
		late.seen.packets += 5 + 7;
		late.outcome[OUTCOME_FLOW].packets += 5;
		late.outcome[OUTCOME_NON_IP].packets += 7;
		assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &late), 0);
		w->ledger.outcome[OUTCOME_FLOW] = w->cut;
		assert_int_equal(book_report(book, 0, &self, &report), 0);
		report_flows(report);
		check_sums(w, report);
		check_cut(w, report);
		check_rows(w, report);
		if (tick % 40 == 39)
			check_heaviest(w, report);
		if (w->before)
			check_nothing_fell(w->before, report);
		report_release(w->before);
		w->before = report;
		/* The five packets were of a flow that the next reading finds. */
		if (!w->flows[0].alive)
			w->flows[0] = (struct world_flow){ .alive = true, .key = key_of(w->born++) };
		for (int i = 0; i < 5; i++)
			speak(w, &w->flows[0], 100);
		w->ledger.seen = w->ledger.outcome[OUTCOME_FLOW];
		retire_some(w, book, tick & 1);
	}
	report_release(world.before);
	book_free(book);
}

/* --- one flow at a time --- */

static struct report *tick_of(struct book *book, uint64_t second, const uint64_t *bytes, uint32_t count)
{
	struct self_report self = { 0 };
	struct report *report = NULL;

	book_begin(book, second * SECOND, second * SECOND);
	for (uint32_t i = 0; i < count; i++) {
		struct flow_key key = key_of(i * 3 + 1);
		struct flow_record record = {
			.packets = second, .bytes = bytes[i], .first_ns = SECOND, .last_ns = second * SECOND
		};

		assert_int_equal(book_flow(book, i, &key, &record), 0);
	}
	assert_int_equal(book_report(book, 0, &self, &report), 0);
	report_flows(report);
	return report;
}

static struct book *book_of(uint32_t slots, uint32_t followed, size_t top)
{
	struct book_config config = {
		.idle_timeout_ns = 3600 * SECOND,
		.max_flows = slots,
		.followed_max = followed,
		.top_max = top,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

static const struct flow_report *row_of(const struct report *report, uint32_t flow)
{
	struct flow_key key = key_of(flow * 3 + 1);

	for (size_t i = 0; i < report->flow_count; i++)
		if (!memcmp(&report->flows[i].key, &key, sizeof(key)))
			return &report->flows[i];
	return NULL;
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
		struct flow_key key = key_of(i * 3 + 1);
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

/* --- counters that turn over --- */

static void test_counters_turn_over(void **state)
{
	struct flow_key key = key_of(1);
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
			struct flow_key other = key_of(3 * i + 1);
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
	struct flow_key key = key_of(1), large = key_of(4);
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
		cmocka_unit_test(test_random_world_above_the_limit),
		cmocka_unit_test(test_flow_followed_late),
		cmocka_unit_test(test_no_flapping_at_the_edge),
		cmocka_unit_test(test_all_are_followed_again),
		cmocka_unit_test(test_top_stays),
		cmocka_unit_test(test_counters_turn_over),
		cmocka_unit_test(test_squares_turn_over_unfollowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
