/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exposition, held against the rules of both formats by a reader of its own, against promtool where there is one,
 * and its sums against the report's. Random reports have flows that differ in VLAN tags only, and more flows than series.
 */
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "export/prometheus.h"
#include "flow_model.h"
#include "table_sample.h"

#define LINES_MAX 100000
#define ROUNDS 60
#define OTHER                                                                                                   \
	"{interface=\"other\",direction=\"other\",src=\"other\",dst=\"other\",sport=\"other\",dport=\"other\"," \
	"protocol=\"other\"}"
#define UDP_FLOW                                                                                                     \
	"{interface=\"eth0\",direction=\"ingress\",src=\"10.1.0.1\",dst=\"10.1.0.2\",sport=\"5001\",dport=\"6001\"," \
	"protocol=\"UDP\""
#define TCP_FLOW                                                                                          \
	"{interface=\"eth0\",direction=\"egress\",src=\"2001:db8::1\",dst=\"2001:db8::2\",sport=\"443\"," \
	"dport=\"50000\",protocol=\"TCP\""
#define PING_FLOW                                                                                              \
	"{interface=\"eth0\",direction=\"ingress\",src=\"10.1.0.1\",dst=\"10.1.0.2\",sport=\"0\",dport=\"0\"," \
	"protocol=\"ICMP\""

/* --- reading an exposition --- */

static struct text render(const struct report *report, size_t max_flows, bool legacy, enum exposition format)
{
	const struct prometheus_config config = { .max_flows = max_flows, .legacy = legacy };
	struct text text = TEXT_EMPTY;

	prometheus_render(&config, report, format, &text);
	assert_false(text.failed);
	return text;
}

/* What follows `series` and a space on the one line that starts so; NULL if there is none. Valid until the next call. */
static const char *value_of(const struct text *text, const char *series)
{
	static char value[64];
	const char *found = NULL;
	size_t length = strlen(series);

	for (const char *line = text->bytes; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, series, length) != 0 || line[length] != ' ')
			continue;
		assert_null(found);
		found = line + length + 1;
	}
	if (!found)
		return NULL;
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(found, "\n"), found);
	return value;
}

static void assert_value(const struct text *text, const char *series, const char *expected)
{
	const char *value = value_of(text, series);

	if (!value && expected)
		fail_msg("%s is missing", series);
	if (value && !expected)
		fail_msg("%s is %s and should be absent", series, value);
	if (value)
		assert_string_equal(value, expected);
}

/* Sum over all samples whose name is `name` and whose labels contain `part`. */
static double sum_of(const struct text *text, const char *name, const char *part)
{
	size_t length = strlen(name);
	double sum = 0;

	for (const char *line = text->bytes; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *end = line + strcspn(line, "\n"), *value = memrchr(line, ' ', (size_t)(end - line));

		if (strncmp(line, name, length) != 0 || line[length] != '{')
			continue;
		if (!memmem(line, (size_t)(value - line), part, strlen(part)))
			continue;
		sum += strtod(value, NULL);
	}
	return sum;
}

struct family {
	char name[128], type[16];
};

static bool has_suffix(const char *name, size_t length, const char *family, const char *suffix)
{
	return length == strlen(family) + strlen(suffix) && !strncmp(name, family, strlen(family)) &&
	       !strncmp(name + strlen(family), suffix, strlen(suffix));
}

/* The sample's name is one that its family may have. */
static bool belongs(const struct family *family, const char *name, size_t length, enum exposition format)
{
	if (!strcmp(family->type, "histogram"))
		return has_suffix(name, length, family->name, "_bucket") ||
		       has_suffix(name, length, family->name, "_sum") ||
		       has_suffix(name, length, family->name, "_count");
	if (!strcmp(family->type, "counter") && format == EXPOSITION_OPENMETRICS)
		return has_suffix(name, length, family->name, "_total");
	return has_suffix(name, length, family->name, "");
}

