/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reload: the file and the flags are read anew into a second configuration. If that is good, the rules change in one
 * step in the kernel and what is shown changes with the next tick; what the loaded programs were built with stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon_internal.h"
#include "app/flow_rules.h"
#include "base/log.h"

struct console_config daemon_console_config(const struct daemon *daemon)
{
	const struct config *config = daemon->config;

	return (struct console_config){
		.bits = config->bits,
		.nominal_gap = config->nominal_gap_ms / 1000,
		.show_throughput = config->show_throughput,
		.show_goodput = config->show_goodput,
		.show_jitter = config->show_jitter,
		.show_sequence = config->show_sequence,
		.order = ORDER_THROUGHPUT,
	};
}

struct prometheus_config daemon_prometheus_config(const struct daemon *daemon)
{
	return (struct prometheus_config){
		.max_ping_histograms = daemon->config->metrics_max_ping_histograms,
		.legacy = daemon->config->legacy_metrics,
	};
}

struct book_config daemon_book_config(const struct daemon *daemon)
{
	const struct config *config = daemon->config;

	return (struct book_config){
		.idle_timeout_ns = (uint64_t)(config->idle_timeout_seconds * 1e9),
		.interfaces_max = DEVICES_NAMES_MAX,
		.max_flows = config->max_flows,
		.followed_max = config->followed_flows,
		.top_max = config->metrics_max_flows,
	};
}

struct groups_config daemon_groups_config(const struct daemon *daemon)
{
	return (struct groups_config){
		.groups = daemon->config->groups,
		.count = daemon->config->group_count,
		.matches = flow_rules.matches,
	};
}

struct pinger_config daemon_pinger_config(const struct config *config)
{
	return (struct pinger_config){ .hosts = config->ping_hosts, .count = config->ping_host_count };
}

void daemon_warn_of_rules(const struct config *config)
{
	for (size_t i = 0; i < config->rule_count; i++) {
		const char *why = rule_never_matches(&config->rules[i]);

		if (why)
			log_warning("%s: RULES[%zu] can never match: %s", config->path, i, why);
	}
}

/* Before the old groups go: what is as before goes on. */
static void take_over_groups(struct daemon *daemon, struct config *wanted)
{
	struct config *config = daemon->config;
	struct group_config *old = config->groups;
	size_t old_count = config->group_count;
	struct groups_config groups;

	config->groups = wanted->groups;
	config->group_count = wanted->group_count;
	groups = daemon_groups_config(daemon);
	if (groups_configure(daemon->groups, &groups)) {
		log_error("out of memory: the groups stay as they were");
		config->groups = old;
		config->group_count = old_count;
		return;
	}
	wanted->groups = old;
	wanted->group_count = old_count;
}

/* Takes over what can change in place; the rest of `wanted` is dropped with it. */
static void take_over(struct daemon *daemon, struct config *wanted)
{
	struct config *config = daemon->config;
	struct rule *old_rules = config->rules;
	struct pinger_host *old_hosts = config->ping_hosts;
	size_t old_host_count = config->ping_host_count;
	struct console_config console;
	struct prometheus_config prometheus;
	struct book_config book;

	config->rules = wanted->rules;
	config->rule_count = wanted->rule_count;
	wanted->rules = old_rules;
	take_over_groups(daemon, wanted);
	config->ping_hosts = wanted->ping_hosts;
	config->ping_host_count = wanted->ping_host_count;
	wanted->ping_hosts = old_hosts;
	wanted->ping_host_count = old_host_count;
	config->show_throughput = wanted->show_throughput;
	config->show_goodput = wanted->show_goodput;
	config->show_jitter = wanted->show_jitter;
	config->show_sequence = wanted->show_sequence;
	config->bits = wanted->bits;
	config->nominal_gap_ms = wanted->nominal_gap_ms;
	config->idle_timeout_seconds = wanted->idle_timeout_seconds;
	config->followed_flows = wanted->followed_flows;
	config->metrics_max_flows = wanted->metrics_max_flows;
	config->metrics_max_ping_histograms = wanted->metrics_max_ping_histograms;
	config->legacy_metrics = wanted->legacy_metrics;
	config->rate = wanted->rate;
	if (wanted->interval_seconds != config->interval_seconds) {
		uint64_t period = (uint64_t)(wanted->interval_seconds * 1e9);

		config->interval_seconds = wanted->interval_seconds;
		if (loop_timer_set(&daemon->tick, period, period))
			log_error("cannot change the interval");
	}
	console = daemon_console_config(daemon);
	prometheus = daemon_prometheus_config(daemon);
	book = daemon_book_config(daemon);
	book_configure(daemon->book, &book);
	if (daemon->screen)
		screen_configure(daemon->screen, &console);
	if (daemon->http)
		http_configure(daemon->http, &prometheus);
	if (daemon->pushgateway)
		pushgateway_configure(daemon->pushgateway, &prometheus);
}

/* Sinks first: they can fail, and settings that failed would have to be taken back. */
static int reload_rates(struct daemon *daemon, const struct config *wanted, char *line)
{
	int result;

	if (!daemon->rates)
		return 0;
	result = rate_monitor_set_sinks(daemon->rates, wanted, line);
	return result ? result : rate_monitor_set(daemon->rates, &wanted->rate, line);
}

int daemon_reload(struct daemon *daemon, struct text *error, struct text *said)
{
	struct pinger_config pinger;
	char line[MONITOR_ERROR_SIZE > CONFIG_ERROR_SIZE ? MONITOR_ERROR_SIZE : CONFIG_ERROR_SIZE] = "";
	struct config *wanted = calloc(1, sizeof(*wanted));
	const char *restart;
	int result = -EINVAL;

	if (daemon->rates)
		rate_monitor_reopen(daemon->rates); /* whatever comes of the rest */
	if (!wanted)
		return -ENOMEM;
	if (options_load(daemon->options, wanted, line) != OPTIONS_RUN) {
		text_append(error, line);
		goto out;
	}
	pinger = daemon_pinger_config(wanted);
	result = pinger_prepare(daemon->pinger, &pinger, line);
	if (!result)
		result = reload_rates(daemon, wanted, line);
	if (!result)
		result = monitor_set_rules(daemon->monitor, wanted->rules, wanted->rule_count, line);
	if (result) {
		text_append(error, line);
		goto out;
	}
	daemon_warn_of_rules(wanted);
	if (pinger_configure(daemon->pinger, &pinger, line))
		log_error("the hosts to ping stay as they were: %s", line);
	restart = config_needs_restart(daemon->config, wanted);
	take_over(daemon, wanted);
	if (restart)
		text_appendf(said, "%s: a restart is needed for the change to take effect", restart);
	log_info("reloaded %s%s%s", *daemon->config->path ? daemon->config->path : "(no file)", restart ? "; " : "",
		 restart ? said->bytes : "");
out:
	if (result)
		log_error("nothing was reloaded: %s", error->length ? error->bytes : strerror(-result));
	config_free(wanted);
	free(wanted);
	return result;
}
