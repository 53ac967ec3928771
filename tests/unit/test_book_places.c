/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces that come and go without end, as containers' do: the sums hold in every report, no name's total falls as
 * long as it is told, and how many are told is bounded. The random numbers' seed is printed; FLOWGAUGE_SEED sets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "book_steps.h"

#define PRESENT_MAX 4
#define LIVES 16 /* interfaces that may count at a time; the slot of its flow is its number */
#define LINGERS 4
#define TOLD_MAX 16
#define STEPS 3000
#define NAMES 40 /* that come again; others never do */
#define PACKET_BYTES 100

struct life {
	unsigned int ifindex; /* 0: free */
	char name[IF_NAMESIZE];
	bool present;
	int ledger_left, flow_left; /* readings for which it is still given though the interface is gone */
	int late_left;              /* and how long flows may still be told of that have left the table unseen */
	uint64_t flow, filtered;    /* packets */
	uint64_t first_ns;
};

struct world {
	uint64_t state;
	struct book *book;
	struct life lives[LIVES];
	unsigned int last_ifindex;
	uint64_t now_ns;
	uint64_t flow, filtered; /* packets of all that ever were */
	uint64_t bytes_before;
	struct report *before;
	size_t names_most;
};

/* xorshift64* (Vigna, 2016) */
static uint32_t draw(struct world *world, uint32_t below)
{
	world->state ^= world->state >> 12;
	world->state ^= world->state << 25;
	world->state ^= world->state >> 27;
	return (uint32_t)((world->state * 0x2545F4914F6CDD1DULL) >> 32) % below;
}

static struct flow_key flow_key_of(const struct life *life)
{
	struct flow_key key = key_of(life->ifindex, IPPROTO_UDP);

	key.ifindex = life->ifindex;
	return key;
}

static struct flow_record record_of(const struct world *world, const struct life *life)
{
	return (struct flow_record){ .packets = life->flow,
				     .bytes = life->flow * PACKET_BYTES,
				     .first_ns = life->first_ns,
				     .last_ns = world->now_ns };
}

static bool is_taken(const struct world *world, const char *name)
{
	for (int i = 0; i < LIVES; i++)
		if (world->lives[i].ifindex && world->lives[i].present && !strcmp(world->lives[i].name, name))
			return true;
	return false;
}

static void come(struct world *world, struct life *life)
{
	*life = (struct life){ .ifindex = ++world->last_ifindex, .first_ns = world->now_ns };
	if (draw(world, 2))
		snprintf(life->name, sizeof(life->name), "tun%u", draw(world, NAMES));
	if (!*life->name || is_taken(world, life->name))
		snprintf(life->name, sizeof(life->name), "veth%u", life->ifindex);
	life->present = true;
}

/* The flow leaves the table: the interface's only one, or one that came and went between two readings. */
static void retire(struct world *world, const struct life *life, bool unseen)
{
	struct flow_key key = flow_key_of(life);
	struct flow_record last = record_of(world, life);

	if (unseen) {
		key.sport++;
		last.packets = 1 + draw(world, 5);
		last.bytes = last.packets * PACKET_BYTES;
		world->flow += last.packets;
	}
	book_retired(world->book, (uint32_t)(life - world->lives) + (unseen ? LIVES : 0), &key, &last);
}

/* One that is gone, on its way out. */
static void fade(struct world *world, struct life *life)
{
	if (life->ledger_left)
		life->ledger_left--;
	if (life->flow_left && !--life->flow_left)
		retire(world, life, false);
	if (!life->late_left--)
		*life = (struct life){ 0 };
	else if (!draw(world, 8))
		retire(world, life, true);
}

