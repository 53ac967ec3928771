/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a loaded program over a set of packets, inside the kernel. Failures end the process: there is nothing to measure. */
#ifndef FLOWGAUGE_BENCH_DRIVER_H
#define FLOWGAUGE_BENCH_DRIVER_H

#include "candidate.h"

struct driver;

/* The packets of a set, shared by the drivers that replay it. */
struct packets {
	const struct packet_set *set;
	int order_fd;
	struct packet_choice *order;
	uint8_t frame[FRAME_BYTES_MAX];
};

void packets_open(struct packets *packets);
void packets_choose(struct packets *packets, const struct packet_set *set);
void packets_close(struct packets *packets);

/* target NULL: the empty program. */
struct driver *driver_open(const struct packets *packets, enum bench_hook hook, const struct target *target);
void driver_close(struct driver *driver);

/* Each flow's first packet. Returns ns a packet, as driver_replay does. */
double driver_fill(struct driver *driver);
/* The set's packets on from where the last replay ended. */
double driver_replay(struct driver *driver);
uint64_t driver_sent(const struct driver *driver); /* packets since it was opened */

#endif
