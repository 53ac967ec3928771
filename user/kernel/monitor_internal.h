/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor as its own parts see it. One object holds what is loaded, what is attached and what is read; nothing
 * outside user/kernel/ includes this.
 */
#ifndef FLOWGAUGE_MONITOR_INTERNAL_H
#define FLOWGAUGE_MONITOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/bins.h"
#include "kernel/clsact.h"
#include "kernel/hook.h"
#include "kernel/monitor.h"
#include "kernel/rtt.h"
#include "kernel/slots.h"
#include "records.h"
#include "rate_bins.h"
#include "rules.h"

#include "flowgauge.skel.h"

/*
 * An interface's place: its number is the interface's part of the ledger map. It is kept when the interface is let go,
 * so that its counts go on being read, until the number is needed for another one.
 */
struct place {
	unsigned int ifindex; /* 0: free */
	bool watched;         /* programs are attached */
	uint64_t released;    /* when it was let go: monitor.releases then; the smallest is the oldest */
	struct ledger_record
		baseline[DIRECTIONS]; /* what the ledger held before: the kernel's counters are never cleared */
	struct hooked hooked[DIRECTIONS];
	uint64_t seen_packets[DIRECTIONS]; /* in the ledger map, when it was read last */
	uint64_t ahead[DIRECTIONS]; /* what the kernel's own counter had more than the ledger when it was attached */
	bool compared;              /* `ahead` is known */
};

struct spilled_flow;

struct monitor {
	struct flowgauge_bpf *skeleton;
	struct monitor_config config;
	const char *xdp_missing; /* why the XDP program is not loaded although it was wanted; NULL: it is, or was not */
	int statistics_fd;       /* keeps the kernel timing the programs; -1: it need not */
	struct clsact clsact;
	struct place
		places[INTERFACES_MAX]; /* the first is never given: the programs charge what they do not know to it */
	uint64_t releases;
	unsigned int cpus;              /* possible ones: the copies of a per-CPU value */
	struct ledger_cell *cpu_copies; /* of one ledger entry */
	bool *cpu_taken;                /* which of them are in the sum */
	struct slots *table;
	struct bins *bins;            /* NULL: the programs are loaded without */
	struct rtt *rtt;              /* NULL: round-trip times are not measured */
	struct spilled_flow *spilled; /* of the last reading, by slot; NULL: there never were any */
	unsigned int spilled_count;
	struct spilled_flow *given; /* of them, what the last records of retired flows had; in the same memory */
	unsigned int given_count;
	struct program_cost vlan_cost; /* of programs made for one device that are gone; .program NULL: there were none */
};

/* load.c: opens and loads the skeleton as monitor->config says. */
int monitor_load(struct monitor *monitor, char error[MONITOR_ERROR_SIZE]);

/* places.c. place_take: the number of a place, with its baseline set and the programs told; -ENOSPC, or another -errno. */
int place_take(struct monitor *monitor, unsigned int ifindex);
void place_release(struct monitor *monitor, struct place *place);
struct place *place_of(struct monitor *monitor, unsigned int ifindex); /* NULL if the interface is not watched */

/* monitor_bins.c: keeps bins for a place that was just taken, or lets them go. Without memory there are none, and a warning. */
void place_bins_add(struct monitor *monitor, const struct place *place);
void place_bins_remove(struct monitor *monitor, const struct place *place);

/* monitor.c: adds what a loaded program has cost; false if the kernel does not say. */
bool program_cost_add(int program_fd, struct program_cost *cost);

/* reading.c: one interface's ledger as it stands in the map, over all CPUs. */
int ledger_read(struct monitor *monitor, unsigned int place, enum direction direction, struct ledger_record *sum);
/* reading_flows.c */
int flows_read(struct monitor *monitor, const struct monitor_visitor *visitor, uint64_t *flows);

/* residual.c. residual_begin: the interface has just been attached; residuals_read: its ledger has just been read. */
void residual_begin(struct monitor *monitor, struct place *place);
void residuals_read(struct monitor *monitor, const struct monitor_visitor *visitor);

#endif
