/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the rate monitor a user can tune, by config.json, by the flags of `flowgauge rate`, and while it runs: one table
 * of names and bounds for all of them.
 */
#ifndef FLOWGAUGE_RATE_SETTINGS_H
#define FLOWGAUGE_RATE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_settings {
	double sample_rate;            /* bins a second */
	double estimation_interval;    /* seconds */
	double meter_interval;         /* seconds between two records */
	double link_speed;             /* Mbit/s; 0: what the interface says */
	double alarm_trigger;          /* percent */
	double cutoff;                 /* percent of the capacity */
	double alarm_measured_trigger; /* percent; NaN: off */
};

struct rate_setting {
	const char *name; /* as in config.json, less "rate.", and as in the control protocol */
	size_t field;     /* offset of the double in struct rate_settings */
	double low, high;
	const char *unit;
};
extern const struct rate_setting rate_setting_table[];
extern const size_t rate_setting_count;

#define RATE_RIGHT_SIZE 96

void rate_settings_default(struct rate_settings *settings);
const struct rate_setting *rate_setting_find(const char *name); /* NULL: there is none */
double *rate_setting_value(const struct rate_setting *setting, struct rate_settings *settings);
/* -EINVAL if it is out of bounds; `settings` is untouched then. */
int rate_setting_put(const struct rate_setting *setting, struct rate_settings *settings, double value);
/* "a number of percent from 0 to 100" */
void rate_setting_right(const struct rate_setting *setting, char out[RATE_RIGHT_SIZE]);
/* NULL if the settings go together; else one line that says what does not, and what would. */
const char *rate_settings_conflict(const struct rate_settings *settings);
uint64_t rate_settings_bin_ns(const struct rate_settings *settings);

#endif
