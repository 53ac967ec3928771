/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pings any number of hosts: one wheel of timers and a socket a family, in the loop and never in its way. Names are
 * resolved elsewhere; a name that does not resolve is down, and no error.
 */
#ifndef FLOWGAUGE_PINGER_H
#define FLOWGAUGE_PINGER_H

#include <net/if.h>

#include "base/loop.h"
#include "measure/ping_sample.h"

#define PINGER_ERROR_SIZE 256

struct pinger_host {
	char *host;                  /* name or numeric address */
	char *name;                  /* what reports call it; NULL: host. No two are alike. */
	char interface[IF_NAMESIZE]; /* empty: by the routes */
	double interval;             /* s, 0.01 to 3600: from one ping to the next */
	double timeout;              /* s, 0.01 to 60, and at most 1000 intervals */
	double resolve_interval;     /* s, 1 to 86400 */
	uint32_t count;              /* pings in a round, 1 to 1000 */
	uint32_t size;               /* payload bytes, 16 to 65507 */
	uint8_t dscp;                /* 0 to 63 */
	uint8_t ttl;                 /* 1 to 255; 0: the system's */
	bool all_addresses;          /* else the first one */
};

struct pinger_config {
	const struct pinger_host *hosts; /* borrowed during the call */
	size_t count;
};

struct pinger;

int pinger_open(struct loop *loop, struct pinger **out); /* no hosts yet. 0 or -errno */
struct pinger *pinger_close(struct pinger *pinger);      /* NULL */
/* Opens what such hosts need, sockets and threads; changes nothing else. 0, or -errno with one line. */
int pinger_prepare(struct pinger *pinger, const struct pinger_config *config, char error[PINGER_ERROR_SIZE]);
/*
 * The hosts from now on; those that were there under the same name and with the same words go on. -errno with one line: then nothing
 * has changed. It prepares by itself.
 */
int pinger_configure(struct pinger *pinger, const struct pinger_config *config, char error[PINGER_ERROR_SIZE]);
/* What is known now, including what waits in the sockets; to be freed. NULL if there are no hosts, or no memory. */
struct ping_sample *pinger_sample(struct pinger *pinger);

#endif
