/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration is read into a copy, and the copy takes the place of the old one only when all of it is right: a
 * reload with a mistake in the file changes nothing.
 */
#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_reading.h"
#include "base/text.h"
#include "control_protocol.h"

#define CONFIG_FILE_MAX (1 << 20) /* bytes */
#define PATH_SHOWN_MAX 160        /* of a long path only the end is shown, so that the rest of the line fits */

void config_defaults(struct config *config)
{
	*config = (struct config){
		.constants = { .clock = CLOCK_OF_KERNEL, .sequence_mode = SEQUENCE_OFF, .sequence_threshold = 2 },
		.show_throughput = true,
		.show_goodput = true,
		.show_jitter = true,
		.hook = HOOK_AUTO,
		.direction = { true, true },
		.max_flows = 65536,
		.followed_flows = 16384,
		.idle_timeout_seconds = 60,
		.interval_seconds = 1,
		.http_enabled = true,
		.http_address = "127.0.0.1",
		.http_port = 8080,
		.metrics_max_flows = 1000,
		.metrics_max_ping_histograms = 1000,
		.rtt = { .enabled = true, .scope = RTT_SCOPE_HOST, .max_flows = 65536, .max_pairs = 1000 },
		.rate_enabled = true,
		.control_path = CONTROL_SOCKET_DEFAULT,
	};
	config_default_tunnels(&config->constants.tunnels);
	config_default_openstack(&config->openstack);
	config_default_push(&config->push);
	rate_settings_default(&config->rate);
}

void config_free(struct config *config)
{
	free(config->rules);
	config->rules = NULL;
	config->rule_count = 0;
	config_free_groups(config);
	config_free_ping(config);
}

/* A line is a line: control characters that came by way of a path or an escaped name become '?'. */
static void one_line(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			*line = '?';
}

__attribute__((format(printf, 3, 0))) static int refuse(const struct config_reading *reading, const char *where,
							const char *format, va_list arguments)
{
	size_t length = strlen(reading->path);
	bool whole = length <= PATH_SHOWN_MAX;
	int used = snprintf(reading->error, CONFIG_ERROR_SIZE, "%s%s: %s", whole ? "" : "...",
			    reading->path + (whole ? 0 : length - PATH_SHOWN_MAX), where);

	if (used >= 0 && used < CONFIG_ERROR_SIZE)
		vsnprintf(reading->error + used, CONFIG_ERROR_SIZE - used, format, arguments);
	one_line(reading->error);
	return -EINVAL;
}

