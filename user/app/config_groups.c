/* SPDX-License-Identifier: BSD-2-Clause */
/* "groups": [{"name": …, "match": …, "by": ["src/24", "dport", …], "limit": …}, …] */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_reading.h"
#include "base/number.h"

#define PATH_SIZE 96 /* "groups[31].by[6]", and the name of an unknown key */
#define NAME_RIGHT "a name of 1 to 63 letters, digits, -, _ and ."
#define BY_RIGHT                                                                                             \
	"\"src\", \"dst\", \"src/24\", \"src/24/48\" with lengths for IPv4 and IPv6, \"sport\", \"dport\", " \
	"\"protocol\", \"interface\" or \"direction\""
#define IPV6_PREFIX_DEFAULT 64

static const struct {
	const char *name;
	enum group_part part;
} parts[] = {
	{ "src", GROUP_BY_SRC },
	{ "dst", GROUP_BY_DST },
	{ "sport", GROUP_BY_SPORT },
	{ "dport", GROUP_BY_DPORT },
	{ "protocol", GROUP_BY_PROTOCOL },
	{ "interface", GROUP_BY_INTERFACE },
	{ "direction", GROUP_BY_DIRECTION },
};

/* "/24" or "/24/48". */
static int prefixes_parse(const char *text, uint8_t out[GROUP_FAMILIES])
{
	uint64_t v4, v6 = IPV6_PREFIX_DEFAULT;
	const char *second = strchr(text + 1, '/');
	char first[4];
	size_t length = second ? (size_t)(second - text - 1) : strlen(text + 1);

	if (length >= sizeof(first))
		return -EINVAL;
	memcpy(first, text + 1, length);
	first[length] = '\0';
	if (number_parse_u64(first, 0, 32, &v4) || (second && number_parse_u64(second + 1, 0, 128, &v6)))
		return -EINVAL;
	out[GROUP_IPV4] = (uint8_t)v4;
	out[GROUP_IPV6] = (uint8_t)v6;
	return 0;
}

/* -EEXIST: the part stands twice. */
static int part_take(struct group_config *group, const char *text)
{
	size_t length = strcspn(text, "/");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		enum group_part part = parts[i].part;

		if (strlen(parts[i].name) != length || strncmp(parts[i].name, text, length) != 0)
			continue;
		if (group->parts & part)
			return -EEXIST;
		group->parts |= part;
		if (!text[length])
			return 0;
		if (part != GROUP_BY_SRC && part != GROUP_BY_DST)
			return -EINVAL;
		return prefixes_parse(text + length, part == GROUP_BY_SRC ? group->src_prefix : group->dst_prefix);
	}
	return -EINVAL;
}

static int read_name(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	const char *name = cJSON_IsString(node) ? node->valuestring : "";
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if (!(isascii(name[i]) && (isalnum((unsigned char)name[i]) || strchr("-_.", name[i]))))
			length = 0;
	if (!length || length >= sizeof(group->name))
		return config_refuse_value(reading, node, path, NAME_RIGHT);
	memcpy(group->name, name, length + 1);
	return 0;
}

static int read_by(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	unsigned int index = 0;

	if (!cJSON_IsArray(node))
		return config_refuse_value(reading, node, path, "an array of parts, such as [\"src/24\", \"dport\"]");
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char name[PATH_SIZE + 16], quote[QUOTE_SIZE];
		int status;

		snprintf(name, sizeof(name), "%s[%u]", path, index);
		status = cJSON_IsString(item) ? part_take(group, item->valuestring) : -EINVAL;
		config_quote(reading, item, quote);
		if (status == -EEXIST)
			return config_refuse_at(reading, item, name, "%s stands twice: a part is right once", quote);
		if (status)
			return config_refuse_value(reading, item, name, BY_RIGHT);
	}
	return 0;
}

