/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the monitor's control socket is, by its configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/config_lines.h"
#include "app/controller.h"
#include "app/options.h"
#include "control_protocol.h"

#define FILE_MAX (1 << 20) /* bytes: what a configuration may have */
#define RIGHT "give --control the path of the monitor's socket"

static int refuse(const char *path, const char *why, char error[CONTROLLER_CONFIG_ERROR_SIZE])
{
	snprintf(error, CONTROLLER_CONFIG_ERROR_SIZE, "%.160s: %s: " RIGHT, path, why);
	return -EINVAL;
}

static int read_file(const char *path, struct text *text, char error[CONTROLLER_CONFIG_ERROR_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), number;
	char chunk[8192];
	ssize_t got;

	if (fd < 0)
		return refuse(path, strerror(errno), error);
	while ((got = read(fd, chunk, sizeof(chunk))) > 0 && text->length <= FILE_MAX)
		text_append_bytes(text, chunk, (size_t)got);
	number = errno;
	close(fd);
	if (got < 0)
		return refuse(path, strerror(number), error);
	if (text->failed || text->length > FILE_MAX)
		return refuse(path, "it is larger than a configuration may be", error);
	return 0;
}

/* The file may hold what this program does not know; of it, only that it is JSON and what the key is. */
static int read_socket(const char *path, const struct text *text, char out[CONTROLLER_SOCKET_SIZE],
		       char error[CONTROLLER_CONFIG_ERROR_SIZE])
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skipped = text->length >= 3 && !memcmp(text->bytes, mark, 3) ? 3 : 0;
	const char *bytes = text->length ? text->bytes + skipped : "";
	struct config_lines lines = { 0 };
	char why[SYNTAX_ERROR_SIZE];
	const cJSON *item;
	cJSON *root = NULL;
	int status = config_lines_scan(&lines, bytes, text->length - skipped, why);

	config_lines_free(&lines);
	if (status)
		return refuse(path, status == -ENOMEM ? "out of memory" : why, error);
	root = cJSON_ParseWithLength(bytes, text->length - skipped);
	item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "control"), "socket");
	if (item && (!cJSON_IsString(item) || item->valuestring[0] != '/' ||
		     strlen(item->valuestring) >= CONTROLLER_SOCKET_SIZE))
		status = refuse(path, "control.socket is no path of 1 to 107 bytes, from / on", error);
	else if (item)
		snprintf(out, CONTROLLER_SOCKET_SIZE, "%s", item->valuestring);
	cJSON_Delete(root);
	return status;
}

int controller_find_socket(const struct controller *controller, char out[CONTROLLER_SOCKET_SIZE],
			   char error[CONTROLLER_CONFIG_ERROR_SIZE])
{
	char program[CONFIG_PATH_SIZE] = "", found[CONFIG_PATH_SIZE];
	struct text text cleanup(text_free) = TEXT_EMPTY;
	const char *path = controller->config_path;

	snprintf(out, CONTROLLER_SOCKET_SIZE, "%s", CONTROL_SOCKET_DEFAULT);
	if (!path) {
		/* The monitor is looked for beside this program; without /proc only the system's file is. */
		if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
			program[0] = '\0';
		if (!options_find_config(program, CONFIG_SYSTEM_PATH, found))
			return 0;
		path = found;
	}
	return read_file(path, &text, error) ? -EINVAL : read_socket(path, &text, out, error);
}
