/* SPDX-License-Identifier: BSD-2-Clause */
/* Ceilometer v2 as the origin of the rate monitor spoke to it: one sample a record, the record itself in its metadata. */
#include <math.h>

#include "base/json_writer.h"
#include "export/openstack_internal.h"

#define UNIT "b/s" /* the origin's word for bytes a second */

void ceilometer_url(const struct openstack_config *config, struct text *url)
{
	text_append(url, config->url);
	text_append(url, "/v2/meters/");
	text_append(url, config->meter_name);
}

static void write_record(struct json_writer *json, const struct record *record)
{
	char time[TIME_TEXT_SIZE];

	time_format(record->time_ns, time);
	if (record->life) {
		json_string(json, record->life, time);
		return;
	}
	json_string(json, "timestamp", time);
	json_string(json, "interface", record->interface);
	for (size_t i = 0; i < record->value_count; i++) {
		const struct openstack_value *value = &record->values[i];

		if (value->truth && isfinite(value->value))
			json_bool(json, value->name, value->value != 0);
		else
			json_double(json, value->name, value->value);
	}
}

void ceilometer_document(const struct openstack_config *config, const struct record *record, struct text *out)
{
	struct json_writer json;

	json_begin(&json, out);
	json_array_open(&json, NULL);
	json_object_open(&json, NULL);
	json_string(&json, "project_id", config->project_id);
	json_string(&json, "resource_id", config->resource_id);
	json_string(&json, "user_id", *config->user_id ? config->user_id : config->username);
	json_string(&json, "counter_name", config->meter_name);
	json_string(&json, "counter_type", "gauge");
	json_string(&json, "counter_unit", UNIT);
	/* A number it must be: the server refuses null. */
	json_double(&json, "counter_volume", isfinite(record->volume) ? record->volume : 0);
	json_object_open(&json, "resource_metadata");
	write_record(&json, record);
	json_object_close(&json);
	json_object_close(&json);
	json_array_close(&json);
}
