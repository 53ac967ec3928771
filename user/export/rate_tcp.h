/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records sent to a TCP port, one connection a record: connect, the record and a newline, close. A peer that refuses,
 * that never answers or that closes before it was given all costs that record, which is counted, and nothing else.
 */
#ifndef FLOWGAUGE_RATE_TCP_H
#define FLOWGAUGE_RATE_TCP_H

#include "base/loop.h"
#include "measure/report.h"

#define RATE_TCP_ERROR_SIZE 256
#define RATE_TCP_PENDING_MAX 64 /* connections at once; a record that finds none free is lost */

struct rate_tcp;

/* `host` is looked up here and only here; that may block. -errno with one line in `error`. */
int rate_tcp_open(struct loop *loop, const char *host, uint16_t port, struct rate_tcp **out,
		  char error[RATE_TCP_ERROR_SIZE]);
/* Waits so long at most for records that are on their way; those that are still then are lost. */
struct rate_tcp *rate_tcp_close(struct rate_tcp *tcp, double seconds);
void rate_tcp_send(struct rate_tcp *tcp, const char *line, size_t length); /* newline included */
void rate_tcp_report(const struct rate_tcp *tcp, struct rate_sink_report *out);

#endif
