/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over a configuration: each member is given to its key's reader. What is not in the table of keys is an error,
 * so that a mistyped key is never silently a default; so is a key that stands twice.
 */
#include "app/config_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/config_values.h"

#define NEAR_ENOUGH 2 /* edits between a mistyped key and the one that was meant */

/* Levenshtein's distance; names longer than KEY_NAME_MAX are far from everything. */
static unsigned int distance(const char *from, const char *to, size_t to_length)
{
	unsigned int row[KEY_NAME_MAX];

	if (strlen(from) >= KEY_NAME_MAX || to_length >= KEY_NAME_MAX)
		return KEY_NAME_MAX;
	for (unsigned int i = 0; i <= to_length; i++)
		row[i] = i;
	for (; *from; from++) {
		unsigned int diagonal = row[0]++;

		for (size_t i = 0; i < to_length; i++) {
			unsigned int above = row[i + 1];
			unsigned int best = diagonal + (*from != to[i]);

			if (above + 1 < best)
				best = above + 1;
			if (row[i] + 1 < best)
				best = row[i] + 1;
			row[i + 1] = best;
			diagonal = above;
		}
	}
	return row[to_length];
}

/* The key that was meant: differs in case only or in few letters, or stands in another object. NULL if none is near. */
static const char *key_near(const char *name, int *length)
{
	const char *name_leaf = strrchr(name, '.'), *best = NULL;
	unsigned int best_distance = NEAR_ENOUGH + 1;

	name_leaf = name_leaf ? name_leaf + 1 : name;
	for (size_t i = 0; config_key_at(i); i++) {
		const char *candidate = config_key_at(i)->name, *dot = strchr(candidate, '.');
		const char *leaf = dot ? dot + 1 : candidate;
		size_t section = strchr(name, '.') || !dot ? strlen(candidate) : (size_t)(dot - candidate);
		unsigned int edits = distance(name, candidate, section);

		if (strlen(name) == section && !strncasecmp(name, candidate, section))
			edits = 0;
		if (!strcasecmp(name_leaf, leaf) && edits > 1) {
			edits = 1;
			section = strlen(candidate);
		}
		if (edits < best_distance) {
			best_distance = edits;
			best = candidate;
			*length = (int)section;
		}
	}
	return best;
}

static int refuse_unknown(const struct config_reading *reading, const cJSON *node, const char *name)
{
	int length = 0;
	const char *near = key_near(name, &length);

	if (near)
		return config_refuse_at(reading, node, name, "there is no such key: did you mean %.*s?", length, near);
	return config_refuse_at(reading, node, name,
				"there is no such key: flowgauge.json(5) describes those there are");
}

int config_refuse_twice(const struct config_reading *reading, const cJSON *object, const cJSON *member, const char *key)
{
	for (const cJSON *before = object->child; before != member; before = before->next) {
		const struct config_place *place;

		if (strcmp(before->string, member->string) != 0)
			continue;
		place = config_lines_find(&reading->lines, reading->root, before);
		return config_refuse_at(reading, member, key, "stands twice, first in line %u: leave one",
					config_lines_number(&reading->lines, place->name));
	}
	return 0;
}

static int read_members(struct config_reading *reading, const cJSON *object, const char *section)
{
	for (const cJSON *node = object->child; node; node = node->next) {
		char name[2 * KEY_NAME_MAX];
		const struct config_key *key;
		int status;

		snprintf(name, sizeof(name), "%s%s%.*s", section, *section ? "." : "", KEY_NAME_MAX - 1, node->string);
		status = config_refuse_twice(reading, object, node, name);
		if (status)
			return status;
		key = config_key_find(name);
		if (key)
			status = key->read(reading, key, node);
		else if (*section || !config_key_is_section(name))
			status = refuse_unknown(reading, node, name);
		else if (!cJSON_IsObject(node))
			status = config_refuse_value(reading, node, name, "an object in braces");
		else
			status = read_members(reading, node, name);
		if (status)
			return status;
	}
	return 0;
}

int config_read_keys(struct config_reading *reading)
{
	char quote[QUOTE_SIZE];
	int status;

	if (!cJSON_IsObject(reading->root)) {
		config_quote(reading, reading->root, quote);
		return config_refuse(reading, "%s is not an object: {\"RULES\": []} would be one", quote);
	}
	config_begin_sequence(reading);
	status = read_members(reading, reading->root, "");
	if (!status)
		status = config_finish_sequence(reading);
	if (!status)
		status = config_finish_openstack(reading);
	if (!status)
		status = config_finish_push(reading);
	if (!status)
		status = config_finish_rate(reading);
	if (!status && config_is_exposed(reading->config)) {
		const cJSON *node = reading->listen_node ? reading->listen_node : reading->root;

		config_quote(reading, node, quote);
		status = config_refuse_at(reading, node, "http.listen", "%s " EXPOSED_RIGHT,
					  reading->listen_node ? quote : reading->config->http_address);
	}
	return status;
}
