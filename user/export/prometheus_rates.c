/* SPDX-License-Identifier: BSD-2-Clause */
/* The rate monitor: for each interface and direction what its last estimation interval had. What is not known has no sample. */
#include <math.h>
#include <stdio.h>

#include "export/prometheus_internal.h"

static const char *const window_labels[RATE_WINDOWS] = { "1ms", "10ms", "100ms" };
static const char *const percentile_labels[RATE_QUANTILES] = { "50", "95", "99", "99.9" };
static const char *const sink_labels[RATE_SINKS] = { [RATE_SINK_FILE] = "file", [RATE_SINK_TCP] = "tcp" };

/* One family of one number an estimate. */
struct family {
	const char *name, *help;
	enum family_type type;
	double (*value)(const struct rate_report *link, const struct rate_estimate *estimate);
};

static double if_known(const struct rate_estimate *estimate, double value)
{
	return estimate->known ? value : NAN;
}

static double mean(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->mean);
}

static double variance(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->variance);
}

static double mu(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->mu);
}

static double sigma_squared(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->sigma_squared);
}

static double risk(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->risk);
}

static double above(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->above);
}

static double alarm_on(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return estimate->alarm.on;
}

static double measured_alarm_on(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return estimate->measured_alarm.on;
}

static double alarm_changed(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return estimate->alarm.changed_ns ? (double)estimate->alarm.changed_ns / 1e9 : NAN;
}

static double capacity(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)estimate;
	return link->capacity;
}

static double fit_distance(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return if_known(estimate, estimate->fit_distance);
}

static double lost(const struct rate_report *link, const struct rate_estimate *estimate)
{
	(void)link;
	return (double)estimate->lost_total;
}

static const struct family families[] = {
	{ "flowgauge_rate_mean_bytes_per_second", "Mean rate of the last estimation interval.", FAMILY_GAUGE, mean },
	{ "flowgauge_rate_variance", "Population variance of the bins' rates, bytes²/s².", FAMILY_GAUGE, variance },
	{ "flowgauge_rate_mu", "Mean of the logarithm of the rate in bytes/s, by the fit.", FAMILY_GAUGE, mu },
	{ "flowgauge_rate_sigma_squared", "Variance of the logarithm of the rate, by the fit.", FAMILY_GAUGE,
	  sigma_squared },
	{ "flowgauge_rate_overload_risk_ratio", "Modelled share of time over the cutoff of the capacity.", FAMILY_GAUGE,
	  risk },
	{ "flowgauge_rate_above_cutoff_ratio", "Measured share of bins over the cutoff of the capacity.", FAMILY_GAUGE,
	  above },
	{ "flowgauge_rate_alarm", "1 while the overload risk is over its trigger.", FAMILY_GAUGE, alarm_on },
	{ "flowgauge_rate_measured_alarm", "1 while the measured share is over its trigger.", FAMILY_GAUGE,
	  measured_alarm_on },
	{ "flowgauge_rate_alarm_changed_timestamp_seconds", "When the alarm of the overload risk turned last.",
	  FAMILY_GAUGE, alarm_changed },
	{ "flowgauge_rate_capacity_bytes_per_second", "Speed of the interface, or as configured.", FAMILY_GAUGE,
	  capacity },
	{ "flowgauge_rate_fit_distance_ratio",
	  "Largest difference of measured and modelled share of time over any rate.", FAMILY_GAUGE, fit_distance },
	{ "flowgauge_rate_lost_bins", "Bins that were overwritten before they were read.", FAMILY_COUNTER, lost },
};

static struct labels link_labels(struct text *text, const struct rate_report *link, int direction)
{
	char interface[IF_NAMESIZE + 1];

	snprintf(interface, sizeof(interface), "%.*s", IF_NAMESIZE, link->interface);
	text_clear(text);
	label_append(text, 0, "interface", interface);
	label_append(text, 0, "direction", direction_labels[direction]);
	return labels_of(text, 0);
}

static void write_family(struct exposition_writer *writer, const struct rates_report *rates,
			 const struct family *family, struct text *labels)
{
	family_begin(writer, family->name, family->type, family->help);
	for (size_t i = 0; i < rates->count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			const struct rate_report *link = &rates->links[i];

			sample_known(writer, link_labels(labels, link, direction),
				     family->value(link, &link->estimate[direction]));
		}
}

static void write_peaks(struct exposition_writer *writer, const struct rates_report *rates, struct text *labels)
{
	family_begin(writer, "flowgauge_rate_peak_bytes_per_second", FAMILY_GAUGE,
		     "Highest rate over a window that ended in the last estimation interval.");
	for (size_t i = 0; i < rates->count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++)
			for (int window = 0; window < RATE_WINDOWS; window++) {
				const struct rate_estimate *estimate = &rates->links[i].estimate[direction];

				link_labels(labels, &rates->links[i], direction);
				label_append(labels, 0, "window", window_labels[window]);
				sample_known(writer, labels_of(labels, 0), if_known(estimate, estimate->peak[window]));
			}
}

static void write_quantiles(struct exposition_writer *writer, const struct rates_report *rates, struct text *labels,
			    bool fit)
{
	for (size_t i = 0; i < rates->count; i++)
		for (int direction = 0; direction < DIRECTIONS; direction++)
			for (int quantile = 0; quantile < RATE_QUANTILES; quantile++) {
				const struct rate_estimate *estimate = &rates->links[i].estimate[direction];
				const double *values = fit ? estimate->quantile_fit : estimate->quantile;

				link_labels(labels, &rates->links[i], direction);
				label_append(labels, 0, "source", fit ? "fit" : "measured");
				label_append(labels, 0, "percentile", percentile_labels[quantile]);
				sample_known(writer, labels_of(labels, 0), if_known(estimate, values[quantile]));
			}
}

static void write_sinks(struct exposition_writer *writer, const struct rates_report *rates, bool lost_ones)
{
	for (int i = 0; i < RATE_SINKS; i++)
		if (rates->sinks[i].set)
			sample_u64_of(writer, NO_LABELS, "sink", sink_labels[i],
				      lost_ones ? rates->sinks[i].lost : rates->sinks[i].written);
}

void write_rates(struct exposition_writer *writer, const struct rates_report *rates)
{
	struct text labels = TEXT_EMPTY;

	if (!rates->enabled)
		return;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		write_family(writer, rates, &families[i], &labels);
	write_peaks(writer, rates, &labels);
	family_begin(writer, "flowgauge_rate_percentile_bytes_per_second", FAMILY_GAUGE,
		     "Rate that a share of the bins does not exceed, measured and by the fit.");
	write_quantiles(writer, rates, &labels, false);
	write_quantiles(writer, rates, &labels, true);
	family_begin(writer, "flowgauge_rate_paused", FAMILY_GAUGE, "1 while the rate monitor is paused.");
	sample_u64(writer, NO_LABELS, rates->paused);
	family_begin(writer, "flowgauge_rate_records", FAMILY_COUNTER, "Records handed to a sink.");
	write_sinks(writer, rates, false);
	family_begin(writer, "flowgauge_rate_lost_records", FAMILY_COUNTER, "Records that a sink could not take.");
	write_sinks(writer, rates, true);
	text_free(&labels);
}