static void change(struct world *world)
{
	struct interface_report interfaces[LIVES] = { 0 };
	size_t count = 0, present = 0;

	for (int i = 0; i < LIVES; i++) {
		struct life *life = &world->lives[i];

		if (life->ifindex && !life->present)
			fade(world, life);
		present += life->present;
	}
	for (int i = 0; i < LIVES; i++) {
		struct life *life = &world->lives[i];

		if (!life->ifindex && present < PRESENT_MAX && !draw(world, 3)) {
			come(world, life);
			present++;
		} else if (life->present && !draw(world, 4)) {
			life->present = false;
			life->ledger_left = 1 + (int)draw(world, LINGERS);
			life->flow_left = 1 + (int)draw(world, LINGERS);
			life->late_left = 2 * LINGERS + (int)draw(world, 20);
			present--;
		}
		if (!life->present)
			continue;
		interfaces[count].ifindex = life->ifindex;
		memcpy(interfaces[count++].name, life->name, sizeof(life->name));
	}
	assert_int_equal(book_interfaces(world->book, interfaces, count), 0);
}

static void read_life(struct world *world, struct life *life)
{
	struct ledger_record ledger = { 0 };
	struct flow_key key = flow_key_of(life);
	struct flow_record record;
	uint64_t flow = 1 + draw(world, 50), filtered = draw(world, 50);

	if (life->present) {
		life->flow += flow;
		life->filtered += filtered;
		world->flow += flow;
		world->filtered += filtered;
	}
	record = record_of(world, life);
	if (life->present || life->flow_left)
		assert_int_equal(book_flow(world->book, (uint32_t)(life - world->lives), &key, &record), 0);
	if (!life->present && !life->ledger_left)
		return;
	ledger.outcome[OUTCOME_FLOW] = (struct tally){ life->flow, life->flow * PACKET_BYTES };
	ledger.outcome[OUTCOME_FILTERED] = (struct tally){ life->filtered, life->filtered * PACKET_BYTES };
	ledger.seen = (struct tally){ life->flow + life->filtered, (life->flow + life->filtered) * PACKET_BYTES };
	assert_int_equal(book_ledger(world->book, life->ifindex, DIRECTION_INGRESS, &ledger), 0);
}

static const struct total_report *total_of(const struct report *report, const char *name)
{
	for (size_t i = 0; report && i < report->total_count; i++)
		if (!strcmp(report->totals[i].interface, name))
			return &report->totals[i];
	return NULL;
}

static void assert_sums(const struct world *world, const struct report *report)
{
	uint64_t seen = 0, flow = 0, filtered = 0, bytes = 0;
	double throughput = 0;

	for (size_t i = 0; i < report->total_count; i++) {
		const struct total_report *total = &report->totals[i],
					  *before = total_of(world->before, total->interface);

		seen += total->seen.packets;
		bytes += total->seen.bytes;
		flow += total->outcome[OUTCOME_FLOW].packets;
		filtered += total->outcome[OUTCOME_FILTERED].packets;
		assert_int_equal(total->unaccounted_packets, 0);
		assert_true(!before || total->seen.packets >= before->seen.packets);
		throughput += total->throughput;
	}
	assert_int_equal(flow, world->flow);
	assert_int_equal(filtered, world->filtered);
	assert_int_equal(seen, world->flow + world->filtered);
	assert_int_equal(bytes, seen * PACKET_BYTES);
	assert_int_equal(report->sums.packets, world->flow);
	if (world->before) /* reports are a second apart */
		assert_int_equal((uint64_t)throughput, bytes - world->bytes_before);
}

/* A row's interface is the one of its flow, whatever became of other places; not known if that is long gone. */
static void assert_row(const struct world *world, const struct flow_report *row)
{
	for (int i = 0; i < LIVES; i++) {
		const struct life *life = &world->lives[i];

		if (life->ifindex == row->key.ifindex &&
		    (life->present || life->ledger_left || life->flow_left || strcmp(row->interface, "?") != 0))
			assert_string_equal(row->interface, life->name);
	}
	assert_true(*row->interface);
}

static void assert_rows(const struct world *world, const struct report *report)
{
	for (size_t i = 0; i < report->flow_count; i++)
		assert_row(world, &report->flows[i]);
}

