/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledgers in the book: totals by interface name, over interfaces that come, go, return and are renamed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow_model.h"
#include "measure/book.h"

#define STEP_INTERFACES 3
#define STEP_LEDGERS 3
#define STEP_TOTALS 3
#define STEPS 6
#define SLOTS 16

/* One tick: the interfaces there are, the ledgers read, and the totals wanted, in packets. */
struct step {
	struct {
		unsigned int ifindex;
		const char *name;
	} interfaces[STEP_INTERFACES];
	struct {
		unsigned int ifindex; /* with packets 0: no ledger */
		uint64_t packets;
	} ledgers[STEP_LEDGERS];
	struct {
		const char *name;
		uint64_t packets;
	} totals[STEP_TOTALS];
};

struct story {
	const char *name;
	struct step steps[STEPS]; /* up to the first without totals */
};

static const struct story stories[] = {
	{ "counts",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 2, "eth0" } }, { { 2, 25 } }, { { "eth0", 25 } } } } },
	{ "by name",
	  { { { { 2, "wan" }, { 3, "lan" } }, { { 2, 10 }, { 3, 20 } }, { { "lan", 20 }, { "wan", 10 } } } } },
	{ "a vanished interface keeps its total",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 0, NULL } }, { { 2, 12 } }, { { "eth0", 12 } } },
	    { { { 0, NULL } }, { { 0, 0 } }, { { "eth0", 12 } } } } },
	{ "it returns under another index",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 0, NULL } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 7, "eth0" } }, { { 2, 10 }, { 7, 4 } }, { { "eth0", 14 } } },
	    { { { 7, "eth0" } }, { { 2, 10 }, { 7, 400 } }, { { "eth0", 410 } } } } },
	{ "it returns under its index, the old ledger still read",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 2, "eth0" } }, { { 2, 10 }, { 2, 5 } }, { { "eth0", 15 } } },
	    { { { 2, "eth0" } }, { { 2, 10 }, { 2, 50 } }, { { "eth0", 60 } } },
	    { { { 2, "eth0" } }, { { 2, 51 } }, { { "eth0", 60 } } }, /* the old one is gone: nobody knows the rest */
	    { { { 2, "eth0" } }, { { 2, 56 } }, { { "eth0", 65 } } } } },
	{ "it returns under its index with a new ledger",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 2, "eth0" } }, { { 2, 3 } }, { { "eth0", 13 } } },
	    { { { 2, "eth0" } }, { { 2, 8 } }, { { "eth0", 18 } } } } },
	{ "it returns with a new ledger that soon shows more than the old one",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 0, NULL } }, { { 0, 0 } }, { { "eth0", 10 } } },
	    { { { 2, "eth0" } }, { { 2, 30 } }, { { "eth0", 40 } } } } },
	{ "a renamed interface takes its total along",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 2, "wan" } }, { { 2, 15 } }, { { "wan", 15 } } } } },
	{ "two interfaces swap names",
	  { { { { 2, "a" }, { 3, "b" } }, { { 2, 10 }, { 3, 20 } }, { { "a", 10 }, { "b", 20 } } },
	    { { { 2, "b" }, { 3, "a" } }, { { 2, 11 }, { 3, 22 } }, { { "a", 22 }, { "b", 11 } } } } },
	{ "its index is given to another interface, the old ledger still read",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 0, NULL } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 2, "veth" } }, { { 2, 10 }, { 2, 3 } }, { { "eth0", 10 }, { "veth", 3 } } },
	    { { { 2, "veth" } }, { { 2, 10 }, { 2, 30 } }, { { "eth0", 10 }, { "veth", 30 } } } } },
	{ "its index is given to another interface with a new ledger",
	  { { { { 2, "eth0" } }, { { 2, 10 } }, { { "eth0", 10 } } },
	    { { { 0, NULL } }, { { 0, 0 } }, { { "eth0", 10 } } },
	    { { { 2, "veth" } }, { { 2, 30 } }, { { "eth0", 10 }, { "veth", 30 } } } } },
	{ "an interface nobody told of",
	  { { { { 2, "eth0" } }, { { 2, 10 }, { 9, 5 } }, { { "?", 5 }, { "eth0", 10 } } },
	    { { { 2, "eth0" }, { 9, "tun0" } }, { { 2, 10 }, { 9, 6 } }, { { "eth0", 10 }, { "tun0", 6 } } } } },
};

