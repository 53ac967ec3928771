/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes to a Pushgateway, and how pushing goes. Flows do not go: a Pushgateway never forgets a series. What a choice
 * names and the report does not have yet, or not at all, leaves nothing behind, as a family without samples has no lines.
 */
#include "export/prometheus_internal.h"

static void push_totals(struct exposition_writer *writer, const struct report *report,
			const struct prometheus_config *config)
{
	write_ledger(writer, report);
	write_devices(writer, report);
	if (config->legacy)
		write_legacy_devices(writer, report);
}

static void push_rtts(struct exposition_writer *writer, const struct report *report,
		      const struct prometheus_config *config)
{
	write_rtts(writer, &report->rtt, config->legacy);
}

static void push_pings(struct exposition_writer *writer, const struct report *report,
		       const struct prometheus_config *config)
{
	write_pings(writer, report, config->max_ping_histograms);
	if (config->legacy)
		write_legacy_pings(writer, report);
}

static void push_rates(struct exposition_writer *writer, const struct report *report,
		       const struct prometheus_config *config)
{
	(void)config;
	write_rates(writer, &report->rates);
}

void prometheus_push(unsigned int what, const struct prometheus_config *config, const struct report *report,
		     struct text *out)
{
	static const struct {
		unsigned int what;
		void (*write)(struct exposition_writer *writer, const struct report *report,
			      const struct prometheus_config *config);
	} families[] = {
		{ PUSH_RTT, push_rtts },
		{ PUSH_PING, push_pings },
		{ PUSH_RATES, push_rates },
		{ PUSH_TOTALS, push_totals },
	};
	struct exposition_writer writer = { .out = out, .format = EXPOSITION_TEXT };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (what & families[i].what)
			families[i].write(&writer, report, config);
}

void write_push(struct exposition_writer *writer, const struct report *report)
{
	static const char *const failures[PUSH_FAILURES] = {
		[PUSH_FAILURE_RESOLVE] = "resolve",   [PUSH_FAILURE_CONNECT] = "connect",
		[PUSH_FAILURE_TLS] = "tls",           [PUSH_FAILURE_TIMEOUT] = "timeout",
		[PUSH_FAILURE_HTTP] = "http",         [PUSH_FAILURE_PASSWORD] = "password",
		[PUSH_FAILURE_TRANSFER] = "transfer",
	};
	const struct push_report *push = &report->self.push;

	if (!push->on)
		return;
	family_begin(writer, "flowgauge_push_successes", FAMILY_COUNTER, "Pushes that the Pushgateway took.");
	sample_u64(writer, NO_LABELS, push->successes);
	family_begin(writer, "flowgauge_push_failures", FAMILY_COUNTER, "Pushes that failed, by reason.");
	for (int failure = 0; failure < PUSH_FAILURES; failure++)
		sample_u64_of(writer, NO_LABELS, "reason", failures[failure], push->failures[failure]);
	family_begin(writer, "flowgauge_push_skipped", FAMILY_COUNTER,
		     "Pushes left out because the one before had not ended.");
	sample_u64(writer, NO_LABELS, push->skipped);
	family_begin(writer, "flowgauge_push_sent_bytes", FAMILY_COUNTER, "Bytes of the bodies that were taken.");
	sample_u64(writer, NO_LABELS, push->sent_bytes);
	family_begin(writer, "flowgauge_push_up", FAMILY_GAUGE, "1 if the last push succeeded, 0 if it failed.");
	if (push->up_known)
		sample_u64(writer, NO_LABELS, push->up);
	family_begin(writer, "flowgauge_push_last_success_timestamp_seconds", FAMILY_GAUGE,
		     "When the last push succeeded, since the Unix epoch.");
	if (push->last_success_ns)
		sample_double(writer, NO_LABELS, (double)push->last_success_ns / 1e9);
}
