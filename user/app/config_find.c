/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the configuration is when nobody says: asked by the monitor, and by the controller that wants to find it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/options.h"

static bool is_directory_named(const char *path, size_t length, const char *name)
{
	size_t size = strlen(name);

	return length > size && path[length - size - 1] == '/' && !memcmp(path + length - size, name, size);
}

bool options_find_config(const char *program, const char *system, char out[CONFIG_PATH_SIZE])
{
	static const char *const builds[] = { "build", "build/sanitize" };
	const char *slash = strrchr(program, '/');
	size_t length = slash ? (size_t)(slash - program) : 0;
	int used;

	for (unsigned int i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		if (is_directory_named(program, length, builds[i])) {
			length -= strlen(builds[i]) + 1;
			break;
		}
	if (slash) {
		used = snprintf(out, CONFIG_PATH_SIZE, "%.*s/config.json", (int)length, program);
		if (used < CONFIG_PATH_SIZE && !access(out, F_OK))
			return true;
	}
	used = snprintf(out, CONFIG_PATH_SIZE, "%s", system);
	return used < CONFIG_PATH_SIZE && !access(out, F_OK);
}
