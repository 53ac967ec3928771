/* SPDX-License-Identifier: BSD-2-Clause */
/* The one daemon object, shared by the files that make it up: daemon.c, tick.c, reload.c, requests.c. */
#ifndef FLOWGAUGE_DAEMON_INTERNAL_H
#define FLOWGAUGE_DAEMON_INTERNAL_H

#include "app/control.h"
#include "app/daemon.h"
#include "app/rate_monitor.h"
#include "app/rate_port.h"
#include "app/watch.h"
#include "export/console.h"
#include "export/http.h"
#include "export/screen.h"
#include "export/stream.h"
#include "measure/book.h"

struct daemon {
	const struct options *options;
	struct config *config;
	struct loop *loop;
	struct loop_signals signals;
	struct loop_timer tick;
	struct loop_timer end;
	struct monitor *monitor;
	struct watch *watch;
	struct book *book;
	struct self_report self;
	struct report *report; /* the last one; NULL after a tick that failed */
	struct control *control;
	struct rate_monitor *rates;  /* NULL: off */
	struct rate_port *rate_port; /* NULL: none */
	struct http *http;
	struct screen *screen;
	struct stream *stream;
	struct text line_buffer;
	bool output_skipping; /* ticks are being left out of standard output */
	uint64_t late_ticks;
	bool running_late;  /* the last tick came late: said once, not at each of them */
	uint64_t ticked_ns; /* CLOCK_MONOTONIC of the last report */
	int status;         /* exit status */
};

/* tick.c */
int tick_now(struct daemon *daemon, uint64_t late);
void tick_expired(struct loop_timer *timer, uint64_t expirations);

/* reload.c: 0, or -errno with one line; nothing is changed then. Appends what it has to say to `said`, if anything. */
int daemon_reload(struct daemon *daemon, struct text *error, struct text *said);
/* What the exporters need of the configuration. */
struct console_config daemon_console_config(const struct daemon *daemon);
struct prometheus_config daemon_prometheus_config(const struct daemon *daemon);
struct book_config daemon_book_config(const struct daemon *daemon);
void daemon_warn_of_rules(const struct config *config);

/*
 * rate_requests.c: settings of the rate monitor while it runs. `values` is a JSON object of rate_setting_table's names and
 * "interface"; all of it takes effect, or nothing. -ENOENT: a name that there is not; else -errno; with one line in `error`.
 */
int daemon_rate_set(struct daemon *daemon, const struct cJSON *values, struct text *error);
int daemon_rate_pause(struct daemon *daemon, bool pause, struct text *error);
void daemon_rate_answer(void *context, const struct cJSON *request, struct text *answer); /* of control.rate_port */

/* requests.c: what the control socket and the HTTP server ask for. */
int daemon_request(void *context, const struct control_request *request, struct text *members, struct text *error);
void daemon_status(void *context, struct text *json);
bool daemon_ready(void *context, struct text *why_not);
int daemon_http_reload(void *context, struct text *error);

#endif
