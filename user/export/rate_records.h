/* SPDX-License-Identifier: BSD-2-Clause */
/* The rate monitor's JSON: one record an interface, for --json, the sinks and /api/v1/rates. docs/rate-monitor.md lists the members. */
#ifndef FLOWGAUGE_RATE_RECORDS_H
#define FLOWGAUGE_RATE_RECORDS_H

#include "base/json_writer.h"
#include "measure/report.h"

void record_rate(struct json_writer *json, const struct rates_report *rates, const struct rate_report *link,
		 uint64_t time_ns);
/* One object a line for each interface of which something has been estimated. */
void record_rate_lines(const struct rates_report *rates, uint64_t time_ns, struct text *out);
/* {"time":…,"enabled":…,"paused":…,"sinks":{…},"rates":[…]} */
void record_rates_document(const struct rates_report *rates, uint64_t time_ns, struct text *out);
/* {"initialized":time} or {"exited":time}, and a newline. */
void record_life_cycle(const char *what, uint64_t time_ns, struct text *out);

/* A share that was given in percent, as it was given: 57 / 100 · 100 is not 57 in doubles. */
double rate_percent(double share);

#endif
