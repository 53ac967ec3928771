/* SPDX-License-Identifier: BSD-2-Clause */
/* The single steps of steps.bpf.c, over as much memory as the set's flows need. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "candidate.h"

#include "steps.skel.h"

static bool step_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		      struct target *target, char reason[REASON_SIZE])
{
	struct steps_bpf *steps = steps_bpf__open();
	struct bpf_program *program;
	int err = steps ? 0 : -errno;

	(void)hook;
	if (!err) {
		steps->rodata->step_flows = set->flows;
		program = bpf_object__find_program_by_name(steps->obj, candidate->program);
		err = steps_bpf__load(steps);
	}
	if (err) {
		snprintf(reason, REASON_SIZE, "the single steps do not load: %s", strerror(-err));
		steps_bpf__destroy(steps);
		return false;
	}
	*target = (struct target){ .fd = bpf_program__fd(program) };
	candidate->loaded = steps;
	return true;
}

static void step_unload(struct candidate *candidate)
{
	steps_bpf__destroy(candidate->loaded);
	candidate->loaded = NULL;
}

const struct candidate_kind step_kind = { step_load, step_unload, NULL };
