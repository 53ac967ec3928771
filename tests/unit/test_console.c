/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table as plain lines: whole ticks compared to the byte, then what narrow windows, orders and limits make of
 * them. No number may ever be cut, at whatever width: this is tried at all of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "export/console.h"
#include "export/grid.h"
#include "export/table.h"
#include "table_sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct console_config everything = { .show_throughput = true, .show_goodput = true, .show_jitter = true };

static char *render(const struct console_config *config, const struct report *report)
{
	struct text text = TEXT_EMPTY;

	console_render(config, report, &text);
	assert_false(text.failed);
	return text.bytes;
}

/* Fails with both texts whole: cmocka cuts long ones short. */
static void assert_shows(const struct console_config *config, const struct report *report, const char *expected)
{
	char *shown = render(config, report);

	if (strcmp(shown, expected))
		fail_msg("shown:\n%sexpected:\n%s", shown, expected);
	free(shown);
}

static void assert_contains(const struct console_config *config, const struct report *report, const char *part,
			    bool wanted)
{
	char *shown = render(config, report);

	if (!strstr(shown, part) == wanted)
		fail_msg("\"%s\" is %s in:\n%s", part, wanted ? "missing" : "wrong", shown);
	free(shown);
}

/* A UDP flow with sequence numbers, a TCP flow over IPv6, and one ping of which nothing is known but its counts. */
static struct report *mixed_report(void)
{
	struct report *report = sample_report(3, 2);
	struct flow_report *flows = report->flows;

	sample_ends(&flows[0], "10.1.0.1", 5001, "10.1.0.2", 6001, IPPROTO_UDP);
	sample_rates(&flows[0], 75e6, 72e6, 0.02, 0.00125, 51234, 76851000);
	flows[0].sequence = (struct sequence_report){ SEQUENCE_PACKETS, 51299, 51234, 7, 3, 12, 66, 1, 5 };
	sample_ends(&flows[1], "2001:db8::1", 443, "2001:db8::2", 50000, IPPROTO_TCP);
	sample_rates(&flows[1], 1.5e6, 1.2e6, 0.5, NAN, 3, 4500);
	flows[1].key.direction = DIRECTION_EGRESS;
	flows[1].sequence = (struct sequence_report){ SEQUENCE_BYTES, 4000000000, 3, 0, 0, 1, 0, 0, 0 };
	sample_ends(&flows[2], "10.1.0.1", 0, "10.1.0.2", 0, IPPROTO_ICMP);
	sample_rates(&flows[2], NAN, NAN, NAN, NAN, 1, 98);
	report->protocols[GROUP_UDP].flows = 1;
	report->protocols[GROUP_UDP].throughput = 75e6;
	report->protocols[GROUP_UDP].goodput = 72e6;
	report->protocols[GROUP_UDP].interarrival = flows[0].interarrival;
	report->protocols[GROUP_UDP].sequence = flows[0].sequence;
	report->totals[0] = (struct total_report){
		.interface = "eth0", .seen = { 51235, 76851098 }, .throughput = 75000098, .packet_rate = 50000.5
	};
	report->totals[1] = (struct total_report){ .interface = "eth0",
						   .direction = DIRECTION_EGRESS,
						   .seen = { 3, 4500 },
						   .throughput = NAN,
						   .packet_rate = NAN };
	return report;
}

static void test_whole_tick(void **state)
{
	struct report *report = mixed_report();
	struct console_config config = everything;

	(void)state;
	config.nominal_gap = 0.02;
	assert_shows(
		&config, report,
		"2026-11-21T08:00:00.123Z  interval 1.000 s  3 flows  by throughput\n"
		"INTERFACE  DIR  PROTO  SOURCE             DESTINATION          THROUGHPUT     GOODPUT  JITTER(ms)   GAP(ms)  "
		"PACKETS     BYTES\n"
		"eth0       in   UDP    10.1.0.1:5001      10.1.0.2:6001        75.00 MB/s  72.00 MB/s      1.2500    0.0000  "
		"  51234  76851000\n"
		"eth0       out  TCP    [2001:db8::1]:443  [2001:db8::2]:50000  1.500 MB/s  1.200 MB/s           -  480.0000  "
		"      3      4500\n"
		"eth0       in   ICMP   10.1.0.1           10.1.0.2                      -           -           -         -  "
		"      1        98\n"
		"PROTO  FLOWS  THROUGHPUT     GOODPUT  JITTER(ms)  GAP(ms)\n"
		"TCP        0       0 B/s       0 B/s           -        -\n"
		"UDP        1  75.00 MB/s  72.00 MB/s      1.2500   0.0000\n"
		"ICMP       0       0 B/s       0 B/s           -        -\n"
		"other      0       0 B/s       0 B/s           -        -\n"
		"INTERFACE  DIR  THROUGHPUT  PACKETS/S   SEEN     BYTES\n"
		"eth0       in   75.00 MB/s    50000.5  51235  76851098\n"
		"eth0       out           -          -      3      4500\n"
		"\n");
	report_release(report);
}