static struct ledger_record ledger_of(uint64_t packets)
{
	struct ledger_record ledger = { .seen = { packets, packets * 100 } };

	ledger.outcome[OUTCOME_FLOW] = (struct tally){ packets / 2, packets / 2 * 100 };
	ledger.outcome[OUTCOME_NON_IP] = (struct tally){ packets - packets / 2, (packets - packets / 2) * 100 };
	return ledger;
}

/* What the ledgers of an interface's index charged as flow, all in one flow: the one in the slot of that number. */
struct feed {
	uint64_t packets;
	uint64_t shown[STEP_LEDGERS]; /* by each ledger, the oldest first */
	int ledgers;
};

static void feed_ledgers(struct feed *feed, const uint64_t *shown, int ledgers)
{
	int gone = feed->ledgers > ledgers ? feed->ledgers - ledgers : 0; /* the oldest ones */

	for (int i = 0; i < ledgers; i++) {
		uint64_t before = i + gone < feed->ledgers ? feed->shown[i + gone] : 0;

		feed->packets += shown[i] >= before ? shown[i] / 2 - before / 2 : shown[i] / 2;
	}
	memcpy(feed->shown, shown, (size_t)ledgers * sizeof(*shown));
	feed->ledgers = ledgers;
}

static void feed_flow(struct book *book, unsigned int ifindex, uint64_t packets)
{
	struct flow_key key = { .ifindex = ifindex, .family = 4, .protocol = 17 };
	struct flow_record record = { .packets = packets, .bytes = packets * 100, .first_ns = 1, .last_ns = 1 };

	assert_int_equal(book_flow(book, ifindex, &key, &record), 0);
}

static void feed_step(struct book *book, struct feed feeds[SLOTS], const struct step *step)
{
	for (unsigned int ifindex = 1; ifindex < SLOTS; ifindex++) {
		uint64_t shown[STEP_LEDGERS];
		int ledgers = 0;

		for (int i = 0; i < STEP_LEDGERS && step->ledgers[i].packets; i++)
			if (step->ledgers[i].ifindex == ifindex)
				shown[ledgers++] = step->ledgers[i].packets;
		feed_ledgers(&feeds[ifindex], shown, ledgers);
		feed_flow(book, ifindex, feeds[ifindex].packets);
	}
}

static void tell_interfaces(struct book *book, const struct step *step)
{
	static struct interface_report interfaces[STEP_INTERFACES];
	size_t count = 0;

	while (count < STEP_INTERFACES && step->interfaces[count].ifindex) {
		interfaces[count] = (struct interface_report){ .ifindex = step->interfaces[count].ifindex };
		strcpy(interfaces[count].name, step->interfaces[count].name);
		count++;
	}
	assert_int_equal(book_interfaces(book, interfaces, count), 0);
}

static struct report *report_now(struct book *book)
{
	struct self_report self = { 0 };
	struct report *report = NULL;

	assert_int_equal(book_report(book, 0, &self, &report), 0);
	report_flows(report);
	return report;
}

static struct report *play(struct book *book, struct feed feeds[SLOTS], const struct step *step, uint64_t tick)
{
	tell_interfaces(book, step);
	book_begin(book, tick * SECOND, tick * SECOND);
	feed_step(book, feeds, step);
	for (int i = 0; i < STEP_LEDGERS && step->ledgers[i].packets; i++) {
		struct ledger_record ledger = ledger_of(step->ledgers[i].packets);

		assert_int_equal(book_ledger(book, step->ledgers[i].ifindex, DIRECTION_INGRESS, &ledger), 0);
	}
	return report_now(book);
}

static void assert_balanced(const struct total_report *total)
{
	struct tally sum = { 0 };

	for (int i = 0; i < OUTCOMES; i++) {
		sum.packets += total->outcome[i].packets;
		sum.bytes += total->outcome[i].bytes;
	}
	assert_int_equal(sum.packets, total->seen.packets);
	assert_int_equal(sum.bytes, total->seen.bytes);
}

