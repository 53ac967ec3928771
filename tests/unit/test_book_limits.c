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

#include <math.h>
#include <string.h>

#include "book_limited.h"

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
	struct self_report self = { 0 };
	struct book *book = book_of(SLOTS, FOLLOWED, TOP);

	(void)state;
	world.random = random_seed();
	print_message("  seed %llu\n", (unsigned long long)world.random);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_world_above_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
