/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON records of a report: one writer for --json, the HTTP API and the control socket. */
#ifndef FLOWGAUGE_JSON_RECORDS_H
#define FLOWGAUGE_JSON_RECORDS_H

#include "base/json_writer.h"
#include "measure/report.h"

void record_flow(struct json_writer *json, const struct report *report, const struct flow_report *flow);
void record_total(struct json_writer *json, const struct report *report, const struct total_report *total);
void record_group(struct json_writer *json, const struct report *report, const struct group_report *row);
void record_device(struct json_writer *json, const struct report *report, const struct device_report *device);
/* All records of a tick, one JSON object a line: flows, totals, groups, interfaces, rounds of pings, round-trip times,
 * rates if they are due. */
void record_lines(const struct report *report, struct text *out);
void record_totals_document(const struct report *report, struct text *out); /* {"time":…,"totals":[…]} */
void record_groups_document(const struct report *report,
			    struct text *out); /* {"time":…,"interval_seconds":…,"groups":[…]} */

#endif