static void compare(const struct report *report, const struct step *step, uint64_t *flow_packets)
{
	uint64_t sum = 0;
	size_t count = 0;

	for (; count < STEP_TOTALS && step->totals[count].name; count++) {
		assert_true(count < report->total_count);
		assert_string_equal(report->totals[count].interface, step->totals[count].name);
		assert_int_equal(report->totals[count].direction, DIRECTION_INGRESS);
		assert_int_equal(report->totals[count].seen.packets, step->totals[count].packets);
		assert_balanced(&report->totals[count]);
		assert_int_equal(report->totals[count].unaccounted_packets, 0);
		sum += report->totals[count].outcome[OUTCOME_FLOW].packets;
	}
	assert_int_equal(report->total_count, count);
	assert_int_equal(report->sums.packets, sum);
	assert_true(sum >= *flow_packets);
	*flow_packets = sum;
}

static struct book *new_book(uint32_t followed_max)
{
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = SLOTS,
		.followed_max = followed_max,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

/* Whether the flows are followed or not, their sums are the same. */
static void play_stories(uint32_t followed_max)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++) {
		struct book *book = new_book(followed_max);
		struct feed feeds[SLOTS] = { 0 };
		uint64_t flow_packets = 0;

		print_message("  %s\n", stories[i].name);
		for (int step = 0; step < STEPS && stories[i].steps[step].totals[0].name; step++) {
			struct report *report = play(book, feeds, &stories[i].steps[step], (uint64_t)step + 1);

			compare(report, &stories[i].steps[step], &flow_packets);
			report_release(report);
		}
		book_free(book);
	}
}

static void test_stories(void **state)
{
	(void)state;
	play_stories(SLOTS);
	play_stories(1);
}

static void test_rates_of_totals(void **state)
{
	struct step step = { .interfaces = { { 2, "eth0" } }, .ledgers = { { 2, 1000 } } };
	struct book *book = new_book(SLOTS);
	struct feed feeds[SLOTS] = { 0 };
	struct report *report = play(book, feeds, &step, 1);

	(void)state;
	assert_true(isnan(report->interval));
	assert_true(isnan(report->totals[0].throughput));
	assert_true(isnan(report->totals[0].packet_rate));
	report_release(report);
	step.ledgers[0].packets = 1500;
	report = play(book, feeds, &step, 5);
	assert_true(report->interval == 4.0);
	assert_true(report->totals[0].packet_rate == 125.0);
	assert_true(report->totals[0].throughput == 12500.0);
	report_release(report);
	step.ledgers[0].packets = 1600;
	report = play(book, feeds, &step, 5);
	assert_true(report->interval == 0);
	assert_true(isnan(report->totals[0].throughput));
	report_release(report);
	book_free(book);
}

static void test_directions_and_order(void **state)
{
	static const char *const names[] = { "b", "b", "c", "c" };
	struct ledger_record ledger = ledger_of(8);
	struct step step = { .interfaces = { { 5, "c" }, { 4, "b" } } };
	struct book *book = new_book(SLOTS);
	struct report *report;

	(void)state;
	tell_interfaces(book, &step);
	book_begin(book, SECOND, SECOND);
	for (unsigned int ifindex = 5; ifindex >= 4; ifindex--) {
		assert_int_equal(book_ledger(book, ifindex, DIRECTION_EGRESS, &ledger), 0);
		assert_int_equal(book_ledger(book, ifindex, DIRECTION_INGRESS, &ledger), 0);
	}
	report = report_now(book);
	assert_int_equal(report->total_count, 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(report->totals[i].interface, names[i]);
		assert_int_equal(report->totals[i].direction, i & 1 ? DIRECTION_EGRESS : DIRECTION_INGRESS);
	}
	report_release(report);
	book_free(book);
}

