/* SPDX-License-Identifier: BSD-2-Clause */
/* The tick: one reading of the kernel's counters, one report, and every way out is given that same report. */
#include <errno.h>
#include <string.h>

#include "app/daemon_internal.h"
#include "app/rtt.h"
#include "base/log.h"
#include "export/json_records.h"
#include "kernel/interface_counters.h"
#include "export/rate_records.h"

#define LINES_MAX 1000 /* flows that a tick prints into a pipe; --json prints all */

struct taking {
	struct daemon *daemon;
	struct book *book;
	struct groups *groups;
	struct devices *devices;
	int error; /* the first one */
};

/* Idle flows are taken out while the reading goes on, whenever enough of them wait: so there may be any number. */
static void take_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct taking *taking = context;
	int error = book_flow(taking->book, slot, key, record);

	if (error && !taking->error)
		taking->error = error;
	groups_flow(taking->groups, key, record->packets + record->spilled.packets,
		    record->bytes + record->spilled.bytes, record->payload_bytes + record->spilled.payload_bytes);
	if (book_idle_waiting(taking->book) == BOOK_IDLE_WAITING)
		free_idle(taking->daemon);
}

static void take_soon(void *context, uint32_t slot)
{
	book_soon(((struct taking *)context)->book, slot);
}

static void take_unread(void *context, uint32_t slot)
{
	book_unread(((struct taking *)context)->book, slot);
}

static void take_left(void *context, const struct flow_key *key, const struct flow_record *record)
{
	free_left(((struct taking *)context)->daemon, key, record);
}

static void take_ledger(void *context, unsigned int ifindex, enum direction direction, const struct ledger_record *sum)
{
	struct taking *taking = context;
	int error = book_ledger(taking->book, ifindex, direction, sum);

	if (error && !taking->error)
		taking->error = error;
}

static void take_residual(void *context, unsigned int ifindex, enum direction direction, int64_t packets)
{
	struct taking *taking = context;
	int error = book_residual(taking->book, ifindex, direction, packets);

	if (error && !taking->error)
		taking->error = error;
}

static void take_device(void *context, const struct interface_counters *counters)
{
	struct taking *taking = context;
	struct device_tally sides[DIRECTIONS];

	for (int direction = 0; direction < DIRECTIONS; direction++)
		sides[direction] = (struct device_tally){
			.packets = counters->packets[direction],
			.bytes = counters->bytes[direction],
			.errors = counters->errors[direction],
			.drops = counters->drops[direction],
		};
	devices_count(taking->devices, counters->ifindex, sides);
}

/* Says once that the sums do not hold; the metric says how much is missing. */
static void check_accounts(struct daemon *daemon)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < daemon->report->total_count; i++)
		packets += daemon->report->totals[i].unaccounted_packets;
	if (packets && !daemon->unaccounted)
		log_error("%llu packets were charged as flow and are in no flow: this is a defect, please report it",
			  (unsigned long long)packets);
	daemon->unaccounted = packets > 0;
}

static void observe_costs(struct daemon *daemon, const struct monitor_reading *reading)
{
	struct program_cost costs[PROGRAMS_MAX];
	size_t count = monitor_program_costs(daemon->monitor, costs);

	if (monitor_fragments(daemon->monitor, &daemon->self.fragments))
		log_debug("the counts of fragments could not be read");
	self_observe_snapshot(&daemon->self, (double)reading->duration_ns / 1e9);
	daemon->self.program_count = count;
	for (size_t i = 0; i < count; i++)
		daemon->self.programs[i] = (struct program_report){
			.program = costs[i].program,
			.runs = costs[i].runs,
			.seconds = (double)costs[i].run_ns / 1e9,
		};
}

