/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers about the running monitor, for the control socket and for HTTP: both show the same status. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon_internal.h"
#include "app/flow_rules.h"
#include "base/json_writer.h"
#include "export/json_pings.h"
#include "export/json_rtt.h"
#include "export/rate_records.h"

static void status_interface(struct json_writer *json, const struct interface_report *interface)
{
	static const char *const names[DIRECTIONS] = { "ingress", "egress" };

	json_object_open(json, NULL);
	json_string(json, "name", interface->name);
	json_u64(json, "ifindex", interface->ifindex);
	json_bool(json, "attached", interface->attached);
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		json_object_open(json, names[direction]);
		json_string(json, "hook", interface->hook[direction]);
		json_string(json, "reason", *interface->reason[direction] ? interface->reason[direction] : NULL);
		json_object_close(json);
	}
	json_object_close(json);
}

static void status_members(const struct daemon *daemon, struct json_writer *json)
{
	const struct config *config = daemon->config;
	size_t count = 0;
	const struct interface_report *interfaces = watch_interfaces(daemon->watch, &count);
	char since[TIME_TEXT_SIZE];

	time_format(daemon->self.start_ns, since);
	json_bool(json, "running", true);
	json_bool(json, "ready", !watch_not_ready(daemon->watch));
	json_u64(json, "pid", (uint64_t)getpid());
	json_string(json, "version", FLOWGAUGE_VERSION);
	json_string(json, "since", since);
	json_string(json, "config", *config->path ? config->path : NULL);
	json_string(json, "control", config->control_path);
	json_string(json, "http_address", daemon->http ? config->http_address : NULL);
	if (daemon->http)
		json_u64(json, "http_port", http_port(daemon->http));
	else
		json_null(json, "http_port");
	json_double(json, "interval_seconds", config->interval_seconds);
	json_u64(json, "rules", config->rule_count);
	json_u64(json, "flows", daemon->report ? daemon->report->live_flows : 0);
	json_u64(json, "flows_followed", daemon->report ? daemon->report->followed_flows : 0);
	json_u64(json, "flows_limit", config->max_flows);
	json_u64(json, "table_bytes", daemon->self.table_bytes);
	json_u64(json, "contended_packets", daemon->report ? daemon->report->sums.contended : 0);
	json_string(json, "rate_monitor",
		    !daemon->rates                        ? "off" :
		    rate_monitor_is_paused(daemon->rates) ? "paused" :
							    "running");
	if (daemon->report)
		member_rtt_status(json, &daemon->report->rtt);
	else
		json_null(json, "rtt");
	json_u64(json, "late_ticks", daemon->late_ticks);
	json_u64(json, "ticks_left_out_of_output", daemon->stream ? stream_left_out(daemon->stream) : 0);
	json_array_open(json, "interfaces");
	for (size_t i = 0; i < count; i++)
		status_interface(json, &interfaces[i]);
	json_array_close(json);
}

void daemon_status(void *context, struct text *text)
{
	struct json_writer json;

	json_begin(&json, text);
	json_object_open(&json, NULL);
	status_members(context, &json);
	json_object_close(&json);
}

bool daemon_ready(void *context, struct text *why_not)
{
	const struct daemon *daemon = context;
	const char *why = watch_not_ready(daemon->watch);

	if (why)
		text_append(why_not, why);
	return !why;
}

int daemon_http_reload(void *context, struct text *error)
{
	struct text said = TEXT_EMPTY;
	int result = daemon_reload(context, error, &said);

	text_free(&said);
	return result;
}

static int request_reload(struct daemon *daemon, struct text *members, struct text *error)
{
	struct text said = TEXT_EMPTY;
	struct json_writer json;
	int result = daemon_reload(daemon, error, &said);

	if (!result) {
		json_begin(&json, members);
		json_string(&json, "said", said.length ? said.bytes : NULL);
	}
	text_free(&said);
	return result;
}

static int request_rates(const struct daemon *daemon, struct text *members, struct text *error)
{
	if (!daemon->report) {
		text_append(error, "there is no report: the last tick could not read the counters");
		return -EAGAIN;
	}
	text_append(members, "\"report\":");
	record_rates_document(&daemon->report->rates, daemon->report->time_ns, members);
	return 0;
}

static int request_flows(struct daemon *daemon, const struct control_request *request, struct text *members,
			 struct text *error)
{
	struct flows_query query = { .top = (size_t)request->top, .offset = (size_t)request->offset };

	if (!daemon->report) {
		text_append(error, "there is no report: the last tick could not read the counters");
		return -EAGAIN;
	}
	if (request->sort && flows_query_take(&query, "sort", request->sort, FLOWS_TOP_MAX, error))
		return -EINVAL;
	query.match = request->match;
	text_append(members, "\"report\":");
	return flows_page_render(daemon->report, &query, &flow_rules, members, error);
}

static int request_document(struct daemon *daemon, void (*record)(const struct report *report, struct text *out),
			    struct text *members, struct text *error)
{
	if (!daemon->report) {
		text_append(error, "there is no report: the last tick could not read the counters");
		return -EAGAIN;
	}
	text_append(members, "\"report\":");
	record(daemon->report, members);
	return 0;
}

int daemon_request(void *context, const struct control_request *request, struct text *members, struct text *error)
{
	struct daemon *daemon = context;

	if (!strcmp(request->command, "status")) {
		struct json_writer json;

		json_begin(&json, members);
		status_members(daemon, &json);
	} else if (!strcmp(request->command, "flows")) {
		return request_flows(daemon, request, members, error);
	} else if (!strcmp(request->command, "probes")) {
		return request_document(daemon, record_probes_document, members, error);
	} else if (!strcmp(request->command, "rtt")) {
		return request_document(daemon, record_rtt_document, members, error);
	} else if (!strcmp(request->command, "rates")) {
		return request_rates(daemon, members, error);
	} else if (!strcmp(request->command, "set")) {
		return daemon_rate_set(daemon, request->set, error);
	} else if (!strcmp(request->command, "pause") || !strcmp(request->command, "resume")) {
		return daemon_rate_pause(daemon, *request->command == 'p', error);
	} else if (!strcmp(request->command, "reload")) {
		return request_reload(daemon, members, error);
	} else if (!strcmp(request->command, "stop")) {
		loop_stop(daemon->loop);
	} else {
		text_appendf(error,
			     "unknown command %.40s: there are status, flows, probes, rates, rtt, set, pause, resume, reload and stop",
			     request->command);
		return -EINVAL;
	}
	return 0;
}
