/* SPDX-License-Identifier: BSD-2-Clause */
/* `flowgauge rate`: the rate monitor alone, by the flags of the tool that did this job before. */
#ifndef FLOWGAUGE_OPTIONS_RATE_H
#define FLOWGAUGE_OPTIONS_RATE_H

#include "app/options.h"

/* The words ask for this mode: the first one is `rate`. */
bool options_are_rate(const struct options *options);
/* As options_load, for these words. */
enum options_result options_load_rate(const struct options *options, struct config *config,
				      char error[CONFIG_ERROR_SIZE]);

#endif
