/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel counts of every interface, and what each one is. */
#include <math.h>
#include <stddef.h>

#include "export/prometheus_internal.h"

#define SIDE_NAMES(unit)                                                   \
	{                                                                  \
		[DIRECTION_INGRESS] = "flowgauge_interface_receive_" unit, \
		[DIRECTION_EGRESS] = "flowgauge_interface_transmit_" unit, \
	}

static struct labels device_labels(struct text *text, const char *label, const struct device_report *device)
{
	text_clear(text);
	label_append(text, 0, label, device->name);
	return labels_of(text, 0);
}

static void write_counters(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	static const struct {
		const char *name[DIRECTIONS], *help[DIRECTIONS];
		size_t field;
	} counters[] = {
		{ SIDE_NAMES("packets"),
		  { "Packets that the kernel counted as received.", "Packets that the kernel counted as sent." },
		  offsetof(struct device_tally, packets) },
		{ SIDE_NAMES("bytes"),
		  { "Bytes that the kernel counted as received.", "Bytes that the kernel counted as sent." },
		  offsetof(struct device_tally, bytes) },
		{ SIDE_NAMES("errors"),
		  { "Packets that were received with an error.", "Packets that could not be sent for an error." },
		  offsetof(struct device_tally, errors) },
		{ SIDE_NAMES("drops"),
		  { "Packets received and dropped, or missed by the device.", "Packets dropped instead of sent." },
		  offsetof(struct device_tally, drops) },
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			family_begin(writer, counters[i].name[direction], FAMILY_COUNTER, counters[i].help[direction]);
			for (size_t n = 0; n < report->device_count; n++) {
				const struct device_report *device = &report->devices[n];
				const char *tally = (const char *)&device->sides[direction];

				sample_u64(writer, device_labels(labels, "interface", device),
					   *(const uint64_t *)(tally + counters[i].field));
			}
		}
}

/* The words of RFC 2863 as `ip link` and /sys/class/net have them, in the kernel's order: <linux/if.h> is not for <net/if.h>. */
static const char *state_name(unsigned char state)
{
	static const char *const names[] = { "unknown", "notpresent", "down", "lowerlayerdown",
					     "testing", "dormant",    "up" };

	return names[state < sizeof(names) / sizeof(names[0]) ? state : 0];
}

static void write_info(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	family_begin(writer, "flowgauge_interface_info", FAMILY_GAUGE, "1; what the interface is.");
	for (size_t i = 0; i < report->device_count; i++) {
		const struct device_report *device = &report->devices[i];

		if (!device->present)
			continue;
		device_labels(labels, "interface", device);
		label_append(labels, 0, "address", device->facts.address);
		label_append(labels, 0, "adminstate", device->facts.up ? "up" : "down");
		label_append(labels, 0, "operstate", state_name(device->facts.state));
		sample_u64(writer, labels_of(labels, 0), 1);
	}
}

static double mtu_of(const struct device_facts *facts)
{
	return facts->mtu;
}

static double speed_of(const struct device_facts *facts)
{
	return facts->speed ? (double)facts->speed : NAN;
}

static double carrier_of(const struct device_facts *facts)
{
	return facts->up ? facts->carrier : NAN;
}

static void write_facts(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	static const struct {
		const char *name, *help;
		double (*value)(const struct device_facts *facts);
	} gauges[] = {
		{ "flowgauge_interface_mtu_bytes", "Largest packet that the interface takes.", mtu_of },
		{ "flowgauge_interface_speed_bytes_per_second", "Speed of the link, as its driver says.", speed_of },
		{ "flowgauge_interface_carrier", "1 if the link is there, of an interface that is up.", carrier_of },
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		family_begin(writer, gauges[i].name, FAMILY_GAUGE, gauges[i].help);
		for (size_t n = 0; n < report->device_count; n++)
			if (report->devices[n].present)
				sample_known(writer, device_labels(labels, "interface", &report->devices[n]),
					     gauges[i].value(&report->devices[n].facts));
	}
}

void write_devices(struct exposition_writer *writer, const struct report *report)
{
	struct text labels = TEXT_EMPTY;

	write_counters(writer, report, &labels);
	write_info(writer, report, &labels);
	write_facts(writer, report, &labels);
	text_free(&labels);
}

void write_legacy_devices(struct exposition_writer *writer, const struct report *report)
{
	static const struct {
		const char *name, *help;
		enum direction direction;
	} counts[] = {
		{ "packets_sent", "Packets that the kernel counted as sent.", DIRECTION_EGRESS },
		{ "packets_recv", "Packets that the kernel counted as received.", DIRECTION_INGRESS },
	};
	struct text labels = TEXT_EMPTY;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		family_begin(writer, counts[i].name, FAMILY_UNTYPED, counts[i].help);
		for (size_t n = 0; n < report->device_count; n++)
			sample_u64(writer, device_labels(&labels, "ifname", &report->devices[n]),
				   report->devices[n].sides[counts[i].direction].packets);
	}
	text_free(&labels);
}
