/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which series the flows have. A scrape must stay small however many flows there are, and its sums must be exact: so
 * the report's top flows have series of their own, and what was counted as flows but these is one more, whose labels are
 * all "other".
 *
 * Series with the same labels twice fail a whole scrape. Flows may differ in what is no label: their VLAN tags, or the
 * index of an interface that came back under its old name. Such flows share a series, whether or not they are all
 * in the top, so that a series does not jump when one of them grows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/prometheus_internal.h"

#define REST_LABEL "other"
#define REST_PRECISION_BITS 36 /* of the sums that are no whole numbers */
#define TABLE_FREE UINT32_MAX

static const char *const flow_label_names[] = { "interface", "direction", "src", "dst", "sport", "dport", "protocol" };
#define FLOW_LABELS (sizeof(flow_label_names) / sizeof(flow_label_names[0]))

/* Series by their labels: open addressing, at most half full. */
struct label_table {
	uint32_t *slots; /* index of the series or TABLE_FREE; owned */
	size_t mask;
	uint64_t seed; /* keeps a sender from choosing flows that all fall into one slot */
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

static uint64_t labels_hash(const struct label_table *table, const struct flow_report *flow)
{
	const struct flow_key *key = &flow->key;
	uint64_t words[4], hash = table->seed;

	memcpy(words, key->src, sizeof(key->src));
	memcpy(words + 2, key->dst, sizeof(key->dst));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = mix(hash, words[i]);
	return mix(hash, (uint64_t)key->sport << 48 | (uint64_t)key->dport << 32 | (uint64_t)key->protocol << 16 |
				 (uint64_t)key->family << 8 | key->direction);
}

static bool labels_equal(const struct flow_report *a, const struct flow_report *b)
{
	return !memcmp(a->key.src, b->key.src, sizeof(a->key.src)) &&
	       !memcmp(a->key.dst, b->key.dst, sizeof(a->key.dst)) && a->key.sport == b->key.sport &&
	       a->key.dport == b->key.dport && a->key.protocol == b->key.protocol && a->key.family == b->key.family &&
	       a->key.direction == b->key.direction && !strncmp(a->interface, b->interface, sizeof(a->interface));
}

/* The slot of the series with the flow's labels, or the free one where it would stand. */
static uint32_t *table_slot(const struct label_table *table, const struct series *series,
			    const struct flow_report *flow)
{
	size_t slot = labels_hash(table, flow) & table->mask;

	while (table->slots[slot] != TABLE_FREE && !labels_equal(&series[table->slots[slot]].flow, flow))
		slot = (slot + 1) & table->mask;
	return &table->slots[slot];
}

static int table_new(struct label_table *table, size_t series, uint64_t seed)
{
	size_t size = 2;

	while (size < 2 * series)
		size *= 2;
	table->slots = malloc(size * sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	memset(table->slots, 0xff, size * sizeof(*table->slots));
	table->mask = size - 1;
	table->seed = seed;
	return 0;
}

/* What the larger flow of a series has no number for, it takes from the other. */
static void merge_sequence(struct sequence_report *into, const struct sequence_report *from)
{
	if (into->kind == SEQUENCE_NONE) {
		*into = *from;
		return;
	}
	into->received += from->received;
	into->reverse += from->reverse;
	into->small += from->small;
	into->big += from->big;
	into->lost += from->lost;
	into->duplicate += from->duplicate;
	into->reordered += from->reordered;
}

static void merge_tcp(struct tcp_report *into, const struct tcp_report *from)
{
	into->known |= from->known;
	into->retransmitted_packets += from->retransmitted_packets;
	into->retransmitted_bytes += from->retransmitted_bytes;
	into->out_of_order += from->out_of_order;
	into->lost_segments += from->lost_segments;
	into->zero_window += from->zero_window;
	into->syn += from->syn;
	into->fin += from->fin;
	into->rst += from->rst;
}

static void add_rate(double *sum, double part)
{
	if (isnan(*sum))
		*sum = part;
	else if (!isnan(part))
		*sum += part;
}

/* Mean and deviation of the gaps stay the larger flow's: its own packets' spacing, not that of two mixed streams. */
static void merge(struct flow_report *into, const struct flow_report *from)
{
	into->packets += from->packets;
	into->bytes += from->bytes;
	into->payload_bytes += from->payload_bytes;
	add_rate(&into->throughput, from->throughput);
	add_rate(&into->goodput, from->goodput);
	into->gaps_total += from->gaps_total;
	into->gap_seconds_total += from->gap_seconds_total;
	into->gap_squared_seconds_total += from->gap_squared_seconds_total;
	if (from->sequence.kind != SEQUENCE_NONE)
		merge_sequence(&into->sequence, &from->sequence);
	merge_tcp(&into->tcp, &from->tcp);
}

static void take_off(uint64_t *left, uint64_t shown)
{
	*left -= shown < *left ? shown : *left;
}

static void take_off_tcp(struct tcp_report *left, const struct tcp_report *shown)
{
	take_off(&left->retransmitted_packets, shown->retransmitted_packets);
	take_off(&left->retransmitted_bytes, shown->retransmitted_bytes);
	take_off(&left->out_of_order, shown->out_of_order);
	take_off(&left->lost_segments, shown->lost_segments);
	take_off(&left->zero_window, shown->zero_window);
	take_off(&left->syn, shown->syn);
	take_off(&left->fin, shown->fin);
	take_off(&left->rst, shown->rst);
}

/*
 * The difference of two sums of doubles, free of the noise in their last digits: a counter that stands still must not
 * fall by a rounding error, which Prometheus would take for a restart.
 */
static double rest_of(double sum, double shown)
{
	double unit;
	int exponent;

	if (!(sum > shown))
		return 0;
	frexp(sum, &exponent);
	unit = ldexp(1, exponent - REST_PRECISION_BITS);
	return floor((sum - shown) / unit + 0.5) * unit;
}

/* Which kinds of sequence numbers the rest may count: those that any flow ever had. */
static enum sequence_kind kinds_ever(const struct report *report)
{
	enum sequence_kind kind = SEQUENCE_NONE;

	for (int group = 0; group < PROTOCOL_GROUPS; group++) {
		if (report->protocols[group].sequence.kind == SEQUENCE_PACKETS)
			return SEQUENCE_PACKETS;
		if (report->protocols[group].sequence.kind == SEQUENCE_BYTES)
			kind = SEQUENCE_BYTES;
	}
	return kind;
}

/* The counters of the rest: the sums over all flows that ever were, less what the `count` series show. */
static struct flow_report count_rest(const struct report *report, const struct series *series, size_t count)
{
	const struct flow_sums *sums = &report->sums;
	double gap_seconds = 0, gap_squared_seconds = 0;
	struct flow_report rest = {
		.packets = sums->packets,
		.bytes = sums->bytes,
		.payload_bytes = sums->payload_bytes,
		.interarrival = { .mean = NAN, .stddev = NAN },
		.gaps_total = sums->gaps,
		.sequence = { .kind = kinds_ever(report),
			      .reverse = sums->reverse,
			      .small = sums->small,
			      .big = sums->big,
			      .lost = sums->lost,
			      .duplicate = sums->duplicate,
			      .reordered = sums->reordered },
		.tcp = sums->tcp,
	};

	for (size_t i = 0; i < count; i++) {
		const struct flow_report *flow = &series[i].flow;

		take_off(&rest.packets, flow->packets);
		take_off(&rest.bytes, flow->bytes);
		take_off(&rest.payload_bytes, flow->payload_bytes);
		take_off(&rest.gaps_total, flow->gaps_total);
		take_off(&rest.sequence.reverse, flow->sequence.reverse);
		take_off(&rest.sequence.small, flow->sequence.small);
		take_off(&rest.sequence.big, flow->sequence.big);
		take_off(&rest.sequence.lost, flow->sequence.lost);
		take_off(&rest.sequence.duplicate, flow->sequence.duplicate);
		take_off(&rest.sequence.reordered, flow->sequence.reordered);
		take_off_tcp(&rest.tcp, &flow->tcp);
		gap_seconds += flow->gap_seconds_total;
		gap_squared_seconds += flow->gap_squared_seconds_total;
	}
	rest.gap_seconds_total = rest_of(sums->gap_seconds, gap_seconds);
	rest.gap_squared_seconds_total = rest_of(sums->gap_squared_seconds, gap_squared_seconds);
	return rest;
}

/* Fills the set from the top flows, and lets every other flow join the series of its labels or the rest. */
static void fill(const struct report *report, const struct label_table *table, struct series_set *set)
{
	bool known = report->interval > 0;
	double throughput = known ? report->others_throughput : NAN, goodput = known ? report->others_goodput : NAN;
	const struct flow_report *flows = report_flows(report);

	for (size_t i = 0; i < report->flow_count; i++) {
		uint32_t *slot;

		if (!flows[i].top)
			continue;
		slot = table_slot(table, set->items, &flows[i]);
		if (*slot != TABLE_FREE)
			continue;
		*slot = (uint32_t)set->count;
		set->items[set->count++] = (struct series){ .flow = flows[i], .source = i };
	}
	for (size_t i = 0; i < report->flow_count; i++) {
		const struct flow_report *flow = &flows[i];
		uint32_t slot = *table_slot(table, set->items, flow);

		if (slot == TABLE_FREE) {
			add_rate(&throughput, flow->throughput);
			add_rate(&goodput, flow->goodput);
		} else if (set->items[slot].source != i) {
			merge(&set->items[slot].flow, flow);
		}
	}
	if (!report->flow_count && !report->sums.packets)
		return;
	set->items[set->count] = (struct series){ .flow = count_rest(report, set->items, set->count), .is_rest = true };
	set->items[set->count].flow.throughput = throughput;
	set->items[set->count++].flow.goodput = goodput;
}

static void flow_label_values(const struct flow_report *flow, char values[FLOW_LABELS][INET6_ADDRSTRLEN])
{
	const char *protocol = protocol_name(flow->key.protocol);

	snprintf(values[0], INET6_ADDRSTRLEN, "%.*s", (int)sizeof(flow->interface), flow->interface);
	snprintf(values[1], INET6_ADDRSTRLEN, "%s", direction_labels[flow->key.direction == DIRECTION_EGRESS]);
	address_format(flow->key.family, flow->key.src, values[2]);
	address_format(flow->key.family, flow->key.dst, values[3]);
	snprintf(values[4], INET6_ADDRSTRLEN, "%u", ntohs(flow->key.sport));
	snprintf(values[5], INET6_ADDRSTRLEN, "%u", ntohs(flow->key.dport));
	if (protocol)
		snprintf(values[6], INET6_ADDRSTRLEN, "%s", protocol);
	else
		snprintf(values[6], INET6_ADDRSTRLEN, "%u", flow->key.protocol);
}

/* Once a series, not once a sample. */
static int render_labels(struct series_set *set)
{
	size_t end = 0;

	for (size_t i = 0; i < set->count; i++) {
		char values[FLOW_LABELS][INET6_ADDRSTRLEN];
		size_t start = set->labels.length;

		if (!set->items[i].is_rest)
			flow_label_values(&set->items[i].flow, values);
		for (size_t label = 0; label < FLOW_LABELS; label++)
			label_append(&set->labels, start, flow_label_names[label],
				     set->items[i].is_rest ? REST_LABEL : values[label]);
		set->items[i].labels.length = set->labels.length - start;
	}
	if (set->labels.failed)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++) {
		set->items[i].labels.bytes = set->labels.bytes + end;
		end += set->items[i].labels.length;
	}
	return 0;
}

static size_t top_count(const struct report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->flow_count; i++)
		count += report->flows[i].top;
	return count;
}

int series_select(const struct report *report, struct series_set *out)
{
	size_t count = top_count(report);
	struct series_set set = { .items = calloc(count + 1, sizeof(*set.items)), .labels = TEXT_EMPTY };
	struct label_table table = { 0 };
	int error = -ENOMEM;

	if (!set.items || table_new(&table, count, report->time_ns * 0x9e3779b97f4a7c15ULL))
		goto out;
	fill(report, &table, &set);
	error = render_labels(&set);
out:
	free(table.slots);
	if (error)
		series_free(&set);
	else
		*out = set;
	return error;
}

void series_free(struct series_set *set)
{
	free(set->items);
	text_free(&set->labels);
	*set = (struct series_set){ 0 };
}
