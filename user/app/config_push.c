/* SPDX-License-Identifier: BSD-2-Clause */
/* "pushgateway": {"url", "job", "instance", "grouping": {…}, "basic_auth": {…}, "tls": {…}, …}: where to push, what, and how. */
#include "app/config_push.h"

#include <stdio.h>
#include <string.h>

#include "app/config_reading.h"
#include "export/prometheus.h"
#include "export/push_path.h"

#define NAME_SIZE 128 /* of a key as an error names it */
#define NS_PER_SECOND 1000000000ULL
#define PATH_RIGHT "the absolute path of a file, of 1 to 1023 bytes"

void config_default_push(struct push_settings *push)
{
	memset(push, 0, sizeof(*push));
	push->interval_ns = 10 * NS_PER_SECOND;
	push->what = PUSH_ALL;
	push->gzip = true;
	push->delete_on_exit = true;
	strcpy(push->job, "flowgauge");
}

/* --- values --- */

static int read_text(const struct config_reading *reading, const char *key, const cJSON *node, char *out, size_t size,
		     size_t least, const char *right)
{
	size_t length = cJSON_IsString(node) ? strlen(node->valuestring) : 0;

	if (!cJSON_IsString(node) || length < least || length >= size)
		return config_refuse_value(reading, node, key, right);
	memset(out, 0, size);
	memcpy(out, node->valuestring, length);
	return 0;
}

/* Absolute, because a monitor in the background has another working directory than the one who wrote the file. */
static int read_path(const struct config_reading *reading, const char *key, const cJSON *node, char out[PUSH_PATH_SIZE])
{
	if (!cJSON_IsString(node) || node->valuestring[0] != '/')
		return config_refuse_value(reading, node, key, PATH_RIGHT);
	return read_text(reading, key, node, out, PUSH_PATH_SIZE, 1, PATH_RIGHT);
}

static int read_flag(const struct config_reading *reading, const char *key, const cJSON *node, bool *out)
{
	if (!cJSON_IsBool(node))
		return config_refuse_value(reading, node, key, "true or false");
	*out = cJSON_IsTrue(node);
	return 0;
}

static int read_interval(const struct config_reading *reading, const char *key, const cJSON *node, uint64_t *out_ns)
{
	if (!cJSON_IsNumber(node) ||
	    !(node->valuedouble >= PUSH_INTERVAL_LOW && node->valuedouble <= PUSH_INTERVAL_HIGH))
		return config_refuse_value(reading, node, key, "a number of seconds from 1 to 86400");
	*out_ns = (uint64_t)(node->valuedouble * (double)NS_PER_SECOND);
	return 0;
}

static int read_url(const struct config_reading *reading, const char *key, const cJSON *node, char out[PUSH_URL_SIZE])
{
	struct push_url url;

	if (!cJSON_IsString(node))
		return config_refuse_value(reading, node, key, PUSH_URL_RIGHT);
	if (strchr(node->valuestring, '@')) /* what stands before it may be a password: it is not shown */
		return config_refuse_at(reading, node, key,
					"a user or a password has no place in the URL: use pushgateway.basic_auth");
	if (push_url_parse(node->valuestring, &url))
		return config_refuse_value(reading, node, key, PUSH_URL_RIGHT);
	return read_text(reading, key, node, out, PUSH_URL_SIZE, 1, "a URL of at most 1023 bytes");
}

static int read_method(const struct config_reading *reading, const char *key, const cJSON *node, bool *post)
{
	if (!cJSON_IsString(node) || (strcmp(node->valuestring, "PUT") != 0 && strcmp(node->valuestring, "POST") != 0))
		return config_refuse_value(reading, node, key, "\"PUT\" or \"POST\"");
	*post = !strcmp(node->valuestring, "POST");
	return 0;
}

static unsigned int what_of(const cJSON *item)
{
	static const struct {
		const char *name;
		unsigned int what;
	} kinds[] = { { "rtt", PUSH_RTT }, { "ping", PUSH_PING }, { "rates", PUSH_RATES }, { "totals", PUSH_TOTALS } };

	for (size_t i = 0; cJSON_IsString(item) && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, item->valuestring))
			return kinds[i].what;
	return 0;
}

static int read_what(const struct config_reading *reading, const char *key, const cJSON *node, uint32_t *out)
{
	unsigned int index = 0;

	if (!cJSON_IsArray(node) || !node->child)
		return config_refuse_value(reading, node, key,
					   "an array of \"rtt\", \"ping\", \"rates\" and \"totals\", of one at least");
	*out = 0;
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char name[NAME_SIZE];

		snprintf(name, sizeof(name), "%s[%u]", key, index);
		if (!what_of(item))
			return config_refuse_value(reading, item, name, "\"rtt\", \"ping\", \"rates\" or \"totals\"");
		*out |= what_of(item);
	}
	return 0;
}

/* --- objects --- */

