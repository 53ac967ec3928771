/* SPDX-License-Identifier: BSD-2-Clause */
/* Records are compared as text, to the byte: their members and their order are what users' tools depend on. */
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "export/json_records.h"
#include "table_sample.h"

#define HEAD "{\"type\":\"flow\",\"time\":\"2026-11-21T08:00:00.123456789Z\",\"interval_seconds\":1,"
#define SEEN "\"first_seen\":\"2026-11-21T07:59:59.123456789Z\",\"last_seen\":\"2026-11-21T08:00:00.000000001Z\","

static struct report *report_with(void (*change)(struct flow_report *flow))
{
	struct report *report = sample_mixed();

	for (size_t i = 0; i < report->flow_count; i++)
		report->flows[i].last_seen_ns = 1795248000000000001ULL;
	if (change)
		change(&report->flows[0]);
	return report;
}

static void two_tags(struct flow_report *flow)
{
	flow->key.vlan[0] = VLAN_PRESENT | 100;
	flow->key.vlan[1] = VLAN_PRESENT; /* VLAN 0 is a tag, too */
	flow->interarrival.count = 51233;
	flow->interarrival.merged = 40;
	flow->payload_bytes = 72000001;
}

static void numbered_protocol(struct flow_report *flow)
{
	flow->key.protocol = 47;
	flow->key.sport = flow->key.dport = 0;
	flow->key.direction = DIRECTION_EGRESS;
	flow->sequence.kind = SEQUENCE_NONE;
	flow->throughput = flow->goodput = NAN;
	strcpy(flow->interface, "a\"b");
	flow->packets = UINT64_MAX;
}

static const struct {
	void (*change)(struct flow_report *flow);
	size_t flow;
	const char *expected;
} rows[] = {
	{ two_tags, 0,
	  HEAD
	  "\"interface\":\"eth0\",\"direction\":\"ingress\",\"vlan\":[100,0],\"src\":\"10.1.0.1\",\"dst\":\"10.1.0.2\","
	  "\"sport\":5001,\"dport\":6001,\"protocol\":\"UDP\",\"packets\":51234,\"bytes\":76851000,"
	  "\"payload_bytes\":72000001," SEEN "\"throughput_bytes_per_second\":75000000,"
	  "\"goodput_bytes_per_second\":72000000,\"interarrival\":{\"count\":51233,\"mean_seconds\":0.02,"
	  "\"stddev_seconds\":0.00125,\"merged\":40},\"sequence\":{\"current\":51299,\"received\":51234,\"reverse\":7,"
	  "\"small\":3,\"big\":12,\"lost\":66,\"duplicate\":1,\"reordered\":5},\"tcp\":null,\"rtt\":null}" },
	{ NULL, 1,
	  HEAD
	  "\"interface\":\"eth0\",\"direction\":\"egress\",\"vlan\":[],\"src\":\"2001:db8::1\",\"dst\":\"2001:db8::2\","
	  "\"sport\":443,\"dport\":50000,\"protocol\":\"TCP\",\"packets\":3,\"bytes\":4500,\"payload_bytes\":0," SEEN
	  "\"throughput_bytes_per_second\":1500000,\"goodput_bytes_per_second\":1200000,\"interarrival\":{\"count\":0,"
	  "\"mean_seconds\":0.5,\"stddev_seconds\":null,\"merged\":0},\"sequence\":{\"current\":4000000000,"
	  "\"received\":3,\"reverse\":0,\"small\":null,\"big\":1,\"lost\":null,\"duplicate\":null,\"reordered\":null},"
	  "\"tcp\":null,\"rtt\":null}" },
	{ NULL, 2,
	  HEAD
	  "\"interface\":\"eth0\",\"direction\":\"ingress\",\"vlan\":[],\"src\":\"10.1.0.1\",\"dst\":\"10.1.0.2\","
	  "\"sport\":0,\"dport\":0,\"protocol\":\"ICMP\",\"packets\":1,\"bytes\":98,\"payload_bytes\":0," SEEN
	  "\"throughput_bytes_per_second\":null,\"goodput_bytes_per_second\":null,\"interarrival\":{\"count\":0,"
	  "\"mean_seconds\":null,\"stddev_seconds\":null,\"merged\":0},\"sequence\":null,\"tcp\":null,\"rtt\":null}" },
	{ numbered_protocol, 0,
	  HEAD
	  "\"interface\":\"a\\\"b\",\"direction\":\"egress\",\"vlan\":[],\"src\":\"10.1.0.1\",\"dst\":\"10.1.0.2\","
	  "\"sport\":0,\"dport\":0,\"protocol\":47,\"packets\":18446744073709551615,\"bytes\":76851000,"
	  "\"payload_bytes\":0," SEEN "\"throughput_bytes_per_second\":null,\"goodput_bytes_per_second\":null,"
	  "\"interarrival\":{\"count\":0,\"mean_seconds\":0.02,\"stddev_seconds\":0.00125,\"merged\":0},"
	  "\"sequence\":null,\"tcp\":null,\"rtt\":null}" },
};

static void test_flows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report *report = report_with(rows[i].change);
		struct text text = TEXT_EMPTY;
		struct json_writer json;

		json_begin(&json, &text);
		record_flow(&json, report, &report->flows[rows[i].flow]);
		assert_string_equal(text.bytes, rows[i].expected);
		text_free(&text);
		report_release(report);
	}
}

