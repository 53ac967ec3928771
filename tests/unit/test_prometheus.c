/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, labels and values of the exposition in both formats, and what has no sample because it is not known. */
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exposition_reader.h"
#include "table_sample.h"

#define UDP_FLOW                                                                                                     \
	"{interface=\"eth0\",direction=\"ingress\",src=\"10.1.0.1\",dst=\"10.1.0.2\",sport=\"5001\",dport=\"6001\"," \
	"protocol=\"UDP\""
#define TCP_FLOW                                                                                          \
	"{interface=\"eth0\",direction=\"egress\",src=\"2001:db8::1\",dst=\"2001:db8::2\",sport=\"443\"," \
	"dport=\"50000\",protocol=\"TCP\""
#define PING_FLOW                                                                                              \
	"{interface=\"eth0\",direction=\"ingress\",src=\"10.1.0.1\",dst=\"10.1.0.2\",sport=\"0\",dport=\"0\"," \
	"protocol=\"ICMP\""

static void test_values(void **state)
{
	static const struct {
		const char *series, *value; /* NULL: absent */
	} rows[] = {
		{ "flowgauge_flow_packets_total" UDP_FLOW "}", "51234" },
		{ "flowgauge_flow_bytes_total" UDP_FLOW "}", "76851000" },
		{ "flowgauge_flow_throughput_bytes_per_second" UDP_FLOW "}", "75000000" },
		{ "flowgauge_flow_goodput_bytes_per_second" UDP_FLOW "}", "72000000" },
		{ "flowgauge_flow_interarrival_seconds" UDP_FLOW "}", "0.02" },
		{ "flowgauge_flow_jitter_seconds" UDP_FLOW "}", "0.00125" },
		{ "flowgauge_flow_sequence_number" UDP_FLOW "}", "51299" },
		{ "flowgauge_flow_sequence_errors_total" UDP_FLOW ",kind=\"reverse\"}", "7" },
		{ "flowgauge_flow_sequence_errors_total" UDP_FLOW ",kind=\"small\"}", "3" },
		{ "flowgauge_flow_sequence_errors_total" UDP_FLOW ",kind=\"big\"}", "12" },
		{ "flowgauge_flow_lost_packets_total" UDP_FLOW "}", "66" },
		{ "flowgauge_flow_duplicate_packets_total" UDP_FLOW "}", "1" },
		{ "flowgauge_flow_reordered_packets_total" UDP_FLOW "}", "5" },
		/* TCP numbers bytes; of three packets this one has a mean gap, and its deviation is not known. */
		{ "flowgauge_flow_sequence_number" TCP_FLOW "}", "4000000000" },
		{ "flowgauge_flow_sequence_errors_total" TCP_FLOW ",kind=\"reverse\"}", "0" },
		{ "flowgauge_flow_sequence_errors_total" TCP_FLOW ",kind=\"small\"}", NULL },
		{ "flowgauge_flow_sequence_errors_total" TCP_FLOW ",kind=\"big\"}", "1" },
		{ "flowgauge_flow_lost_packets_total" TCP_FLOW "}", NULL },
		{ "flowgauge_flow_duplicate_packets_total" TCP_FLOW "}", NULL },
		{ "flowgauge_flow_reordered_packets_total" TCP_FLOW "}", NULL },
		{ "flowgauge_flow_interarrival_seconds" TCP_FLOW "}", "0.5" },
		{ "flowgauge_flow_jitter_seconds" TCP_FLOW "}", NULL },
		/* One ping: counted, and nothing else known. */
		{ "flowgauge_flow_packets_total" PING_FLOW "}", "1" },
		{ "flowgauge_flow_interarrivals_total" PING_FLOW "}", "0" },
		{ "flowgauge_flow_throughput_bytes_per_second" PING_FLOW "}", NULL },
		{ "flowgauge_flow_interarrival_seconds" PING_FLOW "}", NULL },
		{ "flowgauge_flow_jitter_seconds" PING_FLOW "}", NULL },
		{ "flowgauge_flow_sequence_number" PING_FLOW "}", NULL },
		{ "flowgauge_flow_sequence_errors_total" PING_FLOW ",kind=\"big\"}", NULL },
		/* Nothing is left for the others, but they are there. */
		{ "flowgauge_flow_packets_total" OTHER, "0" },
		{ "flowgauge_flow_throughput_bytes_per_second" OTHER, "0" },
		{ "flowgauge_flow_lost_packets_total" OTHER, "0" },
		{ "flowgauge_flow_sequence_number" OTHER, NULL },
		{ "flowgauge_flow_interarrival_seconds" OTHER, NULL },
		{ "flowgauge_flow_jitter_seconds" OTHER, NULL },
		/* The ledger. */
		{ "flowgauge_seen_packets_total{interface=\"eth0\",direction=\"ingress\"}", "51235" },
		{ "flowgauge_seen_bytes_total{interface=\"eth0\",direction=\"egress\"}", "4500" },
		{ "flowgauge_outcome_packets_total{interface=\"eth0\",direction=\"ingress\",outcome=\"non_ip\"}", "9" },
		{ "flowgauge_outcome_bytes_total{interface=\"eth0\",direction=\"egress\",outcome=\"overflow\"}", "77" },
		{ "flowgauge_ledger_residual_packets{interface=\"eth0\",direction=\"ingress\"}", "-12" },
		{ "flowgauge_ledger_residual_packets{interface=\"eth0\",direction=\"egress\"}", NULL },
		{ "flowgauge_flows_limit", "65536" },
		{ "flowgauge_flows", "3" },
		{ "flowgauge_flows_followed", "3" },
		{ "flowgauge_table_bytes", "16646144" },
		{ "flowgauge_contended_packets_total", "17" },
		{ "tcp_throughput", NULL },
	};
	(void)state;

	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = summed_mixed();
		struct text text;

		report->totals[0].outcome[OUTCOME_NON_IP].packets = 9;
		report->totals[0].residual_known = true;
		report->totals[0].residual_packets = -12;
		report->totals[1].outcome[OUTCOME_OVERFLOW].bytes = 77;
		report->self.table_bytes = 16646144;
		report->sums.contended = 17;
		text = exposition_of(report, 1000, false, (enum exposition)format);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_value(&text, rows[i].series, rows[i].value);
		assert_well_formed(&text, (enum exposition)format);
		text_free(&text);
		report_release(report);
	}
}