static int read_match(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	char why[RULE_ERROR_SIZE], quote[QUOTE_SIZE];
	struct rule *rule;

	if (!cJSON_IsString(node))
		return config_refuse_value(reading, node, path, "a rule: a string \"SRC DST SPORT DPORT PROTO\"");
	rule = malloc(sizeof(*rule));
	group->rule = rule;
	group->match = strdup(node->valuestring);
	if (!rule || !group->match)
		return config_refuse(reading, "no memory for %s", path);
	if (!rule_parse(node->valuestring, rule, why))
		return 0;
	config_quote(reading, node, quote);
	return config_refuse_at(reading, node, path, "%s: %s", quote, why);
}

static int read_limit(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	char right[64];

	if (cJSON_IsNumber(node) && node->valuedouble >= 1 && node->valuedouble <= GROUP_LIMIT_MAX &&
	    node->valuedouble == (uint32_t)node->valuedouble) {
		group->limit = (uint32_t)node->valuedouble;
		return 0;
	}
	snprintf(right, sizeof(right), "a whole number of 1 to %d", GROUP_LIMIT_MAX);
	return config_refuse_value(reading, node, path, right);
}

static const struct {
	const char *name;
	int (*read)(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group);
} members[] = {
	{ "name", read_name },
	{ "by", read_by },
	{ "match", read_match },
	{ "limit", read_limit },
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int read_member(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (!strcmp(members[i].name, node->string))
			return members[i].read(reading, path, node, group);
	return config_refuse_at(reading, node, path, "there is no such key: a group has name, match, by and limit");
}

static int read_group(struct config_reading *reading, const char *path, const cJSON *node, struct group_config *group)
{
	char name[PATH_SIZE];

	*group = (struct group_config){ .limit = GROUP_LIMIT_DEFAULT,
					.src_prefix = { 32, 128 },
					.dst_prefix = { 32, 128 } };
	if (!cJSON_IsObject(node))
		return config_refuse_value(reading, node, path,
					   "an object, such as {\"name\": \"networks\", \"by\": [\"src/24\"]}");
	for (const cJSON *item = node->child; item; item = item->next) {
		int status;

		snprintf(name, sizeof(name), "%.30s.%.40s", path, item->string);
		status = config_refuse_twice(reading, node, item, name);
		if (!status)
			status = read_member(reading, name, item, group);
		if (status)
			return status;
	}
	if (!*group->name)
		return config_refuse_at(reading, node, path, "has no name: give it " NAME_RIGHT);
	return 0;
}

static int refuse_namesake(const struct config_reading *reading, const char *path, const cJSON *node, size_t index)
{
	const struct group_config *groups = reading->config->groups;

	for (size_t i = 0; i < index; i++)
		if (!strcmp(groups[i].name, groups[index].name))
			return config_refuse_at(reading, node, path,
						"is called %s like another one: a name is right once", groups[i].name);
	return 0;
}

int config_read_groups(struct config_reading *reading, const char *key, const cJSON *node)
{
	size_t count = (size_t)cJSON_GetArraySize(node), index = 0;

	if (!cJSON_IsArray(node))
		return config_refuse_value(reading, node, key,
					   "an array of groups, such as [{\"name\": \"networks\", \"by\": [\"src/24\"]}]");
	if (count > GROUPS_MAX)
		return config_refuse_at(reading, node, key, "%zu groups: at most %d are possible", count, GROUPS_MAX);
	/* The copy owns them from here on, so that a refusal frees them, too. */
	reading->config->groups = calloc(count + 1, sizeof(*reading->config->groups));
	reading->config->group_count = 0;
	reading->groups_read = true;
	if (!reading->config->groups)
		return config_refuse(reading, "no memory for %zu groups", count);
	for (const cJSON *item = node->child; item; item = item->next, index++) {
		char path[PATH_SIZE];
		int status;

		snprintf(path, sizeof(path), "%s[%zu]", key, index);
		reading->config->group_count = index + 1;
		status = read_group(reading, path, item, &reading->config->groups[index]);
		if (!status)
			status = refuse_namesake(reading, path, item, index);
		if (status)
			return status;
	}
	return 0;
}

void config_free_groups(struct config *config)
{
	for (size_t i = 0; i < config->group_count; i++) {
		free((void *)config->groups[i].rule);
		free((void *)config->groups[i].match);
	}
	free(config->groups);
	config->groups = NULL;
	config->group_count = 0;
}
