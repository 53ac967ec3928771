/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a report are finished and sorted when they are first asked for. What they say then was fixed when the report was
 * made. Everything runs on one thread.
 */
#include <math.h>

#include "measure/flow_notes.h"
#include "measure/ranks.h"

static void finish(struct flow_report *row, const struct flow_note *note, double interval)
{
	double divisor = note->late ? NAN : interval;

	row->throughput = note->grown / divisor;
	row->goodput = note->fresh / divisor;
	row->interarrival = interarrival_of(note->gaps);
}

const struct flow_report *report_flows(const struct report *report)
{
	struct report_rest *rest = report->rest;

	if (!rest || rest->settled)
		return report->flows;
	ranks_take(rest->ranks, report->flows, rest->notes, report->flow_count, rest->rates_known);
	for (size_t i = 0; i < report->flow_count; i++)
		finish(&report->flows[i], &rest->notes[i], rest->divisor);
	ranks_sort(rest->ranks, report->flows, report->flow_count);
	rest->settled = true;
	return report->flows;
}
