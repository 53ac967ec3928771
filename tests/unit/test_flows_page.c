/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of flows: what is taken of a query, and every page against an order made the slow way. */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "app/flow_rules.h"
#include "base/number.h"
#include "table_sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FLOWS 500

static const struct {
	const char *key, *value, *error; /* NULL: it is taken */
} arguments[] = {
	{ "top", "1", NULL },
	{ "top", "10000", NULL },
	{ "top", "0", "top=0 is not a whole number from 1 to 10000" },
	{ "top", "10001", "top=10001 is not a whole number from 1 to 10000" },
	{ "top", "", "top= is not a whole number from 1 to 10000" },
	{ "top", "99999999999999999999999", "top=99999999999999999999999 is not a whole number from 1 to 10000" },
	{ "offset", "0", NULL },
	{ "offset", "16777216", NULL },
	{ "offset", "16777217", "offset=16777217 is not a whole number from 0 to 16777216" },
	{ "offset", "1e3", "offset=1e3 is not a whole number from 0 to 16777216" },
	{ "sort", "zero_window", NULL },
	{ "sort", "-first_seen", NULL },
	{ "sort", "rtt", NULL },
	{ "sort", "",
	  "sort= is none of throughput, goodput, packets, bytes, payload_bytes, interarrival, jitter, first_seen, "
	  "last_seen, lost, duplicate, reordered, retransmitted, out_of_order, lost_segments, zero_window, rtt; a - "
	  "in front has the smallest first" },
	{ "match", "any text: the page judges it", NULL },
	{ "time", "any text", NULL },
	{ "Top", "1", "Top: there is no such query: there are top, offset, sort, match and time" },
	{ "", "", ": there is no such query: there are top, offset, sort, match and time" },
};

static void test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(arguments); i++) {
		struct flows_query query = { 0 };
		struct text error = TEXT_EMPTY;
		int result = flows_query_take(&query, arguments[i].key, arguments[i].value, FLOWS_TOP_MAX, &error);

		assert_int_equal(result, arguments[i].error ? -EINVAL : 0);
		assert_string_equal(error.length ? error.bytes : "", arguments[i].error ? arguments[i].error : "");
		if (!arguments[i].error) {
			assert_int_equal(flows_query_is_plain(&query), !strcmp(arguments[i].key, "top"));
			assert_int_equal(flows_query_take(&query, arguments[i].key, arguments[i].value, FLOWS_TOP_MAX,
							  &error),
					 -EINVAL);
			assert_non_null(strstr(error.bytes, " stands twice: leave one"));
		}
		text_free(&error);
	}
}