static void test_sequence_columns(void **state)
{
	struct report *report = mixed_report();
	struct console_config config = { .show_sequence = true };

	(void)state;
	assert_shows(
		&config, report,
		"2026-11-21T08:00:00.123Z  interval 1.000 s  3 flows  by throughput\n"
		"INTERFACE  DIR  PROTO  SOURCE             DESTINATION          PACKETS     BYTES         SEQ  RECEIVED  "
		"REVERSE  SMALL  BIG  LOST  DUP  REORD\n"
		"eth0       in   UDP    10.1.0.1:5001      10.1.0.2:6001          51234  76851000       51299     51234  "
		"      7      3   12    66    1      5\n"
		"eth0       out  TCP    [2001:db8::1]:443  [2001:db8::2]:50000        3      4500  4000000000         3  "
		"      0      -    1     -    -      -\n"
		"eth0       in   ICMP   10.1.0.1           10.1.0.2                   1        98           -         -  "
		"      -      -    -     -    -      -\n"
		"PROTO  FLOWS    SEQ  RECEIVED  REVERSE  SMALL  BIG  LOST  DUP  REORD\n"
		"TCP        0      -         -        -      -    -     -    -      -\n"
		"UDP        1  51299     51234        7      3   12    66    1      5\n"
		"ICMP       0      -         -        -      -    -     -    -      -\n"
		"other      0      -         -        -      -    -     -    -      -\n"
		"INTERFACE  DIR  THROUGHPUT  PACKETS/S   SEEN     BYTES\n"
		"eth0       in   75.00 MB/s    50000.5  51235  76851098\n"
		"eth0       out           -          -      3      4500\n"
		"\n");
	report_release(report);
}

/* Each case changes the mixed report or the configuration, and names what must then be shown, or not. */
struct shown_case {
	const char *what;
	void (*change)(struct report *report, struct console_config *config);
	const char *shown, *not_shown;
};

static void change_nothing(struct report *report, struct console_config *config)
{
	(void)report;
	(void)config;
}

static void change_bits(struct report *report, struct console_config *config)
{
	(void)report;
	config->bits = true;
}

static void change_gap(struct report *report, struct console_config *config)
{
	(void)report;
	config->nominal_gap = 0.0225;
}

static void change_vlan(struct report *report, struct console_config *config)
{
	(void)config;
	report->flows[1].key.vlan[0] = VLAN_PRESENT | 100;
	report->flows[1].key.vlan[1] = VLAN_PRESENT | 0;
}

static void change_late(struct report *report, struct console_config *config)
{
	(void)config;
	report->late_ticks = 2;
	report->interval = NAN;
}

static void change_overflow(struct report *report, struct console_config *config)
{
	(void)config;
	report->totals[0].outcome[OUTCOME_OVERFLOW] = (struct tally){ 12, 3456 };
	report->totals[1].outcome[OUTCOME_UNPARSED] = (struct tally){ 1, 60 };
}

static void change_limit(struct report *report, struct console_config *config)
{
	(void)report;
	config->max_rows = 1;
}

static void change_limit_by_one(struct report *report, struct console_config *config)
{
	(void)report;
	config->max_rows = 2;
}

static void change_name(struct report *report, struct console_config *config)
{
	(void)config;
	strcpy(report->flows[0].interface, "e\033[2J\xff");
}

static void change_protocol(struct report *report, struct console_config *config)
{
	(void)config;
	report->flows[2].key.protocol = 89;
}

static void change_to_none(struct report *report, struct console_config *config)
{
	(void)config;
	report->flow_count = 0;
}

static void change_order_age(struct report *report, struct console_config *config)
{
	report->flows[2].first_seen_ns = SAMPLE_TIME_NS - 61500000000;
	config->order = ORDER_AGE;
}

