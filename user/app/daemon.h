/* SPDX-License-Identifier: BSD-2-Clause */
/* The running monitor: wires the modules together and makes one report a tick. */
#ifndef FLOWGAUGE_DAEMON_H
#define FLOWGAUGE_DAEMON_H

#include "app/config.h"
#include "app/options.h"

/* Runs until SIGINT, SIGTERM, `stop` or the duration's end. Returns the exit status; errors were printed. */
int daemon_run(const struct options *options, struct config *config);

#endif