static cJSON *page_of(const struct report *report, const struct flows_query *query)
{
	struct text text = TEXT_EMPTY, error = TEXT_EMPTY;
	cJSON *page;

	assert_int_equal(flows_page_render(report, query, &flow_rules, &text, &error), 0);
	assert_int_equal(error.length, 0);
	page = cJSON_ParseWithOpts(text.bytes, NULL, 1);
	assert_non_null(page);
	text_free(&text);
	return page;
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

/* --- every page, against qsort --- */

static double throughput_of(const struct flow_report *flow)
{
	return flow->throughput;
}

static double packets_of(const struct flow_report *flow)
{
	return (double)flow->packets;
}

static double jitter_of(const struct flow_report *flow)
{
	return flow->interarrival.stddev;
}

static double lost_of(const struct flow_report *flow)
{
	return flow->sequence.kind == SEQUENCE_PACKETS ? (double)flow->sequence.lost : NAN;
}

static double retransmitted_of(const struct flow_report *flow)
{
	return flow->tcp.known ? (double)flow->tcp.retransmitted_packets : NAN;
}

static double first_seen_of(const struct flow_report *flow)
{
	return (double)flow->first_seen_ns;
}

static const struct {
	const char *sort;
	double (*value)(const struct flow_report *flow);
} orders[] = {
	{ "throughput", throughput_of },
	{ "-throughput", throughput_of },
	{ "packets", packets_of },
	{ "-packets", packets_of },
	{ "jitter", jitter_of },
	{ "-jitter", jitter_of },
	{ "lost", lost_of },
	{ "retransmitted", retransmitted_of },
	{ "-retransmitted", retransmitted_of },
	{ "first_seen", first_seen_of },
};

struct expected {
	double value; /* larger is earlier; -INFINITY if it is not known */
	size_t index;
};

static int compare_expected(const void *left, const void *right)
{
	const struct expected *a = left, *b = right;

	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* Few different values, so that many are alike, and some unknown. */
static struct report *report_of_many(void)
{
	struct report *report = sample_many(FLOWS);
	uint64_t random = 0x2545f4914f6cdd1dULL;

	for (size_t i = 0; i < FLOWS; i++) {
		struct flow_report *flow = &report->flows[i];

		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		flow->packets = random >> 60;
		flow->interarrival.stddev = random >> 59 & 1 ? NAN : (double)(random >> 50 & 0xff) / 1000;
		flow->first_seen_ns = SAMPLE_TIME_NS - (random >> 40 & 0xff) * 1000000000;
		flow->key.protocol = random >> 30 & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		flow->tcp.known = flow->key.protocol == IPPROTO_TCP;
		flow->tcp.retransmitted_packets = random >> 20 & 7;
		flow->sequence.kind = flow->tcp.known ? SEQUENCE_BYTES : SEQUENCE_PACKETS;
		flow->sequence.lost = random >> 10 & 7;
	}
	return report;
}

static size_t expect(const struct report *report, size_t order, bool only_udp, struct expected *out)
{
	size_t count = 0;

	for (size_t i = 0; i < report->flow_count; i++) {
		double value = orders[order].value(&report->flows[i]);

		if (only_udp && report->flows[i].key.protocol != IPPROTO_UDP)
			continue;
		value = isnan(value) ? -INFINITY : *orders[order].sort == '-' ? -value : value;
		out[count++] = (struct expected){ value, i };
	}
	qsort(out, count, sizeof(*out), compare_expected);
	return count;
}

static void check_page(const struct report *report, struct flows_query *query, const struct expected *expected,
		       size_t matched)
{
	cJSON *page = page_of(report, query);
	const cJSON *flows = cJSON_GetObjectItemCaseSensitive(page, "flows"), *flow;
	size_t at = query->offset, end = at + query->top < matched ? at + query->top : matched;

	assert_true(number_of(page, "count") == FLOWS);
	assert_true(number_of(page, "matched") == (double)matched);
	assert_int_equal(cJSON_GetArraySize(flows), end > at ? end - at : 0);
	cJSON_ArrayForEach (flow, flows)
		assert_int_equal((size_t)number_of(flow, "sport"), 1000 + expected[at++].index);
	assert_int_equal(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(page, "next")), end < matched);
	cJSON_Delete(page);
}

static void test_every_page(void **state)
{
	static const size_t tops[] = { 1, 7, 499, 500, 1000 };
	struct report *report = report_of_many();
	struct expected expected[FLOWS];

	(void)state;
	for (size_t order = 0; order < COUNT(orders); order++)
		for (size_t i = 0; i < COUNT(tops); i++) {
			struct flows_query query = { .top = tops[i], .match = i % 2 ? "- - - - UDP" : NULL };
			size_t matched = expect(report, order, i % 2, expected);
			struct text error = TEXT_EMPTY;

			assert_int_equal(flows_query_take(&query, "sort", orders[order].sort, FLOWS_TOP_MAX, &error),
					 0);
			for (query.offset = 0; query.offset <= matched + 1; query.offset += tops[i] > 7 ? 250 : 99)
				check_page(report, &query, expected, matched);
		}
	report_release(report);
}

/* --- from page to page --- */

/* Follows "next" as a client would: names and values between ?, = and &. */
static void take_next(const char *next, char *words, struct flows_query *query)
{
	struct text error = TEXT_EMPTY;
	char *rest = words;

	strcpy(words, next + 1);
	*query = (struct flows_query){ 0 };
	for (char *word = strsep(&rest, "&"); word; word = strsep(&rest, "&")) {
		char *value = strchr(word, '='), *out;

		*value++ = '\0';
		out = value;
		for (const char *in = value; *in; out++) {
			unsigned int byte;

			if (*in == '%' && sscanf(in, "%%%2x", &byte) == 1) {
				*out = (char)byte;
				in += 3;
			} else {
				*out = *in++;
			}
		}
		*out = '\0';
		assert_int_equal(flows_query_take(query, word, value, FLOWS_TOP_MAX, &error), 0);
	}
}

static void test_next(void **state)
{
	struct report *report = report_of_many();
	struct flows_query query = { .top = 120, .match = "10.0.0.0/23,10.9.0.0/16 - - - -" };
	struct text error = TEXT_EMPTY, text = TEXT_EMPTY;
	bool seen[FLOWS] = { false };
	size_t pages = 0, flows = 0;
	char words[512];

	(void)state;
	assert_int_equal(flows_page_render(report, &query, &flow_rules, &text, &error), -EINVAL);
	assert_int_equal(text.length, 0);
	assert_true(!strncmp(error.bytes, "match: ", 7));
	text_free(&error);
	query.match = "[10.0.0.0/23,10.9.0.0/16] - 1000-65535 80 [TCP,17]";
	assert_int_equal(flows_query_take(&query, "sort", "-packets", FLOWS_TOP_MAX, &error), 0);
	for (;; pages++) {
		cJSON *page = page_of(report, &query);
		const cJSON *next = cJSON_GetObjectItemCaseSensitive(page, "next"), *flow;

		assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(page, "report_changed")));
		cJSON_ArrayForEach (flow, cJSON_GetObjectItemCaseSensitive(page, "flows")) {
			size_t index = (size_t)number_of(flow, "sport") - 1000;

			assert_false(seen[index]);
			seen[index] = true;
			flows++;
		}
		if (cJSON_IsNull(next)) {
			cJSON_Delete(page);
			break;
		}
		take_next(next->valuestring, words, &query);
		cJSON_Delete(page);
		assert_int_equal(query.top, 120);
		assert_true(query.ascending);
	}
	assert_int_equal(pages, 4);
	assert_int_equal(flows, FLOWS);
	/* The next report is another one. */
	report->time_ns++;
	report->live_flows = 4711;
	report->followed_flows = 815;
	{
		cJSON *page = page_of(report, &query);

		assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(page, "report_changed")));
		assert_int_equal(number_of(page, "count"), report->flow_count);
		assert_int_equal(number_of(page, "flows_live"), 4711);
		assert_int_equal(number_of(page, "flows_followed"), 815);
		cJSON_Delete(page);
	}
	report_release(report);
}

static void test_empty(void **state)
{
	struct report *report = sample_report(0, 0);
	struct flows_query query = { .offset = FLOWS_OFFSET_MAX, .top = FLOWS_TOP_MAX };
	cJSON *page = page_of(report, &query);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(page, "flows")), 0);
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(page, "next")));
	cJSON_Delete(page);
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_every_page),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
