/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pings: a set of series an address. Sixty buckets for each of ten thousand addresses would be more than anybody wants to
 * scrape, so the first hosts of the configuration have histograms of their own, and one called "other" holds every
 * round trip that is in none of those: their sum is exact, and never falls.
 */
#include <math.h>
#include <string.h>

#include "export/prometheus_internal.h"

#define MS_PER_SECOND 1e3
#define NS_PER_SECOND 1e9

struct writing {
	struct exposition_writer *writer;
	const struct ping_sample *sample;
	struct row_labels labels;
};

static void append_labels(const void *table, size_t row, struct text *labels, size_t start)
{
	const struct ping_report *ping = &((const struct ping_sample *)table)->pings[row];

	label_append(labels, start, "dest", ping->dest);
	label_append(labels, start, "address", ping->address);
}

/* --- values of a row --- */

static double value_up(const struct ping_report *ping)
{
	return ping->up_known ? (double)ping->up : NAN;
}

static double value_last(const struct ping_report *ping)
{
	return ping->last_rtt;
}

static double value_loss(const struct ping_report *ping)
{
	return ping->round_known ? ping_round_loss(&ping->round) : NAN;
}

static double value_variation(const struct ping_report *ping)
{
	return ping->delay_variation;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct ping_report *ping); /* NaN: no sample */
} gauges[] = {
	{ "flowgauge_ping_up", "1 if one of the last round's worth of pings was answered, 0 if not or without address.",
	  value_up },
	{ "flowgauge_ping_last_rtt_seconds", "Round-trip time of the last ping whose fate is known; absent if lost.",
	  value_last },
	{ "flowgauge_ping_loss_ratio", "Share of the last whole round's pings that were not answered in time.",
	  value_loss },
	{ "flowgauge_ping_delay_variation_seconds",
	  "Smoothed difference between successive round trips, as RFC 3550 smooths jitter.", value_variation },
};

static const struct {
	const char *name, *help;
	size_t field;
} counters[] = {
	{ "flowgauge_ping_sent", "Pings sent, those that this machine could not send among them.",
	  offsetof(struct ping_report, sent) },
	{ "flowgauge_ping_received", "Pings answered in time.", offsetof(struct ping_report, received) },
	{ "flowgauge_ping_late", "Replies after the timeout.", offsetof(struct ping_report, late) },
	{ "flowgauge_ping_duplicate", "Replies to pings that were answered already.",
	  offsetof(struct ping_report, duplicate) },
	{ "flowgauge_ping_reordered", "Replies that came after that of a later ping.",
	  offsetof(struct ping_report, reordered) },
};

static void write_rows(const struct writing *writing)
{
	const struct ping_sample *sample = writing->sample;

	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
		family_begin(writing->writer, gauges[i].name, FAMILY_GAUGE, gauges[i].help);
		for (size_t row = 0; row < sample->ping_count; row++)
			sample_known(writing->writer, row_labels_of(&writing->labels, row),
				     gauges[i].value(&sample->pings[row]));
	}
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		family_begin(writing->writer, counters[i].name, FAMILY_COUNTER, counters[i].help);
		for (size_t row = 0; row < sample->ping_count; row++)
			if (*sample->pings[row].address)
				sample_u64(writing->writer, row_labels_of(&writing->labels, row),
					   *(const uint64_t *)((const char *)&sample->pings[row] + counters[i].field));
	}
}

static void write_errors(const struct writing *writing)
{
	struct text labels = TEXT_EMPTY;

	family_begin(writing->writer, "flowgauge_ping_errors", FAMILY_COUNTER,
		     "ICMP errors for pings by kind and sender, and pings that this machine could not send.");
	for (size_t row = 0; row < writing->sample->ping_count; row++) {
		const struct ping_report *ping = &writing->sample->pings[row];

		for (size_t i = 0; i < ping->error_count; i++) {
			text_clear(&labels);
			append_labels(writing->sample, row, &labels, 0);
			label_append(&labels, 0, "kind", ping_error_names[ping->errors[i].kind]);
			label_append(&labels, 0, "from", ping->errors[i].from);
			sample_u64(writing->writer, labels_of(&labels, 0), ping->errors[i].count);
		}
	}
	text_free(&labels);
}

