/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configured groups. What a group is not made by is an empty label, which to Prometheus is none; of the rest every label is
 * "other", those too that the group is not made by: an interface may be called other.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "export/group_address.h"
#include "export/prometheus_internal.h"

#define REST_LABEL "other"
#define PART_SIZE (GROUP_ADDRESS_SIZE + IF_NAMESIZE)

static void part_write(const struct group_report *row, enum group_part part, char out[PART_SIZE])
{
	const struct flow_key *key = &row->key;
	const char *name;

	switch (part) {
	case GROUP_BY_SRC:
		group_address_format(row, key->src, row->src_prefix, out);
		break;
	case GROUP_BY_DST:
		group_address_format(row, key->dst, row->dst_prefix, out);
		break;
	case GROUP_BY_SPORT:
		snprintf(out, PART_SIZE, "%u", ntohs(key->sport));
		break;
	case GROUP_BY_DPORT:
		snprintf(out, PART_SIZE, "%u", ntohs(key->dport));
		break;
	case GROUP_BY_PROTOCOL:
		name = protocol_name(key->protocol);
		if (name)
			snprintf(out, PART_SIZE, "%s", name);
		else
			snprintf(out, PART_SIZE, "%u", key->protocol);
		break;
	case GROUP_BY_INTERFACE:
		snprintf(out, PART_SIZE, "%.*s", (int)sizeof(row->interface), row->interface);
		break;
	case GROUP_BY_DIRECTION:
		snprintf(out, PART_SIZE, "%s", direction_labels[key->direction == DIRECTION_EGRESS]);
		break;
	}
}

/* In a text that is used for one row after the other. */
static struct labels row_labels(struct text *text, const struct group_report *row)
{
	static const struct {
		enum group_part part;
		const char *name;
	} parts[] = {
		{ GROUP_BY_INTERFACE, "interface" },
		{ GROUP_BY_DIRECTION, "direction" },
		{ GROUP_BY_SRC, "src" },
		{ GROUP_BY_DST, "dst" },
		{ GROUP_BY_SPORT, "sport" },
		{ GROUP_BY_DPORT, "dport" },
		{ GROUP_BY_PROTOCOL, "protocol" },
	};

	text_clear(text);
	label_append(text, 0, "group", row->group);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char value[PART_SIZE] = "";

		if (row->is_rest)
			snprintf(value, sizeof(value), REST_LABEL);
		else if (row->parts & parts[i].part)
			part_write(row, parts[i].part, value);
		label_append(text, 0, parts[i].name, value);
	}
	return labels_of(text, 0);
}

static void write_count(struct exposition_writer *writer, const struct report *report, struct text *labels,
			const char *name, const char *help, enum family_type type, size_t member)
{
	family_begin(writer, name, type, help);
	for (size_t i = 0; i < report->group_count; i++)
		sample_u64(writer, row_labels(labels, &report->groups[i]),
			   *(const uint64_t *)((const char *)&report->groups[i] + member));
}

void write_groups(struct exposition_writer *writer, const struct report *report)
{
	struct text labels = TEXT_EMPTY;

	write_count(writer, report, &labels, "flowgauge_group_packets", "Packets of the group's flows.", FAMILY_COUNTER,
		    offsetof(struct group_report, packets));
	write_count(writer, report, &labels, "flowgauge_group_bytes", "Bytes of their frames, link header included.",
		    FAMILY_COUNTER, offsetof(struct group_report, bytes));
	write_count(writer, report, &labels, "flowgauge_group_payload_bytes",
		    "Bytes after the transport header, by the length in the IP header.", FAMILY_COUNTER,
		    offsetof(struct group_report, payload_bytes));
	write_count(writer, report, &labels, "flowgauge_group_flows", "Flows of the group in the table.", FAMILY_GAUGE,
		    offsetof(struct group_report, flows));
	family_begin(writer, "flowgauge_group_throughput_bytes_per_second", FAMILY_GAUGE,
		     "Rate of bytes over the last interval.");
	for (size_t i = 0; i < report->group_count; i++)
		sample_known(writer, row_labels(&labels, &report->groups[i]), report->groups[i].throughput);
	text_free(&labels);
}
