/* SPDX-License-Identifier: BSD-2-Clause */
/* --read: a capture file instead of interfaces. */
#ifndef FLOWGAUGE_READ_H
#define FLOWGAUGE_READ_H

#include "app/config.h"

/* Prints the report of the whole file. Returns the exit status; errors were printed. */
int read_run(const struct config *config);

#endif
