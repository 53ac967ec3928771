/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/daemon.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/daemon_internal.h"
#include "app/flow_rules.h"
#include "app/rtt.h"
#include "base/log.h"
#include "control_protocol.h"

#define LAST_INTERVAL_LEAST_NS 20000000ULL
#define STREAM_PATIENCE_SECONDS 5 /* for the last lines, at the end */

static void interfaces_changed(void *context)
{
	struct daemon *daemon = context;
	size_t count = 0;
	const struct interface_report *interfaces;

	if (!daemon->watch)
		return; /* while it is being opened: told once it is */
	interfaces = watch_interfaces(daemon->watch, &count);
	if (book_interfaces(daemon->book, interfaces, count) || groups_interfaces(daemon->groups, interfaces, count))
		log_error("out of memory: the report names interfaces as they were");
	if (daemon->rates)
		rate_monitor_set_interfaces(daemon->rates, interfaces, count);
}

static void signal_received(struct loop_signals *signals, int number)
{
	struct daemon *daemon = (struct daemon *)((char *)signals - offsetof(struct daemon, signals));

	if (number == SIGHUP) {
		struct text error = TEXT_EMPTY, said = TEXT_EMPTY;

		daemon_reload(daemon, &error, &said); /* it logs what came of it */
		text_free(&error);
		text_free(&said);
		return;
	}
	loop_stop(daemon->loop);
}

static void end_expired(struct loop_timer *timer, uint64_t expirations)
{
	(void)expirations;
	loop_stop(timer->source.loop);
}

static void asked_to_end(void *context)
{
	loop_stop(((struct daemon *)context)->loop);
}

static int fail(struct daemon *daemon, int status, const char *line)
{
	log_error("%s", line);
	daemon->status = status;
	return -1;
}

static int open_loop(struct daemon *daemon)
{
	sigset_t set;
	int error = loop_new(&daemon->loop);

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	daemon->signals.received = signal_received;
	daemon->tick.expired = tick_expired;
	daemon->end.expired = end_expired;
	daemon->press.expired = press_expired;
	if (!error)
		error = loop_signals_add(daemon->loop, &daemon->signals, &set);
	if (!error)
		error = loop_timer_add(daemon->loop, &daemon->tick);
	if (!error)
		error = loop_timer_add(daemon->loop, &daemon->end);
	if (!error)
		error = loop_timer_add(daemon->loop, &daemon->press);
	return error ? fail(daemon, EXIT_FAILED, strerror(-error)) : 0;
}

static int open_kernel(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	struct monitor_config monitor = {
		.constants = config->constants,
		.hook = config->hook,
		.direction = { config->direction[DIRECTION_INGRESS], config->direction[DIRECTION_EGRESS] },
		.max_flows = config->max_flows,
		.count_run_time = config->metrics_bpf_run_time,
		.rtt = config_kernel_rtt(&config->rtt),
	};
	struct watch_hooks hooks = { .context = daemon, .changed = interfaces_changed };
	char line[MONITOR_ERROR_SIZE] = "";

	monitor.constants.bins = config->rate_enabled;
	if (monitor_open(&monitor, &daemon->monitor, line) ||
	    monitor_set_rules(daemon->monitor, config->rules, config->rule_count, line) ||
	    watch_open(daemon->loop, daemon->monitor, config, &hooks, &daemon->watch, line))
		return fail(daemon, EXIT_FAILED, line);
	daemon->self.table_bytes = monitor_table_bytes(daemon->monitor);
	interfaces_changed(daemon);
	return 0;
}

static int open_book(struct daemon *daemon)
{
	struct book_config book = daemon_book_config(daemon);
	struct groups_config groups = daemon_groups_config(daemon);

	daemon->self.start_ns = clock_realtime_ns();
	daemon->self.flows_limit = daemon->config->max_flows;
	if (book_new(&book, &daemon->book) || groups_new(&groups, &daemon->groups) ||
	    devices_new(DEVICES_NAMES_MAX, &daemon->devices) || rtt_book_new(&daemon->rtt))
		return fail(daemon, EXIT_FAILED, "out of memory");
	return 0;
}

