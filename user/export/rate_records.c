/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names as the tool had them that wrote such records first: tx is egress, rx is ingress; a variance, mu and sigma² of
 * the rate in bytes/s; the risk and its trigger in percent, the cutoff as a fraction. What it had not stands behind.
 */
#include "export/rate_records.h"

#include <math.h>
#include <stdio.h>

#include "export/json_parts.h"

#define KEY_SIZE 48

static const char *const window_names[RATE_WINDOWS] = { "1ms", "10ms", "100ms" };
static const char *const quantile_names[RATE_QUANTILES] = { "p50", "p95", "p99", "p99_9" };
static const char *const sink_names[RATE_SINKS] = { [RATE_SINK_FILE] = "file", [RATE_SINK_TCP] = "tcp" };

double rate_percent(double share)
{
	return round(share * 1e14) / 1e12;
}

static const char *with_side(char out[KEY_SIZE], const char *name, const char *side)
{
	snprintf(out, KEY_SIZE, "%s_%s", name, side);
	return out;
}

static void member(struct json_writer *json, const char *name, const char *side, bool known, double value)
{
	char key[KEY_SIZE];

	json_double(json, with_side(key, name, side), known ? value : NAN);
}

/* 0: it never was. */
static void member_moment(struct json_writer *json, const char *name, const char *side, uint64_t realtime_ns)
{
	char key[KEY_SIZE];

	member_time_if(json, with_side(key, name, side), realtime_ns, realtime_ns);
}

static void members_first(struct json_writer *json, const char *side, const struct rate_estimate *estimate)
{
	char key[KEY_SIZE];

	json_double(json, side, estimate->known ? estimate->mean : NAN);
	member(json, "var", side, estimate->known, estimate->variance);
	member(json, "mu", side, estimate->known, estimate->mu);
	member(json, "sigma2", side, estimate->known, estimate->sigma_squared);
	member(json, "overload_risk", side, estimate->known, 100 * estimate->risk);
	json_bool(json, with_side(key, "alarm", side), estimate->alarm.on);
}

static void member_quantiles(struct json_writer *json, const char *key, bool known, const double *quantiles)
{
	json_object_open(json, key);
	for (int i = 0; i < RATE_QUANTILES; i++)
		json_double(json, quantile_names[i], known ? quantiles[i] : NAN);
	json_object_close(json);
}

static void members_more(struct json_writer *json, const char *side, const struct rate_estimate *estimate)
{
	char key[KEY_SIZE];

	member_moment(json, "estimated", side, estimate->known ? estimate->time_ns : 0);
	member_moment(json, "alarm_changed", side, estimate->alarm.changed_ns);
	member(json, "above_cutoff", side, estimate->known, 100 * estimate->above);
	json_bool(json, with_side(key, "alarm_measured", side), estimate->measured_alarm.on);
	member_moment(json, "alarm_measured_changed", side, estimate->measured_alarm.changed_ns);
	json_object_open(json, with_side(key, "peak", side));
	for (int i = 0; i < RATE_WINDOWS; i++)
		json_double(json, window_names[i], estimate->known ? estimate->peak[i] : NAN);
	json_object_close(json);
	member_quantiles(json, with_side(key, "quantiles", side), estimate->known, estimate->quantile);
	member_quantiles(json, with_side(key, "quantiles_fit", side), estimate->known, estimate->quantile_fit);
	member(json, "fit_distance", side, estimate->known, estimate->fit_distance);
	json_u64(json, with_side(key, "bins", side), estimate->bins);
	json_u64(json, with_side(key, "lost_bins", side), estimate->lost_total);
}

void record_rate(struct json_writer *json, const struct rates_report *rates, const struct rate_report *link,
		 uint64_t time_ns)
{
	const struct rate_estimate *tx = &link->estimate[DIRECTION_EGRESS], *rx = &link->estimate[DIRECTION_INGRESS];

	json_object_open(json, NULL);
	json_string(json, "type", "rate");
	member_time(json, "timestamp", time_ns);
	member_interface(json, link->interface);
	json_double(json, "linerate", link->capacity);
	json_double(json, "alarm_trigger_value", rate_percent(rates->alarm_trigger));
	json_double(json, "cutoff", rates->cutoff);
	members_first(json, "tx", tx);
	members_first(json, "rx", rx);
	json_double(json, "sample_rate", rates->sample_rate);
	json_double(json, "estimation_interval", rates->estimation_interval);
	json_double(json, "meter_interval", rates->meter_interval);
	json_double(json, "alarm_measured_trigger_value", rate_percent(rates->alarm_measured_trigger));
	members_more(json, "tx", tx);
	members_more(json, "rx", rx);
	json_object_close(json);
}

void record_rate_lines(const struct rates_report *rates, uint64_t time_ns, struct text *out)
{
	struct json_writer json;

	for (size_t i = 0; i < rates->count; i++) {
		const struct rate_report *link = &rates->links[i];

		if (!link->estimate[DIRECTION_INGRESS].known && !link->estimate[DIRECTION_EGRESS].known)
			continue;
		json_begin(&json, out);
		record_rate(&json, rates, link, time_ns);
		text_append_char(out, '\n');
	}
}

static void member_sinks(struct json_writer *json, const struct rates_report *rates)
{
	json_object_open(json, "sinks");
	for (int i = 0; i < RATE_SINKS; i++) {
		if (!rates->sinks[i].set)
			continue;
		json_object_open(json, sink_names[i]);
		json_u64(json, "written", rates->sinks[i].written);
		json_u64(json, "lost", rates->sinks[i].lost);
		json_object_close(json);
	}
	json_object_close(json);
}

void record_rates_document(const struct rates_report *rates, uint64_t time_ns, struct text *out)
{
	struct json_writer json;

	document_open(&json, out, time_ns);
	json_bool(&json, "enabled", rates->enabled);
	json_bool(&json, "paused", rates->paused);
	member_sinks(&json, rates);
	json_array_open(&json, "rates");
	for (size_t i = 0; i < rates->count; i++)
		record_rate(&json, rates, &rates->links[i], time_ns);
	json_array_close(&json);
	json_object_close(&json);
}

void record_life_cycle(const char *what, uint64_t time_ns, struct text *out)
{
	struct json_writer json;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	member_time(&json, what, time_ns);
	json_object_close(&json);
	text_append_char(out, '\n');
}
