/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger: what was seen per interface and direction, and what became of it. */
#include <stdio.h>

#include "export/prometheus_internal.h"

static const char *const outcome_labels[OUTCOMES] = {
	[OUTCOME_FLOW] = "flow",         [OUTCOME_OVERFLOW] = "overflow", [OUTCOME_FILTERED] = "filtered",
	[OUTCOME_UNPARSED] = "unparsed", [OUTCOME_NON_IP] = "non_ip",
};

/* Interface and direction of a total, in a text that is used for one total after the other. */
static struct labels total_labels(struct text *text, const struct total_report *total)
{
	char interface[IF_NAMESIZE + 1];

	snprintf(interface, sizeof(interface), "%.*s", (int)sizeof(total->interface), total->interface);
	text_clear(text);
	label_append(text, 0, "interface", interface);
	label_append(text, 0, "direction", direction_labels[total->direction]);
	return labels_of(text, 0);
}

static uint64_t part(const struct tally *tally, bool bytes)
{
	return bytes ? tally->bytes : tally->packets;
}

static void write_seen(struct exposition_writer *writer, const struct report *report, struct text *labels, bool bytes)
{
	family_begin(writer, bytes ? "flowgauge_seen_bytes" : "flowgauge_seen_packets", FAMILY_COUNTER,
		     bytes ? "Bytes of the frames that passed the interface." : "Packets that passed the interface.");
	for (size_t i = 0; i < report->total_count; i++)
		sample_u64(writer, total_labels(labels, &report->totals[i]), part(&report->totals[i].seen, bytes));
}

static void write_outcome(struct exposition_writer *writer, const struct report *report, struct text *labels,
			  bool bytes)
{
	family_begin(writer, bytes ? "flowgauge_outcome_bytes" : "flowgauge_outcome_packets", FAMILY_COUNTER,
		     bytes ? "Bytes seen, by what became of their packets." : "Packets seen, by what became of them.");
	for (size_t i = 0; i < report->total_count; i++) {
		const struct total_report *total = &report->totals[i];
		struct labels base = total_labels(labels, total);

		for (int outcome = 0; outcome < OUTCOMES; outcome++)
			sample_u64_of(writer, base, "outcome", outcome_labels[outcome],
				      part(&total->outcome[outcome], bytes));
	}
}

static void write_unaccounted(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	family_begin(writer, "flowgauge_unaccounted_packets", FAMILY_COUNTER,
		     "Packets charged as flow that are in no flow: always 0; anything else is a defect.");
	for (size_t i = 0; i < report->total_count; i++)
		sample_u64(writer, total_labels(labels, &report->totals[i]), report->totals[i].unaccounted_packets);
}

static void write_residual(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	family_begin(writer, "flowgauge_ledger_residual_packets", FAMILY_GAUGE,
		     "Packets that the kernel's own counters of the interface have more than were seen.");
	for (size_t i = 0; i < report->total_count; i++)
		if (report->totals[i].residual_known)
			sample_double(writer, total_labels(labels, &report->totals[i]),
				      (double)report->totals[i].residual_packets);
}

void write_ledger(struct exposition_writer *writer, const struct report *report)
{
	struct text labels = TEXT_EMPTY;

	write_seen(writer, report, &labels, false);
	write_seen(writer, report, &labels, true);
	write_outcome(writer, report, &labels, false);
	write_outcome(writer, report, &labels, true);
	write_unaccounted(writer, report, &labels);
	write_residual(writer, report, &labels);
	text_free(&labels);
}
