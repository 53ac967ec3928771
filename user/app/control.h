/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: accepts requests of the controller (include/control.h), one a connection, and lets no client
 * hold anything up (base/clients.h). Its lock makes one monitor the owner of a socket's path.
 */
#ifndef FLOWGAUGE_APP_CONTROL_H
#define FLOWGAUGE_APP_CONTROL_H

#include "base/loop.h"
#include "base/text.h"

#define CONTROL_ERROR_SIZE 384

struct cJSON;
struct control;

struct control_request {
	const char *command;
	long top;                /* 0: not given */
	long offset;             /* 0: not given */
	const char *sort;        /* NULL: not given */
	const char *match;       /* likewise */
	const struct cJSON *set; /* what "set" names; NULL: not given */
};

struct control_hooks {
	void *context;
	/*
	 * Appends the members of the answer (without braces), or returns -errno with one line in `error`; -EINVAL: the request
	 * itself is wrong.
	 */
	int (*request)(void *context, const struct control_request *request, struct text *members, struct text *error);
};

/* -EEXIST with a line that names the other monitor, if one has this path. */
int control_open(struct loop *loop, const char *path, const struct control_hooks *hooks, struct control **out,
		 char error[CONTROL_ERROR_SIZE]);
struct control *control_close(struct control *control); /* removes the socket */

#endif
