/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor itself: what it is, what it watches by which hook, what it costs. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "export/prometheus_internal.h"

#ifndef FLOWGAUGE_VERSION
#define FLOWGAUGE_VERSION "unknown"
#endif

#define NS_PER_SECOND 1e9
#define HOOK_NOTHING "none"

static void write_gauge(struct exposition_writer *writer, const char *name, const char *help, double value)
{
	family_begin(writer, name, FAMILY_GAUGE, help);
	sample_known(writer, NO_LABELS, value);
}

static void write_build(struct exposition_writer *writer, struct text *labels)
{
	text_clear(labels);
	label_append(labels, 0, "version", FLOWGAUGE_VERSION);
	family_begin(writer, "flowgauge_build_info", FAMILY_GAUGE, "1; its label says which version runs.");
	sample_u64(writer, labels_of(labels, 0), 1);
}

static void write_hooks(struct exposition_writer *writer, const struct report *report, struct text *labels)
{
	family_begin(writer, "flowgauge_hook_info", FAMILY_GAUGE,
		     "1; the hook by which a direction of an interface is watched.");
	for (size_t i = 0; i < report->interface_count; i++) {
		const struct interface_report *interface = &report->interfaces[i];

		for (int direction = 0; direction < DIRECTIONS; direction++) {
			const char *hook = interface->hook[direction];

			if (!interface->attached || !hook || !strcmp(hook, HOOK_NOTHING))
				continue;
			text_clear(labels);
			label_append(labels, 0, "interface", interface->name);
			label_append(labels, 0, "direction", direction_labels[direction]);
			label_append(labels, 0, "hook", hook);
			sample_u64(writer, labels_of(labels, 0), 1);
		}
	}
}

static struct labels program_labels(struct text *labels, const struct program_report *program)
{
	text_clear(labels);
	label_append(labels, 0, "program", program->program);
	return labels_of(labels, 0);
}

static void write_programs(struct exposition_writer *writer, const struct self_report *self, struct text *labels)
{
	family_begin(writer, "flowgauge_bpf_run_seconds", FAMILY_COUNTER, "Time that the BPF program ran.");
	for (size_t i = 0; i < self->program_count; i++)
		sample_double(writer, program_labels(labels, &self->programs[i]), self->programs[i].seconds);
	family_begin(writer, "flowgauge_bpf_runs", FAMILY_COUNTER, "How often the BPF program ran.");
	for (size_t i = 0; i < self->program_count; i++)
		sample_u64(writer, program_labels(labels, &self->programs[i]), self->programs[i].runs);
}

/* Fragments of protocols with ports: what their flow is was learnt from the first one, or was not. */
static void write_fragments(struct exposition_writer *writer, const struct self_report *self, struct text *labels)
{
	static const char *const fates[FRAGMENT_FATES] = { "first", "joined", "orphan" };

	family_begin(writer, "flowgauge_fragments", FAMILY_COUNTER,
		     "IP fragments by fate: first ones, later ones counted in their flow, later ones without a first.");
	for (int fate = 0; fate < FRAGMENT_FATES; fate++) {
		text_clear(labels);
		label_append(labels, 0, "fate", fates[fate]);
		sample_u64(writer, labels_of(labels, 0), self->fragments.packets[fate]);
	}
}

/* Flows taken out of the table: as nothing came of them for long, or to make room for others. */
static void write_freed(struct exposition_writer *writer, const struct self_report *self, struct text *labels)
{
	static const char *const reasons[FREED_REASONS] = { "idle", "pressure" };

	family_begin(writer, "flowgauge_flows_freed", FAMILY_COUNTER,
		     "Flows taken out of the table: idle ones, and those that made room when it was nearly full.");
	for (int reason = 0; reason < FREED_REASONS; reason++) {
		text_clear(labels);
		label_append(labels, 0, "reason", reasons[reason]);
		sample_u64(writer, labels_of(labels, 0), self->freed[reason]);
	}
}

static void write_snapshots(struct exposition_writer *writer, const struct self_report *self)
{
	family_begin(writer, "flowgauge_snapshot_seconds", FAMILY_HISTOGRAM,
		     "Time that reading the kernel's counters took.");
	sample_histogram(writer, NO_LABELS, snapshot_bucket_bounds, self->snapshot_bucket, SNAPSHOT_BUCKETS,
			 self->snapshot_count, self->snapshot_seconds);
}

static double cpu_seconds(void)
{
	struct timespec time;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time))
		return NAN;
	return (double)time.tv_sec + (double)time.tv_nsec / NS_PER_SECOND;
}

/* Bytes; NaN if /proc does not say. */
static void memory_sizes(double *virtual_bytes, double *resident_bytes)
{
	FILE *file = fopen("/proc/self/statm", "re");
	double page = (double)sysconf(_SC_PAGESIZE);
	unsigned long total, resident;

	*virtual_bytes = *resident_bytes = NAN;
	if (!file)
		return;
	/* The kernel wrote these numbers: they fit. NOLINTNEXTLINE(cert-err34-c) */
	if (fscanf(file, "%lu %lu", &total, &resident) == 2) {
		*virtual_bytes = (double)total * page;
		*resident_bytes = (double)resident * page;
	}
	fclose(file);
}

static double open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	size_t count = 0;

	if (!directory)
		return NAN;
	/* cppcheck-suppress readdirCalled ; there is one thread */
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return (double)(count - 1); /* the directory itself was open */
}

static double most_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return NAN;
	return limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

static void write_process(struct exposition_writer *writer, const struct self_report *self)
{
	double virtual_bytes, resident_bytes;

	memory_sizes(&virtual_bytes, &resident_bytes);
	family_begin(writer, "process_cpu_seconds", FAMILY_COUNTER, "User and system CPU time spent in seconds.");
	sample_known(writer, NO_LABELS, cpu_seconds());
	write_gauge(writer, "process_resident_memory_bytes", "Resident memory size in bytes.", resident_bytes);
	write_gauge(writer, "process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual_bytes);
	write_gauge(writer, "process_open_fds", "Number of open file descriptors.", open_descriptors());
	write_gauge(writer, "process_max_fds", "Maximum number of open file descriptors.", most_descriptors());
	write_gauge(writer, "process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
		    self->start_ns ? (double)self->start_ns / NS_PER_SECOND : NAN);
}

void write_self(struct exposition_writer *writer, const struct report *report)
{
	struct text labels = TEXT_EMPTY;

	write_build(writer, &labels);
	write_gauge(writer, "flowgauge_flows", "Flows in the table.", (double)report->live_flows);
	write_gauge(writer, "flowgauge_flows_followed", "Flows in the table of which every measure is taken.",
		    (double)report->followed_flows);
	write_gauge(writer, "flowgauge_flows_limit", "Flows that the table has room for.",
		    (double)report->self.flows_limit);
	write_gauge(writer, "flowgauge_table_bytes", "Kernel memory of the table of flows.",
		    (double)report->self.table_bytes);
	family_begin(writer, "flowgauge_contended_packets", FAMILY_COUNTER,
		     "Packets of flows that are in no gap and no sequence, as another CPU was in their flow.");
	sample_u64(writer, NO_LABELS, report->sums.contended);
	write_freed(writer, &report->self, &labels);
	write_hooks(writer, report, &labels);
	write_programs(writer, &report->self, &labels);
	write_fragments(writer, &report->self, &labels);
	write_snapshots(writer, &report->self);
	write_openstack(writer, &report->self.openstack);
	write_process(writer, &report->self);
	text_free(&labels);
}
