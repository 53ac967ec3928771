/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a listening socket, each of which asks once and is answered once. What a request is, and how it is
 * answered, is the owner's business; that it is bounded in length and in time, that an answer goes out as fast as its client
 * takes it, and that nobody waits for anybody, is seen to here. If there are too many, the one that has been there longest goes.
 */
#ifndef FLOWGAUGE_CLIENTS_H
#define FLOWGAUGE_CLIENTS_H

#include "base/loop.h"
#include "base/text.h"

#define CLIENTS_MAX 32 /* of one socket, at once */

struct clients;

/* The owner reads `request` and appends to `answer`; the rest is not its own. */
struct client {
	struct loop_source source; /* first */
	struct loop_timer patience;
	struct clients *clients;
	uint64_t number; /* of all clients since the start */
	struct text request;
	struct text answer;
	size_t sent;   /* of the answer */
	bool answered; /* all was sent */
};

struct clients_config {
	size_t client_size; /* of what the owner keeps a client, all zeros at first; its first member is a struct client */
	size_t request_max;    /* bytes */
	uint64_t patience_ns;  /* for a request and its answer */
	const char *cut_short; /* what to tell one that ends before its request does; not copied */
	const char *late;      /* what to tell one that did not end it in time; NULL: nothing; not copied */
	void *context;
	/* The last `fresh` bytes of the request are new. True: the request has ended, and this is its answer. */
	bool (*received)(void *context, struct client *client, size_t fresh);
	/* Appends the answer that says `line`, which is an error, to an answer that is empty. */
	void (*refuse)(struct client *client, const char *line);
};

/* `fd` listens and does not block; it is owned from here on, if the result is 0, which else is -errno. */
int clients_new(struct loop *loop, int fd, const struct clients_config *config, struct clients **out);
struct clients *clients_free(struct clients *clients); /* NULL; whoever is there is let go */

/* The answer is now that `line` is wrong, and nothing else: for the owner, from within received(). */
void client_refuse(struct client *client, const char *line);

#endif
