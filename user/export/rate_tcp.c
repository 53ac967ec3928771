/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/rate_tcp.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define PATIENCE_NS 5000000000ULL /* for a connection and its record */
#define NS_PER_MS 1000000

/* One record on its way. */
struct sending {
	struct loop_source source; /* first: a source is its record */
	struct loop_timer patience;
	struct rate_tcp *tcp;
	char *line;
	size_t length, sent;
};

struct rate_tcp {
	struct loop *loop;
	struct sockaddr_storage address;
	socklen_t address_length;
	char name[300]; /* as the log names it */
	bool failing;   /* said already */
	uint64_t written, lost, lost_before;
	struct sending *pending[RATE_TCP_PENDING_MAX];
};

static void count_lost(struct rate_tcp *tcp, int error)
{
	tcp->lost++;
	if (!tcp->failing)
		log_warning("rate.tcp: cannot send to %s: %s: records are lost until it can be", tcp->name,
			    strerror(error));
	tcp->failing = true;
}

static void count_written(struct rate_tcp *tcp)
{
	tcp->written++;
	if (tcp->failing)
		log_info("rate.tcp: %s takes records again; lost: %llu", tcp->name,
			 (unsigned long long)(tcp->lost - tcp->lost_before));
	tcp->failing = false;
	tcp->lost_before = tcp->lost;
}

static void sending_free(struct sending *sending)
{
	int fd = sending->source.fd;

	for (size_t i = 0; i < RATE_TCP_PENDING_MAX; i++)
		if (sending->tcp->pending[i] == sending)
			sending->tcp->pending[i] = NULL;
	loop_timer_remove(&sending->patience);
	loop_remove(&sending->source);
	if (fd >= 0)
		close(fd);
	free(sending->line);
	free(sending);
}

static void finish(struct sending *sending, int error)
{
	if (error)
		count_lost(sending->tcp, error);
	else
		count_written(sending->tcp);
	sending_free(sending);
}

static void push(struct sending *sending)
{
	while (sending->sent < sending->length) {
		ssize_t sent = send(sending->source.fd, sending->line + sending->sent, sending->length - sending->sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			finish(sending, errno);
			return;
		}
		sending->sent += (size_t)sent;
	}
	finish(sending, 0);
}

static void ready(struct loop_source *source, uint32_t events)
{
	struct sending *sending = (struct sending *)source;
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (error) {
		finish(sending, error);
		return;
	}
	if (events & EPOLLOUT)
		push(sending);
	else if (events & (EPOLLERR | EPOLLHUP))
		finish(sending, ECONNRESET);
}

static void late(struct loop_timer *timer, uint64_t expirations)
{
	(void)expirations;
	finish((struct sending *)((char *)timer - offsetof(struct sending, patience)), ETIMEDOUT);
}

static struct sending **free_place(struct rate_tcp *tcp)
{
	for (size_t i = 0; i < RATE_TCP_PENDING_MAX; i++)
		if (!tcp->pending[i])
			return &tcp->pending[i];
	return NULL;
}

static int start(struct sending *sending)
{
	struct rate_tcp *tcp = sending->tcp;
	int error, fd = socket(tcp->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&tcp->address, tcp->address_length) && errno != EINPROGRESS)
		error = -errno;
	else
		error = loop_add(tcp->loop, &sending->source, fd, EPOLLOUT);
	if (error) {
		close(fd);
		return error;
	}
	error = loop_timer_add(tcp->loop, &sending->patience);
	return error ? error : loop_timer_set(&sending->patience, PATIENCE_NS, 0);
}

void rate_tcp_send(struct rate_tcp *tcp, const char *line, size_t length)
{
	struct sending **place = free_place(tcp), *sending;
	int error;

	if (!place) {
		count_lost(tcp, EBUSY);
		return;
	}
	sending = calloc(1, sizeof(*sending));
	if (!sending) {
		count_lost(tcp, ENOMEM);
		return;
	}
	*place = sending;
	sending->tcp = tcp;
	sending->source.fd = sending->patience.source.fd = -1;
	sending->source.ready = ready;
	sending->patience.expired = late;
	sending->length = length;
	sending->line = malloc(length ? length : 1);
	if (sending->line)
		memcpy(sending->line, line, length);
	error = sending->line ? start(sending) : -ENOMEM;
	if (error)
		finish(sending, -error);
}

int rate_tcp_open(struct loop *loop, const char *host, uint16_t port, struct rate_tcp **out,
		  char error[RATE_TCP_ERROR_SIZE])
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV };
	struct rate_tcp *tcp = calloc(1, sizeof(*tcp));
	struct addrinfo *found;
	char service[8];
	int result;

	if (!tcp) {
		snprintf(error, RATE_TCP_ERROR_SIZE, "rate.tcp: out of memory");
		return -ENOMEM;
	}
	snprintf(service, sizeof(service), "%u", port);
	result = getaddrinfo(host, service, &hints, &found);
	if (result) {
		snprintf(error, RATE_TCP_ERROR_SIZE,
			 "rate.tcp: cannot look up %.100s: %s: give an address, or a name that has one", host,
			 gai_strerror(result));
		free(tcp);
		return -EHOSTUNREACH;
	}
	tcp->loop = loop;
	memcpy(&tcp->address, found->ai_addr, found->ai_addrlen);
	tcp->address_length = found->ai_addrlen;
	freeaddrinfo(found);
	snprintf(tcp->name, sizeof(tcp->name), "%s port %u", host, port);
	*out = tcp;
	return 0;
}

/* The first record on its way, or NULL. */
static struct sending *first_pending(const struct rate_tcp *tcp)
{
	for (size_t i = 0; i < RATE_TCP_PENDING_MAX; i++)
		if (tcp->pending[i])
			return tcp->pending[i];
	return NULL;
}

struct rate_tcp *rate_tcp_close(struct rate_tcp *tcp, double seconds)
{
	uint64_t now = clock_monotonic_ns(), end = now + (uint64_t)(seconds * 1e9);
	struct sending *sending;

	if (!tcp)
		return NULL;
	while ((sending = first_pending(tcp))) {
		struct pollfd waiting = { .fd = sending->source.fd, .events = POLLOUT };
		/* Rounded up: the last part of a millisecond must not become a busy wait. */
		int timeout = now < end ? (int)((end - now) / NS_PER_MS + 1) : 0;

		if (poll(&waiting, 1, timeout) > 0)
			ready(&sending->source, waiting.revents & POLLOUT ? EPOLLOUT : EPOLLHUP);
		else if (!timeout)
			finish(sending, ETIMEDOUT);
		now = clock_monotonic_ns();
	}
	free(tcp);
	return NULL;
}

void rate_tcp_report(const struct rate_tcp *tcp, struct rate_sink_report *out)
{
	*out = (struct rate_sink_report){ .set = true, .written = tcp->written, .lost = tcp->lost };
}
