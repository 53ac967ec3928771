/* SPDX-License-Identifier: BSD-2-Clause */
/* The speed that a driver says its link has. */
#ifndef FLOWGAUGE_LINK_SPEED_H
#define FLOWGAUGE_LINK_SPEED_H

#include <stdint.h>

/* Bytes/s, in one direction; 0: there is no such interface in this network namespace, or its driver does not say. */
uint64_t link_speed_read(const char *interface);

#endif
