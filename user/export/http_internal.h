/* SPDX-License-Identifier: BSD-2-Clause */
/* What the server and its routes share. */
#ifndef FLOWGAUGE_HTTP_INTERNAL_H
#define FLOWGAUGE_HTTP_INTERNAL_H

#include "export/http.h"
#include "export/http_documents.h"

struct http {
	struct loop_source source; /* libmicrohttpd's epoll descriptor */
	struct loop_timer timer;   /* its next deadline */
	struct MHD_Daemon *daemon;
	struct http_hooks hooks;
	struct documents documents;
	uint16_t port;
	bool loopback; /* it listens on loopback only: requests must name a loopback host */
};

/* libmicrohttpd's handler of requests; `context` is the struct http. */
enum MHD_Result http_answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
			    const char *version, const char *upload, size_t *upload_size, void **request);

#endif
