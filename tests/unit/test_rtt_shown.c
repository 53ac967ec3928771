/* SPDX-License-Identifier: BSD-2-Clause */
/* Round-trip times on their ways out: series in both formats and by each scope, records, what is unknown, what is pushed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "exposition_reader.h"
#include "export/json_rtt.h"
#include "export/json_records.h"
#include "measures_sample.h"
#include "table_sample.h"

static struct report *report_of(enum rtt_scope scope)
{
	struct report *report = summed_mixed();

	sample_rtts(report, scope);
	sample_pings(report);
	sample_rates_of_links(report);
	return report;
}

#define STAMPED "{src=\"10.1.0.1\",dst=\"10.1.0.2\",method=\"tcp_timestamp\""
#define PINGED "{src=\"2001:db8::1\",dst=\"2001:db8::2\",method=\"icmp\""
#define GONE "{src=\"other\",dst=\"other\",method=\"tcp_handshake\""

static void test_series(void **state)
{
	static const struct {
		const char *series, *value; /* NULL: absent */
	} rows[] = {
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"0.000786432\"}", "0" },
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"0.001572864\"}", "1" },
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"0.003145728\"}", "2" },
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"0.025165824\"}", "2" },
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"0.050331648\"}", "3" },
		{ "flowgauge_rtt_seconds_bucket" STAMPED ",le=\"+Inf\"}", "3" },
		{ "flowgauge_rtt_seconds_sum" STAMPED "}", "0.043" },
		{ "flowgauge_rtt_seconds_count" STAMPED "}", "3" },
		{ "flowgauge_rtt_last_seconds" STAMPED "}", "0.04" },
		{ "flowgauge_rtt_min_seconds" STAMPED "}", "0.001" },
		{ "flowgauge_rtt_smoothed_seconds" STAMPED "}", "0.0125" },
		{ "flowgauge_rtt_seconds_count" PINGED "}", "1" },
		{ "flowgauge_rtt_seconds_count" GONE "}", "1" },
		{ "flowgauge_rtt_last_seconds" GONE "}", NULL },
		{ "flowgauge_rtt_smoothed_seconds" GONE "}", NULL },
		{ "flowgauge_rtt_seconds_count{src=\"other\",dst=\"other\",method=\"icmp\"}", "1" },
		{ "flowgauge_rtt_seconds_bucket{src=\"other\",dst=\"other\",method=\"icmp\",le=\"12.8849019\"}", "0" },
		{ "flowgauge_rtt_seconds_bucket{src=\"other\",dst=\"other\",method=\"icmp\",le=\"+Inf\"}", "1" },
		{ "flowgauge_rtt_matched_total{method=\"tcp_timestamp\"}", "3" },
		{ "flowgauge_rtt_unmatched_total{method=\"icmp\"}", "1" },
		{ "flowgauge_rtt_unasked_total{method=\"icmp\"}", "6" },
		{ "flowgauge_rtt_unasked_total{method=\"tcp_timestamp\"}", NULL },
		{ "flowgauge_rtt_skipped_total{method=\"tcp_timestamp\"}", "8" },
		{ "flowgauge_rtt_overflow_packets_total", "9" },
		{ "flowgauge_rtt_pairs", "2" },
		{ "flowgauge_rtt_pairs_limit", "1000" },
		{ "flowgauge_icmp_time_exceeded_total{hop=\"10.9.0.254\",dst=\"192.0.2.7\"}", "7" },
		{ "flowgauge_icmp_time_exceeded_total{hop=\"2001:db8::fe\",dst=\"2001:db8:1::7\"}", "2" },
		{ "flowgauge_icmp_time_exceeded_total{hop=\"other\",dst=\"other\"}", "3" },
	};

	(void)state;
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = report_of(RTT_SCOPE_HOST);
		struct text text = exposition_of(report, 1000, false, (enum exposition)format);

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_value(&text, rows[i].series, rows[i].value);
		assert_well_formed(&text, (enum exposition)format);
		assert_null(strstr(text.bytes, "Source_IP"));
		text_free(&text);
		report_release(report);
	}
}

