/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 30 gauges without labels that dashboards of the earlier flow monitor read: ten a protocol, as sums over its
 * flows. They were always there, so a value that is not known is NaN. Rates are bytes/s; jitter is in milliseconds, as
 * it was; counts are gauges, as they were.
 */
#include <math.h>
#include <stdio.h>

#include "export/prometheus_internal.h"

#define MS_PER_SECOND 1e3
#define LEGACY_GAUGES 10

struct legacy_gauge {
	const char *suffix;
	const char *help;
	double value;
};

static double count_if(bool known, uint64_t count)
{
	return known ? (double)count : NAN;
}

static void legacy_values(const struct protocol_report *protocol, struct legacy_gauge gauges[LEGACY_GAUGES])
{
	const struct sequence_report *sequence = &protocol->sequence;
	bool numbered = sequence->kind != SEQUENCE_NONE, packets = sequence->kind == SEQUENCE_PACKETS;
	uint64_t errors = sequence->reverse + sequence->big + (packets ? sequence->small : 0);
	const struct legacy_gauge values[LEGACY_GAUGES] = {
		{ "throughput", "Frame bytes per second.", protocol->throughput },
		{ "goodput", "Payload bytes per second.", protocol->goodput },
		{ "jitter_avg", "Mean gap between packets, ms.", protocol->interarrival.mean * MS_PER_SECOND },
		{ "jitter_stddev", "Standard deviation of the gaps, ms.",
		  protocol->interarrival.stddev * MS_PER_SECOND },
		{ "seq_num", "Sequence number seen last.", count_if(numbered, sequence->current) },
		{ "count", "Packets that carried a sequence number.", (double)sequence->received },
		{ "reverse_err", "Steps back in the sequence numbers.", count_if(numbered, sequence->reverse) },
		{ "small_err", "Small steps that are not 1.", count_if(packets, sequence->small) },
		{ "big_err", "Steps over the threshold.", count_if(numbered, sequence->big) },
		{ "total_err", "Sum of the three.", count_if(numbered, errors) },
	};

	for (int i = 0; i < LEGACY_GAUGES; i++)
		gauges[i] = values[i];
}

void write_legacy(struct exposition_writer *writer, const struct report *report)
{
	static const struct {
		enum protocol_group group;
		const char *name;
	} protocols[] = { { GROUP_TCP, "tcp" }, { GROUP_UDP, "udp" }, { GROUP_ICMP, "icmp" } };

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct legacy_gauge gauges[LEGACY_GAUGES];

		legacy_values(&report->protocols[protocols[i].group], gauges);
		for (int gauge = 0; gauge < LEGACY_GAUGES; gauge++) {
			char name[SAMPLE_NAME_SIZE];

			snprintf(name, sizeof(name), "%s_%s", protocols[i].name, gauges[gauge].suffix);
			family_begin(writer, name, FAMILY_GAUGE, gauges[gauge].help);
			sample_double(writer, NO_LABELS, gauges[gauge].value);
		}
	}
}
