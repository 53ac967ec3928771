/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP server: libmicrohttpd on its own epoll descriptor inside the loop, so that a slow client delays nothing.
 * It shows the report it was given last. Rendered documents are kept until the next report.
 */
#ifndef FLOWGAUGE_HTTP_H
#define FLOWGAUGE_HTTP_H

#include <stdint.h>

#include "base/loop.h"
#include "export/flows_page.h"
#include "export/prometheus.h"

#define HTTP_ERROR_SIZE 256

struct http_config {
	const char *address; /* numeric, e.g. "127.0.0.1" or "::1"; empty: 127.0.0.1 */
	uint16_t port;       /* 0: any free one */
	struct prometheus_config prometheus;
};

/* What only the application can answer. */
struct http_hooks {
	void *context;
	void (*status)(void *context, struct text *json); /* appends one JSON object */
	bool (*ready)(void *context, struct text *why_not);
	int (*reload)(void *context, struct text *error); /* 0, or -errno with one line */
	struct flows_match match;
};

struct http;

/* -errno with one line in `error`, e.g. that the port is taken and what to do. */
int http_open(struct loop *loop, const struct http_config *config, const struct http_hooks *hooks, struct http **out,
	      char error[HTTP_ERROR_SIZE]);
struct http *http_close(struct http *http);
void http_configure(struct http *http, const struct prometheus_config *config);
void http_show(struct http *http, struct report *report); /* takes a reference; NULL: shows none until the next */
uint16_t http_port(const struct http *http);

#endif
