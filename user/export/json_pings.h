/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON records of pings: one a round for --json, and the document of /api/v1/probes and the controller. */
#ifndef FLOWGAUGE_JSON_PINGS_H
#define FLOWGAUGE_JSON_PINGS_H

#include "base/json_writer.h"
#include "measure/report.h"

/* {"type":"ping",...}, one a line, of each round that ended since the report before. */
void record_ping_lines(const struct report *report, struct text *out);
/* {"time":…,"pings":[…],"pinger":{…}|null}; no pings if none are configured. */
void record_probes_document(const struct report *report, struct text *out);

#endif
