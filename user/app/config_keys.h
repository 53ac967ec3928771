/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys that a configuration may have. */
#ifndef FLOWGAUGE_CONFIG_KEYS_H
#define FLOWGAUGE_CONFIG_KEYS_H

#include "app/config_reading.h"

#define KEY_NAME_MAX 64

struct config_key {
	const char *name; /* within an object: "object.member" */
	int (*read)(struct config_reading *reading, const struct config_key *key, const cJSON *node);
	size_t field; /* offset in struct config */
	double low, high;
};

const struct config_key *config_key_at(size_t index); /* NULL above the last one */
const struct config_key *config_key_find(const char *name);
/* Whether keys stand within an object of this name. */
bool config_key_is_section(const char *name);

#endif