/* Reads {a="b",c="d"}; returns what follows. */
static const char *read_labels(const char *at)
{
	if (*at != '{')
		return at;
	do {
		at++;
		assert_true(strspn(at, "abcdefghijklmnopqrstuvwxyz_") > 0);
		at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"'; at++) {
			assert_true(*at && *at != '\n');
			if (*at == '\\') {
				at++;
				assert_non_null(strchr("\\\"n", *at));
			}
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every series once; every family once, in one piece, with HELP and TYPE before its samples; values are numbers. */
static void assert_well_formed(const struct text *text, enum exposition format)
{
	char **series = calloc(LINES_MAX, sizeof(*series)), **families = calloc(LINES_MAX, sizeof(*families));
	char *copy = strdup(text->bytes), *rest = copy, *line;
	size_t series_count = 0, family_count = 0;
	struct family family = { "", "" };
	bool ended = false;

	assert_true(series && families && copy);
	assert_int_equal(text->bytes[text->length - 1], '\n');
	while ((line = strsep(&rest, "\n")) && *line) {
		const char *value;
		char *end;

		assert_false(ended);
		if (!strncmp(line, "# HELP ", 7)) {
			int name_length = (int)strcspn(line + 7, " ");

			snprintf(family.name, sizeof(family.name), "%.*s", name_length, line + 7);
			assert_true(strlen(line + 7) > (size_t)name_length + 1);
			line = strsep(&rest, "\n");
			assert_non_null(line);
			assert_int_equal(sscanf(line, "# TYPE %*s %15s", family.type), 1);
			assert_memory_equal(line + 7, family.name, strlen(family.name));
			assert_int_equal(line[7 + strlen(family.name)], ' ');
			families[family_count++] = strdup(family.name);
			continue;
		}
		if (!strcmp(line, "# EOF")) {
			ended = true;
			continue;
		}
		assert_true(belongs(&family, line, strcspn(line, "{ "), format));
		value = read_labels(line + strcspn(line, "{ "));
		assert_int_equal(*value, ' ');
		strtod(value + 1, &end);
		assert_true(end > value + 1 && !*end);
		if (strcmp(family.type, "gauge") != 0)
			assert_true(strtod(value + 1, NULL) >= 0);
		*(char *)value = '\0';
		assert_true(series_count < LINES_MAX);
		series[series_count++] = line;
	}
	assert_int_equal(ended, format == EXPOSITION_OPENMETRICS);
	qsort(series, series_count, sizeof(*series), compare_lines);
	for (size_t i = 1; i < series_count; i++)
		assert_string_not_equal(series[i - 1], series[i]);
	qsort(families, family_count, sizeof(*families), compare_lines);
	for (size_t i = 1; i < family_count; i++)
		assert_string_not_equal(families[i - 1], families[i]);
	for (size_t i = 0; i < family_count; i++)
		free(families[i]);
	free(families);
	free(series);
	free(copy);
}

/* --- reports --- */

/* As the book does it: the sums over the flows, and over what left before. */
static void sum_up(struct report *report)
{
	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *flow = &report->flows[i];

		report->sums.packets += flow->packets;
		report->sums.bytes += flow->bytes;
		report->sums.payload_bytes += flow->payload_bytes;
		report->sums.gaps += flow->gaps_total;
		report->sums.gap_seconds += flow->gap_seconds_total;
		report->sums.gap_squared_seconds += flow->gap_squared_seconds_total;
		report->sums.received += flow->sequence.received;
		report->sums.reverse += flow->sequence.reverse;
		report->sums.small += flow->sequence.small;
		report->sums.big += flow->sequence.big;
		report->sums.lost += flow->sequence.lost;
		report->sums.duplicate += flow->sequence.duplicate;
		report->sums.reordered += flow->sequence.reordered;
	}
}

static struct report *mixed(void)
{
	struct report *report = sample_mixed();

	report->protocols[GROUP_TCP].sequence.kind = SEQUENCE_BYTES;
	sum_up(report);
	return report;
}

/* --- tests --- */

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
		{ "flowgauge_flows_limit", "65536" },
		{ "flowgauge_flows", "1" },
		{ "tcp_throughput", NULL },
	};
	(void)state;

	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = mixed();
		struct text text;

		report->totals[0].outcome[OUTCOME_NON_IP].packets = 9;
		report->totals[1].outcome[OUTCOME_OVERFLOW].bytes = 77;
		text = render(report, 1000, false, (enum exposition)format);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_value(&text, rows[i].series, rows[i].value);
		assert_well_formed(&text, (enum exposition)format);
		text_free(&text);
		report_release(report);
	}
}