static int open_pinger(struct daemon *daemon)
{
	struct pinger_config config = daemon_pinger_config(daemon->config);
	char line[PINGER_ERROR_SIZE] = "";

	if (pinger_open(daemon->loop, &daemon->pinger))
		return fail(daemon, EXIT_FAILED, "out of memory");
	return pinger_configure(daemon->pinger, &config, line) ? fail(daemon, EXIT_FAILED, line) : 0;
}

/* After the interfaces, which it is told of; before them there is no kernel half to read from. */
static int open_rates(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	const struct rate_port_hooks hooks = { .context = daemon, .answer = daemon_rate_answer };
	char line[RATE_MONITOR_ERROR_SIZE] = "";

	if (!config->rate_enabled)
		return 0;
	if (rate_monitor_open(daemon->loop, daemon->monitor, config, &daemon->rates, line))
		return fail(daemon, EXIT_FAILED, line);
	if (config->rate_port && rate_port_open(daemon->loop, config->rate_port, &hooks, &daemon->rate_port, line))
		return fail(daemon, EXIT_FAILED, line);
	interfaces_changed(daemon);
	return 0;
}

static int open_http(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	struct http_config http = {
		.address = config->http_address,
		.port = config->http_port,
		.prometheus = daemon_prometheus_config(daemon),
	};
	struct http_hooks hooks = {
		.context = daemon,
		.status = daemon_status,
		.ready = daemon_ready,
		.reload = daemon_http_reload,
		.match = flow_rules,
	};
	char line[HTTP_ERROR_SIZE] = "";

	if (!config->http_enabled)
		return 0;
	if (http_open(daemon->loop, &http, &hooks, &daemon->http, line))
		return fail(daemon, EXIT_FAILED, line);
	return 0;
}

static int open_pushgateway(struct daemon *daemon)
{
	char line[PUSHGATEWAY_ERROR_SIZE] = "";

	return daemon_open_pushgateway(daemon, line) ? fail(daemon, EXIT_FAILED, line) : 0;
}

static int open_control(struct daemon *daemon)
{
	struct control_hooks hooks = { .context = daemon, .request = daemon_request };
	char line[CONTROL_ERROR_SIZE] = "";

	if (control_open(daemon->loop, daemon->config->control_path, &hooks, &daemon->control, line))
		return fail(daemon, EXIT_FAILED, line);
	return 0;
}

static void where_to_look(const struct daemon *daemon, char *line, size_t size)
{
	const char *address = daemon->config->http_address;
	bool v6 = strchr(address, ':') != NULL;

	if (daemon->http)
		snprintf(line, size, "page http://%s%s%s:%u/  metrics http://%s%s%s:%u/metrics", v6 ? "[" : "", address,
			 v6 ? "]" : "", http_port(daemon->http), v6 ? "[" : "", address, v6 ? "]" : "",
			 http_port(daemon->http));
	else
		snprintf(line, size, "no page and no metrics: http is off");
}

