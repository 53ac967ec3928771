/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd with no thread of its own: its epoll descriptor is one more source of the loop, and its next deadline a
 * timer. Whenever either says so, it does what can be done without waiting, and the loop goes on: a client that reads
 * slowly, or says nothing, is a descriptor that is not ready, until its time is over.
 *
 * The listening socket is made here rather than there, so that a failure can be told for what it is.
 */
#include "export/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "export/http_internal.h"

#define CONNECTIONS_MAX 256U
#define CONNECTION_TIMEOUT_S 15U
#define CONNECTION_MEMORY ((size_t)16 << 10) /* bytes; a request's headers must fit */
#define ADDRESS_DEFAULT "127.0.0.1"
#define NS_PER_MS 1000000ULL

/* As in a URL: 127.0.0.1:8080, [::1]:8080. */
static int fail(const struct http_config *config, int error, char line[HTTP_ERROR_SIZE])
{
	bool v6 = strchr(config->address, ':') != NULL;

	snprintf(line, HTTP_ERROR_SIZE, "cannot listen on %s%.64s%s:%u: %s: choose another with --listen",
		 v6 ? "[" : "", *config->address ? config->address : ADDRESS_DEFAULT, v6 ? "]" : "", config->port,
		 strerror(-error));
	return error;
}

static struct addrinfo *resolve(const struct http_config *config)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *address;
	char port[8];

	snprintf(port, sizeof(port), "%u", config->port);
	if (getaddrinfo(*config->address ? config->address : ADDRESS_DEFAULT, port, &hints, &address))
		return NULL;
	return address;
}

static int listen_on(const struct addrinfo *address)
{
	const int yes = 1, no = 0;
	int error, fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/*
	 * Connections of a monitor that ended may still be closing; a second listener is refused all the same. And "::" is
	 * every address, IPv4 too, whatever the system's default.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no))) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, SOMAXCONN)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static uint16_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .v6 = { 0 } };
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length))
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static bool is_loopback(const struct addrinfo *address)
{
	if (address->ai_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address->ai_addr)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)address->ai_addr)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static void log_line(void *context, const char *format, va_list arguments)
{
	char line[256] = "";

	(void)context;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

/* Asks to be called at the server's next deadline; at once, but after the other sources, if it has more to do. */
static void arm(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;
	uint64_t first_ns = 0;

	if (MHD_get_timeout(http->daemon, &ms) == MHD_YES)
		first_ns = ms ? ms * NS_PER_MS : 1;
	if (loop_timer_set(&http->timer, first_ns, 0))
		log_warning("http: its timer cannot be set: silent clients stay connected");
}

static void run(struct http *http)
{
	if (MHD_run(http->daemon) != MHD_YES)
		log_debug("http: the server cannot run now");
	arm(http);
}

static void ready(struct loop_source *source, uint32_t epoll_events)
{
	(void)epoll_events;
	run((struct http *)((char *)source - offsetof(struct http, source)));
}

static void expired(struct loop_timer *timer, uint64_t expirations)
{
	(void)expirations;
	run((struct http *)((char *)timer - offsetof(struct http, timer)));
}

/* Takes the descriptor. */
static int start(struct http *http, int fd)
{
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, http_answer, http,
					MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
					MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
					CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
					MHD_OPTION_END);
	if (http->daemon)
		return 0;
	close(fd); /* already closed, if it failed late: nobody can have taken the number since, on one thread */
	return -ENOMEM;
}

static int enter_loop(struct loop *loop, struct http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int error;

	if (!info)
		return -ENOTSUP;
	http->timer.expired = expired;
	http->source.ready = ready;
	error = loop_timer_add(loop, &http->timer);
	return error ? error : loop_add(loop, &http->source, info->epoll_fd, EPOLLIN);
}

static int open_on(struct loop *loop, const struct addrinfo *address, struct http *http)
{
	int error, fd = listen_on(address);

	if (fd < 0)
		return fd;
	http->loopback = is_loopback(address);
	http->port = port_of(fd);
	error = start(http, fd);
	return error ? error : enter_loop(loop, http);
}

int http_open(struct loop *loop, const struct http_config *config, const struct http_hooks *hooks, struct http **out,
	      char error[HTTP_ERROR_SIZE])
{
	struct addrinfo *address = resolve(config);
	struct http *http;
	int result;

	if (!address) {
		snprintf(error, HTTP_ERROR_SIZE,
			 "cannot listen on %.64s: not an address in numbers, such as 127.0.0.1 or ::1",
			 config->address);
		return -EINVAL;
	}
	http = calloc(1, sizeof(*http));
	if (!http) {
		freeaddrinfo(address);
		return fail(config, -ENOMEM, error);
	}
	http->source.fd = http->timer.source.fd = -1;
	http->hooks = *hooks;
	http->documents.prometheus = config->prometheus;
	result = open_on(loop, address, http);
	freeaddrinfo(address);
	if (result) {
		http_close(http);
		return fail(config, result, error);
	}
	*out = http;
	return 0;
}

struct http *http_close(struct http *http)
{
	if (!http)
		return NULL;
	loop_remove(&http->source);
	loop_timer_remove(&http->timer);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	documents_close(&http->documents);
	free(http);
	return NULL;
}

void http_configure(struct http *http, const struct prometheus_config *config)
{
	documents_configure(&http->documents, config);
}

void http_show(struct http *http, struct report *report)
{
	documents_show(&http->documents, report);
}

uint16_t http_port(const struct http *http)
{
	return http->port;
}
