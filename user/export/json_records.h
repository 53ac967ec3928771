/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON records of a report: one writer for --json, the HTTP API and the control socket. */
#ifndef FLOWGAUGE_JSON_RECORDS_H
#define FLOWGAUGE_JSON_RECORDS_H

#include "base/json_writer.h"
#include "measure/report.h"

void record_flow(struct json_writer *json, const struct report *report, const struct flow_report *flow);
void record_total(struct json_writer *json, const struct report *report, const struct total_report *total);
/* All records of a tick, one JSON object a line: flows, then totals, then rates if they are due. */
void record_lines(const struct report *report, struct text *out);
/* {"time":…,"interval_seconds":…,"count":<all flows>,"flows":[the first `top`, 0 = all]} as one document */
void record_flows_document(const struct report *report, size_t top, struct text *out);
void record_totals_document(const struct report *report, struct text *out); /* {"time":…,"totals":[…]} */

#endif
