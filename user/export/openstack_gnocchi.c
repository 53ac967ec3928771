/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gnocchi: one resource an interface, one metric a named value. A batch carries each metric's unit and archive policy, and
 * asks the server to create those it does not know; a resource has to be created before.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "export/openstack_internal.h"

#define UNKNOWN_RESOURCES "Unknown resources"

/* What is batched: records of one interface are looked for among the first `count` of the queue. */
struct batch {
	const struct openstack_config *config;
	const struct record_queue *queue;
	size_t count;
};

void gnocchi_measures_url(const struct openstack_config *config, struct text *url)
{
	text_append(url, config->url);
	text_append(url, "/v1/batch/resources/metrics/measures?create_metrics=true");
}

void gnocchi_resource_url(const struct openstack_config *config, struct text *url)
{
	text_append(url, config->url);
	text_append(url, "/v1/resource/generic");
}

void gnocchi_resource_id(const struct openstack_config *config, const char *interface, char out[RESOURCE_ID_SIZE + 1])
{
	/* The interface's name is what tells resources apart: of a long id, it is the other part that is cut. */
	int room = RESOURCE_ID_SIZE - 1 - (int)strlen(interface);

	snprintf(out, RESOURCE_ID_SIZE + 1, "%.*s:%s", room, config->resource_id, interface);
}

static const struct openstack_value *value_find(const struct record *record, const char *name, size_t hint)
{
	/* Records are alike: as a rule it is in the same place. */
	if (hint < record->value_count && !strcmp(record->values[hint].name, name))
		return &record->values[hint];
	for (size_t i = 0; i < record->value_count; i++)
		if (!strcmp(record->values[i].name, name))
			return &record->values[i];
	return NULL;
}

static bool is_of(const struct record *record, const char *interface)
{
	return !strcmp(record->interface, interface);
}

static bool is_known_number(const struct openstack_value *value)
{
	return value && isfinite(value->value);
}

/* An earlier record of the interface, or an earlier place in this one, has the value: it is written already. */
static bool is_written(const struct batch *batch, size_t index, size_t place)
{
	const struct record *record = queue_at(batch->queue, index);
	const char *name = record->values[place].name;

	for (size_t i = 0; i < index; i++) {
		const struct record *earlier = queue_at(batch->queue, i);

		if (is_of(earlier, record->interface) && is_known_number(value_find(earlier, name, place)))
			return true;
	}
	return value_find(record, name, 0) < &record->values[place];
}

static void write_measures(struct json_writer *json, const struct batch *batch, size_t index, size_t place)
{
	const struct record *first = queue_at(batch->queue, index);
	const char *name = first->values[place].name;

	json_array_open(json, "measures");
	for (size_t i = index; i < batch->count; i++) {
		const struct record *record = queue_at(batch->queue, i);
		const struct openstack_value *value = is_of(record, first->interface) ?
							      value_find(record, name, place) :
							      NULL;
		char time[TIME_TEXT_SIZE];

		if (!is_known_number(value))
			continue;
		time_format(record->time_ns, time);
		json_object_open(json, NULL);
		json_string(json, "timestamp", time);
		json_double(json, "value", value->value);
		json_object_close(json);
	}
	json_array_close(json);
}

/* Every metric that shows up in this record for the first time, with all its measures. */
static void write_metrics_from(struct json_writer *json, const struct batch *batch, size_t index)
{
	const struct record *record = queue_at(batch->queue, index);

	for (size_t place = 0; place < record->value_count; place++) {
		const struct openstack_value *value = &record->values[place];

		if (!is_known_number(value) || is_written(batch, index, place))
			continue;
		json_object_open(json, value->name);
		if (value->unit && *value->unit)
			json_string(json, "unit", value->unit);
		if (*batch->config->archive_policy)
			json_string(json, "archive_policy_name", batch->config->archive_policy);
		write_measures(json, batch, index, place);
		json_object_close(json);
	}
}

static bool is_first_of_interface(const struct batch *batch, size_t index)
{
	const char *interface = queue_at(batch->queue, index)->interface;

	for (size_t i = 0; i < index; i++)
		if (is_of(queue_at(batch->queue, i), interface))
			return false;
	return true;
}

void gnocchi_measures_document(const struct openstack_config *config, const struct record_queue *queue, size_t count,
			       struct text *out)
{
	struct batch batch = { .config = config, .queue = queue, .count = count };
	struct json_writer json;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	for (size_t i = 0; i < count; i++) {
		const char *interface = queue_at(queue, i)->interface;
		char id[RESOURCE_ID_SIZE + 1];

		if (!is_first_of_interface(&batch, i))
			continue;
		gnocchi_resource_id(config, interface, id);
		json_object_open(&json, id);
		for (size_t j = i; j < count; j++)
			if (is_of(queue_at(queue, j), interface))
				write_metrics_from(&json, &batch, j);
		json_object_close(&json);
	}
	json_object_close(&json);
}

void gnocchi_resource_document(const struct openstack_config *config, const char *interface, struct text *out)
{
	char id[RESOURCE_ID_SIZE + 1];
	struct json_writer json;

	gnocchi_resource_id(config, interface, id);
	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_string(&json, "id", id);
	json_object_close(&json);
}

/* {"description": {"cause": "Unknown resources", "detail": [{"original_resource_id": …}, …]}, …} */
bool gnocchi_lacks_resource(const struct openstack_config *config, const struct text *answer, const char *interface)
{
	cJSON *root = answer->length ? cJSON_ParseWithLength(answer->bytes, answer->length) : NULL;
	const cJSON *description = cJSON_GetObjectItemCaseSensitive(root, "description");
	const char *cause = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(description, "cause"));
	const cJSON *detail = cJSON_GetObjectItemCaseSensitive(description, "detail"), *item;
	char id[RESOURCE_ID_SIZE + 1];
	bool lacks = false;

	gnocchi_resource_id(config, interface, id);
	if (cause && !strcmp(cause, UNKNOWN_RESOURCES)) {
		cJSON_ArrayForEach (item, detail) {
			const char *unknown =
				cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "original_resource_id"));

			lacks = lacks || (unknown && !strcmp(unknown, id));
		}
	}
	cJSON_Delete(root);
	return lacks;
}
