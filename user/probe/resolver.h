/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names to addresses, away from the loop: getaddrinfo() may take as long as it likes. A few threads, so that one dead
 * name server does not hold up the others' names, and a bounded queue; what does not fit is for the caller to ask again.
 */
#ifndef FLOWGAUGE_RESOLVER_H
#define FLOWGAUGE_RESOLVER_H

#include "base/loop.h"
#include "probe/icmp_socket.h"

#define RESOLVER_QUEUE_MAX 1024
#define RESOLVED_MAX 16 /* addresses of a name */

struct resolver;

struct resolver_hooks {
	void *context;
	/* In the loop. `error`: 0 with at least one address, or getaddrinfo's, in order of preference and each once. */
	void (*done)(void *context, void *asker, int error, const struct icmp_address *addresses, size_t count);
};

/* Functions return 0 or -errno. */
int resolver_open(struct loop *loop, const struct resolver_hooks *hooks, struct resolver **out);
/* No hook is called any more. A thread that is still waiting for an answer ends by itself when it has it. */
struct resolver *resolver_close(struct resolver *resolver);                 /* NULL */
int resolver_ask(struct resolver *resolver, const char *name, void *asker); /* -EBUSY: the queue is full; -ENOMEM */

/* A numeric address, such as 10.0.0.1 or fe80::1%eth0, at once. False: it is a name. */
bool resolver_numeric(const char *name, struct icmp_address *out);

#endif
