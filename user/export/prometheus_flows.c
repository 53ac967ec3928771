/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows: one family after the other, each with a sample of every series that knows its value. */
#include <stddef.h>

#include "export/prometheus_internal.h"

enum member_type { MEMBER_COUNT, MEMBER_DOUBLE, MEMBER_NUMBER }; /* uint64_t, double, uint32_t */

/* Who has a sample. A double that is not known has none in any case. */
enum presence {
	OF_ALL,
	OF_NUMBERED_FLOWS, /* the number seen last: the rest has no one number */
	OF_TCP,
	OF_PACKET_NUMBERS, /* what is known where each packet has a number of its own */
};

struct flow_family {
	enum family_type type;
	enum presence presence;
	enum member_type member;
	size_t offset; /* in struct flow_report */
	const char *name;
	const char *help;
};

#define COUNT(name) MEMBER_COUNT, offsetof(struct flow_report, name)
#define DOUBLE(name) MEMBER_DOUBLE, offsetof(struct flow_report, name)
#define NUMBER(name) MEMBER_NUMBER, offsetof(struct flow_report, name)

static const struct flow_family families[] = {
	{ FAMILY_COUNTER, OF_ALL, COUNT(packets), "flowgauge_flow_packets", "Packets of the flow on the wire." },
	{ FAMILY_COUNTER, OF_ALL, COUNT(bytes), "flowgauge_flow_bytes", "Bytes of its frames, link header included." },
	{ FAMILY_COUNTER, OF_ALL, COUNT(payload_bytes), "flowgauge_flow_payload_bytes",
	  "Bytes after the transport header, by the length in the IP header." },
	{ FAMILY_GAUGE, OF_ALL, DOUBLE(throughput), "flowgauge_flow_throughput_bytes_per_second",
	  "Rate of bytes over the last interval." },
	{ FAMILY_GAUGE, OF_ALL, DOUBLE(goodput), "flowgauge_flow_goodput_bytes_per_second",
	  "Rate of payload bytes, those that TCP repeated left out, over the last interval." },
	{ FAMILY_GAUGE, OF_ALL, DOUBLE(interarrival.mean), "flowgauge_flow_interarrival_seconds",
	  "Mean gap between packets in the last interval." },
	{ FAMILY_GAUGE, OF_ALL, DOUBLE(interarrival.stddev), "flowgauge_flow_jitter_seconds",
	  "Standard deviation of the gaps between packets in the last interval." },
	{ FAMILY_COUNTER, OF_ALL, COUNT(gaps_total), "flowgauge_flow_interarrivals",
	  "Gaps between packets, those over 2 s left out." },
	{ FAMILY_COUNTER_BESIDE_GAUGE, OF_ALL, DOUBLE(gap_seconds_total), "flowgauge_flow_interarrival_seconds",
	  "Sum of the gaps between packets, those over 2 s left out." },
	{ FAMILY_COUNTER, OF_ALL, DOUBLE(gap_squared_seconds_total), "flowgauge_flow_interarrival_squared_seconds",
	  "Sum of the squares of the gaps between packets, those over 2 s left out." },
	{ FAMILY_GAUGE, OF_NUMBERED_FLOWS, NUMBER(sequence.current), "flowgauge_flow_sequence_number",
	  "Sequence number of the last packet that carried one." },
	{ FAMILY_COUNTER, OF_PACKET_NUMBERS, COUNT(sequence.lost), "flowgauge_flow_lost_packets",
	  "Sequence numbers expected and never seen." },
	{ FAMILY_COUNTER, OF_PACKET_NUMBERS, COUNT(sequence.duplicate), "flowgauge_flow_duplicate_packets",
	  "Packets whose sequence number had come before." },
	{ FAMILY_COUNTER, OF_PACKET_NUMBERS, COUNT(sequence.reordered), "flowgauge_flow_reordered_packets",
	  "Packets that came after one with a higher sequence number." },
	{ FAMILY_COUNTER, OF_TCP, COUNT(tcp.retransmitted_packets), "flowgauge_flow_tcp_retransmitted_packets",
	  "TCP packets that were sent again, as judged here." },
	{ FAMILY_COUNTER, OF_TCP, COUNT(tcp.retransmitted_bytes), "flowgauge_flow_tcp_retransmitted_bytes",
	  "Payload bytes of those packets." },
	{ FAMILY_COUNTER, OF_TCP, COUNT(tcp.out_of_order), "flowgauge_flow_tcp_out_of_order_packets",
	  "TCP packets that others overtook." },
	{ FAMILY_COUNTER, OF_TCP, COUNT(tcp.lost_segments), "flowgauge_flow_tcp_lost_segments",
	  "TCP packets before which a part of the stream had not been seen." },
	{ FAMILY_COUNTER, OF_TCP, COUNT(tcp.zero_window), "flowgauge_flow_tcp_zero_window_packets",
	  "TCP packets whose sender had no room left." },
};