static void test_names_of_families(void **state)
{
	struct report *report = summed_mixed();
	struct text text = exposition_of(report, 1000, false, EXPOSITION_TEXT);
	struct text openmetrics = exposition_of(report, 1000, false, EXPOSITION_OPENMETRICS);
	(void)state;

	assert_non_null(strstr(text.bytes, "\n# TYPE flowgauge_flow_bytes_total counter\n"));
	assert_non_null(strstr(openmetrics.bytes, "\n# TYPE flowgauge_flow_bytes counter\n"));
	/* Two families of OpenMetrics may not share a name, and x_total of a counter x would. */
	assert_non_null(strstr(text.bytes, "\n# TYPE flowgauge_flow_interarrival_seconds_total counter\n"));
	assert_non_null(strstr(openmetrics.bytes, "\n# TYPE flowgauge_flow_interarrival_seconds gauge\n"));
	assert_non_null(strstr(openmetrics.bytes, "\n# TYPE flowgauge_flow_interarrival_seconds_total unknown\n"));
	text_free(&text);
	text_free(&openmetrics);
	report_release(report);
}

/* No flow, no interface, nothing known. */
static void test_empty_report(void **state)
{
	struct report *report = sample_report(0, 0);
	(void)state;

	report->interval = NAN;
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct text text = exposition_of(report, 1000, true, (enum exposition)format);

		assert_well_formed(&text, (enum exposition)format);
		assert_null(strstr(text.bytes, "flowgauge_flow_"));
		assert_null(strstr(text.bytes, "flowgauge_seen_"));
		assert_value(&text, "flowgauge_flows", "0");
		text_free(&text);
	}
	report_release(report);
}

/* All flows have left: their packets stay, in the series of the others. */
static void test_flows_that_left(void **state)
{
	struct report *report = sample_report(0, 0);
	struct text text;
	(void)state;

	report->sums = (struct flow_sums){ .packets = 1234, .bytes = 99999, .gaps = 7, .gap_seconds = 0.25 };
	text = exposition_of(report, 1000, false, EXPOSITION_TEXT);
	assert_value(&text, "flowgauge_flow_packets_total" OTHER, "1234");
	assert_value(&text, "flowgauge_flow_bytes_total" OTHER, "99999");
	assert_value(&text, "flowgauge_flow_interarrivals_total" OTHER, "7");
	assert_value(&text, "flowgauge_flow_interarrival_seconds_total" OTHER, "0.25");
	/* No packet ever carried a number. */
	assert_value(&text, "flowgauge_flow_lost_packets_total" OTHER, NULL);
	text_free(&text);
	report_release(report);
}

static void test_first_report_has_no_rates(void **state)
{
	struct report *report = summed_mixed();
	struct text text;
	(void)state;

	report->interval = NAN;
	for (size_t i = 0; i < report->flow_count; i++)
		report->flows[i].throughput = report->flows[i].goodput = NAN;
	text = exposition_of(report, 1, false, EXPOSITION_TEXT);
	assert_null(strstr(text.bytes, "flowgauge_flow_throughput"));
	assert_null(strstr(text.bytes, "flowgauge_flow_goodput"));
	assert_well_formed(&text, EXPOSITION_TEXT);
	text_free(&text);
	report_release(report);
}

