/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object is found by its brackets, one look at each byte, so that a request that comes byte by byte costs no more than
 * one that comes whole. An answer is followed by the end of our side only; what the client still sends is read and
 * dropped until it closes, as a connection closed over unread bytes would be reset, and the answer with it.
 */
#include "app/rate_port.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json_writer.h"

#define BACKLOG 64

/* Where the reading of one object has got to. */
struct framing {
	unsigned int depth;
	bool begun, in_string, escaped, ended;
};

struct client {
	struct loop_source source; /* first: a source is its client */
	struct loop_timer patience;
	struct rate_port *port;
	uint64_t number; /* of all clients since the start */
	struct framing framing;
	struct text request;
	struct text answer;
	size_t sent;
	bool answered; /* all was sent */
};

struct rate_port {
	struct loop_source listener; /* first */
	struct loop *loop;
	struct rate_port_hooks hooks;
	struct client *clients[RATE_PORT_CLIENTS_MAX];
	uint64_t accepted;
	uint16_t number;
};

static void client_free(struct client *client)
{
	int fd = client->source.fd;

	for (size_t i = 0; i < RATE_PORT_CLIENTS_MAX; i++)
		if (client->port->clients[i] == client)
			client->port->clients[i] = NULL;
	loop_timer_remove(&client->patience);
	loop_remove(&client->source);
	if (fd >= 0)
		close(fd);
	text_free(&client->request);
	text_free(&client->answer);
	free(client);
}

static void answer_error(struct client *client, const char *line)
{
	struct json_writer json;

	text_clear(&client->answer);
	json_begin(&json, &client->answer);
	json_object_open(&json, NULL);
	json_object_open(&json, "return");
	json_string(&json, "error", line);
	json_object_close(&json);
	json_object_close(&json);
}

static void answer(struct client *client)
{
	const struct rate_port_hooks *hooks = &client->port->hooks;
	cJSON *tree = cJSON_ParseWithLength(client->request.bytes, client->request.length);

	if (!cJSON_IsObject(tree))
		answer_error(client, "the request is not JSON: {\"status\":true} would be a request");
	else
		hooks->answer(hooks->context, tree, &client->answer);
	if (!client->answer.length || client->answer.failed)
		answer_error(client, "out of memory");
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

/* Takes what came in. True when there is an answer. */
static bool request_take(struct client *client, const char *bytes, size_t length)
{
	if (client->request.length + length > RATE_PORT_REQUEST_MAX) {
		answer_error(client, "the request is over 65536 bytes");
		return true;
	}
	text_append_bytes(&client->request, bytes, length);
	if (client->request.failed) {
		answer_error(client, "out of memory");
		return true;
	}
	for (size_t i = 0; i < length; i++)
		if (!frame(&client->framing, bytes[i])) {
			answer_error(client,
				     "the request is not one JSON object: {\"status\":true} would be a request");
			return true;
		}
	if (client->framing.ended)
		answer(client);
	return client->framing.ended;
}

static void client_send(struct client *client)
{
	while (client->sent < client->answer.length) {
		ssize_t sent = send(client->source.fd, client->answer.bytes + client->sent,
				    client->answer.length - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN && !loop_modify(&client->source, EPOLLOUT))
			return;
		if (sent <= 0) {
			client_free(client);
			return;
		}
		client->sent += (size_t)sent;
	}
	client->answered = true;
	if (shutdown(client->source.fd, SHUT_WR) || loop_modify(&client->source, EPOLLIN))
		client_free(client);
}

/* A piece at a time: a client that sends without end gets its turn, and no more. */
static void client_receive(struct client *client)
{
	char chunk[4096];
	ssize_t got;

	do
		got = recv(client->source.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return;
	if (client->answered) {
		if (got <= 0)
			client_free(client);
		return;
	}
	if (got < 0) {
		client_free(client);
		return;
	}
	if (!got)
		answer_error(client, "the request ends before its JSON does");
	if (!got || request_take(client, chunk, (size_t)got))
		client_send(client);
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct client *client = (struct client *)source;

	if (client->answer.length && !client->answered)
		client_send(client);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		client_receive(client);
}

/* The last word to one that never finished is why; one that has been answered needs none. */
static void client_late(struct loop_timer *timer, uint64_t expirations)
{
	struct client *client = (struct client *)((char *)timer - offsetof(struct client, patience));

	(void)expirations;
	if (!client->answer.length) {
		answer_error(client, "the request did not end in time");
		(void)send(client->source.fd, client->answer.bytes, client->answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	client_free(client);
}

static void client_new(struct rate_port *port, size_t place, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->port = port;
	client->number = port->accepted++;
	client->source.fd = client->patience.source.fd = -1;
	client->source.ready = client_ready;
	client->patience.expired = client_late;
	if (loop_add(port->loop, &client->source, fd, EPOLLIN)) {
		close(fd);
		free(client);
		return;
	}
	port->clients[place] = client;
	if (loop_timer_add(port->loop, &client->patience) ||
	    loop_timer_set(&client->patience, RATE_PORT_SECONDS * 1000000000ULL, 0))
		client_free(client);
}

/* A place that is free, or that of the client that has been there longest. */
static size_t place_make(struct rate_port *port)
{
	size_t oldest = 0;

	for (size_t i = 0; i < RATE_PORT_CLIENTS_MAX; i++) {
		if (!port->clients[i])
			return i;
		if (port->clients[i]->number < port->clients[oldest]->number)
			oldest = i;
	}
	client_free(port->clients[oldest]);
	return oldest;
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
	struct rate_port *port = (struct rate_port *)source;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		client_new(port, place_make(port), fd);
}

static int listen_at(struct rate_port *port, uint16_t number)
{
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
		result = loop_add(port->loop, &port->listener, fd, EPOLLIN);
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
		port->loop = loop;
		port->hooks = *hooks;
		port->listener.fd = -1;
		port->listener.ready = listener_ready;
		result = listen_at(port, number);
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
	int fd;

	if (!port)
		return NULL;
	for (size_t i = 0; i < RATE_PORT_CLIENTS_MAX; i++)
		if (port->clients[i])
			client_free(port->clients[i]);
	fd = port->listener.fd;
	loop_remove(&port->listener);
	close(fd);
	free(port);
	return NULL;
}

uint16_t rate_port_number(const struct rate_port *port)
{
	return port->number;
}