static bool has_terminal(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

/* On a terminal the screen, else lines; in the background neither. */
static int open_output(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	struct console_config console = daemon_console_config(daemon);
	bool screen = false;
	char banner[256];
	int error = 0;

	where_to_look(daemon, banner, sizeof(banner));
	if (!config->json) {
		log_info("room for %u flows, in %.1f MiB of kernel memory", config->max_flows,
			 (double)daemon->self.table_bytes / (1 << 20));
		log_info("%s", banner);
	}
	if (config->quiet)
		return 0;
	if (!config->json && has_terminal())
		screen = !screen_open(daemon->loop, &console, banner, asked_to_end, daemon, &daemon->screen);
	if (!screen) /* nor on a terminal that cannot be drawn on */
		error = stream_open(daemon->loop, STDOUT_FILENO, asked_to_end, daemon, &daemon->stream);
	return error ? fail(daemon, EXIT_FAILED, strerror(-error)) : 0;
}

static int start_ticking(struct daemon *daemon)
{
	uint64_t period = (uint64_t)(daemon->config->interval_seconds * 1e9);
	uint64_t end = (uint64_t)(daemon->config->duration_seconds * 1e9);
	int error = loop_timer_set(&daemon->tick, period, period);

	if (!error && end)
		error = loop_timer_set(&daemon->end, end, 0);
	if (!error)
		error = press_start(daemon);
	return error ? fail(daemon, EXIT_FAILED, strerror(-error)) : 0;
}

/* The report before the first tick: what a scrape sees meanwhile, and the base of the first interval. */
static int first_report(struct daemon *daemon)
{
	int error;

	book_begin(daemon->book, clock_monotonic_ns(), clock_realtime_ns());
	error = book_report(daemon->book, 0, &daemon->self, &daemon->report);
	if (error)
		return fail(daemon, EXIT_FAILED, strerror(-error));
	daemon->report->pings = pinger_sample(daemon->pinger);
	if (daemon->rates)
		daemon->report->rates = rate_monitor_report(daemon->rates);
	if (daemon->http)
		http_show(daemon->http, daemon->report);
	return 0;
}

static int open_all(struct daemon *daemon)
{
	const char *missing = monitor_missing_capabilities();
	char line[256];

	if (missing) {
		snprintf(line, sizeof(line),
			 "not permitted to watch packets: %s missing: run it as root, or with these capabilities",
			 missing);
		return fail(daemon, EXIT_FAILED, line);
	}
	daemon_warn_of_rules(daemon->config);
	/* The control socket's lock comes first: a second monitor must not get as far as the interfaces. */
	if (open_loop(daemon) || open_control(daemon) || open_book(daemon) || open_http(daemon) ||
	    open_pushgateway(daemon) || open_kernel(daemon) || open_pinger(daemon) || open_rates(daemon) ||
	    first_report(daemon) || daemon_open_openstack(daemon) || open_output(daemon) || start_ticking(daemon))
		return -1;
	return 0;
}

static void close_all(struct daemon *daemon)
{
	daemon->screen = screen_close(daemon->screen);
	if (daemon->stream)
		daemon->stream = stream_close(daemon->stream, STREAM_PATIENCE_SECONDS);
	daemon->http = http_close(daemon->http);
	daemon->pushgateway = pushgateway_close(daemon->pushgateway);
	daemon->pinger = pinger_close(daemon->pinger);
	daemon->rate_port = rate_port_close(daemon->rate_port);
	daemon->rates = rate_monitor_close(daemon->rates);
	daemon_close_openstack(daemon); /* after its last record */
	daemon->watch = watch_close(daemon->watch);
	daemon->monitor = monitor_close(daemon->monitor);
	daemon->control = control_close(daemon->control);
	report_release(daemon->report);
	daemon->book = book_free(daemon->book);
	daemon->groups = groups_free(daemon->groups);
	daemon->devices = devices_free(daemon->devices);
	daemon->rtt = rtt_book_free(daemon->rtt);
	loop_timer_remove(&daemon->tick);
	loop_timer_remove(&daemon->end);
	loop_timer_remove(&daemon->press);
	loop_signals_remove(&daemon->signals);
	daemon->loop = loop_free(daemon->loop);
	text_free(&daemon->line_buffer);
}

/* What came since the last tick; nothing, if the end came right after one: such an interval says nothing of a rate. */
static void last_report(struct daemon *daemon)
{
	int error = 0;

	if (clock_monotonic_ns() - daemon->ticked_ns > LAST_INTERVAL_LEAST_NS)
		error = tick_now(daemon, 0);
	if (error)
		fail(daemon, EXIT_FAILED, strerror(-error));
}

/*
 * The lines of a log file outlive the run, and need times. Not from the start: why a monitor did not start is shown to
 * who started it.
 */
static void log_file_begin(void)
{
	struct stat information;

	if (fstat(STDERR_FILENO, &information) || !S_ISREG(information.st_mode))
		return;
	log_set_timestamps(true);
	log_info("runs as pid %ld", (long)getpid());
}

int daemon_run(const struct options *options, struct config *config)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int error, status;

	if (!daemon) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	daemon->options = options;
	daemon->config = config;
	daemon->signals.source.fd = daemon->tick.source.fd = daemon->end.source.fd = daemon->press.source.fd = -1;
	if (!open_all(daemon)) {
		log_file_begin();
		error = loop_run(daemon->loop);
		if (error)
			fail(daemon, EXIT_FAILED, strerror(-error));
		last_report(daemon);
	}
	close_all(daemon);
	status = daemon->status;
	free(daemon);
	return status;
}
