/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rate monitor's own control protocol on a TCP port of 127.0.0.1: a client sends one JSON object, which nothing
 * frames, and is sent one. Whatever a client does, it delays nobody (base/clients.h).
 */
#ifndef FLOWGAUGE_RATE_PORT_H
#define FLOWGAUGE_RATE_PORT_H

#include "base/loop.h"
#include "base/text.h"

#define RATE_PORT_ERROR_SIZE 256
#define RATE_PORT_REQUEST_MAX 65536 /* bytes */
#define RATE_PORT_SECONDS 5         /* for a request and its answer */

struct cJSON;
struct rate_port;

struct rate_port_hooks {
	void *context;
	/* Appends the answer to `request`, an object. */
	void (*answer)(void *context, const struct cJSON *request, struct text *answer);
};

/* Port 0: any free one. -errno with one line in `error`. */
int rate_port_open(struct loop *loop, uint16_t port, const struct rate_port_hooks *hooks, struct rate_port **out,
		   char error[RATE_PORT_ERROR_SIZE]);
struct rate_port *rate_port_close(struct rate_port *port);
uint16_t rate_port_number(const struct rate_port *port);

#endif