static const struct shown_case shown_cases[] = {
	{ "no VLAN, no column", change_nothing, "75.00 MB/s", "VLAN" },
	{ "no exception, no column", change_nothing, "SEEN", "OVERFLOW" },
	{ "bits", change_bits, "600.0 Mbit/s", "MB/s" },
	{ "a mean below the nominal gap", change_gap, "  -2.5000  ", "18446" },
	{ "two tags, one of them 0", change_vlan, "  100.0  ", NULL },
	{ "late, and an unknown interval", change_late, "interval -  3 flows  late by 2 ticks  by", "nan" },
	{ "overflow above", change_overflow,
	  "\nOVERFLOW: 12 packets  3456 bytes  found no room in the table of flows:  raise max_flows (now 65536)\n",
	  NULL },
	{ "overflow at the foot", change_overflow, "     BYTES     OVERFLOW  UNPARSED\n", "FILTERED" },
	{ "an exception of another line", change_overflow, "  12 (3456 B)          \n", NULL },
	{ "cut to one row", change_limit, "\n… and 2 more flows\nPROTO", "TCP    [2001" },
	{ "cut by one row", change_limit_by_one, "\n… and 1 more flow\nPROTO", "ICMP   10" },
	{ "control characters in a name", change_name, "\ne?[2J?  ", "\033" },
	{ "a protocol without a name", change_protocol, "  89     10.1.0.1  ", "ICMP   10" },
	{ "no flows", change_to_none, "  0 flows  ", "more" },
	{ "age is shown where it orders", change_order_age, "  AGE(s)  ", NULL },
	{ "the oldest stands first", change_order_age, "BYTES\neth0       in   ICMP", NULL },
	{ "age in seconds", change_order_age, "    61.5  ", NULL },
};

static void test_what_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shown_cases); i++) {
		struct report *report = mixed_report();
		struct console_config config = everything;

		print_message("  %s\n", shown_cases[i].what);
		shown_cases[i].change(report, &config);
		assert_contains(&config, report, shown_cases[i].shown, true);
		if (shown_cases[i].not_shown)
			assert_contains(&config, report, shown_cases[i].not_shown, false);
		report_release(report);
	}
}

/* `piece` stands in `line` between spaces or ends. */
static bool has_word(const char *line, const char *piece)
{
	size_t length = strlen(piece);

	for (const char *at = strstr(line, piece); at; at = strstr(at + 1, piece))
		if ((at == line || at[-1] == ' ' || at[-1] == '\n') &&
		    (!at[length] || at[length] == ' ' || at[length] == '\n'))
			return true;
	return false;
}

