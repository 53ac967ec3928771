/* SPDX-License-Identifier: BSD-2-Clause */
/* A report as Prometheus text format 0.0.4 or OpenMetrics 1.0. Reads the report (and /proc/self for process_*), nothing else. */
#ifndef FLOWGAUGE_PROMETHEUS_H
#define FLOWGAUGE_PROMETHEUS_H

#include <stdbool.h>

#include "base/text.h"
#include "measure/report.h"

enum exposition { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

struct prometheus_config {
	size_t max_ping_histograms; /* addresses with a histogram of their own, the first ones; the rest share one */
	bool legacy;                /* also the names and labels of old dashboards */
};

/* What may be pushed to a Pushgateway. */
enum push_what { PUSH_RTT = 1, PUSH_PING = 2, PUSH_RATES = 4, PUSH_TOTALS = 8 };
#define PUSH_ALL (PUSH_RTT | PUSH_PING | PUSH_RATES | PUSH_TOTALS)

/* Appends the families of `what`, a set of enum push_what, in the text format; check out->failed. */
void prometheus_push(unsigned int what, const struct prometheus_config *config, const struct report *report,
		     struct text *out);

/* Appends the whole exposition; check out->failed. `report` is not NULL. */
void prometheus_render(const struct prometheus_config *config, const struct report *report, enum exposition format,
		       struct text *out);

#endif