int config_refuse(const struct config_reading *reading, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	refuse(reading, "", format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int config_refuse_at(const struct config_reading *reading, const cJSON *node, const char *key, const char *format, ...)
{
	const struct config_place *place = config_lines_find(&reading->lines, reading->root, node);
	va_list arguments;
	char where[160];

	snprintf(where, sizeof(where), "line %u: %s: ", config_lines_number(&reading->lines, place->name), key);
	va_start(arguments, format);
	refuse(reading, where, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int config_refuse_value(const struct config_reading *reading, const cJSON *node, const char *key, const char *right)
{
	char quote[QUOTE_SIZE];

	config_quote(reading, node, quote);
	return config_refuse_at(reading, node, key, "%s is not %s", quote, right);
}

void config_quote(const struct config_reading *reading, const cJSON *node, char out[QUOTE_SIZE])
{
	static const char cut[] = "...";
	const struct config_place *place = config_lines_find(&reading->lines, reading->root, node);
	size_t used = 0;

	for (size_t i = place->value; i < place->end; i++) {
		char c = reading->lines.text[i];

		if (strchr(" \t\r\n", c)) {
			if (used && out[used - 1] == ' ')
				continue;
			c = ' ';
		}
		if (used + sizeof(cut) >= QUOTE_SIZE) {
			while (used && ((unsigned char)reading->lines.text[i] & 0xc0) == 0x80) {
				i--;
				used--;
			}
			memcpy(out + used, cut, sizeof(cut));
			return;
		}
		out[used++] = c;
	}
	out[used] = '\0';
}

/* The whole file, without a byte order mark. 0, or -errno with the error written. */
static int read_file(const struct config_reading *reading, struct text *text)
{
	int fd = open(reading->path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status = 0;
	char buffer[16384];
	ssize_t count;
	struct stat info;

	if (fd < 0) {
		status = -errno;
		config_refuse(reading, "cannot be read: %s: give a file that can", strerror(-status));
		return status;
	}
	if (!fstat(fd, &info) && S_ISDIR(info.st_mode)) {
		status = config_refuse(reading, "is a directory: give a file, such as config.json in it");
		goto out;
	}
	while ((count = read(fd, buffer, sizeof(buffer))) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0) {
			status = -errno;
			config_refuse(reading, "cannot be read: %s: give a file that can", strerror(-status));
			goto out;
		}
		text_append_bytes(text, buffer, count);
		if (text->length > CONFIG_FILE_MAX) {
			status = config_refuse(reading, "is larger than %d bytes, the most a configuration may have",
					       CONFIG_FILE_MAX);
			goto out;
		}
	}
	if (text->failed) {
		status = -ENOMEM;
		config_refuse(reading, "no memory to read it");
	}
out:
	close(fd);
	return status;
}

static int read_text(struct config_reading *reading, const char *text, size_t length)
{
	char why[SYNTAX_ERROR_SIZE];
	cJSON *root = NULL;
	int status;

	status = config_lines_scan(&reading->lines, text, length, why);
	if (status == -EINVAL)
		config_refuse(reading, "%s", why);
	else if (!status) {
		root = cJSON_ParseWithLength(text, length);
		if (!root)
			status = -ENOMEM; /* the text has been found right */
	}
	if (status == -ENOMEM)
		config_refuse(reading, "no memory to read it");
	if (!status) {
		reading->root = root;
		status = config_read_keys(reading);
	}
	reading->root = NULL;
	cJSON_Delete(root);
	config_lines_free(&reading->lines);
	return status;
}

int config_read(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE])
{
	static const char mark[] = "\xef\xbb\xbf";
	struct text text cleanup(text_free) = TEXT_EMPTY;
	struct config copy = *config, before, *given_up;
	struct config_reading reading = { .path = path, .config = &copy, .offset = -1, .error = error };
	size_t skipped;
	int status;

	if (strlen(path) >= sizeof(copy.path))
		return config_refuse(&reading, "the path is longer than %zu bytes", sizeof(copy.path) - 1);
	status = read_file(&reading, &text);
	if (status)
		return status;
	skipped = text.length >= 3 && !memcmp(text.bytes, mark, 3) ? 3 : 0;
	status = read_text(&reading, text.length ? text.bytes + skipped : "", text.length - skipped);
	/* What the copy did not read itself is the old one's. */
	before = *config;
	given_up = status ? &copy : &before;
	if (!reading.rules_read)
		given_up->rules = NULL;
	if (!reading.groups_read) {
		given_up->groups = NULL;
		given_up->group_count = 0;
	}
	if (!reading.ping_read) {
		given_up->ping_hosts = NULL;
		given_up->ping_host_count = 0;
	}
	config_free(given_up);
	if (status)
		return status;
	memcpy(copy.path, path, strlen(path) + 1);
	*config = copy;
	return 0;
}

/* -1: no sequence number is read. */
static int64_t offset_of(const struct config *config)
{
	return config->constants.sequence_mode == SEQUENCE_OFF ? -1 : (int64_t)config->constants.sequence_offset;
}

static bool same_pattern(const struct program_constants *a, const struct program_constants *b)
{
	return a->pattern == b->pattern && a->pattern_mask == b->pattern_mask;
}

static bool same_interfaces(const struct config *a, const struct config *b)
{
	return a->interface_count == b->interface_count && !memcmp(a->interfaces, b->interfaces, sizeof(a->interfaces));
}

static bool same_address(const struct config *a, const struct config *b)
{
	return a->http_port == b->http_port && !strcmp(a->http_address, b->http_address);
}

static bool same_rtt(const struct config_rtt *a, const struct config_rtt *b)
{
	return a->enabled == b->enabled && a->scope == b->scope && a->max_flows == b->max_flows;
}

/* The answer stands in a static text until the next call: it goes into one log line and is done with. */
const char *config_needs_restart(const struct config *running, const struct config *wanted)
{
	static char names[512];
	const struct {
		const char *name;
		bool differs;
	} keys[] = {
		{ "PATTERN", !same_pattern(&running->constants, &wanted->constants) },
		{ "OFFSET", offset_of(running) != offset_of(wanted) },
		{ "SEQUENCE_THRESHOLD", running->constants.sequence_threshold != wanted->constants.sequence_threshold },
		{ "interfaces", !same_interfaces(running, wanted) },
		{ "hook", running->hook != wanted->hook },
		{ "direction", memcmp(running->direction, wanted->direction, sizeof(running->direction)) != 0 },
		{ "decapsulate",
		  memcmp(&running->constants.tunnels, &wanted->constants.tunnels, sizeof(struct tunnels)) != 0 },
		{ "vlan", running->constants.ignore_vlan != wanted->constants.ignore_vlan },
		{ "max_flows", running->max_flows != wanted->max_flows },
		{ "http.enabled", running->http_enabled != wanted->http_enabled },
		{ "http.listen", !same_address(running, wanted) },
		{ "metrics.bpf_run_time", running->metrics_bpf_run_time != wanted->metrics_bpf_run_time },
		{ "metrics.max_pairs", running->rtt.max_pairs != wanted->rtt.max_pairs },
		{ "rtt", !same_rtt(&running->rtt, &wanted->rtt) },
		{ "openstack", !config_same_openstack(running, wanted) },
		{ "pushgateway", memcmp(&running->push, &wanted->push, sizeof(running->push)) != 0 },
		{ "rate.enabled", running->rate_enabled != wanted->rate_enabled },
		{ "control.rate_port", running->rate_port != wanted->rate_port },
		{ "control.socket", strcmp(running->control_path, wanted->control_path) != 0 },
	};
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].differs)
			used += snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", keys[i].name);
	return used ? names : NULL;
}