static void test_names_of_families(void **state)
{
	struct report *report = mixed();
	struct text text = render(report, 1000, false, EXPOSITION_TEXT);
	struct text openmetrics = render(report, 1000, false, EXPOSITION_OPENMETRICS);
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
		struct text text = render(report, 1000, true, (enum exposition)format);

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
	text = render(report, 1000, false, EXPOSITION_TEXT);
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
	struct report *report = mixed();
	struct text text;
	(void)state;

	report->interval = NAN;
	for (size_t i = 0; i < report->flow_count; i++)
		report->flows[i].throughput = report->flows[i].goodput = NAN;
	text = render(report, 1, false, EXPOSITION_TEXT);
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
	text = render(report, 2, false, EXPOSITION_TEXT);
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
		text = render(report, 10, false, EXPOSITION_TEXT);
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

static void test_legacy(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "udp_throughput", "75000000" }, { "udp_goodput", "72000000" }, { "udp_jitter_avg", "20" },
		{ "udp_jitter_stddev", "1.25" },  { "udp_seq_num", "51299" },    { "udp_count", "51234" },
		{ "udp_reverse_err", "7" },       { "udp_small_err", "3" },      { "udp_big_err", "12" },
		{ "udp_total_err", "22" },        { "tcp_seq_num", "5" },        { "tcp_count", "3" },
		{ "tcp_reverse_err", "1" },       { "tcp_small_err", "NaN" },    { "tcp_big_err", "2" },
		{ "tcp_total_err", "3" },         { "tcp_jitter_avg", "NaN" },   { "icmp_jitter_stddev", "NaN" },
		{ "icmp_seq_num", "NaN" },        { "icmp_count", "0" },         { "icmp_reverse_err", "NaN" },
		{ "icmp_total_err", "NaN" },      { "icmp_throughput", "0" },
	};
	static const char *const protocols[] = { "tcp", "udp", "icmp" };
	static const char *const suffixes[] = {
		"throughput", "goodput",     "jitter_avg", "jitter_stddev", "seq_num",
		"count",      "reverse_err", "small_err",  "big_err",       "total_err"
	};
	(void)state;

	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = mixed();
		struct text text;

		report->protocols[GROUP_TCP].sequence =
			(struct sequence_report){ SEQUENCE_BYTES, 5, 3, 1, 0, 2, 0, 0, 0 };
		text = render(report, 1000, true, (enum exposition)format);
		assert_well_formed(&text, (enum exposition)format);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_value(&text, rows[i].name, rows[i].value);
		for (size_t i = 0; i < 3; i++)
			for (size_t k = 0; k < 10; k++) {
				char name[40];

				snprintf(name, sizeof(name), "%s_%s", protocols[i], suffixes[k]);
				assert_non_null(value_of(&text, name));
			}
		text_free(&text);
		report_release(report);
	}
}

static void test_self(void **state)
{
	struct report *report = sample_report(0, 0);
	struct interface_report interfaces[] = {
		{ .name = "eth0", .attached = true, .hook = { "xdp", "tcx" } },
		{ .name = "eth1", .attached = true, .hook = { "none", "clsact" } },
		{ .name = "eth2", .attached = false, .hook = { "none", "none" } },
	};
	static const struct {
		const char *series, *value;
	} rows[] = {
		{ "flowgauge_build_info{version=\"" FLOWGAUGE_VERSION "\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth0\",direction=\"ingress\",hook=\"xdp\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth0\",direction=\"egress\",hook=\"tcx\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth1\",direction=\"ingress\",hook=\"none\"}", NULL },
		{ "flowgauge_hook_info{interface=\"eth1\",direction=\"egress\",hook=\"clsact\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth2\",direction=\"egress\",hook=\"none\"}", NULL },
		{ "flowgauge_bpf_run_seconds_total{program=\"ingress\"}", "0.5" },
		{ "flowgauge_bpf_runs_total{program=\"egress\"}", "20" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.0001\"}", "0" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.001\"}", "1" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.05\"}", "2" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"+Inf\"}", "3" },
		{ "flowgauge_snapshot_seconds_count", "3" },
		{ "process_start_time_seconds", "1795248000.5" },
	};
	struct text text, openmetrics;
	(void)state;

	report->interfaces = malloc(sizeof(interfaces));
	assert_non_null(report->interfaces);
	memcpy(report->interfaces, interfaces, sizeof(interfaces));
	report->interface_count = 3;
	report->self.programs[0] = (struct program_report){ "ingress", 10, 0.5 };
	report->self.programs[1] = (struct program_report){ "egress", 20, 0.25 };
	report->self.program_count = 2;
	report->self.start_ns = 1795248000500000000ULL;
	self_observe_snapshot(&report->self, 0.0007);
	self_observe_snapshot(&report->self, 0.03);
	self_observe_snapshot(&report->self, 7);
	text = render(report, 10, false, EXPOSITION_TEXT);
	openmetrics = render(report, 10, false, EXPOSITION_OPENMETRICS);
	assert_well_formed(&text, EXPOSITION_TEXT);
	assert_well_formed(&openmetrics, EXPOSITION_OPENMETRICS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_value(&text, rows[i].series, rows[i].value);
		assert_value(&openmetrics, rows[i].series, rows[i].value);
	}
	assert_value(&text, "flowgauge_snapshot_seconds_bucket{le=\"1\"}", "2");
	assert_value(&openmetrics, "flowgauge_snapshot_seconds_bucket{le=\"1.0\"}", "2");
	assert_true(strtod(value_of(&text, "flowgauge_snapshot_seconds_sum"), NULL) > 7.03);
	assert_true(strtod(value_of(&text, "process_resident_memory_bytes"), NULL) > 100000);
	assert_true(strtod(value_of(&text, "process_virtual_memory_bytes"), NULL) > 100000);
	assert_true(strtod(value_of(&text, "process_open_fds"), NULL) >= 1);
	assert_true(strtod(value_of(&text, "process_max_fds"), NULL) >= 8);
	assert_non_null(value_of(&text, "process_cpu_seconds_total"));
	report->self.program_count = 0;
	text_free(&text);
	text_free(&openmetrics);
	text = render(report, 10, false, EXPOSITION_TEXT);
	assert_null(strstr(text.bytes, "flowgauge_bpf_"));
	text_free(&text);
	report_release(report);
}

