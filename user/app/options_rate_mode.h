/* SPDX-License-Identifier: BSD-2-Clause */
/* What `flowgauge rate` is, once its words and the file are read. */
#ifndef FLOWGAUGE_OPTIONS_RATE_MODE_H
#define FLOWGAUGE_OPTIONS_RATE_MODE_H

#include "app/config.h"

/* What its words said beside what they set in the configuration. */
struct rate_walk {
	struct config *config;
	const char *config_path;
	const char *host; /* -g */
	uint64_t port;    /* -b; 0: not given */
	bool listen, display, help, version;
	bool openstack; /* some flag of it was given */
	char *error;
};

/* Sets what this mode is, whatever the file says. 0, or -EINVAL with one line in `error`: the words do not go together. */
int rate_mode_settle(struct config *config, const struct rate_walk *walk, char error[CONFIG_ERROR_SIZE]);

#endif