static void test_labels_by_scope(void **state)
{
	static const struct {
		enum rtt_scope scope;
		bool legacy;
		const char *series;
	} rows[] = {
		{ RTT_SCOPE_PREFIX, false, "{src=\"10.1.0.0/24\",dst=\"10.2.0.0/24\",method=\"tcp_timestamp\"}" },
		{ RTT_SCOPE_PREFIX, false, "{src=\"2001:db8::/48\",dst=\"2001:db9::/48\",method=\"icmp\"}" },
		{ RTT_SCOPE_FLOW, false,
		  "{src=\"10.1.0.1\",dst=\"10.1.0.2\",sport=\"5001\",dport=\"443\",protocol=\"TCP\",method=\"tcp_timestamp\"}" },
		{ RTT_SCOPE_FLOW, false,
		  "{src=\"other\",dst=\"other\",sport=\"other\",dport=\"other\",protocol=\"other\",method=\"tcp_handshake\"}" },
		{ RTT_SCOPE_HOST, true,
		  "{src=\"10.1.0.1\",dst=\"10.1.0.2\",Source_IP=\"10.1.0.1\",Destination_IP=\"10.1.0.2\",method=\"tcp_timestamp\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report *report = report_of(rows[i].scope);
		struct text text = exposition_of(report, 1000, rows[i].legacy, EXPOSITION_TEXT);
		char series[256];

		snprintf(series, sizeof(series), "flowgauge_rtt_seconds_count%s", rows[i].series);
		assert_non_null(value_of(&text, series));
		assert_well_formed(&text, EXPOSITION_TEXT);
		text_free(&text);
		report_release(report);
	}
}

static void test_off(void **state)
{
	struct report *report = summed_mixed();
	struct text text = exposition_of(report, 1000, true, EXPOSITION_TEXT);

	(void)state;
	assert_null(strstr(text.bytes, "_rtt_"));
	assert_null(strstr(text.bytes, "time_exceeded"));
	text_free(&text);
	record_rtt_lines(report, &text);
	assert_int_equal(text.length, 0);
	record_rtt_document(report, &text);
	assert_non_null(strstr(text.bytes, "\"enabled\":false,\"scope\":null,"));
	text_free(&text);
	report_release(report);
}

static void run_promtool(const struct text *text)
{
	FILE *promtool = popen("promtool check metrics", "w");
	int status;

	assert_non_null(promtool);
	assert_int_equal(fwrite(text->bytes, 1, text->length, promtool), text->length);
	status = pclose(promtool);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* promtool reads the text format; what it would say of OpenMetrics, whose families are the same, the reader here does. */
static void test_promtool(void **state)
{
	(void)state;
	if (system("command -v promtool >/dev/null") != 0)
		skip();
	for (int scope = 0; scope < RTT_SCOPES; scope++) {
		struct report *report = report_of((enum rtt_scope)scope);
		struct text text = exposition_of(report, 1000, false, EXPOSITION_TEXT);
		struct text openmetrics = exposition_of(report, 1000, false, EXPOSITION_OPENMETRICS);

		run_promtool(&text);
		assert_well_formed(&openmetrics, EXPOSITION_OPENMETRICS);
		text_free(&text);
		text_free(&openmetrics);
		report_release(report);
	}
}

static void assert_has(const struct text *text, const char *part, bool has)
{
	if ((text->length && strstr(text->bytes, part)) != has)
		fail_msg("%s is %s", part, has ? "not there" : "there");
}

static void test_pushed(void **state)
{
	static const struct {
		unsigned int what;
		const char *part;
	} rows[] = {
		{ PUSH_RTT, "flowgauge_rtt_seconds_count" STAMPED "} 3\n" },
		{ PUSH_RTT, "flowgauge_icmp_time_exceeded_total{" },
		{ PUSH_PING, "flowgauge_ping_rtt_seconds_count{dest=\"a\\\"b\",address=\"127.0.0.1\"} 3\n" },
		{ PUSH_PING, "flowgauge_ping_up{" },
		{ PUSH_RATES,
		  "flowgauge_rate_mean_bytes_per_second{interface=\"eth0\",direction=\"ingress\"} 60000000\n" },
		{ PUSH_TOTALS, "flowgauge_seen_packets_total{" },
	};
	struct prometheus_config config = { .max_ping_histograms = 1000 };
	struct report *report = report_of(RTT_SCOPE_HOST);

	(void)state;
	for (unsigned int what = 1; what <= PUSH_ALL; what++) {
		struct text text = TEXT_EMPTY;

		prometheus_push(what, &config, report, &text);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_has(&text, rows[i].part, what & rows[i].what);
		assert_has(&text, "flowgauge_flow_", false);
		assert_has(&text, "Source_IP", false);
		assert_well_formed(&text, EXPOSITION_TEXT);
		text_free(&text);
	}
	config.legacy = true;
	for (unsigned int what = 1; what <= PUSH_ALL; what++) {
		struct text text = TEXT_EMPTY;

		prometheus_push(what, &config, report, &text);
		assert_has(&text, "Source_IP=\"10.1.0.1\",Destination_IP=\"10.1.0.2\"", what & PUSH_RTT);
		assert_has(&text, "avg_rtt{dest=\"a\\\"b\"} 2\n", what & PUSH_PING);
		text_free(&text);
	}
	report_release(report);
}

#define TIME "\"2026-11-21T08:00:00.123456789Z\""

static void test_records(void **state)
{
	static const char first[] =
		"{\"type\":\"rtt\",\"time\":" TIME
		",\"interval_seconds\":1,\"other\":false,\"src\":\"10.1.0.1\",\"dst\":\"10.1.0.2\","
		"\"sport\":null,\"dport\":null,\"protocol\":null,\"method\":\"tcp_timestamp\",\"count\":3,\"sum_seconds\":0.043,"
		"\"min_seconds\":0.001,\"last_seconds\":0.04,\"smoothed_seconds\":0.0125,"
		"\"last_seen\":\"2026-11-21T08:00:00.000000000Z\",\"interval\":{\"count\":3,\"mean_seconds\":";
	struct report *report = report_of(RTT_SCOPE_HOST);
	struct text text = TEXT_EMPTY;
	cJSON *document, *pairs;

	(void)state;
	/* A line for the one pair that has something new. */
	record_rtt_lines(report, &text);
	assert_int_equal(strncmp(text.bytes, first, strlen(first)), 0);
	assert_ptr_equal(strchr(text.bytes, '\n'), text.bytes + text.length - 1);
	text_clear(&text);
	record_lines(report, &text);
	assert_non_null(strstr(text.bytes, first));
	text_clear(&text);
	record_rtt_document(report, &text);
	document = cJSON_Parse(text.bytes);
	pairs = cJSON_GetObjectItem(document, "pairs");
	assert_int_equal(cJSON_GetArraySize(pairs), 4);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(document, "hops")), 2);
	for (int i = 0; i < 4; i++) {
		const cJSON *pair = cJSON_GetArrayItem(pairs, i), *interval = cJSON_GetObjectItem(pair, "interval");

		assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(pair, "other")), i >= 2);
		assert_int_equal(cJSON_IsNull(cJSON_GetObjectItem(pair, "src")), i >= 2);
		assert_int_equal(cJSON_IsNull(cJSON_GetObjectItem(pair, "last_seen")), i >= 2);
		assert_int_equal(cJSON_IsNull(cJSON_GetObjectItem(interval, "p50_seconds")), i >= 1);
		assert_true(cJSON_IsNumber(cJSON_GetObjectItem(cJSON_GetObjectItem(pair, "total"), "p50_seconds")));
	}
	assert_string_equal(cJSON_GetArrayItem(pairs, 3)->child->string, "type");
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(pairs, 3), "method")->valuestring, "icmp");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(document, "note")));
	cJSON_Delete(document);
	text_clear(&text);
	/* Nothing was ever answered, and flows are there: it is said that it cannot be. */
	memset(report->rtt.counts.matched, 0, sizeof(report->rtt.counts.matched));
	report->rtt.flows_one_way = 3;
	record_rtt_document(report, &text);
	assert_non_null(
		strstr(text.bytes, "\"flows_one_way\":3,\"note\":\"only one direction of the traffic passes here"));
	text_free(&text);
	report_release(report);
}

static void test_flows(void **state)
{
	static const struct {
		struct flow_rtt_report rtt;
		const char *expected;
	} rows[] = {
		{ { 0 }, "\"rtt\":null" },
		{ { .known = true, .count = 5, .last = 0.5, .min = 0.25, .smoothed = 0.375 },
		  "\"rtt\":{\"count\":5,\"last_seconds\":0.5,\"min_seconds\":0.25,\"smoothed_seconds\":0.375,\"one_way\":false}" },
		{ { .one_way = true },
		  "\"rtt\":{\"count\":0,\"last_seconds\":null,\"min_seconds\":null,\"smoothed_seconds\":null,\"one_way\":true}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text text = TEXT_EMPTY;
		struct json_writer json;

		json_begin(&json, &text);
		member_flow_rtt(&json, &rows[i].rtt);
		assert_string_equal(text.bytes, rows[i].expected);
		text_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series),   cmocka_unit_test(test_labels_by_scope), cmocka_unit_test(test_off),
		cmocka_unit_test(test_promtool), cmocka_unit_test(test_pushed),          cmocka_unit_test(test_records),
		cmocka_unit_test(test_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