static void test_unknown_interval(void **state)
{
	struct report *report = sample_report(1, 0);
	struct text text = TEXT_EMPTY;
	struct json_writer json;
	(void)state;

	report->interval = NAN;
	json_begin(&json, &text);
	record_flow(&json, report, &report->flows[0]);
	assert_non_null(strstr(text.bytes, "\"interval_seconds\":null,"));
	text_free(&text);
	report_release(report);
}

static void test_total(void **state)
{
	struct report *report = sample_mixed();
	struct text text = TEXT_EMPTY;
	struct json_writer json;
	(void)state;

	report->totals[1].seen = (struct tally){ 15, 1500 };
	for (int outcome = 0; outcome < OUTCOMES; outcome++)
		report->totals[1].outcome[outcome] = (struct tally){ (uint64_t)outcome + 1,
								     100 * (uint64_t)(outcome + 1) };
	json_begin(&json, &text);
	record_total(&json, report, &report->totals[1]);
	assert_string_equal(
		text.bytes,
		"{\"type\":\"total\",\"time\":\"2026-11-21T08:00:00.123456789Z\",\"interface\":\"eth0\","
		"\"direction\":\"egress\",\"seen\":{\"packets\":15,\"bytes\":1500},"
		"\"flows\":{\"packets\":1,\"bytes\":100},\"overflow\":{\"packets\":2,\"bytes\":200},"
		"\"filtered\":{\"packets\":3,\"bytes\":300},\"unparsed\":{\"packets\":4,\"bytes\":400},"
		"\"non_ip\":{\"packets\":5,\"bytes\":500},\"unaccounted_packets\":0,\"residual_packets\":null}");
	text_clear(&text);
	report->totals[1].residual_known = true;
	report->totals[1].residual_packets = -3;
	json_begin(&json, &text);
	record_total(&json, report, &report->totals[1]);
	assert_non_null(strstr(text.bytes, "\"bytes\":500},\"unaccounted_packets\":0,\"residual_packets\":-3}"));
	text_free(&text);
	report_release(report);
}

/* One object a line, flows before totals, each line a whole JSON value. */
static void test_lines(void **state)
{
	static const char *const types[] = { "flow", "flow", "flow", "total", "total" };
	struct report *report = sample_mixed();
	struct text text = TEXT_EMPTY;
	char *rest, *line;
	size_t count = 0;
	(void)state;

	record_lines(report, &text);
	assert_int_equal(text.bytes[text.length - 1], '\n');
	rest = text.bytes;
	while ((line = strsep(&rest, "\n")) && *line) {
		cJSON *object = cJSON_ParseWithOpts(line, NULL, 1);

		assert_non_null(object);
		assert_true(count < 5);
		assert_string_equal(cJSON_GetObjectItem(object, "type")->valuestring, types[count++]);
		cJSON_Delete(object);
	}
	assert_int_equal(count, 5);
	text_free(&text);
	report_release(report);
}

/* A prefix, a host that is a whole prefix, and the rest. */
static void test_groups_document(void **state)
{
	static const char expected[] =
		"{\"time\":\"2026-11-21T08:00:00.123456789Z\",\"interval_seconds\":1,\"groups\":["
		"{\"type\":\"group\",\"time\":\"2026-11-21T08:00:00.123456789Z\",\"interval_seconds\":1,\"group\":\"nets\","
		"\"other\":false,\"interface\":null,\"direction\":\"egress\",\"src\":\"10.1.2.0/24\",\"dst\":\"10.9.9.9\","
		"\"sport\":null,\"dport\":443,\"protocol\":\"TCP\",\"flows\":2,\"packets\":3,\"bytes\":18446744073709551615,"
		"\"payload_bytes\":4,\"throughput_bytes_per_second\":2.5},"
		"{\"type\":\"group\",\"time\":\"2026-11-21T08:00:00.123456789Z\",\"interval_seconds\":1,\"group\":\"nets\","
		"\"other\":true,\"interface\":null,\"direction\":null,\"src\":null,\"dst\":null,\"sport\":null,\"dport\":null,"
		"\"protocol\":null,\"flows\":0,\"packets\":1,\"bytes\":60,\"payload_bytes\":0,"
		"\"throughput_bytes_per_second\":null}]}";
	struct report *report = sample_report(0, 0);
	struct text text = TEXT_EMPTY;
	(void)state;

	sample_groups(report);
	record_groups_document(report, &text);
	assert_string_equal(text.bytes, expected);
	text_free(&text);
	report_release(report);
}

static void test_totals_document(void **state)
{
	struct report *report = sample_mixed();
	struct text text = TEXT_EMPTY;
	cJSON *document;
	(void)state;

	record_totals_document(report, &text);
	document = cJSON_ParseWithOpts(text.bytes, NULL, 1);
	assert_non_null(document);
	assert_string_equal(cJSON_GetObjectItem(document, "time")->valuestring, "2026-11-21T08:00:00.123456789Z");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(document, "totals")), 2);
	cJSON_Delete(document);
	text_free(&text);
	report_release(report);
	report = sample_report(0, 0);
	record_totals_document(report, &text);
	assert_string_equal(text.bytes, "{\"time\":\"2026-11-21T08:00:00.123456789Z\",\"totals\":[]}");
	text_free(&text);
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows),           cmocka_unit_test(test_unknown_interval),
		cmocka_unit_test(test_total),           cmocka_unit_test(test_lines),
		cmocka_unit_test(test_groups_document), cmocka_unit_test(test_totals_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
