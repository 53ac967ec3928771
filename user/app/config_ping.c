/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "ping": {"hosts": ["10.0.0.1", {"host": "example.org", "interval": 5}, …], "interval": 1, …}: the other keys are what each
 * host has unless it says otherwise, so they are read first, wherever they stand.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_reading.h"
#include "app/config_values.h"

#define HOST_NAME_MAX_BYTES 255
#define HOST_RIGHT "a host's name or address of 1 to 255 characters, without spaces"
#define NAME_RIGHT "a name of 1 to 255 bytes"
#define HOSTS_RIGHT "an array of hosts, such as [\"10.0.0.1\", {\"host\": \"example.org\", \"interval\": 5}]"
#define TIMEOUT_INTERVALS_MAX 1000
#define PLACE_SIZE 96

/* One object that is being read: the section itself, or one of its hosts. */
struct ping_reading {
	struct config_reading *reading;
	const char *place; /* "ping" or "ping.hosts[3]" */
	struct pinger_host *host;
	const cJSON *node;
};

typedef int ping_reader(const struct ping_reading *ping, const char *key, const cJSON *node);

static int refuse(const struct ping_reading *ping, const char *key, const cJSON *node, const char *right)
{
	return config_refuse_value(ping->reading, node, key, right);
}

static bool in_range(const cJSON *node, double low, double high)
{
	return cJSON_IsNumber(node) && node->valuedouble >= low && node->valuedouble <= high;
}

static bool is_whole(const cJSON *node, double low, double high)
{
	return in_range(node, low, high) && floor(node->valuedouble) == node->valuedouble;
}

static int read_interval(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!in_range(node, 0.01, 3600))
		return refuse(ping, key, node, "a number of seconds from 0.01 to 3600");
	ping->host->interval = node->valuedouble;
	return 0;
}

static int read_timeout(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!in_range(node, 0.01, 60))
		return refuse(ping, key, node, "a number of seconds from 0.01 to 60");
	ping->host->timeout = node->valuedouble;
	return 0;
}

static int read_resolve(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!in_range(node, 1, 86400))
		return refuse(ping, key, node, "a number of seconds from 1 to 86400");
	ping->host->resolve_interval = node->valuedouble;
	return 0;
}

static int read_count(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!is_whole(node, 1, 1000))
		return refuse(ping, key, node, "a whole number of 1 to 1000");
	ping->host->count = (uint32_t)node->valuedouble;
	return 0;
}

static int read_size(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!is_whole(node, 16, 65507))
		return refuse(ping, key, node, "a whole number of 16 to 65507");
	ping->host->size = (uint32_t)node->valuedouble;
	return 0;
}

static int read_dscp(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!is_whole(node, 0, 63))
		return refuse(ping, key, node, "a whole number of 0 to 63");
	ping->host->dscp = (uint8_t)node->valuedouble;
	return 0;
}

static int read_ttl(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!is_whole(node, 1, 255))
		return refuse(ping, key, node, "a whole number of 1 to 255");
	ping->host->ttl = (uint8_t)node->valuedouble;
	return 0;
}

static int read_interface(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	struct config *scratch = calloc(1, sizeof(*scratch));
	int status = -ENOMEM;

	if (scratch && cJSON_IsString(node))
		status = value_interface(node->valuestring, strlen(node->valuestring), scratch);
	else if (scratch)
		status = -EINVAL;
	if (!status)
		memcpy(ping->host->interface, scratch->interfaces[0], IF_NAMESIZE);
	free(scratch);
	if (status == -ENOMEM)
		return config_refuse(ping->reading, "no memory to read it");
	return status ? refuse(ping, key, node, INTERFACE_RIGHT) : 0;
}

static int read_addresses(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	bool all = cJSON_IsString(node) && !strcmp(node->valuestring, "all");

	if (!all && (!cJSON_IsString(node) || strcmp(node->valuestring, "first") != 0))
		return refuse(ping, key, node, "\"first\" or \"all\"");
	ping->host->all_addresses = all;
	return 0;
}

static bool is_name(const cJSON *node, bool spaces)
{
	const char *name = cJSON_IsString(node) ? node->valuestring : "";
	size_t length = strlen(name);

	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c) || (isspace((unsigned char)*c) && !spaces))
			return false;
	return length && length <= HOST_NAME_MAX_BYTES;
}

static int copy_host(const struct ping_reading *ping, const char *key, const cJSON *node, char **out)
{
	if (!is_name(node, false))
		return refuse(ping, key, node, HOST_RIGHT);
	*out = strdup(node->valuestring);
	return *out ? 0 : config_refuse(ping->reading, "no memory to read it");
}

static int read_host_name(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	return copy_host(ping, key, node, &ping->host->host);
}

static int read_name(const struct ping_reading *ping, const char *key, const cJSON *node)
{
	if (!is_name(node, true))
		return refuse(ping, key, node, NAME_RIGHT);
	ping->host->name = strdup(node->valuestring);
	return ping->host->name ? 0 : config_refuse(ping->reading, "no memory to read it");
}

static const struct {
	const char *name;
	ping_reader *read;
	bool of_hosts; /* only of a host, not of the section */
} keys[] = {
	{ "interval", read_interval, false },
	{ "timeout", read_timeout, false },
	{ "count", read_count, false },
	{ "size", read_size, false },
	{ "dscp", read_dscp, false },
	{ "ttl", read_ttl, false },
	{ "interface", read_interface, false },
	{ "addresses", read_addresses, false },
	{ "resolve_interval", read_resolve, false },
	{ "host", read_host_name, true },
	{ "name", read_name, true },
};

