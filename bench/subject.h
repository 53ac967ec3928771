/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flowgauge as the benches load, run and read it: by its own loader and its own reading, so that no bench knows of its
 * maps. Whoever changes how a monitor is opened or visited changes subject.c alone.
 */
#ifndef FLOWGAUGE_BENCH_SUBJECT_H
#define FLOWGAUGE_BENCH_SUBJECT_H

#include "candidate.h"

struct monitor;

/* A monitor with room for `room` flows, whose frames come from the loopback device. NULL with the reason. */
struct monitor *subject_open(const struct packet_set *set, uint32_t room, enum bench_hook hook,
			     char reason[REASON_SIZE]);
struct target subject_target(struct monitor *monitor, enum bench_hook hook);

struct subject_reading {
	uint64_t flows, packets;
	uint64_t duration_ns;
};
/* One reading as a tick makes it, but for the book. 0 or -errno. */
int subject_read(struct monitor *monitor, struct subject_reading *out);

#endif
