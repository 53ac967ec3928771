/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pinger found by the time of a report: a row an address, and the rounds that ended since the report before. Made
 * by the pinger, owned and freed by the report. Counters are since the pings to the address began and never fall.
 */
#ifndef FLOWGAUGE_PING_SAMPLE_H
#define FLOWGAUGE_PING_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/ping_statistics.h"

enum ping_error_kind {
	PING_NET_UNREACHABLE,
	PING_HOST_UNREACHABLE, /* and every unreachability that has no name of its own here */
	PING_PROHIBITED,       /* by an administrator */
	PING_TOO_BIG,          /* and not to be cut into fragments */
	PING_TTL_EXCEEDED,
	PING_PARAMETER_PROBLEM,
	PING_LOCAL, /* this machine could not send it: no route, no such interface, forbidden by a filter */
	PING_ERROR_KINDS,
};

extern const char *const ping_error_names[PING_ERROR_KINDS];

/* The routers that are told apart for an address; the errors of further ones are counted under "other". */
#define PING_REPORTERS_MAX 4

struct ping_error_report {
	enum ping_error_kind kind;
	const char *from; /* address, "local" or "other"; in `texts` */
	uint64_t count;
};

struct ping_report {
	const char *dest;    /* as configured; in `texts` */
	const char *address; /* numeric; empty if the name has none; in `texts` */
	size_t host;         /* which of the configured hosts, from 0 */
	bool up_known, up;
	uint64_t sent,
		received; /* sent: also those that this machine could not send. received: in time, the first reply */
	uint64_t late, duplicate, reordered;
	double last_rtt;        /* s, of the last ping whose fate is known; NaN if it was lost */
	double delay_variation; /* s, NaN before the second answer */
	bool round_known;
	struct ping_round round; /* the last that is complete */
	struct ping_histogram histogram;
	const struct ping_error_report *errors; /* in the sample's */
	size_t error_count;
};

struct ping_round_report {
	size_t ping;      /* its row */
	uint64_t time_ns; /* when its last ping's fate was known; since the epoch */
	uint64_t errors;  /* ICMP errors and pings that could not be sent, during the round */
	uint64_t duplicate, late;
	struct ping_round round;
	double delay_variation;
};

/* What concerns no address, or the pinger itself. */
struct pinger_report {
	uint64_t foreign;          /* echo replies with our id that answer no ping of ours, or come from elsewhere */
	uint64_t dropped;          /* replies that the socket had no room for */
	uint64_t skipped;          /* pings not sent because the machine had no buffers or the loop was held up */
	uint64_t without_stamp;    /* round trips by the process's own clock, for want of the kernel's stamps */
	uint64_t rounds_dropped;   /* rounds that no report had room for */
	uint64_t resolve_failures; /* names that did not resolve, each time */
	uint64_t resolve_deferred; /* resolutions put off because the queue was full */
};

struct ping_sample {
	struct ping_report *pings; /* in the order of the configuration; owned */
	size_t ping_count;
	struct ping_round_report *rounds; /* in the order in which they ended; owned */
	size_t round_count;
	struct ping_error_report *errors; /* owned */
	char *texts;                      /* owned */
	struct ping_histogram all; /* every round trip since the start, also to addresses that are no longer pinged */
	struct pinger_report pinger;
};

struct ping_sample *ping_sample_free(struct ping_sample *sample); /* NULL */

#endif
