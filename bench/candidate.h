/* SPDX-License-Identifier: BSD-2-Clause */
/* What is measured: a program that is loaded anew for each set of packets, with an empty table. */
#ifndef FLOWGAUGE_BENCH_CANDIDATE_H
#define FLOWGAUGE_BENCH_CANDIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "packet_sets.h"

enum bench_hook { BENCH_TC, BENCH_XDP, BENCH_HOOKS };
#define REASON_SIZE 512

/* A loaded program as another has to be made that tail-calls it. */
struct target {
	int fd;
	bool has_frags; /* an XDP program that takes packets of several buffers */
	uint32_t attach_type;
};

struct candidate;

struct candidate_kind {
	/* False with one line in `reason`: it cannot be loaded. */
	bool (*load)(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		     struct target *target, char reason[REASON_SIZE]);
	void (*unload)(struct candidate *candidate);
	/* NULL: it cannot say. Packets that it counted in a flow since it was loaded. */
	uint64_t (*counted)(struct candidate *candidate);
};

struct candidate {
	const struct candidate_kind *kind;
	char name[64];
	const char *object;  /* the file of a rival, or NULL */
	const char *program; /* in it, or of the single steps */
	void *loaded;        /* the kind's own while it is loaded */
	bool refused;        /* it was said why */
};

/* flowgauge as it is by default, and parts of it; the empty program; programs of other objects; single steps. */
extern const struct candidate_kind subject_kind, subject_flows_kind, subject_bins_kind, subject_rtt_kind, empty_kind,
	rival_kind, step_kind;

/* Which hook a rival's program is for; false with a line in `reason` if there is no such program, or no such hook. */
bool rival_hook(const struct candidate *candidate, enum bench_hook *hook, char reason[REASON_SIZE]);

#endif
