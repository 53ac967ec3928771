/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of the records for OpenStack. Nothing, where none are sent there. */
#include <math.h>

#include "export/prometheus_internal.h"

#define NS_PER_SECOND 1e9

static void write_outcomes(struct exposition_writer *writer, const struct openstack_report *openstack)
{
	family_begin(writer, "flowgauge_openstack_records", FAMILY_COUNTER,
		     "Records for OpenStack by outcome: sent, refused by the server, lost because the queue was full.");
	sample_u64_of(writer, NO_LABELS, "outcome", "sent", openstack->sent);
	sample_u64_of(writer, NO_LABELS, "outcome", "refused", openstack->refused);
	sample_u64_of(writer, NO_LABELS, "outcome", "lost", openstack->lost);
}

static void write_number(struct exposition_writer *writer, const char *name, enum family_type type, const char *help,
			 uint64_t value)
{
	family_begin(writer, name, type, help);
	sample_u64(writer, NO_LABELS, value);
}

void write_openstack(struct exposition_writer *writer, const struct openstack_report *openstack)
{
	if (!openstack->enabled)
		return;
	write_number(writer, "flowgauge_openstack_up", FAMILY_GAUGE,
		     "1 if OpenStack's last answer to a record was as it should be.", openstack->answered);
	write_outcomes(writer, openstack);
	write_number(writer, "flowgauge_openstack_queued_records", FAMILY_GAUGE, "Records that wait to be sent.",
		     openstack->queued);
	write_number(writer, "flowgauge_openstack_queue_limit_records", FAMILY_GAUGE,
		     "Records that the queue has room for.", openstack->queue_limit);
	write_number(writer, "flowgauge_openstack_tokens", FAMILY_COUNTER, "Tokens received from Keystone.",
		     openstack->tokens);
	write_number(writer, "flowgauge_openstack_failures", FAMILY_COUNTER,
		     "Requests that failed and are tried again after a while.", openstack->failures);
	family_begin(writer, "flowgauge_openstack_last_success_timestamp_seconds", FAMILY_GAUGE,
		     "When OpenStack last took records, since the Unix epoch.");
	sample_known(writer, NO_LABELS, openstack->success_ns ? (double)openstack->success_ns / NS_PER_SECOND : NAN);
}
