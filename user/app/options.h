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

#define CONFIG_SYSTEM_PATH "/etc/flowgauge/config.json"

/*
 * Fills `config` from defaults, then the file, then the flags; what it held before is not looked at and not freed. On
 * OPTIONS_WRONG `error` holds one line and `config` the defaults. To be called again, with another `config`, on reload.
 */
enum options_result options_load(const struct options *options, struct config *config, char error[CONFIG_ERROR_SIZE]);
void options_print_help(void);
/* Reads the file of `path` over `config`; NULL: the one that is found where configurations are, if there is one. */
int options_read_file(const char *path, struct config *config, char error[CONFIG_ERROR_SIZE]);

/*
 * The configuration when no flag names one: config.json beside `program` (the resolved path of the executable; in a
 * source tree that is the tree's root, not build/), else `system` if it is there. false: neither is there.
 */
bool options_find_config(const char *program, const char *system, char out[CONFIG_PATH_SIZE]);

#endif