static int read_grouping(const struct config_reading *reading, const char *key, const cJSON *node,
			 struct push_settings *push)
{
	if (!cJSON_IsObject(node))
		return config_refuse_value(reading, node, key,
					   "an object of labels, such as {\"datacentre\": \"north\"}");
	push->grouping_count = 0;
	memset(push->grouping, 0, sizeof(push->grouping));
	for (const cJSON *item = node->child; item; item = item->next) {
		struct push_grouping *grouping = &push->grouping[push->grouping_count];
		char name[NAME_SIZE];
		int status;

		snprintf(name, sizeof(name), "%s.%.63s", key, item->string);
		if (push->grouping_count == PUSH_GROUPING_MAX)
			return config_refuse_at(reading, item, name, "more than %d labels", PUSH_GROUPING_MAX);
		if (strlen(item->string) >= PUSH_NAME_SIZE || !push_label_is_right(item->string))
			return config_refuse_at(reading, item, name, "is not " PUSH_LABEL_RIGHT);
		status = config_refuse_twice(reading, node, item, name);
		if (!status)
			status = read_text(reading, name, item, grouping->value, PUSH_TEXT_SIZE, 0,
					   "a string of at most 255 bytes");
		if (status)
			return status;
		strcpy(grouping->name, item->string);
		push->grouping_count++;
	}
	return 0;
}

struct member {
	const char *name;
	char *out;
	size_t size;
	bool is_path;
	const char *right;
};

/* An object of texts, each with its place. */
static int read_members(const struct config_reading *reading, const char *key, const cJSON *node,
			const struct member *members, size_t count)
{
	if (!cJSON_IsObject(node))
		return config_refuse_value(reading, node, key, "an object in braces");
	for (const cJSON *item = node->child; item; item = item->next) {
		const struct member *member = NULL;
		char name[NAME_SIZE];
		int status;

		snprintf(name, sizeof(name), "%s.%.63s", key, item->string);
		for (size_t i = 0; i < count; i++)
			if (!strcmp(members[i].name, item->string))
				member = &members[i];
		if (!member)
			return config_refuse_at(reading, item, name,
						"there is no such key: flowgauge.json(5) describes those there are");
		status = config_refuse_twice(reading, node, item, name);
		if (!status && member->is_path)
			status = read_path(reading, name, item, member->out);
		else if (!status)
			status = read_text(reading, name, item, member->out, member->size, 1, member->right);
		if (status)
			return status;
	}
	return 0;
}

static int read_basic_auth(const struct config_reading *reading, const char *key, const cJSON *node,
			   struct push_settings *push)
{
	const struct member members[] = {
		{ "username", push->username, sizeof(push->username), false, "a string of 1 to 255 bytes" },
		{ "password_file", push->password_file, sizeof(push->password_file), true, NULL },
	};
	int status = read_members(reading, key, node, members, sizeof(members) / sizeof(members[0]));

	if (status)
		return status;
	if (!*push->username || !*push->password_file)
		return config_refuse_at(reading, node, key, "needs a username and a password_file");
	if (strchr(push->username, ':'))
		return config_refuse_at(reading, node, key, "a username cannot hold ':', which ends it");
	return 0;
}

static int read_tls(const struct config_reading *reading, const char *key, const cJSON *node,
		    struct push_settings *push)
{
	const struct member members[] = {
		{ "ca", push->ca, sizeof(push->ca), true, NULL },
		{ "cert", push->cert, sizeof(push->cert), true, NULL },
		{ "key", push->key, sizeof(push->key), true, NULL },
		{ "server_name", push->server_name, sizeof(push->server_name), false, "a host name of 1 to 255 bytes" },
	};
	int status = read_members(reading, key, node, members, sizeof(members) / sizeof(members[0]));

	if (status)
		return status;
	if (!*push->cert != !*push->key)
		return config_refuse_at(reading, node, key, "a cert needs its key, and a key its cert: give both");
	if (strspn(push->server_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") !=
	    strlen(push->server_name))
		return config_refuse_at(reading, node, key, "server_name is not a host's name");
	return 0;
}

int config_read_push(struct config_reading *reading, const char *key, const cJSON *node)
{
	struct push_settings *push = &reading->config->push;
	const char *leaf = strchr(key, '.') + 1;

	if (!reading->push_node)
		reading->push_node = node;
	if (!strcmp(leaf, "url"))
		return read_url(reading, key, node, push->url);
	if (!strcmp(leaf, "job"))
		return read_text(reading, key, node, push->job, PUSH_TEXT_SIZE, 1, "a string of 1 to 255 bytes");
	if (!strcmp(leaf, "instance")) {
		push->instance_given = true;
		return read_text(reading, key, node, push->instance, PUSH_TEXT_SIZE, 0,
				 "a string of at most 255 bytes");
	}
	if (!strcmp(leaf, "grouping"))
		return read_grouping(reading, key, node, push);
	if (!strcmp(leaf, "interval"))
		return read_interval(reading, key, node, &push->interval_ns);
	if (!strcmp(leaf, "method"))
		return read_method(reading, key, node, &push->post);
	if (!strcmp(leaf, "what"))
		return read_what(reading, key, node, &push->what);
	if (!strcmp(leaf, "basic_auth"))
		return read_basic_auth(reading, key, node, push);
	if (!strcmp(leaf, "tls"))
		return read_tls(reading, key, node, push);
	return read_flag(reading, key, node, !strcmp(leaf, "gzip") ? &push->gzip : &push->delete_on_exit);
}

int config_finish_push(const struct config_reading *reading)
{
	const struct push_settings *push = &reading->config->push;

	if (!reading->push_node || *push->url)
		return 0;
	return config_refuse_at(reading, reading->push_node, "pushgateway.url",
				"is not given: http://127.0.0.1:9091 would be one");
}
