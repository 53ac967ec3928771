/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel itself counted at its interfaces, by rtnetlink; 64 bits wide. */
#ifndef FLOWGAUGE_INTERFACE_COUNTERS_H
#define FLOWGAUGE_INTERFACE_COUNTERS_H

#include <stdint.h>

#include "records.h"

struct interface_counters {
	unsigned int ifindex;
	uint64_t bytes[DIRECTIONS];
	uint64_t packets[DIRECTIONS]; /* since the device began to count: its driver may start again */
};

typedef void (*interface_counters_callback)(void *context, const struct interface_counters *counters);

/* All interfaces of this network namespace in one dump, or the one of `ifindex` if that is not 0. 0 or -errno. */
int interface_counters_read(unsigned int ifindex, interface_counters_callback found, void *context);

#endif