static struct report *random_report(uint64_t *random)
{
	size_t count = random_below(random, 300);
	struct report *report = sample_report(count, 0);

	for (size_t i = 0; i < count; i++) {
		struct flow_report *flow = &report->flows[i];
		char source[32];

		/* Few end points, so that many differ in VLAN tags or in the interface's index only. */
		snprintf(source, sizeof(source), random_below(random, 2) ? "10.0.0.%d" : "2001:db8::%d",
			 (int)random_below(random, 40));
		sample_ends(flow, source, (uint16_t)random_below(random, 3), strchr(source, ':') ? "::1" : "10.9.9.9",
			    80, random_below(random, 2) ? IPPROTO_TCP : IPPROTO_UDP);
		flow->key.vlan[0] = (uint16_t)random_below(random, 4);
		flow->key.ifindex = (uint32_t)random_below(random, 2);
		sample_rates(flow, (double)random_below(random, 1000), (double)random_below(random, 1000), 1, 1,
			     random_below(random, 1000000), random_below(random, 50) * 1000000);
		flow->payload_bytes = random_below(random, 100000);
		flow->gaps_total = random_below(random, 100000);
		flow->gap_seconds_total = (double)random_below(random, 1000000) / 1024;
		flow->gap_squared_seconds_total = (double)random_below(random, 1000000) / 1024;
		if (flow->key.protocol == IPPROTO_UDP && random_below(random, 2))
			flow->sequence = (struct sequence_report){
				SEQUENCE_PACKETS, 1, 2, 3, random_below(random, 9), 5, 6, 7, 8
			};
	}
	report->protocols[GROUP_UDP].sequence.kind = SEQUENCE_PACKETS;
	report->sums = (struct flow_sums){ .packets = 5555,
					   .bytes = 7777,
					   .payload_bytes = 3333,
					   .gaps = 4444,
					   .gap_seconds = 123.5,
					   .gap_squared_seconds = 88.25,
					   .lost = 99,
					   .small = 12 };
	sum_up(report);
	return report;
}

/* The sum over the series is the sum over all flows that ever were, whatever has a series of its own. */
static void test_sums_are_exact(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	(void)state;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < ROUNDS; round++) {
		struct report *report = random_report(&random);
		size_t max_flows = random_below(&random, 350);
		struct text text = render(report, max_flows, false, EXPOSITION_TEXT);
		const struct flow_sums *sums = &report->sums;
		double throughput = 0;

		for (size_t i = 0; i < report->flow_count; i++)
			throughput += report->flows[i].throughput;
		assert_well_formed(&text, EXPOSITION_TEXT);
		assert_true(sum_of(&text, "flowgauge_flow_packets_total", "") == (double)sums->packets);
		assert_true(sum_of(&text, "flowgauge_flow_bytes_total", "") == (double)sums->bytes);
		assert_true(sum_of(&text, "flowgauge_flow_payload_bytes_total", "") == (double)sums->payload_bytes);
		assert_true(sum_of(&text, "flowgauge_flow_interarrivals_total", "") == (double)sums->gaps);
		assert_true(sum_of(&text, "flowgauge_flow_interarrival_seconds_total", "") == sums->gap_seconds);
		assert_true(sum_of(&text, "flowgauge_flow_interarrival_squared_seconds_total", "") ==
			    sums->gap_squared_seconds);
		assert_true(sum_of(&text, "flowgauge_flow_sequence_errors_total", "small") == (double)sums->small);
		assert_true(sum_of(&text, "flowgauge_flow_lost_packets_total", "") == (double)sums->lost);
		assert_true(sum_of(&text, "flowgauge_flow_throughput_bytes_per_second", "") == throughput);
		text_free(&text);
		report_release(report);
	}
}