static void write_histogram(struct exposition_writer *writer, struct labels labels,
			    const struct ping_histogram *histogram)
{
	uint64_t cumulative[PING_BUCKETS];

	ping_histogram_cumulate(histogram, cumulative);
	sample_histogram(writer, labels, ping_bucket_bounds, cumulative, PING_BUCKETS, histogram->count,
			 (double)histogram->sum_ns / NS_PER_SECOND);
}

static void write_histograms(const struct writing *writing, size_t most)
{
	static const char other[] = "{dest=\"other\",address=\"other\"";
	struct ping_histogram rest = writing->sample->all;
	bool has_rest = false;

	family_begin(writing->writer, "flowgauge_ping_rtt_seconds", FAMILY_HISTOGRAM,
		     "Round-trip times of pings that were answered in time.");
	for (size_t row = 0; row < writing->sample->ping_count; row++) {
		const struct ping_report *ping = &writing->sample->pings[row];

		has_rest = has_rest || ping->host >= most;
		if (ping->host >= most || !*ping->address)
			continue;
		write_histogram(writing->writer, row_labels_of(&writing->labels, row), &ping->histogram);
		ping_histogram_subtract(&rest, &ping->histogram);
	}
	if (has_rest || rest.count)
		write_histogram(writing->writer, (struct labels){ other, strlen(other) }, &rest);
}

static void write_pinger(struct exposition_writer *writer, const struct pinger_report *pinger)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} counts[] = {
		{ "flowgauge_pinger_foreign", "Echo replies with our identifier that answer no ping of ours.",
		  pinger->foreign },
		{ "flowgauge_pinger_dropped", "Replies that the socket had no room for.", pinger->dropped },
		{ "flowgauge_pinger_skipped",
		  "Pings left out as the machine had no buffers or the monitor was held up.", pinger->skipped },
		{ "flowgauge_pinger_without_stamp", "Round trips not measured by the kernel's time stamps.",
		  pinger->without_stamp },
		{ "flowgauge_pinger_rounds_dropped", "Rounds that no report had room for.", pinger->rounds_dropped },
		{ "flowgauge_pinger_resolve_failures", "Resolutions of names that failed.", pinger->resolve_failures },
		{ "flowgauge_pinger_resolve_deferred", "Resolutions put off as too many were waiting.",
		  pinger->resolve_deferred },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		family_begin(writer, counts[i].name, FAMILY_COUNTER, counts[i].help);
		sample_u64(writer, NO_LABELS, counts[i].value);
	}
}

void write_pings(struct exposition_writer *writer, const struct report *report, size_t max_histograms)
{
	struct writing writing = { .writer = writer, .sample = report->pings };

	if (!report->pings)
		return;
	if (row_labels_make(&writing.labels, report->pings->ping_count, report->pings, append_labels)) {
		writer->out->failed = true;
	} else {
		write_rows(&writing);
		write_errors(&writing);
		write_histograms(&writing, max_histograms);
		write_pinger(writer, &report->pings->pinger);
	}
	row_labels_free(&writing.labels);
}

/* The mean of the last round in ms, as the old exporter called it, with no address: of all those that a host has. */
void write_legacy_pings(struct exposition_writer *writer, const struct report *report)
{
	const struct ping_sample *sample = report->pings;
	struct text labels = TEXT_EMPTY;

	family_begin(writer, "avg_rtt", FAMILY_GAUGE, "Mean round-trip time of the last round of pings, ms.");
	for (size_t row = 0; sample && row < sample->ping_count;) {
		const struct ping_report *first = &sample->pings[row];
		double sum = 0;
		uint64_t received = 0;

		for (; row < sample->ping_count && sample->pings[row].host == first->host; row++) {
			const struct ping_report *ping = &sample->pings[row];

			if (!ping->round_known || !ping->round.received)
				continue;
			sum += ping_round_mean(&ping->round) * (double)ping->round.received;
			received += ping->round.received;
		}
		text_clear(&labels);
		label_append(&labels, 0, "dest", first->dest);
		sample_known(writer, labels_of(&labels, 0), received ? sum / (double)received * MS_PER_SECOND : NAN);
	}
	text_free(&labels);
}