static void show_lines(struct daemon *daemon)
{
	struct text *out = &daemon->line_buffer;
	struct console_config console = daemon_console_config(daemon);
	bool taken;

	console.max_rows = LINES_MAX;
	text_clear(out);
	if (daemon->config->json) {
		if (daemon->config->rate_only && daemon->report->rates.due)
			record_rate_lines(&daemon->report->rates, daemon->report->time_ns, out);
		else if (!daemon->config->rate_only)
			record_lines(daemon->report, out);
	} else {
		console_render(&console, daemon->report, out);
		text_append_char(out, '\n');
	}
	taken = stream_offer(daemon->stream, out);
	if (!taken && !daemon->output_skipping)
		log_warning("standard output is read too slowly: ticks are left out until it catches up");
	else if (taken && daemon->output_skipping)
		log_info("standard output has caught up: %llu ticks were left out in all",
			 (unsigned long long)stream_left_out(daemon->stream));
	daemon->output_skipping = !taken;
}

static void show(struct daemon *daemon)
{
	if (daemon->http)
		http_show(daemon->http, daemon->report);
	if (daemon->pushgateway)
		pushgateway_show(daemon->pushgateway, daemon->report);
	if (daemon->screen)
		screen_show(daemon->screen, daemon->report);
	else if (daemon->stream)
		show_lines(daemon);
}

/*
 * The last report is let go before the next one is made, so that its memory serves again: nobody asks for it meanwhile, as
 * there is one thread. Only the screen keeps it, for the user's keys.
 */
static void let_go(struct daemon *daemon)
{
	daemon->report = report_release(daemon->report);
	if (daemon->http)
		http_show(daemon->http, NULL);
}

/* A report without them is better than none. */
static void take_rtt(struct daemon *daemon, const struct monitor_reading *reading, struct report *report)
{
	int error = rtt_take(daemon->rtt, daemon->monitor, &daemon->config->rtt, reading, false, report);

	if (error && !daemon->rtt_failed)
		log_warning("round-trip times cannot be read: %s", strerror(-error));
	daemon->rtt_failed = error != 0;
}

int tick_now(struct daemon *daemon, uint64_t late)
{
	struct taking taking = {
		.daemon = daemon,
		.book = daemon->book,
		.groups = daemon->groups,
		.devices = daemon->devices,
	};
	struct monitor_visitor visitor = {
		.context = &taking,
		.flow = take_flow,
		.soon = take_soon,
		.unread = take_unread,
		.left = take_left,
		.ledger = take_ledger,
		.residual = take_residual,
		.device = take_device,
	};
	struct monitor_reading reading;
	struct report *report;
	int error;

	let_go(daemon);
	book_begin(daemon->book, clock_monotonic_ns(), clock_realtime_ns());
	groups_begin(daemon->groups);
	error = daemon_refresh_devices(daemon);
	if (!error)
		error = monitor_read(daemon->monitor, &visitor, &reading);
	if (!error)
		error = taking.error;
	if (error)
		return error;
	observe_costs(daemon, &reading);
	daemon->self.openstack = openstack_report(daemon->openstack);
	if (daemon->pushgateway)
		daemon->self.push = pushgateway_counts(daemon->pushgateway);
	free_idle(daemon);
	if (free_pressed(daemon) || free_end(daemon))
		log_warning("the table is nearly full, and its flows could not be read to free some");
	error = book_report(daemon->book, late, &daemon->self, &report);
	if (error)
		return error;
	if (groups_report(daemon->groups, report))
		log_warning("out of memory: the report is without groups");
	error = devices_report(daemon->devices, report);
	if (error) {
		report_release(report);
		return error;
	}
	take_rtt(daemon, &reading, report);
	report->pings = pinger_sample(daemon->pinger);
	if (daemon->rates)
		report->rates = rate_monitor_report(daemon->rates);
	daemon->report = report;
	check_accounts(daemon);
	daemon->ticked_ns = clock_monotonic_ns();
	show(daemon);
	return 0;
}

void tick_expired(struct loop_timer *timer, uint64_t expirations)
{
	struct daemon *daemon = (struct daemon *)((char *)timer - offsetof(struct daemon, tick));
	int error;

	if (expirations > 1) {
		daemon->late_ticks += expirations - 1;
		if (!daemon->running_late)
			log_warning("a tick came late by %llu periods; rates use the time that passed",
				    (unsigned long long)(expirations - 1));
	}
	daemon->running_late = expirations > 1;
	error = tick_now(daemon, expirations - 1);
	if (error)
		log_error("a tick is missing: cannot read the counters: %s", strerror(-error));
}
