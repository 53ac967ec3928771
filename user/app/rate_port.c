/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object is found by its brackets, one look at each byte, so that a request that comes byte by byte costs no more than
 * one that comes whole.
 */
#include "app/rate_port.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clients.h"
#include "base/json_writer.h"

#define BACKLOG 64
#define NS_PER_SECOND 1000000000ULL

/* Where the reading of one object has got to. */
struct framing {
	unsigned int depth;
	bool begun, in_string, escaped, ended;
};

struct rate_client {
	struct client client; /* first */
	struct framing framing;
};

struct rate_port {
	struct rate_port_hooks hooks;
	struct clients *clients;
	uint16_t number;
};

static void answer_error(struct client *client, const char *line)
{
	struct json_writer json;

	json_begin(&json, &client->answer);
	json_object_open(&json, NULL);
	json_object_open(&json, "return");
	json_string(&json, "error", line);
	json_object_close(&json);
	json_object_close(&json);
}

static void answer(const struct rate_port_hooks *hooks, struct client *client)
{
	cJSON *tree = cJSON_ParseWithLength(client->request.bytes, client->request.length);

	if (!cJSON_IsObject(tree))
		client_refuse(client, "the request is not JSON: {\"status\":true} would be a request");
	else
		hooks->answer(hooks->context, tree, &client->answer);
	cJSON_Delete(tree);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One byte on. false: no object can come of it. */
static bool frame(struct framing *framing, char c)
{
	if (framing->ended || !framing->begun) {
		if (is_space(c))
			return true;
		framing->begun = true;
		framing->depth = 1;
		return !framing->ended && c == '{';
	}
	if (framing->in_string) {
		bool quote = c == '"' && !framing->escaped;

		framing->escaped = c == '\\' && !framing->escaped;
		framing->in_string = !quote;
		return true;
	}
	if (c == '"')
		framing->in_string = true;
	else if (c == '{' || c == '[')
		framing->depth++;
	else if (c == '}' || c == ']')
		framing->ended = !--framing->depth;
	return true;
}

static bool request_received(void *context, struct client *client, size_t fresh)
{
	const struct rate_port *port = context;
	struct framing *framing = &((struct rate_client *)client)->framing;

	for (size_t i = client->request.length - fresh; i < client->request.length; i++)
		if (!frame(framing, client->request.bytes[i])) {
			client_refuse(client,
				      "the request is not one JSON object: {\"status\":true} would be a request");
			return true;
		}
	if (framing->ended)
		answer(&port->hooks, client);
	return framing->ended;
}

static int listen_at(struct rate_port *port, struct loop *loop, uint16_t number)
{
	const struct clients_config config = {
		.client_size = sizeof(struct rate_client),
		.request_max = RATE_PORT_REQUEST_MAX,
		.patience_ns = RATE_PORT_SECONDS * NS_PER_SECOND,
		.cut_short = "the request ends before its JSON does",
		.late = "the request did not end in time",
		.context = port,
		.received = request_received,
		.refuse = answer_error,
	};
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(number),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int on = 1, result = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		result = -errno;
	if (!result)
		result = clients_new(loop, fd, &config, &port->clients);
	if (result)
		close(fd);
	port->number = ntohs(address.sin_port);
	return result;
}

int rate_port_open(struct loop *loop, uint16_t number, const struct rate_port_hooks *hooks, struct rate_port **out,
		   char error[RATE_PORT_ERROR_SIZE])
{
	struct rate_port *port = calloc(1, sizeof(*port));
	int result = -ENOMEM;

	if (port) {
		port->hooks = *hooks;
		result = listen_at(port, loop, number);
	}
	if (result) {
		snprintf(error, RATE_PORT_ERROR_SIZE,
			 "cannot listen on 127.0.0.1 port %u: %s: control.rate_port can name another one, or 0 for none",
			 number, strerror(-result));
		free(port);
		return result;
	}
	*out = port;
	return 0;
}

struct rate_port *rate_port_close(struct rate_port *port)
{
	if (!port)
		return NULL;
	clients_free(port->clients);
	free(port);
	return NULL;
}

uint16_t rate_port_number(const struct rate_port *port)
{
	return port->number;
}