static bool has_sample(const struct series *series, enum presence presence)
{
	switch (presence) {
	case OF_NUMBERED_FLOWS:
		return !series->is_rest && series->flow.sequence.kind != SEQUENCE_NONE;
	case OF_TCP:
		return series->flow.tcp.known;
	case OF_PACKET_NUMBERS:
		return series->flow.sequence.kind == SEQUENCE_PACKETS;
	default:
		return true;
	}
}

static void write_sample(struct exposition_writer *writer, const struct flow_family *family,
			 const struct series *series)
{
	const void *member = (const char *)&series->flow + family->offset;

	switch (family->member) {
	case MEMBER_COUNT:
		sample_u64(writer, series->labels, *(const uint64_t *)member);
		break;
	case MEMBER_NUMBER:
		sample_u64(writer, series->labels, *(const uint32_t *)member);
		break;
	default:
		sample_known(writer, series->labels, *(const double *)member);
	}
}

/* Of TCP, whose numbers are those of bytes, there is no "small". */
static void write_sequence_errors(struct exposition_writer *writer, const struct series_set *set)
{
	family_begin(writer, "flowgauge_flow_sequence_errors", FAMILY_COUNTER,
		     "Steps between neighbouring sequence numbers that are not 1; no count of lost packets.");
	for (size_t i = 0; i < set->count; i++) {
		const struct series *series = &set->items[i];
		const struct sequence_report *sequence = &series->flow.sequence;

		if (sequence->kind == SEQUENCE_NONE)
			continue;
		sample_u64_of(writer, series->labels, "kind", "reverse", sequence->reverse);
		if (sequence->kind == SEQUENCE_PACKETS)
			sample_u64_of(writer, series->labels, "kind", "small", sequence->small);
		sample_u64_of(writer, series->labels, "kind", "big", sequence->big);
	}
}

static void write_tcp_flags(struct exposition_writer *writer, const struct series_set *set)
{
	family_begin(writer, "flowgauge_flow_tcp_flags", FAMILY_COUNTER, "TCP packets with the flag.");
	for (size_t i = 0; i < set->count; i++) {
		const struct series *series = &set->items[i];
		const struct tcp_report *tcp = &series->flow.tcp;

		if (!tcp->known)
			continue;
		sample_u64_of(writer, series->labels, "flag", "syn", tcp->syn);
		sample_u64_of(writer, series->labels, "flag", "fin", tcp->fin);
		sample_u64_of(writer, series->labels, "flag", "rst", tcp->rst);
	}
}

void write_flows(struct exposition_writer *writer, const struct report *report)
{
	struct series_set set;

	if (series_select(report, &set)) {
		writer->out->failed = true;
		return;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		family_begin(writer, families[i].name, families[i].type, families[i].help);
		for (size_t k = 0; k < set.count; k++)
			if (has_sample(&set.items[k], families[i].presence))
				write_sample(writer, &families[i], &set.items[k]);
	}
	write_sequence_errors(writer, &set);
	write_tcp_flags(writer, &set);
	series_free(&set);
}
