/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/flows_page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "export/json_records.h"
#include "export/ranking.h"

#define SHOWN 60 /* characters of a wrong value in an error */

/* --- what to sort by --- */

enum unknown { NEVER, UNLESS_NUMBERED, UNLESS_TCP, UNLESS_ROUND_TRIPS }; /* when the value is not known */
enum value_type { VALUE_U64, VALUE_DOUBLE };

struct sort_key {
	const char *name;
	enum value_type type;
	enum unknown unknown;
	size_t offset; /* in struct flow_report */
};

#define U64(name, member)                                                    \
	{                                                                    \
		name, VALUE_U64, NEVER, offsetof(struct flow_report, member) \
	}
#define DOUBLE(name, member)                                                    \
	{                                                                       \
		name, VALUE_DOUBLE, NEVER, offsetof(struct flow_report, member) \
	}
#define NUMBERED(name, member)                                                         \
	{                                                                              \
		name, VALUE_U64, UNLESS_NUMBERED, offsetof(struct flow_report, member) \
	}
#define TCP(name, member)                                                         \
	{                                                                         \
		name, VALUE_U64, UNLESS_TCP, offsetof(struct flow_report, member) \
	}

static const struct sort_key sort_keys[] = {
	DOUBLE("throughput", throughput),
	DOUBLE("goodput", goodput),
	U64("packets", packets),
	U64("bytes", bytes),
	U64("payload_bytes", payload_bytes),
	DOUBLE("interarrival", interarrival.mean),
	DOUBLE("jitter", interarrival.stddev),
	U64("first_seen", first_seen_ns),
	U64("last_seen", last_seen_ns),
	NUMBERED("lost", sequence.lost),
	NUMBERED("duplicate", sequence.duplicate),
	NUMBERED("reordered", sequence.reordered),
	TCP("retransmitted", tcp.retransmitted_packets),
	TCP("out_of_order", tcp.out_of_order),
	TCP("lost_segments", tcp.lost_segments),
	TCP("zero_window", tcp.zero_window),
	{ "rtt", VALUE_DOUBLE, UNLESS_ROUND_TRIPS, offsetof(struct flow_report, rtt.smoothed) },
};
#define SORT_KEYS (sizeof(sort_keys) / sizeof(sort_keys[0]))

static double value_of(const struct flow_report *flow, const struct sort_key *key)
{
	const void *member = (const char *)flow + key->offset;

	if (key->unknown == UNLESS_NUMBERED && flow->sequence.kind != SEQUENCE_PACKETS)
		return NAN;
	if (key->unknown == UNLESS_TCP && !flow->tcp.known)
		return NAN;
	if (key->unknown == UNLESS_ROUND_TRIPS && !flow->rtt.known)
		return NAN;
	return key->type == VALUE_DOUBLE ? *(const double *)member : (double)*(const uint64_t *)member;
}

/* --- the query --- */

enum argument { ARGUMENT_TOP, ARGUMENT_OFFSET, ARGUMENT_SORT, ARGUMENT_MATCH, ARGUMENT_TIME, ARGUMENTS };

static const char *const argument_names[ARGUMENTS] = { "top", "offset", "sort", "match", "time" };

static int take_number(const char *key, const char *value, uint64_t low, uint64_t high, size_t *out, struct text *error)
{
	uint64_t number;

	if (number_parse_u64(value, low, high, &number)) {
		text_appendf(error, "%s=%.*s is not a whole number from %llu to %llu", key, SHOWN, value,
			     (unsigned long long)low, (unsigned long long)high);
		return -EINVAL;
	}
	*out = (size_t)number;
	return 0;
}

static int take_sort(struct flows_query *query, const char *value, struct text *error)
{
	const char *name = value + (*value == '-');

	for (unsigned int i = 0; i < SORT_KEYS; i++)
		if (!strcmp(sort_keys[i].name, name)) {
			query->sort = i;
			query->ascending = *value == '-';
			return 0;
		}
	text_appendf(error, "sort=%.*s is none of", SHOWN, value);
	for (unsigned int i = 0; i < SORT_KEYS; i++)
		text_appendf(error, "%s %s", i ? "," : "", sort_keys[i].name);
	text_append(error, "; a - in front has the smallest first");
	return -EINVAL;
}

