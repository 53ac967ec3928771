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
#include "export/openstack.h"
#include "export/pushgateway.h"
#include "export/screen.h"
#include "export/stream.h"
#include "measure/book.h"
#include "measure/devices.h"
#include "measure/groups.h"
#include "measure/rtt.h"
#include "probe/pinger.h"

struct daemon {
	const struct options *options;
	struct config *config;
	struct loop *loop;
	struct loop_signals signals;
	struct loop_timer tick;
	struct loop_timer end;
	struct loop_timer press; /* looks whether the table is nearly full */
	uint64_t press_after_ns; /* not before, as the last time took long */
	struct monitor *monitor;
	struct watch *watch;
	struct book *book;
	struct groups *groups;
	struct devices *devices;
	struct rtt_book *rtt;
	uint64_t links_version; /* of the links that it was told of last */
	struct pinger *pinger;
	struct self_report self;
	struct report *report; /* the last one; NULL after a tick that failed */
	struct control *control;
	struct rate_monitor *rates;  /* NULL: off */
	struct rate_port *rate_port; /* NULL: none */
	struct http *http;
	struct pushgateway *pushgateway;
	struct push_label push_labels[PUSH_GROUPING_MAX + 1];
	char host_name[PUSH_TEXT_SIZE];
	struct screen *screen;
	struct stream *stream;
	struct openstack *openstack; /* NULL: records go elsewhere, or nowhere */
	struct text line_buffer;
	bool output_skipping; /* ticks are being left out of standard output */
	uint64_t late_ticks;
	bool rtt_failed;    /* the last reading of round-trip times did: said once */
	bool unaccounted;   /* packets were found that no flow has: said once */
	bool running_late;  /* the last tick came late: said once, not at each of them */
	uint64_t ticked_ns; /* CLOCK_MONOTONIC of the last report */
	int status;         /* exit status */
};

/* tick.c */
int tick_now(struct daemon *daemon, uint64_t late);
void tick_expired(struct loop_timer *timer, uint64_t expirations);

/* devices.c: the interfaces that there are now are told to daemon->devices, if they have changed. 0 or -ENOMEM. */
int daemon_refresh_devices(struct daemon *daemon);

/* push.c: opens daemon->pushgateway if there is one to push to. 0, or -errno with one line. */
int daemon_open_pushgateway(struct daemon *daemon, char error[PUSHGATEWAY_ERROR_SIZE]);

/*
 * freeing.c: takes the idle flows out of the table that the reading has found so far; and, if the table is nearly full,
 * others, as the reading just made says. free_end follows the last of them. 0 or -errno. Between ticks a timer looks whether
 * the table is nearly full.
 */
void free_idle(struct daemon *daemon);
int free_pressed(struct daemon *daemon);
int free_end(struct daemon *daemon);
void free_left(struct daemon *daemon, const struct flow_key *key, const struct flow_record *record);
void press_expired(struct loop_timer *timer, uint64_t expirations);
int press_start(struct daemon *daemon);

/* reload.c: 0, or -errno with one line; nothing is changed then. Appends what it has to say to `said`, if anything. */
int daemon_reload(struct daemon *daemon, struct text *error, struct text *said);
/* What the exporters need of the configuration. */
struct console_config daemon_console_config(const struct daemon *daemon);
struct prometheus_config daemon_prometheus_config(const struct daemon *daemon);
struct book_config daemon_book_config(const struct daemon *daemon);
struct groups_config daemon_groups_config(const struct daemon *daemon);
struct pinger_config daemon_pinger_config(const struct config *config);
void daemon_warn_of_rules(const struct config *config);

/* openstack_sink.c: -1 with the error logged; and what belongs to its end. */
int daemon_open_openstack(struct daemon *daemon);
void daemon_close_openstack(struct daemon *daemon);

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
