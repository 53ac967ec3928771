/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exposition: one report as the text that Prometheus scrapes. The two formats differ in little: OpenMetrics names a
 * counter's family without _total and ends with # EOF, and writes bounds of buckets as floats. What is not known has no
 * sample. A label's value may be any name that the kernel allows an interface, so it is escaped, and made UTF-8.
 */
#include "export/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "export/prometheus_internal.h"

const char *const direction_labels[DIRECTIONS] = { "ingress", "egress" };

static const char *const type_names[] = { "counter", "gauge", "histogram", "counter", "untyped" };

void family_begin(struct exposition_writer *writer, const char *name, enum family_type type, const char *help)
{
	int length = snprintf(writer->sample_name, sizeof(writer->sample_name), "%s%s", name,
			      type == FAMILY_COUNTER || type == FAMILY_COUNTER_BESIDE_GAUGE ? "_total" : "");

	writer->sample_name_length = (size_t)length;
	writer->family = name;
	writer->type = type;
	writer->help = help;
	writer->headed = false;
}

static void family_head(struct exposition_writer *writer)
{
	const char *name = writer->sample_name, *type = type_names[writer->type];

	if (writer->format == EXPOSITION_OPENMETRICS && writer->type == FAMILY_COUNTER)
		name = writer->family;
	if (writer->format == EXPOSITION_OPENMETRICS &&
	    (writer->type == FAMILY_COUNTER_BESIDE_GAUGE || writer->type == FAMILY_UNTYPED))
		type = "unknown";
	text_append(writer->out, "# HELP ");
	text_append(writer->out, name);
	text_append_char(writer->out, ' ');
	text_append(writer->out, writer->help);
	text_append(writer->out, "\n# TYPE ");
	text_append(writer->out, name);
	text_append_char(writer->out, ' ');
	text_append(writer->out, type);
	text_append_char(writer->out, '\n');
	writer->headed = true;
}

/* Everything of a sample before its value. */
static void sample_begin(struct exposition_writer *writer, const char *suffix, struct labels labels, const char *name,
			 const char *value)
{
	struct text *out = writer->out;

	if (!writer->headed)
		family_head(writer);
	text_append_bytes(out, writer->sample_name, writer->sample_name_length);
	text_append(out, suffix);
	if (labels.length)
		text_append_bytes(out, labels.bytes, labels.length);
	if (name) {
		text_append_char(out, labels.length ? ',' : '{');
		text_append(out, name);
		text_append_bytes(out, "=\"", 2);
		text_append(out, value);
		text_append_char(out, '"');
	}
	if (labels.length || name)
		text_append_char(out, '}');
	text_append_char(out, ' ');
}

void sample_u64(struct exposition_writer *writer, struct labels labels, uint64_t value)
{
	sample_u64_of(writer, labels, NULL, NULL, value);
}

void sample_u64_of(struct exposition_writer *writer, struct labels labels, const char *name, const char *label_value,
		   uint64_t value)
{
	sample_begin(writer, "", labels, name, label_value);
	text_append_u64(writer->out, value);
	text_append_char(writer->out, '\n');
}

void sample_double(struct exposition_writer *writer, struct labels labels, double value)
{
	sample_begin(writer, "", labels, NULL, NULL);
	text_append_double(writer->out, value);
	text_append_char(writer->out, '\n');
}

void sample_known(struct exposition_writer *writer, struct labels labels, double value)
{
	if (!isnan(value))
		sample_double(writer, labels, value);
}

static void sample_bucket(struct exposition_writer *writer, struct labels labels, const char *bound,
			  uint64_t cumulative)
{
	sample_begin(writer, "_bucket", labels, "le", bound);
	text_append_u64(writer->out, cumulative);
	text_append_char(writer->out, '\n');
}

void sample_histogram(struct exposition_writer *writer, struct labels labels, const double *bounds,
		      const uint64_t *cumulative, size_t count, uint64_t observations, double sum)
{
	char bound[32];

	for (size_t i = 0; i < count; i++) {
		/* OpenMetrics wants a float: 1.0, where the older format has 1. */
		bool whole = writer->format == EXPOSITION_OPENMETRICS && bounds[i] == floor(bounds[i]);

		snprintf(bound, sizeof(bound), whole ? "%.1f" : "%.9g", bounds[i]);
		sample_bucket(writer, labels, bound, cumulative[i]);
	}
	sample_bucket(writer, labels, "+Inf", observations);
	sample_begin(writer, "_sum", labels, NULL, NULL);
	text_append_double(writer->out, sum);
	text_append_char(writer->out, '\n');
	sample_begin(writer, "_count", labels, NULL, NULL);
	text_append_u64(writer->out, observations);
	text_append_char(writer->out, '\n');
}

static void label_value_append(struct text *labels, const char *value)
{
	while (*value) {
		unsigned int length = utf8_length(value);

		if (*value == '\n')
			text_append_bytes(labels, "\\n", 2);
		else if (*value == '"' || *value == '\\')
			text_appendf(labels, "\\%c", *value);
		else if (length)
			text_append_bytes(labels, value, length);
		else
			text_appendf(labels, "\\\\x%02x", (unsigned char)*value);
		value += length ? length : 1;
	}
}

void label_append(struct text *labels, size_t start, const char *name, const char *value)
{
	text_append_char(labels, labels->length == start ? '{' : ',');
	text_append(labels, name);
	text_append_bytes(labels, "=\"", 2);
	label_value_append(labels, value);
	text_append_char(labels, '"');
}

struct labels labels_of(const struct text *labels, size_t start)
{
	if (labels->failed || labels->length <= start)
		return NO_LABELS;
	return (struct labels){ labels->bytes + start, labels->length - start };
}

void prometheus_render(const struct prometheus_config *config, const struct report *report, enum exposition format,
		       struct text *out)
{
	struct exposition_writer writer = { .out = out, .format = format };

	write_flows(&writer, report);
	write_groups(&writer, report);
	write_ledger(&writer, report);
	write_devices(&writer, report);
	write_pings(&writer, report, config->max_ping_histograms);
	write_rtts(&writer, &report->rtt, config->legacy);
	write_rates(&writer, &report->rates);
	write_self(&writer, report);
	write_push(&writer, report);
	if (config->legacy) {
		write_legacy(&writer, report);
		write_legacy_devices(&writer, report);
		write_legacy_pings(&writer, report);
	}
	if (format == EXPOSITION_OPENMETRICS)
		text_append(out, "# EOF\n");
}