/* Every number below the head line of the narrow table is one of the wide table's, whole. */
static void assert_numbers_whole(const char *narrow, const char *wide)
{
	char *copy = strdup(strchr(narrow, '\n')), *rest = NULL;

	assert_non_null(copy);
	for (char *word = strtok_r(copy, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (word[strspn(word, "-.0123456789")] == '\0' && !has_word(wide, word))
			fail_msg("\"%s\" is in the narrow table only:\n%s", word, narrow);
	free(copy);
}

static void assert_fits(const char *shown, unsigned int width)
{
	for (const char *line = shown; *line;) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		if (grid_text_width(line, (size_t)(end - line)) > width)
			fail_msg("wider than %u: %.*s", width, (int)(end - line), line);
		line = end + 1;
	}
}

static void test_every_width(void **state)
{
	struct console_config config = everything;
	struct report *report = mixed_report();
	char *wide;

	(void)state;
	change_overflow(report, &config);
	change_vlan(report, &config);
	config.show_sequence = true;
	wide = render(&config, report);
	/* 39: two addresses of 9, a throughput, and the two spaces; the ledger's overflow needs as much. */
	for (config.width = 39; config.width < 240; config.width++) {
		char *narrow = render(&config, report);

		assert_fits(narrow, config.width);
		assert_numbers_whole(narrow, wide);
		free(narrow);
	}
	free(wide);
	report_release(report);
}

struct width_case {
	unsigned int width;
	const char *titles; /* the line of titles */
	const char *row;    /* of the TCP flow */
};

static const struct width_case width_cases[] = {
	{ 132,
	  "INTERFACE  DIR  PROTO  SOURCE             DESTINATION          THROUGHPUT     GOODPUT  JITTER(ms)   GAP(ms)  "
	  "PACKETS     BYTES",
	  "eth0       out  TCP    [2001:db8::1]:443  [2001:db8::2]:50000  1.500 MB/s  1.200 MB/s           -  500.0000  "
	  "      3      4500" },
	{ 116,
	  "INTERFACE DIR PROTO SOURCE            DESTINATION         THROUGHPUT    GOODPUT JITTER(ms)  GAP(ms) PACKETS    "
	  "BYTES",
	  "eth0      out TCP   [2001:db8::1]:443 [2001:db8::2]:50000 1.500 MB/s 1.200 MB/s          - 500.0000       3     "
	  "4500" },
	{ 110,
	  "INTERFACE DIR PROTO SOURCE          DESTINATION     THROUGHPUT    GOODPUT JITTER(ms)  GAP(ms) PACKETS    BYTES",
	  "eth0      out TCP   [2001…8::1]:443 [200…::2]:50000 1.500 MB/s 1.200 MB/s          - 500.0000       3     4500" },
	{ 80, "DIR PROTO SOURCE            DESTINATION         THROUGHPUT    GOODPUT JITTER(ms)",
	  "out TCP   [2001:db8::1]:443 [2001:db8::2]:50000 1.500 MB/s 1.200 MB/s          -" },
	{ 40, "SOURCE         DESTINATION    THROUGHPUT", "[2001…::1]:443 [200…:2]:50000 1.500 MB/s" },
};

/* The second line of what is shown, and the fourth. */
static void assert_lines(const char *shown, const struct width_case *expected)
{
	char *copy = strdup(shown), *rest = NULL, *lines[4] = { NULL };

	assert_non_null(copy);
	for (size_t i = 0; i < COUNT(lines); i++)
		lines[i] = strtok_r(i ? NULL : copy, "\n", &rest);
	assert_string_equal(lines[1], expected->titles);
	assert_string_equal(lines[3], expected->row);
	free(copy);
}

static void test_widths(void **state)
{
	struct console_config config = everything;
	struct report *report = mixed_report();

	(void)state;
	for (size_t i = 0; i < COUNT(width_cases); i++) {
		char *shown;

		config.width = width_cases[i].width;
		shown = render(&config, report);
		assert_lines(shown, &width_cases[i]);
		free(shown);
	}
	report_release(report);
}

static void test_left_out_is_said(void **state)
{
	struct console_config config = everything;
	struct report *report = mixed_report();

	(void)state;
	config.width = 100;
	assert_contains(&config, report, "3 flows  no room for PACKETS BYTES  by throughput\n", true);
	config.order = ORDER_BYTES;
	assert_contains(&config, report, "3 flows  no room for GAP(ms) PACKETS  by bytes\n", true);
	config.width = 80;
	assert_contains(&config, report, "3 flows  no room for 4 columns\n", true);
	report_release(report);
}

/* The slow, obvious order. */
static const struct report *sorted_report;
static enum console_order sorted_by;

static double value_of(size_t index)
{
	const struct flow_report *flow = &sorted_report->flows[index];
	double value = NAN;

	switch (sorted_by) {
	case ORDER_THROUGHPUT:
	case CONSOLE_ORDERS:
		value = -(double)index;
		break;
	case ORDER_GOODPUT:
		value = flow->goodput;
		break;
	case ORDER_PACKETS:
		value = (double)flow->packets;
		break;
	case ORDER_BYTES:
		value = (double)flow->bytes;
		break;
	case ORDER_JITTER:
		value = flow->interarrival.stddev;
		break;
	case ORDER_AGE:
		value = -(double)flow->first_seen_ns;
		break;
	}
	return isnan(value) ? -INFINITY : value;
}

static int compare(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	double x = value_of(i), y = value_of(j);

	if (x != y)
		return x > y ? -1 : 1;
	return i < j ? -1 : 1;
}

static void assert_order(const struct report *report, enum console_order order)
{
	uint32_t expected[256];

	sorted_report = report;
	sorted_by = order;
	for (uint32_t i = 0; i < report->flow_count; i++)
		expected[i] = i;
	qsort(expected, report->flow_count, sizeof(*expected), compare);
	for (size_t first = 0; first <= report->flow_count; first += 1 + (size_t)rand() % 7) {
		size_t count = (size_t)rand() % (report->flow_count - first + 1);
		uint32_t *indexes = NULL;

		assert_int_equal(table_order(report, order, first, count, &indexes), 0);
		assert_memory_equal(indexes, expected + first, count * sizeof(*indexes));
		free(indexes);
	}
}

static void test_orders(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("  seed %u\n", seed);
	srand(seed);
	for (size_t flows = 0; flows < 200; flows += 1 + flows / 4) {
		struct report *report = sample_many(flows);

		for (size_t i = 0; i < flows; i++) {
			report->flows[i].goodput = rand() % 3 ? rand() % 10 : NAN;
			report->flows[i].packets = (uint64_t)(rand() % 10);
			report->flows[i].bytes = (uint64_t)rand();
			report->flows[i].interarrival.stddev = rand() % 2 ? rand() % 5 : NAN;
			report->flows[i].first_seen_ns -= (uint64_t)(rand() % 20) * 1000000000;
		}
		for (int order = 0; order < CONSOLE_ORDERS; order++)
			assert_order(report, (enum console_order)order);
		report_release(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_tick),    cmocka_unit_test(test_sequence_columns),
		cmocka_unit_test(test_what_is_shown), cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_widths),        cmocka_unit_test(test_left_out_is_said),
		cmocka_unit_test(test_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
