/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report lives as long as somebody shows it: the tick makes it, whoever keeps it holds a reference, and the last one
 * out frees it. Everything runs on one thread, so the count is a plain number.
 */
#include "measure/report.h"

#include <stdlib.h>

#include "measure/flow_notes.h"

const double snapshot_bucket_bounds[SNAPSHOT_BUCKETS] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
							  0.005,  0.01,    0.05,   0.1,   1.0 };

void self_observe_snapshot(struct self_report *self, double seconds)
{
	for (int i = 0; i < SNAPSHOT_BUCKETS; i++)
		if (seconds <= snapshot_bucket_bounds[i])
			self->snapshot_bucket[i]++;
	self->snapshot_count++;
	self->snapshot_seconds += seconds;
}

struct report *report_reference(struct report *report)
{
	report->references++;
	return report;
}

struct report *report_release(struct report *report)
{
	if (!report || --report->references)
		return NULL;
	free(report->flows);
	if (report->rest) {
		free(report->rest->notes);
		free(report->rest->ranks);
	}
	free(report->rest);
	free(report->totals);
	free(report->interfaces);
	free(report->groups);
	free(report->devices);
	ping_sample_free(report->pings);
	free(report->rates.links);
	free(report->rtt.pairs);
	free(report->rtt.hops);
	free(report);
	return NULL;
}
