/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the exposition share: a writer of families and samples, and the series of flows. */
#ifndef FLOWGAUGE_PROMETHEUS_INTERNAL_H
#define FLOWGAUGE_PROMETHEUS_INTERNAL_H

#include "export/prometheus.h"

enum family_type {
	FAMILY_COUNTER,
	FAMILY_GAUGE,
	FAMILY_HISTOGRAM,
	/*
	 * A counter x_total beside a gauge x. To OpenMetrics both families would be called x, so there it goes by its full
	 * name, as of unknown type: the series' names stay the same in both formats.
	 */
	FAMILY_COUNTER_BESIDE_GAUGE,
	FAMILY_UNTYPED, /* a counter under a name of old that no counter may have */
};

/* Rendered labels, `{a="b",c="d"` without the closing brace, so that another one can follow; length 0: none. */
struct labels {
	const char *bytes;
	size_t length;
};

#define NO_LABELS ((struct labels){ NULL, 0 })
#define SAMPLE_NAME_SIZE 96

/*
 * Families are written one after the other. HELP and TYPE come with a family's first sample, so that a family without
 * samples leaves nothing.
 */
struct exposition_writer {
	struct text *out;
	enum exposition format;
	const char *family; /* without _total */
	const char *help;
	enum family_type type;
	bool headed;                        /* HELP and TYPE are written */
	char sample_name[SAMPLE_NAME_SIZE]; /* with _total */
	size_t sample_name_length;
};

/* `name` is without _total; both strings are static. */
void family_begin(struct exposition_writer *writer, const char *name, enum family_type type, const char *help);
void sample_u64(struct exposition_writer *writer, struct labels labels, uint64_t value);
void sample_double(struct exposition_writer *writer, struct labels labels, double value); /* NaN is written */
void sample_known(struct exposition_writer *writer, struct labels labels, double value);  /* NaN: no sample */
/* The same with one label more, whose value needs no escape. */
void sample_u64_of(struct exposition_writer *writer, struct labels labels, const char *name, const char *label_value,
		   uint64_t value);
/* A histogram's lines; `cumulative` as in report.h. */
void sample_histogram(struct exposition_writer *writer, struct labels labels, const double *bounds,
		      const uint64_t *cumulative, size_t count, uint64_t observations, double sum);

/* Appends a label, escaped, to the set that begins at `start` of a text. Bytes that are not UTF-8 become \xNN, as text. */
void label_append(struct text *labels, size_t start, const char *name, const char *value);
struct labels labels_of(const struct text *labels, size_t start);

/* The labels of each row of a table, rendered once for all the families that have a sample of each row. */
struct row_labels {
	struct text text; /* of one row after the other; owned */
	size_t *starts;   /* of each row's, and the end of the last; owned */
};

/* append() appends the labels of a row to the set that begins at `start`. 0 or -ENOMEM; to be freed in any case. */
int row_labels_make(struct row_labels *labels, size_t rows, const void *table,
		    void (*append)(const void *table, size_t row, struct text *text, size_t start));
struct labels row_labels_of(const struct row_labels *labels, size_t row);
void row_labels_free(struct row_labels *labels);

extern const char *const direction_labels[DIRECTIONS];

/*
 * The series of flows: the report's top, each with all flows that have the same labels (they differ in VLAN tags), and
 * everything else that was counted as flows, as one more.
 */
struct series {
	struct labels labels;
	struct flow_report flow; /* sums of the counters and rates; the rest is that of the fastest flow of the top */
	size_t source;           /* index of that flow in the report */
	bool is_rest;
};

struct series_set {
	struct series *items; /* owned; the rest is the last one, if there is one */
	size_t count;
	struct text labels;
};

int series_select(const struct report *report, struct series_set *out); /* 0 or -ENOMEM */
void series_free(struct series_set *set);

void write_flows(struct exposition_writer *writer, const struct report *report);
void write_groups(struct exposition_writer *writer, const struct report *report);
void write_ledger(struct exposition_writer *writer, const struct report *report);
void write_devices(struct exposition_writer *writer, const struct report *report);
void write_push(struct exposition_writer *writer, const struct report *report);
void write_rates(struct exposition_writer *writer, const struct rates_report *rates);
void write_self(struct exposition_writer *writer, const struct report *report);
void write_openstack(struct exposition_writer *writer, const struct openstack_report *openstack);
/* With `legacy`, the labels of the earlier exporter stand beside ours. */
void write_rtts(struct exposition_writer *writer, const struct rtts_report *rtt, bool legacy);
void write_pings(struct exposition_writer *writer, const struct report *report, size_t max_histograms);
/* Under legacy_metrics: what the flow monitor had, and the host exporter's packets_sent, packets_recv and avg_rtt. */
void write_legacy(struct exposition_writer *writer, const struct report *report);
void write_legacy_pings(struct exposition_writer *writer, const struct report *report);
void write_legacy_devices(struct exposition_writer *writer, const struct report *report);

#endif