static void step(struct world *world)
{
	struct report *report;

	world->now_ns += SECOND;
	change(world);
	begin(world->book, world->now_ns);
	for (int i = 0; i < LIVES; i++)
		if (world->lives[i].ifindex)
			read_life(world, &world->lives[i]);
	report = end(world->book);
	assert_sums(world, report);
	assert_rows(world, report);
	for (int i = 0; i < LIVES; i++)
		if (world->lives[i].present)
			assert_non_null(total_of(report, world->lives[i].name));
	if (report->total_count > world->names_most)
		world->names_most = report->total_count;
	report_release(world->before);
	world->before = report;
	world->bytes_before = (world->flow + world->filtered) * PACKET_BYTES;
}

static void run(uint32_t followed_max, size_t interfaces_max)
{
	struct book_config config = { .idle_timeout_ns = 3600 * SECOND,
				      .max_flows = 2 * LIVES,
				      .followed_max = followed_max,
				      .interfaces_max = interfaces_max };
	const char *given = getenv("FLOWGAUGE_SEED");
	struct world world = { .state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL),
			       .now_ns = SECOND,
			       .last_ifindex = 10 };

	print_message("FLOWGAUGE_SEED=%llu\n", (unsigned long long)world.state);
	world.state = world.state * 0x9E3779B97F4A7C15ULL + 1;
	assert_int_equal(book_new(&config, &world.book), 0);
	for (int i = 0; i < STEPS; i++)
		step(&world);
	print_message("%u interfaces came, %zu names were told at most\n", world.last_ifindex - 10, world.names_most);
	assert_true(world.last_ifindex > 10 * TOLD_MAX);
	if (interfaces_max) {
		/* Those that may still count are told beyond the most, and so are the others. */
		assert_true(world.names_most <= interfaces_max + LIVES + 1);
		assert_non_null(total_of(world.before, BOOK_INTERFACES_OTHER));
	} else {
		assert_true(world.names_most > 10 * TOLD_MAX);
		assert_null(total_of(world.before, BOOK_INTERFACES_OTHER));
	}
	report_release(world.before);
	book_free(world.book);
}

static void test_all_followed(void **state)
{
	(void)state;
	run(2 * LIVES, TOLD_MAX);
}

static void test_few_followed(void **state)
{
	(void)state;
	run(2, TOLD_MAX);
}

static void test_any_number(void **state)
{
	(void)state;
	run(2 * LIVES, 0);
}

/* What is folded away is told as the others'; what comes again under such a name begins anew. */
static void test_fold(void **state)
{
	struct book_config config = {
		.idle_timeout_ns = SECOND, .max_flows = 16, .followed_max = 16, .interfaces_max = 4
	};
	struct ledger_record ledger = { .seen = { 10, 1000 }, .outcome[OUTCOME_NON_IP] = { 10, 1000 } };
	struct interface_report interface = { .name = "a", .ifindex = 2 };
	struct report *report;
	struct book *book;

	(void)state;
	assert_int_equal(book_new(&config, &book), 0);
	for (uint64_t i = 0; i < 6; i++) {
		interface.ifindex = 2 + (unsigned int)i;
		interface.name[0] = (char)('a' + i);
		assert_int_equal(book_interfaces(book, &interface, 1), 0);
		begin(book, (i + 1) * SECOND);
		assert_int_equal(book_ledger(book, interface.ifindex, DIRECTION_EGRESS, &ledger), 0);
		report_release(end(book));
	}
	/* The last but one that came had a ledger in the last reading: it is not quiet yet. */
	interface.ifindex = 20;
	interface.name[0] = 'a';
	assert_int_equal(book_interfaces(book, &interface, 1), 0);
	begin(book, 10 * SECOND);
	assert_int_equal(book_ledger(book, 20, DIRECTION_EGRESS, &ledger), 0);
	report = end(book);
	assert_non_null(total_of(report, BOOK_INTERFACES_OTHER));
	assert_int_equal(total_of(report, "a")->seen.packets, 10);
	assert_int_equal(total_of(report, "f")->seen.packets, 10);
	assert_null(total_of(report, "b"));
	assert_int_equal(total_of(report, BOOK_INTERFACES_OTHER)->seen.packets, 70 - 10 * (report->total_count - 1));
	report_release(report);
	book_free(book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_followed),
		cmocka_unit_test(test_few_followed),
		cmocka_unit_test(test_any_number),
		cmocka_unit_test(test_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
