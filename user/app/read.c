/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/read.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/flow_rules.h"
#include "app/rtt.h"
#include "base/log.h"
#include "base/loop.h"
#include "control_protocol.h"
#include "export/console.h"
#include "export/json_records.h"
#include "kernel/replay.h"
#include "measure/book.h"
#include "measure/groups.h"

/*
 * The kernel's sum of squared gaps turns over after 9444 s^2. So the flows are read before that can happen: a turn adds
 * 1024 gaps of 2 s to it at most, and half an hour of gaps of 2 s 3600 s^2.
 */
#define FRAMES_A_TURN 1024
#define READING_PERIOD_NS 1800000000000ULL /* of the capture's time */
#define PROGRESS_PERIOD_NS 100000000ULL

struct reading {
	const struct config *config;
	struct replay *replay;
	struct book *book;
	struct groups *groups;
	struct rtt_book *rtt;
	struct monitor_reading moment; /* of the last reading, in the capture's clock */
	bool begun;
	uint64_t read_ns; /* the capture's time when its counts were last read */
	int error;        /* the first one of the book */
};

static void take_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct reading *reading = context;
	int error = book_flow(reading->book, slot, key, record);

	if (error && !reading->error)
		reading->error = error;
	groups_flow(reading->groups, key, record->packets + record->spilled.packets,
		    record->bytes + record->spilled.bytes, record->payload_bytes + record->spilled.payload_bytes);
}

static void take_ledger(void *context, unsigned int ifindex, enum direction direction, const struct ledger_record *sum)
{
	struct reading *reading = context;
	int error = direction == DIRECTION_INGRESS ? book_ledger(reading->book, ifindex, direction, sum) : 0;

	if (error && !reading->error)
		reading->error = error;
}

static void show_progress(const struct replay *replay, bool last)
{
	double share = replay_progress(replay);
	char bar[41];

	if (share < 0 || share > 1)
		share = 1;
	memset(bar, '.', sizeof(bar) - 1);
	memset(bar, '#', (size_t)(share * (sizeof(bar) - 1)));
	bar[sizeof(bar) - 1] = '\0';
	fprintf(stderr, "\r[%s] %3.0f %% %llu frames%s", bar, share * 100,
		(unsigned long long)replay_summary(replay)->frames, last ? "\r\033[K" : "");
}

static int read_counts(struct reading *reading, uint64_t time_ns)
{
	struct monitor_visitor visitor = { .context = reading, .flow = take_flow, .ledger = take_ledger };
	struct monitor_reading result;
	int error;

	book_begin(reading->book, time_ns, time_ns);
	groups_begin(reading->groups);
	error = monitor_read(replay_monitor(reading->replay), &visitor, &result);
	reading->moment = (struct monitor_reading){ .monotonic_ns = time_ns, .realtime_ns = time_ns };
	reading->read_ns = time_ns;
	return error ? error : reading->error;
}

/* The base of the only interval, the whole file: a report of nothing at the time of the first frames. */
static int begin(struct reading *reading)
{
	struct interface_report interface = {
		.name = REPLAY_INTERFACE,
		.ifindex = replay_ifindex(reading->replay),
		.attached = true,
		.hook = { hook_name(HOOK_IS_XDP), hook_name(HOOK_NONE) },
	};
	struct self_report self = { .flows_limit = reading->config->max_flows };
	uint64_t first_ns = replay_summary(reading->replay)->first_ns;
	struct report *report = NULL;
	int error = book_interfaces(reading->book, &interface, 1);

	if (!error)
		error = groups_interfaces(reading->groups, &interface, 1);

	reading->begun = true;
	reading->read_ns = first_ns;
	book_begin(reading->book, first_ns, first_ns);
	if (!error)
		error = book_report(reading->book, 0, &self, &report);
	report_release(report);
	return error;
}

static int after_turn(struct reading *reading)
{
	const struct replay_summary *summary = replay_summary(reading->replay);
	int error = 0;

	if (!reading->begun)
		error = begin(reading);
	if (!error && summary->last_ns - reading->read_ns > READING_PERIOD_NS)
		error = read_counts(reading, summary->last_ns);
	return error;
}