static int refuse_key(const struct ping_reading *ping, const char *key, const cJSON *node, bool is_host)
{
	return config_refuse_at(ping->reading, node, key,
				"there is no such key: there are %s, interval, timeout, count, size, dscp, ttl, interface, "
				"addresses and resolve_interval",
				is_host ? "host, name" : "hosts");
}

static int read_members(const struct ping_reading *ping, const cJSON *object, bool is_host)
{
	for (const cJSON *node = object->child; node; node = node->next) {
		char key[PLACE_SIZE];
		ping_reader *read = NULL;
		int status;

		snprintf(key, sizeof(key), "%s.%.40s", ping->place, node->string);
		status = config_refuse_twice(ping->reading, object, node, key);
		if (status)
			return status;
		if (!is_host && !strcmp(node->string, "hosts"))
			continue; /* read after all the others */
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (!strcmp(keys[i].name, node->string) && (is_host || !keys[i].of_hosts))
				read = keys[i].read;
		status = read ? read(ping, key, node) : refuse_key(ping, key, node, is_host);
		if (status)
			return status;
	}
	return 0;
}

static int read_host(const struct ping_reading *ping, const cJSON *node)
{
	struct pinger_host *host = ping->host;
	int status;

	if (cJSON_IsString(node))
		status = copy_host(ping, ping->place, node, &host->host);
	else if (cJSON_IsObject(node))
		status = read_members(ping, node, true);
	else
		return refuse(ping, ping->place, node, HOST_RIGHT ", or an object that has one");
	if (status)
		return status;
	if (!host->host)
		return refuse(ping, ping->place, node, "an object with a \"host\"");
	if (host->timeout > host->interval * TIMEOUT_INTERVALS_MAX)
		return config_refuse_at(ping->reading, node, ping->place,
					"its timeout of %g s is more than %d of its intervals of %g s", host->timeout,
					TIMEOUT_INTERVALS_MAX, host->interval);
	return 0;
}

struct named {
	const char *name;
	const cJSON *node;
	size_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct named *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Two series with the same labels would be one to Prometheus. */
static int refuse_same_names(const struct config_reading *reading, const cJSON *hosts)
{
	const struct config *config = reading->config;
	size_t count = config->ping_host_count;
	struct named *named = calloc(count + 1, sizeof(*named));
	const cJSON *node = hosts->child;
	int status = 0;

	if (!named)
		return config_refuse(reading, "no memory to read it");
	for (size_t i = 0; node && i < count; i++, node = node->next) {
		const struct pinger_host *host = &config->ping_hosts[i];

		named[i] = (struct named){ host->name ? host->name : host->host, node, i };
	}
	qsort(named, count, sizeof(*named), by_name);
	for (size_t i = 1; i < count && !status; i++) {
		char key[PLACE_SIZE];

		snprintf(key, sizeof(key), "ping.hosts[%zu]", named[i].index);
		if (!strcmp(named[i - 1].name, named[i].name))
			status = config_refuse_at(reading, named[i].node, key,
						  "%.80s is there already: give one of the two a \"name\" of its own",
						  named[i].name);
	}
	free(named);
	return status;
}

static int read_hosts(struct config_reading *reading, const cJSON *hosts, const struct pinger_host *defaults)
{
	struct config *config = reading->config;
	size_t count = hosts && cJSON_IsArray(hosts) ? (size_t)cJSON_GetArraySize(hosts) : 0;

	if (hosts && !cJSON_IsArray(hosts))
		return config_refuse_value(reading, hosts, "ping.hosts", HOSTS_RIGHT);
	if (count > PING_HOSTS_MAX)
		return config_refuse_at(reading, hosts, "ping.hosts", "more than %d hosts", PING_HOSTS_MAX);
	config->ping_host_count = 0;
	config->ping_hosts = calloc(count + 1, sizeof(*config->ping_hosts));
	reading->ping_read = true;
	if (!config->ping_hosts)
		return config_refuse(reading, "no memory to read it");
	for (const cJSON *node = count ? hosts->child : NULL; node; node = node->next) {
		char place[32];
		struct ping_reading ping = {
			.reading = reading,
			.place = place,
			.host = &config->ping_hosts[config->ping_host_count],
			.node = node,
		};
		int status;

		snprintf(place, sizeof(place), "ping.hosts[%zu]", config->ping_host_count++);
		*ping.host = *defaults;
		status = read_host(&ping, node);
		if (status)
			return status;
	}
	return count ? refuse_same_names(reading, hosts) : 0;
}

int config_read_ping(struct config_reading *reading, const char *key, const cJSON *node)
{
	struct pinger_host defaults = {
		.interval = 1,
		.count = 5,
		.timeout = 2,
		.size = 56,
		.resolve_interval = 300,
	};
	struct ping_reading ping = { .reading = reading, .place = key, .host = &defaults, .node = node };
	int status;

	if (!cJSON_IsObject(node))
		return config_refuse_value(reading, node, key,
					   "an object in braces, such as {\"hosts\": [\"10.0.0.1\"]}");
	status = read_members(&ping, node, false);
	if (status)
		return status;
	return read_hosts(reading, cJSON_GetObjectItemCaseSensitive(node, "hosts"), &defaults);
}

void config_free_ping(struct config *config)
{
	for (size_t i = 0; i < config->ping_host_count; i++) {
		free(config->ping_hosts[i].host);
		free(config->ping_hosts[i].name);
	}
	free(config->ping_hosts);
	config->ping_hosts = NULL;
	config->ping_host_count = 0;
}
