/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON records of round-trip times: one a pair for --json, and the document of /api/v1/rtt and the controller. */
#ifndef FLOWGAUGE_JSON_RTT_H
#define FLOWGAUGE_JSON_RTT_H

#include "base/json_writer.h"
#include "measure/report.h"

/* {"type":"rtt",...}, one a line, of each pair with a round-trip time since the report before. */
void record_rtt_lines(const struct report *report, struct text *out);
/* {"time":…,"interval_seconds":…,"enabled":…,"scope":…,"pairs":[…],"hops":[…],"counts":{…}} */
void record_rtt_document(const struct report *report, struct text *out);
/* "rtt":{…} of a flow, or null if nothing is known. */
void member_flow_rtt(struct json_writer *json, const struct flow_rtt_report *rtt);
/* "rtt":{…} of the status. */
void member_rtt_status(struct json_writer *json, const struct rtts_report *rtt);

#endif