int flows_query_take(struct flows_query *query, const char *key, const char *value, size_t top_max, struct text *error)
{
	unsigned int argument = 0;

	while (argument < ARGUMENTS && strcmp(argument_names[argument], key) != 0)
		argument++;
	if (argument == ARGUMENTS) {
		text_appendf(error, "%.*s: there is no such query: there are top, offset, sort, match and time", SHOWN,
			     key);
		return -EINVAL;
	}
	if (query->given & 1U << argument) {
		text_appendf(error, "%s stands twice: leave one", key);
		return -EINVAL;
	}
	query->given |= 1U << argument;
	switch (argument) {
	case ARGUMENT_TOP:
		return take_number(key, value, 1, top_max, &query->top, error);
	case ARGUMENT_OFFSET:
		return take_number(key, value, 0, FLOWS_OFFSET_MAX, &query->offset, error);
	case ARGUMENT_SORT:
		return take_sort(query, value, error);
	case ARGUMENT_MATCH:
		query->match = value;
		return 0;
	default:
		query->time = value;
		return 0;
	}
}

bool flows_query_is_plain(const struct flows_query *query)
{
	return !(query->given & ~(1U << ARGUMENT_TOP));
}

/* --- the page --- */

struct page {
	const struct report *report;
	const struct flows_query *query;
	size_t top;
	size_t matched;
	struct ranking ranking; /* of the first offset + top */
};

/* The ranking has room for those that can be there, however much was asked for. */
static int page_choose(struct page *page, const struct flows_match *match, const void *rule)
{
	const struct report *report = page->report;
	const struct sort_key *key = &sort_keys[page->query->sort];
	const struct flow_report *flows = report_flows(report);
	size_t room = page->query->offset + page->top;

	if (ranking_open(&page->ranking, room < report->flow_count ? room : report->flow_count))
		return -ENOMEM;
	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *flow = &flows[i];
		double value;

		if (rule && !match->matches(rule, &flow->key))
			continue;
		value = value_of(flow, key);
		ranking_offer(&page->ranking, (struct ranked){ page->query->ascending ? -value : value, (uint32_t)i });
		page->matched++;
	}
	ranking_sort(&page->ranking);
	return 0;
}

/* As it stands in a URL: what means something there is %XX. */
static void append_escaped(struct text *out, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *value; value++) {
		if (strchr(plain, *value))
			text_append_char(out, *value);
		else
			text_appendf(out, "%%%02X", (unsigned char)*value);
	}
}

static void member_next(struct json_writer *json, const struct page *page, const char *time)
{
	const struct flows_query *query = page->query;
	size_t end = query->offset + page->top;
	struct text next = TEXT_EMPTY;

	if (end >= page->matched || end > FLOWS_OFFSET_MAX) {
		json_null(json, "next");
		return;
	}
	text_appendf(&next, "?top=%zu&offset=%zu", page->top, end);
	if (query->sort || query->ascending)
		text_appendf(&next, "&sort=%s%s", query->ascending ? "-" : "", sort_keys[query->sort].name);
	if (query->match) {
		text_append(&next, "&match=");
		append_escaped(&next, query->match);
	}
	text_append(&next, "&time=");
	append_escaped(&next, time);
	if (next.failed)
		json->out->failed = true;
	else
		json_string(json, "next", next.bytes);
	text_free(&next);
}

static void page_write(const struct page *page, struct text *out)
{
	const struct report *report = page->report;
	const struct flows_query *query = page->query;
	char time[TIME_TEXT_SIZE];
	struct json_writer json;

	time_format(report->time_ns, time);
	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_string(&json, "time", time);
	json_double(&json, "interval_seconds", report->interval);
	json_bool(&json, "report_changed", query->time && strcmp(query->time, time) != 0);
	json_u64(&json, "matched", page->matched);
	json_u64(&json, "offset", query->offset);
	member_next(&json, page, time);
	json_u64(&json, "count", report->flow_count);
	json_u64(&json, "flows_live", report->live_flows);
	json_u64(&json, "flows_followed", report->followed_flows);
	json_array_open(&json, "flows");
	for (size_t i = query->offset; i < page->ranking.count; i++)
		record_flow(&json, report, &report_flows(report)[page->ranking.items[i].index]);
	json_array_close(&json);
	json_object_close(&json);
}

int flows_page_render(const struct report *report, const struct flows_query *query, const struct flows_match *match,
		      struct text *out, struct text *error)
{
	struct page page = { report, query, query->top ? query->top : FLOWS_TOP_DEFAULT, 0, { 0 } };
	void *rule = NULL;
	int result;

	if (query->match) {
		rule = match->compile(query->match, error);
		if (!rule)
			return -EINVAL;
	}
	result = page_choose(&page, match, rule);
	if (rule)
		match->release(rule);
	if (!result)
		page_write(&page, out);
	ranking_close(&page.ranking);
	return result ? result : out->failed ? -ENOMEM : 0;
}
