/* SPDX-License-Identifier: BSD-2-Clause */
/* "rate": {…}, and the port on which the rate monitor is controlled. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "app/config_reading.h"
#include "app/config_values.h"

int config_read_rate_setting(struct config_reading *reading, const char *key, const cJSON *node)
{
	const struct rate_setting *setting = rate_setting_find(strchr(key, '.') + 1);
	struct rate_settings *settings = &reading->config->rate;
	char right[RATE_RIGHT_SIZE];

	/* The one setting that is off by default can be said to be. */
	if (cJSON_IsNull(node) && setting->field == offsetof(struct rate_settings, alarm_measured_trigger)) {
		settings->alarm_measured_trigger = NAN;
		return 0;
	}
	if (cJSON_IsNumber(node) && !rate_setting_put(setting, settings, node->valuedouble))
		return 0;
	rate_setting_right(setting, right);
	return config_refuse_value(reading, node, key, right);
}

/* Absolute, as the control socket's path is, and for the same reason. */
int config_read_rate_file(struct config_reading *reading, const char *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || node->valuestring[0] != '/' || value_rate_file(node->valuestring, reading->config))
		return config_refuse_value(reading, node, key, "the path of a file, from / on");
	return 0;
}

int config_read_rate_tcp(struct config_reading *reading, const char *key, const cJSON *node)
{
	if (!cJSON_IsString(node) || value_rate_tcp(node->valuestring, reading->config))
		return config_refuse_value(reading, node, key, RATE_TCP_RIGHT);
	return 0;
}

int config_read_rate_port(struct config_reading *reading, const char *key, const cJSON *node)
{
	if (!cJSON_IsNumber(node) || !(node->valuedouble >= 0 && node->valuedouble <= UINT16_MAX) ||
	    floor(node->valuedouble) != node->valuedouble)
		return config_refuse_value(reading, node, key, "a port of 1 to 65535, or 0 for none");
	reading->config->rate_port = (uint16_t)node->valuedouble;
	return 0;
}

int config_finish_rate(struct config_reading *reading)
{
	const char *conflict = rate_settings_conflict(&reading->config->rate);
	const cJSON *rate = cJSON_GetObjectItemCaseSensitive(reading->root, "rate");

	if (!conflict)
		return 0;
	return config_refuse_at(reading, rate ? rate : reading->root, "rate", "%s", conflict);
}
