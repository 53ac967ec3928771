/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the rate monitor's records go: a file, a TCP port, OpenStack, all of them or none. */
#ifndef FLOWGAUGE_RATE_SINKS_H
#define FLOWGAUGE_RATE_SINKS_H

#include "app/config.h"
#include "base/loop.h"
#include "base/text.h"
#include "export/openstack.h"
#include "export/rate_file.h"
#include "export/rate_tcp.h"

#define RATE_SINKS_ERROR_SIZE RATE_TCP_ERROR_SIZE

struct rate_sinks {
	struct loop *loop;
	struct rate_file *file; /* NULL: no such sink */
	struct rate_tcp *tcp;
	struct openstack *openstack; /* borrowed; the daemon's */
	char file_path[sizeof(((struct config *)0)->rate_file)];
	char tcp_host[sizeof(((struct config *)0)->rate_tcp_host)];
	uint16_t tcp_port;
};

/* Those that `config` names take the place of those that are open; -errno with one line in `error`, and those stay. */
int rate_sinks_set(struct rate_sinks *sinks, const struct config *config, char error[RATE_SINKS_ERROR_SIZE]);
void rate_sinks_close(struct rate_sinks *sinks, double seconds); /* waits so long for records on their way */
bool rate_sinks_any(const struct rate_sinks *sinks);
void rate_sinks_give(struct rate_sinks *sinks, const struct rates_report *report, uint64_t time_ns);
/* To files and ports; OpenStack is told by who opened it. */
void rate_sinks_life_cycle(struct rate_sinks *sinks, const char *what, uint64_t time_ns);
void rate_sinks_report(const struct rate_sinks *sinks, struct rates_report *out);

#endif
