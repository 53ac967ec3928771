/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of an object built elsewhere, loaded as its file has it: maps of the sizes it gives, constants as they stand
 * there, and nothing pinned. The other programs of the object are left out, so that they cannot keep it from loading.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "candidate.h"

#define VERIFIER_LOG_SIZE (1 << 20)

static bool is_xdp(const struct bpf_program *program)
{
	return bpf_program__type(program) == BPF_PROG_TYPE_XDP;
}

/* libbpf 1.1 does not know the sections of tcx. */
static bool is_tc(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return bpf_program__type(program) == BPF_PROG_TYPE_SCHED_CLS || !strncmp(section, "tc", 2) ||
	       !strncmp(section, "classifier", 10);
}

static struct bpf_object *object_open(const struct candidate *candidate, char *log, struct bpf_program **program,
				      char reason[REASON_SIZE])
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = log,
		    .kernel_log_size = log ? VERIFIER_LOG_SIZE : 0);
	struct bpf_object *object = bpf_object__open_file(candidate->object, &options);
	char why[128];

	if (!object) {
		libbpf_strerror(errno, why, sizeof(why));
		snprintf(reason, REASON_SIZE, "%s cannot be opened as a BPF object: %s", candidate->object, why);
		return NULL;
	}
	*program = bpf_object__find_program_by_name(object, candidate->program);
	if (*program && (is_xdp(*program) || is_tc(*program)))
		return object;
	snprintf(reason, REASON_SIZE, *program ? "%s: program %s is for neither tc nor XDP" : "%s has no program %s",
		 candidate->object, candidate->program);
	bpf_object__close(object);
	return NULL;
}

bool rival_hook(const struct candidate *candidate, enum bench_hook *hook, char reason[REASON_SIZE])
{
	struct bpf_program *program;
	struct bpf_object *object = object_open(candidate, NULL, &program, reason);

	if (!object)
		return false;
	*hook = is_xdp(program) ? BENCH_XDP : BENCH_TC;
	bpf_object__close(object);
	return true;
}

static void object_choose(struct bpf_object *object, struct bpf_program *chosen)
{
	struct bpf_program *program;
	struct bpf_map *map;

	bpf_object__for_each_program (program, object)
		bpf_program__set_autoload(program, program == chosen);
	if (!is_xdp(chosen))
		bpf_program__set_type(chosen, BPF_PROG_TYPE_SCHED_CLS);
	bpf_object__for_each_map (map, object)
		bpf_map__set_pin_path(map, NULL);
}

/* What the verifier found last stands before its statistics. */
static void refusal_explain(const struct candidate *candidate, int err, char *log, char reason[REASON_SIZE])
{
	const char *found = NULL;
	char *rest, *line = strtok_r(log, "\n", &rest);

	for (; line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", 10) != 0 && strncmp(line, "verification time", 17) != 0 &&
		    strncmp(line, "stack depth", 11) != 0)
			found = line;
	snprintf(reason, REASON_SIZE, "%s:%s is refused by the kernel: %s%s%.300s", candidate->object,
		 candidate->program, strerror(-err), found ? ": " : "", found ? found : "");
}

static bool rival_load(struct candidate *candidate, const struct packet_set *set, enum bench_hook hook,
		       struct target *target, char reason[REASON_SIZE])
{
	char *log = calloc(1, VERIFIER_LOG_SIZE);
	struct bpf_program *program;
	struct bpf_object *object = log ? object_open(candidate, log, &program, reason) : NULL;
	int err;

	(void)set;
	(void)hook;
	if (!object) {
		free(log);
		return false;
	}
	object_choose(object, program);
	err = bpf_object__load(object);
	if (err) {
		refusal_explain(candidate, err, log, reason);
		bpf_object__close(object);
		free(log);
		return false;
	}
	free(log);
	*target = (struct target){
		.fd = bpf_program__fd(program),
		.has_frags = !strncmp(bpf_program__section_name(program), "xdp.frags", 9),
		.attach_type = bpf_program__expected_attach_type(program),
	};
	candidate->loaded = object;
	return true;
}

static void rival_unload(struct candidate *candidate)
{
	bpf_object__close(candidate->loaded);
	candidate->loaded = NULL;
}

const struct candidate_kind rival_kind = { rival_load, rival_unload, NULL };
