/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/json_pings.h"

#include "export/json_parts.h"

static void members_name(struct json_writer *json, const struct ping_report *ping)
{
	json_string(json, "dest", ping->dest);
	json_string(json, "address", *ping->address ? ping->address : NULL);
}

static void members_round(struct json_writer *json, const struct ping_round *round)
{
	json_u64(json, "sent", round->sent);
	json_u64(json, "received", round->received);
	json_double(json, "loss_ratio", ping_round_loss(round));
	json_double(json, "min_seconds", ping_round_min(round));
	json_double(json, "mean_seconds", ping_round_mean(round));
	json_double(json, "max_seconds", ping_round_max(round));
	json_double(json, "stddev_seconds", ping_round_stddev(round));
}

static void record_round(struct json_writer *json, const struct ping_sample *sample,
			 const struct ping_round_report *round)
{
	record_open(json, "ping", round->time_ns);
	members_name(json, &sample->pings[round->ping]);
	members_round(json, &round->round);
	json_double(json, "delay_variation_seconds", round->delay_variation);
	json_u64(json, "late", round->late);
	json_u64(json, "duplicate", round->duplicate);
	json_u64(json, "errors", round->errors);
	json_object_close(json);
}

void record_ping_lines(const struct report *report, struct text *out)
{
	struct json_writer json;

	if (!report->pings)
		return;
	for (size_t i = 0; i < report->pings->round_count; i++) {
		json_begin(&json, out);
		record_round(&json, report->pings, &report->pings->rounds[i]);
		text_append_char(out, '\n');
	}
}

static void member_errors(struct json_writer *json, const struct ping_report *ping)
{
	json_array_open(json, "errors");
	for (size_t i = 0; i < ping->error_count; i++) {
		json_object_open(json, NULL);
		json_string(json, "kind", ping_error_names[ping->errors[i].kind]);
		json_string(json, "from", ping->errors[i].from);
		json_u64(json, "count", ping->errors[i].count);
		json_object_close(json);
	}
	json_array_close(json);
}

static void record_ping(struct json_writer *json, const struct ping_report *ping)
{
	json_object_open(json, NULL);
	members_name(json, ping);
	if (ping->up_known)
		json_bool(json, "up", ping->up);
	else
		json_null(json, "up");
	json_double(json, "last_rtt_seconds", ping->last_rtt);
	json_double(json, "delay_variation_seconds", ping->delay_variation);
	json_u64(json, "sent", ping->sent);
	json_u64(json, "received", ping->received);
	json_u64(json, "late", ping->late);
	json_u64(json, "duplicate", ping->duplicate);
	json_u64(json, "reordered", ping->reordered);
	member_errors(json, ping);
	if (ping->round_known) {
		json_object_open(json, "round");
		members_round(json, &ping->round);
		json_object_close(json);
	} else {
		json_null(json, "round");
	}
	json_object_close(json);
}

static void member_pinger(struct json_writer *json, const struct pinger_report *pinger)
{
	json_object_open(json, "pinger");
	json_u64(json, "foreign", pinger->foreign);
	json_u64(json, "dropped", pinger->dropped);
	json_u64(json, "skipped", pinger->skipped);
	json_u64(json, "without_stamp", pinger->without_stamp);
	json_u64(json, "rounds_dropped", pinger->rounds_dropped);
	json_u64(json, "resolve_failures", pinger->resolve_failures);
	json_u64(json, "resolve_deferred", pinger->resolve_deferred);
	json_object_close(json);
}

void record_probes_document(const struct report *report, struct text *out)
{
	const struct ping_sample *sample = report->pings;
	struct json_writer json;

	document_open(&json, out, report->time_ns);
	json_array_open(&json, "pings");
	for (size_t i = 0; sample && i < sample->ping_count; i++)
		record_ping(&json, &sample->pings[i]);
	json_array_close(&json);
	if (sample)
		member_pinger(&json, &sample->pinger);
	else
		json_null(&json, "pinger");
	json_object_close(&json);
}
