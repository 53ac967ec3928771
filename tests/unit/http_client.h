/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server on a free port, and clients of it on real sockets, all in one loop: while a client waits for its answer, the
 * server runs.
 */
#ifndef FLOWGAUGE_HTTP_CLIENT_H
#define FLOWGAUGE_HTTP_CLIENT_H

#include "export/http.h"

#define HANGS_SECONDS 120

struct http_bench {
	struct loop *loop;
	struct http *http;
	int reload_result;         /* what the hook is to answer */
	const char *reload_error;  /* and to say */
	const char *why_not_ready; /* NULL: ready */
	int reloads;
};

struct client {
	struct loop_source source;
	struct text answer; /* all bytes that came */
	size_t wanted;      /* the loop stops when so many came */
	bool ended;         /* the server has closed */
};

int http_bench_enter(void **state); /* for cmocka's setup and teardown: a server with the report of sample_mixed() */
int http_bench_leave(void **state);
int http_bench_open(struct http_bench *bench, const char *address, uint16_t port, char error[HTTP_ERROR_SIZE]);

void client_open(struct http_bench *bench, struct client *client); /* connects */
void client_send(struct client *client, const char *bytes);
void client_receive(struct client *client,
		    size_t wanted); /* runs the loop until so many bytes came in all, or the end */
void client_close(struct client *client);

/* One request on a connection of its own: the whole answer. `headers` end in \r\n each; Connection: close is added. */
struct text ask(struct http_bench *bench, const char *request_line, const char *headers);
struct text ask_for(struct http_bench *bench, const char *path); /* GET, with a Host header of loopback */

unsigned int answer_status(const struct text *answer);
/* The header's value or NULL; valid until the next call. */
const char *answer_header(const struct text *answer, const char *name);
const char *answer_body(const struct text *answer, size_t *length);
bool body_has(const struct text *answer, const char *part);
void assert_body(const struct text *answer, const char *expected);

#define LOCAL "Host: localhost:8080\r\n"

#endif