/* Three flows that differ in VLAN tags only, the smallest of them not among the largest two flows. */
static void test_flows_with_the_same_labels(void **state)
{
	struct report *report = sample_report(4, 0);
	struct text text;
	(void)state;

	for (int i = 0; i < 4; i++)
		sample_ends(&report->flows[i], "10.1.0.1", 5001, "10.1.0.2", (uint16_t)(i == 2 ? 7 : 6001),
			    IPPROTO_UDP);
	sample_rates(&report->flows[0], 100, 90, 0.5, 0.25, 10, 1000);
	sample_rates(&report->flows[1], 70, 60, 0.125, 0.0625, 20, 3000);
	sample_rates(&report->flows[2], 50, 40, 0.5, 0.5, 5, 2000);
	sample_rates(&report->flows[3], 30, 20, 0.5, 0.5, 1, 64);
	report->flows[1].key.vlan[0] = VLAN_PRESENT | 7;
	report->flows[3].key.vlan[0] = VLAN_PRESENT | 8;
	report->flows[0].sequence = (struct sequence_report){ SEQUENCE_PACKETS, 50, 10, 1, 2, 3, 4, 5, 6 };
	report->flows[3].sequence = (struct sequence_report){ SEQUENCE_PACKETS, 9, 1, 10, 20, 30, 40, 50, 60 };
	sum_up(report);
	text = exposition_of(report, 2, false, EXPOSITION_TEXT);
	assert_well_formed(&text, EXPOSITION_TEXT);
	assert_value(&text, "flowgauge_flow_packets_total" UDP_FLOW "}", "31");
	assert_value(&text, "flowgauge_flow_bytes_total" UDP_FLOW "}", "4064");
	assert_value(&text, "flowgauge_flow_throughput_bytes_per_second" UDP_FLOW "}", "200");
	/* What cannot be added is that of the flow with the most bytes, or of the first that knows it. */
	assert_value(&text, "flowgauge_flow_interarrival_seconds" UDP_FLOW "}", "0.125");
	assert_value(&text, "flowgauge_flow_jitter_seconds" UDP_FLOW "}", "0.0625");
	assert_value(&text, "flowgauge_flow_sequence_number" UDP_FLOW "}", "50");
	assert_value(&text, "flowgauge_flow_sequence_errors_total" UDP_FLOW ",kind=\"small\"}", "22");
	assert_value(&text, "flowgauge_flow_lost_packets_total" UDP_FLOW "}", "44");
	assert_value(&text, "flowgauge_flow_packets_total" OTHER, "0");
	text_free(&text);
	report_release(report);
}

static void test_labels(void **state)
{
	static const struct {
		const char *name, *label;
	} rows[] = {
		{ "eth0", "eth0" },
		{ "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
		{ "\xc3\xa9th0", "\xc3\xa9th0" },
		{ "\xc3th\xff", "\\\\xc3th\\\\xff" },
		{ "fifteen-bytes-!", "fifteen-bytes-!" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report *report = sample_report(1, 1);
		char expected[200];
		struct text text;

		strcpy(report->flows[0].interface, rows[i].name);
		strcpy(report->totals[0].interface, rows[i].name);
		sample_ends(&report->flows[0], "::ffff:10.1.0.1", 0, "fe80::1", 0, 47);
		text = exposition_of(report, 10, false, EXPOSITION_TEXT);
		assert_well_formed(&text, EXPOSITION_TEXT);
		snprintf(expected, sizeof(expected),
			 "flowgauge_flow_packets_total{interface=\"%s\",direction=\"ingress\",src=\"::ffff:10.1.0.1\","
			 "dst=\"fe80::1\",sport=\"0\",dport=\"0\",protocol=\"47\"}",
			 rows[i].label);
		assert_value(&text, expected, "0");
		snprintf(expected, sizeof(expected),
			 "flowgauge_seen_packets_total{interface=\"%s\",direction=\"ingress\"}", rows[i].label);
		assert_value(&text, expected, "0");
		text_free(&text);
		report_release(report);
	}
}

/* A series, and the rest, in which every label says other. */
static void test_groups(void **state)
{
	static const char labels[] =
		"{group=\"nets\",interface=\"\",direction=\"egress\",src=\"10.1.2.0/24\",dst=\"10.9.9.9\","
		"sport=\"\",dport=\"443\",protocol=\"TCP\"}";
	static const char rest[] =
		"{group=\"nets\",interface=\"other\",direction=\"other\",src=\"other\",dst=\"other\","
		"sport=\"other\",dport=\"other\",protocol=\"other\"}";
	const struct prometheus_config config = { 0 };
	struct report *report = sample_report(0, 0);
	struct text text = TEXT_EMPTY;
	char line[512];
	(void)state;

	sample_groups(report);
	prometheus_render(&config, report, EXPOSITION_TEXT, &text);
	snprintf(line, sizeof(line),
		 "\nflowgauge_group_bytes_total%s 18446744073709551615\nflowgauge_group_bytes_total%s 60\n", labels,
		 rest);
	assert_non_null(strstr(text.bytes, line));
	snprintf(line, sizeof(line), "\nflowgauge_group_flows%s 2\nflowgauge_group_flows%s 0\n", labels, rest);
	assert_non_null(strstr(text.bytes, line));
	snprintf(line, sizeof(line), "\nflowgauge_group_throughput_bytes_per_second%s 2.5\n#", labels);
	assert_non_null(strstr(text.bytes, line));
	text_free(&text);
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_names_of_families),
		cmocka_unit_test(test_empty_report),
		cmocka_unit_test(test_flows_that_left),
		cmocka_unit_test(test_first_report_has_no_rates),
		cmocka_unit_test(test_flows_with_the_same_labels),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
