/* SPDX-License-Identifier: BSD-2-Clause */
/* flowgauge's command line. Flags win over the configuration file, also after a reload. */
#ifndef FLOWGAUGE_OPTIONS_H
#define FLOWGAUGE_OPTIONS_H

#include "app/config.h"

enum options_result { OPTIONS_RUN, OPTIONS_DONE /* help or version was printed */, OPTIONS_WRONG };

struct options {
	int argc;
	char **argv; /* borrowed */
};

/* Fills `config` from defaults, then the file, then the flags. On OPTIONS_WRONG `error` holds one line. */
enum options_result options_load(const struct options *options, struct config *config, char error[CONFIG_ERROR_SIZE]);
void options_print_help(void);

#endif
