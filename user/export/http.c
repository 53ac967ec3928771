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
#define BACKLOG 64
#define ADDRESS_DEFAULT "127.0.0.1"
#define NS_PER_MS 1000000ULL

/* As in a URL: 127.0.0.1:8080, [::1]:8080. */
static int fail(const struct http_config *config, int error, char line[HTTP_ERROR_SIZE])
{
	bool v6 = strchr(config->address, ':') != NULL;

	snprintf(line, HTTP_ERROR_SIZE, "cannot listen on %s%.64s%s:%u: %s: choose another with --listen", v6 ? "[" : "",
		 *config->address ? config->address : ADDRESS_DEFAULT, v6 ? "]" : "", config->port, strerror(-error));
	return error;
}

static struct addrinfo *resolve(const struct http_config *config)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
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
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Connections of the monitor before may still be closing; another listener is refused nevertheless. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)))
		goto failed;
	/* "::" is every address, IPv4 too, whatever the system's default. */
	if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)))
		goto failed;
	if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG))
		goto failed;
	return fd;
failed:
	yes == no ? 0 : 0;
	return -1;
}