static int descending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* The flows with a series are the largest by bytes, and as many as asked for. */
static void test_largest_are_shown(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	(void)state;

	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < ROUNDS; round++) {
		size_t count = 1 + random_below(&random, 400), shown = random_below(&random, count + 2), found = 0;
		struct report *report = sample_many(count);
		uint64_t *bytes = calloc(count, sizeof(*bytes));
		struct text text;

		assert_non_null(bytes);
		for (size_t i = 0; i < count; i++)
			bytes[i] = report->flows[i].bytes = 1 + random_below(&random, 1000000000) * 1000 + i;
		qsort(bytes, count, sizeof(*bytes), descending);
		text = render(report, shown, false, EXPOSITION_TEXT);
		for (size_t i = 0; i < count; i++) {
			char value[40];

			snprintf(value, sizeof(value), "protocol=\"TCP\"} %llu\n", (unsigned long long)bytes[i]);
			found += strstr(text.bytes, value) != NULL;
			assert_int_equal(found, i < shown ? i + 1 : shown < count ? shown : count);
		}
		free(bytes);
		text_free(&text);
		report_release(report);
	}
}

/* The sums may be a packet behind the flows; a counter below 0 would be no counter. */
static void test_rest_is_never_negative(void **state)
{
	struct report *report = mixed();
	struct text text;
	(void)state;

	report->sums = (struct flow_sums){ .packets = 3, .gap_seconds = 1e-9 };
	report->flows[0].gap_seconds_total = 1;
	text = render(report, 1000, false, EXPOSITION_TEXT);
	assert_well_formed(&text, EXPOSITION_TEXT);
	assert_value(&text, "flowgauge_flow_packets_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_bytes_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_interarrival_seconds_total" OTHER, "0");
	assert_value(&text, "flowgauge_flow_lost_packets_total" OTHER, "0");
	text_free(&text);
	report_release(report);
}

/*
 * Flows that have left stand at one third of a second, while the flow that is shown goes on: to the rest nothing
 * happens, and the rounding of two growing sums must not show.
 */
static void test_standing_counter_stands(void **state)
{
	struct report *report = sample_report(1, 0);
	char first[64] = "";
	(void)state;

	sample_ends(&report->flows[0], "10.1.0.1", 5001, "10.1.0.2", 6001, IPPROTO_UDP);
	report->sums.gap_seconds = 1000.0 / 3;
	for (int tick = 0; tick < 3000; tick++) {
		struct text text;
		const char *value;

		report->flows[0].gap_seconds_total += 0.1;
		report->sums.gap_seconds += 0.1;
		if (report->sums.gap_seconds < 512) /* another power of two has another last digit */
			continue;
		text = render(report, 10, false, EXPOSITION_TEXT);
		value = value_of(&text, "flowgauge_flow_interarrival_seconds_total" OTHER);
		assert_non_null(value);
		if (!*first)
			strcpy(first, value);
		assert_string_equal(value, first);
		text_free(&text);
	}
	assert_true(fabs(strtod(first, NULL) - 1000.0 / 3) < 1e-6);
	report_release(report);
}

/* promtool reads what Prometheus reads, and knows the habits of names. */
static void test_promtool(void **state)
{
	uint64_t seed = random_seed(), random = seed;
	struct report *reports[] = { mixed(), random_report(&random), sample_report(0, 0) };
	(void)state;

	if (system("command -v promtool >/dev/null") != 0)
		skip();
	print_message("seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		struct text text = render(reports[i], 100, false, EXPOSITION_TEXT);
		FILE *promtool = popen("promtool check metrics", "w");
		int status;

		assert_non_null(promtool);
		assert_int_equal(fwrite(text.bytes, 1, text.length, promtool), text.length);
		status = pclose(promtool);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		text_free(&text);
	}
	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
		report_release(reports[i]);
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
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_sums_are_exact),
		cmocka_unit_test(test_largest_are_shown),
		cmocka_unit_test(test_rest_is_never_negative),
		cmocka_unit_test(test_standing_counter_stands),
		cmocka_unit_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
