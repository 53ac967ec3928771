/* SPDX-License-Identifier: BSD-2-Clause */
/* The table as plain lines: whole ticks compared to the byte, then what changes of the report and of options make of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "export/console.h"
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

static void test_whole_tick(void **state)
{
	struct report *report = sample_mixed();
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
	struct report *report = sample_mixed();
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
		struct report *report = sample_mixed();
		struct console_config config = everything;

		print_message("  %s\n", shown_cases[i].what);
		shown_cases[i].change(report, &config);
		assert_contains(&config, report, shown_cases[i].shown, true);
		if (shown_cases[i].not_shown)
			assert_contains(&config, report, shown_cases[i].not_shown, false);
		report_release(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_tick),
		cmocka_unit_test(test_sequence_columns),
		cmocka_unit_test(test_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
