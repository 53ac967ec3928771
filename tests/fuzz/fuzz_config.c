/* SPDX-License-Identifier: BSD-2-Clause */
/* config.json: any file is read, or refused with one line and nothing changed. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/config.h"
#include "target.h"

static void check_config(const struct config *config)
{
	HOLD(config->interface_count <= INTERFACE_PATTERNS_MAX);
	for (size_t i = 0; i < config->interface_count; i++)
		HOLD(*config->interfaces[i] && memchr(config->interfaces[i], '\0', IF_NAMESIZE));
	HOLD(config->rule_count <= RULES_MAX && (config->rules || !config->rule_count));
	HOLD(config->max_flows >= 1 && config->max_flows <= 16777216);
	HOLD(config->idle_timeout_seconds >= 1 && config->idle_timeout_seconds <= 86400);
	HOLD(config->interval_seconds >= 0.1 && config->interval_seconds <= 3600);
	HOLD(config->direction[DIRECTION_INGRESS] || config->direction[DIRECTION_EGRESS]);
	HOLD(memchr(config->http_address, '\0', sizeof(config->http_address)));
	HOLD(memchr(config->control_path, '\0', sizeof(config->control_path)));
	HOLD(config->constants.sequence_mode <= SEQUENCE_AT_PATTERN);
	HOLD(config->constants.sequence_offset <= SEQUENCE_OFFSET_MAX);
	if (config->constants.sequence_mode == SEQUENCE_AT_PATTERN) {
		HOLD(config->constants.pattern_length >= 1 && config->constants.pattern_length <= PATTERN_MAX_LENGTH);
		HOLD(config->constants.pattern_rare < config->constants.pattern_length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct config config, before;
	char error[CONFIG_ERROR_SIZE];
	int result;

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, input, size, 0) != (ssize_t)size)
		return -1;
	memset(&config, 0, sizeof(config));
	config_defaults(&config);
	before = config;
	memset(error, 0xff, sizeof(error));
	result = config_read(&config, path, error);
	if (!result) {
		check_config(&config);
	} else {
		HOLD(result < 0 && !memcmp(&config, &before, sizeof(config)));
		HOLD(memchr(error, '\0', sizeof(error)) && *error && !strchr(error, '\n'));
	}
	config_free(&config);
	return 0;
}