/* A residual is of one reading: the next report does not know it any more. Indices of one name have one. */
static void test_residuals(void **state)
{
	struct step step = { .interfaces = { { 2, "eth0" } }, .ledgers = { { 2, 10 } } };
	struct ledger_record ledger = ledger_of(5);
	struct feed feeds[SLOTS] = { 0 };
	struct book *book = new_book(SLOTS);
	struct report *report;

	(void)state;
	report = play(book, feeds, &step, 1);
	assert_false(report->totals[0].residual_known);
	report_release(report);
	book_begin(book, 2 * SECOND, 2 * SECOND);
	assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &ledger), 0);
	assert_int_equal(book_residual(book, 2, DIRECTION_INGRESS, -7), 0);
	report = report_now(book);
	assert_true(report->totals[0].residual_known);
	assert_int_equal(report->totals[0].residual_packets, -7);
	report_release(report);
	report = play(book, feeds, &step, 3);
	assert_false(report->totals[0].residual_known);
	report_release(report);
	step.interfaces[0].ifindex = 7;
	tell_interfaces(book, &step);
	book_begin(book, 4 * SECOND, 4 * SECOND);
	assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &ledger), 0);
	assert_int_equal(book_ledger(book, 7, DIRECTION_INGRESS, &ledger), 0);
	assert_int_equal(book_residual(book, 7, DIRECTION_INGRESS, INT64_C(1) << 40), 0);
	report = report_now(book);
	assert_int_equal(report->total_count, 1);
	assert_true(report->totals[0].residual_known);
	assert_int_equal(report->totals[0].residual_packets, INT64_C(1) << 40);
	report_release(report);
	book_free(book);
}

/* The programs keep a ledger for interfaces that they do not know; as long as nothing came, there is nothing to show. */
static void test_empty_unknown_ledger_is_left_out(void **state)
{
	struct ledger_record ledger = { 0 };
	struct book *book = new_book(SLOTS);
	struct report *report;

	(void)state;
	book_begin(book, SECOND, SECOND);
	assert_int_equal(book_ledger(book, 0, DIRECTION_INGRESS, &ledger), 0);
	report = report_now(book);
	assert_int_equal(report->total_count, 0);
	report_release(report);
	book_begin(book, 2 * SECOND, 2 * SECOND);
	ledger = ledger_of(1);
	assert_int_equal(book_ledger(book, 0, DIRECTION_INGRESS, &ledger), 0);
	report = report_now(book);
	assert_int_equal(report->total_count, 1);
	assert_string_equal(report->totals[0].interface, "?");
	report_release(report);
	book_free(book);
}

/* A reading that was given up half way changes nothing. */
static void test_abandoned_reading(void **state)
{
	struct step step = { .interfaces = { { 2, "eth0" }, { 3, "eth1" } }, .ledgers = { { 2, 100 }, { 3, 200 } } };
	struct ledger_record ledger = ledger_of(150);
	struct feed feeds[SLOTS] = { 0 };
	struct book *book = new_book(SLOTS);
	struct report *report;

	(void)state;
	report_release(play(book, feeds, &step, 1));
	book_begin(book, 2 * SECOND, 2 * SECOND);
	assert_int_equal(book_ledger(book, 2, DIRECTION_INGRESS, &ledger), 0);
	step.ledgers[0].packets = 160;
	step.ledgers[1].packets = 260;
	report = play(book, feeds, &step, 3);
	assert_int_equal(report->total_count, 2);
	assert_int_equal(report->totals[0].seen.packets, 160);
	assert_int_equal(report->totals[1].seen.packets, 260);
	assert_true(report->totals[0].packet_rate == 30.0);
	report_release(report);
	book_free(book);
}

static void test_interfaces_are_copied_into_the_report(void **state)
{
	struct interface_report interfaces[2] = {
		{ .name = "eth0", .ifindex = 2, .attached = true, .hook = { "tcx", "none" }, .reason = { "no driver" } },
		{ .name = "eth1", .ifindex = 3 },
	};
	struct book *book = new_book(SLOTS);
	struct report *report;

	(void)state;
	assert_int_equal(book_interfaces(book, interfaces, 2), 0);
	strcpy(interfaces[0].name, "gone");
	book_begin(book, SECOND, SECOND);
	report = report_now(book);
	assert_int_equal(book_interfaces(book, NULL, 0), 0);
	book_free(book);
	assert_int_equal(report->interface_count, 2);
	assert_string_equal(report->interfaces[0].name, "eth0");
	assert_true(report->interfaces[0].attached);
	assert_string_equal(report->interfaces[0].hook[DIRECTION_INGRESS], "tcx");
	assert_string_equal(report->interfaces[0].reason[DIRECTION_INGRESS], "no driver");
	assert_string_equal(report->interfaces[1].name, "eth1");
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_rates_of_totals),
		cmocka_unit_test(test_directions_and_order),
		cmocka_unit_test(test_residuals),
		cmocka_unit_test(test_empty_unknown_ledger_is_left_out),
		cmocka_unit_test(test_abandoned_reading),
		cmocka_unit_test(test_interfaces_are_copied_into_the_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
