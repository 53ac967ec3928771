/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/rate_settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROW(name, low, high, unit)                                           \
	{                                                                    \
#name, offsetof(struct rate_settings, name), low, high, unit \
	}

const struct rate_setting rate_setting_table[] = {
	ROW(sample_rate, 10, 10000, "samples a second"),
	ROW(estimation_interval, 0.1, 2678400, "seconds"), /* a month */
	ROW(meter_interval, 0.1, 86400, "seconds"),
	ROW(link_speed, 0, 100000000, "Mbit/s"),
	ROW(alarm_trigger, 0, 100, "percent"),
	ROW(cutoff, 0.001, 100, "percent"),
	ROW(alarm_measured_trigger, 0, 100, "percent"),
};
const size_t rate_setting_count = sizeof(rate_setting_table) / sizeof(rate_setting_table[0]);

void rate_settings_default(struct rate_settings *settings)
{
	*settings = (struct rate_settings){
		.sample_rate = 1000,
		.estimation_interval = 10,
		.meter_interval = 30,
		.alarm_trigger = 95,
		.cutoff = 99,
		.alarm_measured_trigger = NAN,
	};
}

const struct rate_setting *rate_setting_find(const char *name)
{
	for (size_t i = 0; i < rate_setting_count; i++)
		if (!strcmp(rate_setting_table[i].name, name))
			return &rate_setting_table[i];
	return NULL;
}

double *rate_setting_value(const struct rate_setting *setting, struct rate_settings *settings)
{
	return (double *)((char *)settings + setting->field);
}

int rate_setting_put(const struct rate_setting *setting, struct rate_settings *settings, double value)
{
	if (!(value >= setting->low && value <= setting->high))
		return -EINVAL;
	*rate_setting_value(setting, settings) = value;
	return 0;
}

void rate_setting_right(const struct rate_setting *setting, char out[RATE_RIGHT_SIZE])
{
	snprintf(out, RATE_RIGHT_SIZE, "a number of %s from %.10g to %.10g", setting->unit, setting->low,
		 setting->high);
}

const char *rate_settings_conflict(const struct rate_settings *settings)
{
	if (settings->estimation_interval * settings->sample_rate < 2)
		return "an estimation_interval needs two samples at least: make it longer, or the sample_rate higher";
	return NULL;
}

uint64_t rate_settings_bin_ns(const struct rate_settings *settings)
{
	return (uint64_t)llround(1e9 / settings->sample_rate);
}