/* The whole file, or what comes before damage; the line about that is printed. */
static int run_frames(struct reading *reading)
{
	bool progress = isatty(STDERR_FILENO);
	char line[MONITOR_ERROR_SIZE] = "";
	uint64_t shown = 0;
	int more, error;

	do {
		more = replay_run(reading->replay, FRAMES_A_TURN, line);
		error = after_turn(reading);
		if (progress && clock_monotonic_ns() - shown > PROGRESS_PERIOD_NS) {
			show_progress(reading->replay, false);
			shown = clock_monotonic_ns();
		}
	} while (more > 0 && !error);
	if (progress)
		show_progress(reading->replay, true);
	if (error)
		log_error("cannot read the counters: %s", strerror(-error));
	if (more < 0)
		log_error("%s", line);
	return more < 0 || error ? EXIT_FAILED : EXIT_DONE;
}

static int print_text(struct text *text)
{
	int status = EXIT_DONE;

	if (text->failed || fwrite(text->bytes, 1, text->length, stdout) != text->length || fflush(stdout)) {
		log_error("cannot write the report to standard output");
		status = EXIT_FAILED;
	}
	text_free(text);
	return status;
}

static int print_report(const struct config *config, const struct report *report)
{
	struct console_config console = {
		.bits = config->bits,
		.nominal_gap = config->nominal_gap_ms / 1000,
		.show_throughput = config->show_throughput,
		.show_goodput = config->show_goodput,
		.show_jitter = config->show_jitter,
		.show_sequence = config->show_sequence,
		.order = ORDER_THROUGHPUT,
	};
	struct text out = TEXT_EMPTY;

	if (config->json)
		record_lines(report, &out);
	else
		console_render(&console, report, &out);
	return print_text(&out);
}

static void say_what_was_odd(const struct replay_summary *summary)
{
	if (summary->cut)
		log_info("%llu of %llu frames were captured in part: their wire length is counted, and what is there is parsed",
			 (unsigned long long)summary->cut, (unsigned long long)summary->frames);
	if (summary->backwards)
		log_info("time ran backwards before %llu of %llu frames", (unsigned long long)summary->backwards,
			 (unsigned long long)summary->frames);
}

static int report_whole(struct reading *reading)
{
	struct self_report self = { .flows_limit = reading->config->max_flows };
	struct report *report = NULL;
	int status, error = read_counts(reading, replay_summary(reading->replay)->last_ns);

	if (!error)
		error = book_report(reading->book, 0, &self, &report);
	if (!error)
		error = groups_report(reading->groups, report);
	if (!error)
		error = rtt_take(reading->rtt, replay_monitor(reading->replay), &reading->config->rtt, &reading->moment,
				 true, report);
	if (error) {
		report_release(report);
		log_error("cannot make the report: %s", strerror(-error));
		return EXIT_FAILED;
	}
	status = print_report(reading->config, report);
	report_release(report);
	return status;
}

int read_run(const struct config *config)
{
	struct reading reading = { .config = config };
	struct book_config book = {
		.idle_timeout_ns = UINT64_MAX,
		.max_flows = config->max_flows,
		.followed_max = config->max_flows,
	};
	struct groups_config groups = { config->groups, config->group_count, flow_rules.matches };
	struct monitor_config monitor = {
		.constants = config->constants,
		.max_flows = config->max_flows,
		.rtt = config_kernel_rtt(&config->rtt),
	};
	char line[MONITOR_ERROR_SIZE] = "";
	int status = EXIT_FAILED, damaged;

	if (replay_open(&monitor, config->read_path, &reading.replay, line) ||
	    monitor_set_rules(replay_monitor(reading.replay), config->rules, config->rule_count, line)) {
		log_error("%s", line);
	} else if (book_new(&book, &reading.book) || groups_new(&groups, &reading.groups) ||
		   rtt_book_new(&reading.rtt)) {
		log_error("out of memory");
	} else {
		damaged = run_frames(&reading);
		say_what_was_odd(replay_summary(reading.replay));
		status = report_whole(&reading);
		if (damaged)
			status = damaged;
	}
	book_free(reading.book);
	groups_free(reading.groups);
	rtt_book_free(reading.rtt);
	replay_close(reading.replay);
	return status;
}
