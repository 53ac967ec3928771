/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the rate monitor says in a report. Rates are bytes/s, variances bytes²/s², shares and risks 0 to 1, times
 * nanoseconds since the epoch. Unknown is NaN.
 */
#ifndef FLOWGAUGE_RATE_REPORT_H
#define FLOWGAUGE_RATE_REPORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"

#define RATE_WINDOWS 3
extern const double rate_windows[RATE_WINDOWS]; /* seconds: 0.001, 0.01, 0.1 */
#define RATE_QUANTILES 4
extern const double rate_quantiles[RATE_QUANTILES]; /* 0.5, 0.95, 0.99, 0.999 */

struct rate_alarm {
	bool on;
	uint64_t changed_ns; /* 0: it never has */
};

/* One direction of an interface over the last estimation interval that has ended. */
struct rate_estimate {
	bool known; /* false: none has ended, or all its bins were lost; then only lost_total and the alarms count */
	uint64_t time_ns;      /* when the interval ended */
	uint64_t bins;         /* that were read: n */
	uint64_t lost;         /* bins of the interval that were overwritten before they were read */
	uint64_t lost_total;   /* the same since the interface came */
	double mean, variance; /* population variance */
	double mu, sigma_squared;
	double risk;               /* modelled share of time over capacity · cutoff; NaN: the capacity is not known */
	double above;              /* measured share of bins over capacity · cutoff; likewise */
	double peak[RATE_WINDOWS]; /* highest rate over a window that ended in the interval; NaN: bins are longer */
	double quantile[RATE_QUANTILES];     /* of the bins, within 0.2 % */
	double quantile_fit[RATE_QUANTILES]; /* of the model */
	double fit_distance;                 /* Kolmogorov-Smirnov, 0 to 1; NaN: the rate was constant */
	struct rate_alarm alarm, measured_alarm;
};

struct rate_report {
	char interface[IF_NAMESIZE];
	double capacity; /* NaN: not known */
	struct rate_estimate estimate[DIRECTIONS];
};

enum rate_sink { RATE_SINK_FILE, RATE_SINK_TCP, RATE_SINKS };
struct rate_sink_report {
	bool set;
	uint64_t written, lost; /* records */
};

struct rates_report {
	bool enabled; /* false: there is nothing else */
	bool paused;
	bool due; /* a meter interval ended: records of this report go to the sinks and to --json */
	double sample_rate, estimation_interval, meter_interval; /* 1/s, s, s */
	double cutoff, alarm_trigger;                            /* shares */
	double alarm_measured_trigger;                           /* NaN: off */
	struct rate_report *links;                               /* by interface name; owned */
	size_t count;
	struct rate_sink_report sinks[RATE_SINKS];
};

#endif
