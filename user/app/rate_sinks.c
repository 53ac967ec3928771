/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/rate_sinks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "export/rate_records.h"
#include "export/rate_values.h"

int rate_sinks_set(struct rate_sinks *sinks, const struct config *config, char error[RATE_SINKS_ERROR_SIZE])
{
	bool other_file = strcmp(sinks->file_path, config->rate_file) != 0;
	bool other_tcp = strcmp(sinks->tcp_host, config->rate_tcp_host) != 0 ||
			 sinks->tcp_port != config->rate_tcp_port;
	struct rate_file *file = NULL;
	struct rate_tcp *tcp = NULL;
	int result;

	if (other_file && *config->rate_file && !(file = rate_file_new(config->rate_file))) {
		snprintf(error, RATE_SINKS_ERROR_SIZE, "rate.file: out of memory");
		return -ENOMEM;
	}
	if (other_tcp && *config->rate_tcp_host) {
		result = rate_tcp_open(sinks->loop, config->rate_tcp_host, config->rate_tcp_port, &tcp, error);
		if (result) {
			rate_file_free(file);
			return result;
		}
	}
	if (other_file) {
		rate_file_free(sinks->file);
		sinks->file = file;
		snprintf(sinks->file_path, sizeof(sinks->file_path), "%s", config->rate_file);
	}
	if (other_tcp) {
		rate_tcp_close(sinks->tcp, 0);
		sinks->tcp = tcp;
		snprintf(sinks->tcp_host, sizeof(sinks->tcp_host), "%s", config->rate_tcp_host);
		sinks->tcp_port = config->rate_tcp_port;
	}
	return 0;
}

void rate_sinks_close(struct rate_sinks *sinks, double seconds)
{
	sinks->file = rate_file_free(sinks->file);
	sinks->tcp = rate_tcp_close(sinks->tcp, seconds);
}

bool rate_sinks_any(const struct rate_sinks *sinks)
{
	return sinks->file || sinks->tcp || sinks->openstack;
}

static void give_line(struct rate_sinks *sinks, const char *line, size_t length)
{
	if (sinks->file)
		rate_file_append(sinks->file, line, length);
	if (sinks->tcp)
		rate_tcp_send(sinks->tcp, line, length);
}

/* One record a line; frees the text. */
static void give_lines(struct rate_sinks *sinks, struct text *lines)
{
	const char *line = lines->length ? lines->bytes : "", *end;

	if (lines->failed)
		log_error("rates: out of memory: a record is missing");
	for (; !lines->failed && (end = strchr(line, '\n')); line = end + 1)
		give_line(sinks, line, (size_t)(end + 1 - line));
	text_free(lines);
}

static void offer(struct openstack *openstack, const struct rates_report *report, uint64_t time_ns)
{
	struct openstack_value values[OPENSTACK_VALUES_MAX];

	for (size_t i = 0; i < report->count; i++) {
		const struct rate_report *link = &report->links[i];
		struct openstack_sample sample = { .time_ns = time_ns, .values = values };
		char name[IF_NAMESIZE + 1];

		if (!link->estimate[DIRECTION_INGRESS].known && !link->estimate[DIRECTION_EGRESS].known)
			continue;
		snprintf(name, sizeof(name), "%.*s", IF_NAMESIZE, link->interface);
		sample.interface = name;
		sample.value_count = rate_values(report, link, values);
		sample.volume = rate_volume(link);
		openstack_offer(openstack, &sample);
	}
}

void rate_sinks_give(struct rate_sinks *sinks, const struct rates_report *report, uint64_t time_ns)
{
	struct text lines = TEXT_EMPTY;

	if (sinks->file || sinks->tcp) {
		record_rate_lines(report, time_ns, &lines);
		give_lines(sinks, &lines);
	}
	if (sinks->openstack)
		offer(sinks->openstack, report, time_ns);
}

void rate_sinks_life_cycle(struct rate_sinks *sinks, const char *what, uint64_t time_ns)
{
	struct text line = TEXT_EMPTY;

	record_life_cycle(what, time_ns, &line);
	give_lines(sinks, &line);
}

void rate_sinks_report(const struct rate_sinks *sinks, struct rates_report *out)
{
	if (sinks->file)
		rate_file_report(sinks->file, &out->sinks[RATE_SINK_FILE]);
	if (sinks->tcp)
		rate_tcp_report(sinks->tcp, &out->sinks[RATE_SINK_TCP]);
}
