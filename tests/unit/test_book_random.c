/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The book against a world of flows that come, speak, fall silent, retire, vanish and return at random. The world keeps
 * its own sums in the most obvious way; every report must agree with it, and nothing that counts may ever fall.
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

#define WORLD_FLOWS 3000
#define WORLD_TICKS 120

struct world_flow {
	struct flow_record record;
	bool alive;
	bool shown; /* by a row of the report at hand */
	uint64_t bytes_before;
};

struct world {
	struct world_flow flows[WORLD_FLOWS];
	uint64_t random;
	uint64_t now;
	struct ledger_record ledger;
	uint64_t payload_bytes, gaps, received, duplicate; /* of all flows that ever were, as far as read */
	double gap_seconds;
	struct flow_sums last;
};

static struct flow_key key_of(uint32_t index)
{
	return (struct flow_key){
		.src = { htonl(index / 7) },
		.dst = { htonl(index) },
		.sport = htons((uint16_t)(index % 5)),
		.ifindex = 2,
		.protocol = index % 3 ? IPPROTO_UDP : IPPROTO_TCP,
		.family = 4,
	};
}

static uint32_t index_of(const struct flow_key *key)
{
	return ntohl(key->dst[0]);
}

static void speak(struct world *world, struct world_flow *flow, uint32_t index)
{
	uint64_t bytes = 60 + random_below(&world->random, 3) * 100;
	uint64_t at = world->now - SECOND + random_below(&world->random, 100) * 10 * MILLISECOND;
	bool numbered = index % 3;

	if (flow->record.packets && at < flow->record.last_ns)
		at = flow->record.last_ns;
	if (flow->record.packets && at - flow->record.last_ns <= (uint64_t)GAP_STOPPED_NS) {
		world->gaps++;
		world->gap_seconds += (double)(at - flow->record.last_ns) * 1e-9;
	}
	model_buffer(&flow->record, at, 1, bytes, bytes - 42);
	if (numbered) {
		uint32_t number = flow->record.sequence.current + 1 - (uint32_t)!random_below(&world->random, 9);
		uint64_t duplicates = flow->record.sequence.duplicate;

		model_number(&flow->record.sequence, number, 2);
		world->received++;
		world->duplicate += flow->record.sequence.duplicate - duplicates;
	}
	world->payload_bytes += bytes - 42;
	world->ledger.seen.packets++;
	world->ledger.seen.bytes += bytes;
}

/* A second of the world: births, packets, and deaths without a word. */
static void live(struct world *world)
{
	uint64_t births = random_below(&world->random, 4) ? 5 : 50; /* of 100 */

	for (uint32_t i = 0; i < WORLD_FLOWS; i++) {
		struct world_flow *flow = &world->flows[i];

		flow->bytes_before = flow->alive ? flow->record.bytes : 0;
		if (flow->alive && !random_below(&world->random, 30))
			flow->alive = false;
		else if (!flow->alive && random_below(&world->random, 100) < births) {
			*flow = (struct world_flow){ .alive = true };
			speak(world, flow, i);
		}
		for (uint64_t packets = flow->alive ? random_below(&world->random, 4) : 0; packets > 0; packets--)
			speak(world, flow, i);
	}
}

static void read_flows(struct world *world, struct book *book)
{
	uint32_t start = (uint32_t)random_below(&world->random, WORLD_FLOWS);

	for (uint32_t i = 0; i < WORLD_FLOWS; i++) {
		uint32_t index = (start + i * 7) % WORLD_FLOWS; /* 7 and 3000 share no factor: each once */
		struct flow_key key = key_of(index);

		if (world->flows[index].alive)
			assert_int_equal(book_flow(book, index, &key, &world->flows[index].record), 0);
	}
}

/* Returns how many left: they are in this report still. */
static size_t retire_some(struct world *world, struct book *book)
{
	size_t count = 0;

	for (uint32_t i = 0; i < WORLD_FLOWS; i++) {
		struct world_flow *flow = &world->flows[i];
		struct flow_key key = key_of(i);

		if (!flow->alive || random_below(&world->random, 40))
			continue;
		if (random_below(&world->random, 2))
			speak(world, flow, i);
		book_retired(book, i, &key, &flow->record);
		flow->alive = false;
		flow->shown = true;
		count++;
	}
	return count;
}

static void check_order(const struct flow_report *a, const struct flow_report *b)
{
	if (!isnan(a->throughput) && a->throughput != b->throughput)
		assert_true(a->throughput > b->throughput);
	else if (a->bytes != b->bytes)
		assert_true(a->bytes > b->bytes);
}

