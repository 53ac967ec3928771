/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out to a Pushgateway, for where Prometheus cannot come and scrape: the report of a tick as one group, pushed
 * every interval, with a DELETE at an orderly end, as a Pushgateway forgets nothing by itself. No call but
 * pushgateway_close waits for anything.
 */
#ifndef FLOWGAUGE_PUSHGATEWAY_H
#define FLOWGAUGE_PUSHGATEWAY_H

#include "base/loop.h"
#include "export/prometheus.h"
#include "export/push_path.h"
#include "measure/report.h"

#define PUSHGATEWAY_ERROR_SIZE 512

/* Strings are borrowed and must outlive the pushgateway; NULL or "": not wanted. */
struct pushgateway_config {
	const char *url;                 /* PUSH_URL_RIGHT */
	const char *job;                 /* not empty */
	const struct push_label *labels; /* of the group, `instance` included; borrowed likewise */
	size_t label_count;
	double interval_seconds; /* a push a tick at most */
	bool post;               /* POST: keep what else is in the group; else PUT */
	unsigned int what;       /* PUSH_RTT, …, of export/prometheus.h */
	struct prometheus_config prometheus;
	const char *username, *password_file;
	const char *ca, *cert, *key, *server_name;
	bool gzip;
	bool delete_on_exit;
};

struct pushgateway;

/* 0, or -errno with one line, when a file that is named cannot be read. The server is not asked yet. */
int pushgateway_open(struct loop *loop, const struct pushgateway_config *config, struct pushgateway **out,
		     char error[PUSHGATEWAY_ERROR_SIZE]);
/* Lets a push under way end, deletes the group if that is wanted; for some seconds at most. NULL. */
struct pushgateway *pushgateway_close(struct pushgateway *pushgateway);
void pushgateway_configure(struct pushgateway *pushgateway, const struct prometheus_config *prometheus);

/* The report of a tick: it is pushed if a push is due. Nothing of it is kept. */
void pushgateway_show(struct pushgateway *pushgateway, const struct report *report);
struct push_report pushgateway_counts(const struct pushgateway *pushgateway);

#endif
