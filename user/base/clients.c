/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer is followed by the end of our side only; what the client still sends is read and dropped until it closes, as a
 * connection closed over unread bytes would be reset, and the answer with it.
 */
#include "base/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct clients {
	struct loop_source listener; /* first: a source is its clients */
	struct loop *loop;
	struct clients_config config;
	struct client *places[CLIENTS_MAX];
	uint64_t accepted;
};

static void client_free(struct client *client)
{
	int fd = client->source.fd;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (client->clients->places[i] == client)
			client->clients->places[i] = NULL;
	loop_timer_remove(&client->patience);
	loop_remove(&client->source);
	close(fd);
	text_free(&client->request);
	text_free(&client->answer);
	free(client);
}

void client_refuse(struct client *client, const char *line)
{
	text_clear(&client->answer);
	client->clients->config.refuse(client, line);
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

/* Takes what came in. True when there is an answer. */
static bool request_take(struct client *client, const char *bytes, size_t length)
{
	const struct clients_config *config = &client->clients->config;
	char line[64];

	if (client->request.length + length > config->request_max) {
		snprintf(line, sizeof(line), "the request is over %zu bytes", config->request_max);
		client_refuse(client, line);
		return true;
	}
	text_append_bytes(&client->request, bytes, length);
	if (client->request.failed) {
		client_refuse(client, "out of memory");
		return true;
	}
	if (!config->received(config->context, client, length))
		return false;
	if (!client->answer.length || client->answer.failed)
		client_refuse(client, "out of memory");
	return true;
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
	if (got < 0 || (!got && client->answered)) {
		client_free(client);
		return;
	}
	if (client->answered)
		return;
	if (!got)
		client_refuse(client, client->clients->config.cut_short);
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

/* One that has been answered needs no word. */
static void client_late(struct loop_timer *timer, uint64_t expirations)
{
	struct client *client = (struct client *)((char *)timer - offsetof(struct client, patience));

	(void)expirations;
	if (!client->answer.length && client->clients->config.late) {
		client_refuse(client, client->clients->config.late);
		(void)send(client->source.fd, client->answer.bytes, client->answer.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	client_free(client);
}

static void client_new(struct clients *clients, size_t place, int fd)
{
	struct client *client = calloc(1, clients->config.client_size);

	if (!client) {
		close(fd);
		return;
	}
	client->clients = clients;
	client->number = clients->accepted++;
	client->source.fd = client->patience.source.fd = -1;
	client->source.ready = client_ready;
	client->patience.expired = client_late;
	if (loop_add(clients->loop, &client->source, fd, EPOLLIN)) {
		close(fd);
		free(client);
		return;
	}
	clients->places[place] = client;
	if (loop_timer_add(clients->loop, &client->patience) ||
	    loop_timer_set(&client->patience, clients->config.patience_ns, 0))
		client_free(client);
}

/* A place that is free, or that of the client that has been there longest. */
static size_t place_make(struct clients *clients)
{
	size_t oldest = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (!clients->places[i])
			return i;
		if (clients->places[i]->number < clients->places[oldest]->number)
			oldest = i;
	}
	client_free(clients->places[oldest]);
	return oldest;
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
	struct clients *clients = (struct clients *)source;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		client_new(clients, place_make(clients), fd);
}

int clients_new(struct loop *loop, int fd, const struct clients_config *config, struct clients **out)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	int result;

	if (!clients)
		return -ENOMEM;
	clients->loop = loop;
	clients->config = *config;
	clients->listener.ready = listener_ready;
	result = loop_add(loop, &clients->listener, fd, EPOLLIN);
	if (result) {
		free(clients);
		return result;
	}
	*out = clients;
	return 0;
}

struct clients *clients_free(struct clients *clients)
{
	int fd;

	if (!clients)
		return NULL;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->places[i])
			client_free(clients->places[i]);
	fd = clients->listener.fd;
	loop_remove(&clients->listener);
	close(fd);
	free(clients);
	return NULL;
}