static void check_rows(struct world *world, const struct report *report)
{
	uint64_t grown = 0;

	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *row = &report->flows[i];
		struct world_flow *flow = &world->flows[index_of(&row->key)];

		assert_true(flow->alive || flow->shown);
		flow->shown = !flow->alive;
		assert_int_equal(row->packets, flow->record.packets);
		assert_int_equal(row->bytes, flow->record.bytes);
		assert_int_equal(row->gaps_total, flow->record.packets - 1 - flow->record.restarts);
		if (report->interval > 0)
			assert_true(fabs(row->throughput * report->interval -
					 (double)(row->bytes - flow->bytes_before)) < 1e-6);
		if (i)
			check_order(row - 1, row);
		grown += row->bytes;
	}
	assert_true(grown <= report->sums.bytes);
}

static void check_sums(struct world *world, const struct report *report)
{
	const struct flow_sums *sums = &report->sums, *last = &world->last;

	assert_int_equal(sums->packets, world->ledger.seen.packets);
	assert_int_equal(sums->bytes, world->ledger.seen.bytes);
	assert_int_equal(sums->payload_bytes, world->payload_bytes);
	assert_int_equal(sums->gaps, world->gaps);
	assert_true(fabs(sums->gap_seconds - world->gap_seconds) < 1e-6);
	assert_int_equal(report->protocols[GROUP_UDP].sequence.received, world->received);
	assert_int_equal(sums->received, world->received);
	assert_int_equal(sums->duplicate, world->duplicate);
	assert_true(sums->lost >= last->lost && sums->reordered >= last->reordered);
	assert_true(sums->gap_squared_seconds >= last->gap_squared_seconds);
	assert_true(sums->reverse >= last->reverse && sums->small >= last->small && sums->big >= last->big);
	world->last = *sums;
}

static void forget_retired(struct world *world)
{
	for (uint32_t i = 0; i < WORLD_FLOWS; i++)
		world->flows[i].shown = false;
}

static size_t alive_now(const struct world *world)
{
	size_t count = 0;

	for (uint32_t i = 0; i < WORLD_FLOWS; i++)
		count += world->flows[i].alive;
	return count;
}

/* Flows die between a reading and the next only, so that what was read is all that there was. */
static void test_random_world(void **state)
{
	static struct world world;
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = WORLD_FLOWS,
		.followed_max = WORLD_FLOWS,
	};
	struct self_report self = { 0 };
	struct report *report, *shown = NULL;
	struct book *book = NULL;

	(void)state;
	world.random = random_seed();
	print_message("  seed %llu\n", (unsigned long long)world.random);
	assert_int_equal(book_new(&config, &book), 0);
	for (uint64_t tick = 1; tick <= WORLD_TICKS; tick++) {
		size_t retired;

		world.now = (tick + 100) * SECOND;
		live(&world);
		book_begin(book, world.now, world.now);
		read_flows(&world, book);
		retired = retire_some(&world, book);
		world.ledger.outcome[OUTCOME_FLOW] = world.ledger.seen;
		assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &world.ledger), 0);
		assert_int_equal(book_report(book, 0, &self, &report), 0);
		report_flows(report);
		assert_int_equal(report->flow_count, alive_now(&world) + retired);
		assert_int_equal(report->protocols[GROUP_UDP].flows + report->protocols[GROUP_TCP].flows,
				 alive_now(&world));
		check_rows(&world, report);
		check_sums(&world, report);
		forget_retired(&world);
		report_release(shown);
		shown = report;
	}
	report_release(shown);
	book_free(book);
}

/* Many flows, in and out: each is in the report once. */
static void test_a_quarter_of_a_million_flows(void **state)
{
	static bool found[250000];
	struct book_config config = { .idle_timeout_ns = 60 * SECOND, .max_flows = 250000, .followed_max = 250000 };
	struct self_report self = { 0 };
	struct report *report;
	struct book *book = NULL;

	(void)state;
	assert_int_equal(book_new(&config, &book), 0);
	for (uint32_t tick = 0; tick < 4; tick++) {
		size_t count = 0;

		book_begin(book, (tick + 1) * SECOND, (tick + 1) * SECOND);
		for (uint32_t i = 0; i < 250000; i++) {
			struct flow_record record = { 0 };
			struct flow_key key = key_of(i);

			if ((i + tick) % 3 == 0)
				continue;
			model_buffer(&record, 1, 1, i, i);
			assert_int_equal(book_flow(book, i, &key, &record), 0);
			count++;
		}
		assert_int_equal(book_report(book, 0, &self, &report), 0);
		report_flows(report);
		assert_int_equal(report->flow_count, count);
		memset(found, 0, sizeof(found));
		for (size_t i = 0; i < count; i++) {
			uint32_t index = index_of(&report->flows[i].key);

			assert_false(found[index]);
			found[index] = true;
			assert_int_not_equal((index + tick) % 3, 0);
			assert_int_equal(report->flows[i].bytes, index);
		}
		report_release(report);
	}
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_world),
		cmocka_unit_test(test_a_quarter_of_a_million_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
