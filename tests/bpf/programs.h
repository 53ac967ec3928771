/* SPDX-License-Identifier: BSD-2-Clause */
/* The loaded programs under test: runs one packet through one of them, and reads what became of it. */
#ifndef FLOWGAUGE_TEST_PROGRAMS_H
#define FLOWGAUGE_TEST_PROGRAMS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "constants.h"
#include "kernel/slots.h"
#include "rate_bins.h"
#include "records.h"
#include "rules.h"

#include "flowgauge.skel.h"

enum program { PROGRAM_XDP, PROGRAM_IN, PROGRAM_OUT, PROGRAMS };

struct programs {
	struct flowgauge_bpf *skeleton;
	struct slots *table;
	int cpus;
};

static inline int programs_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static inline void programs_open(struct programs *programs, const struct program_constants *constants)
{
	libbpf_set_print(programs_silent);
	programs->skeleton = flowgauge_bpf__open();
	assert_non_null(programs->skeleton);
	programs->skeleton->rodata->constants = *constants;
	programs->skeleton->rodata->constants.clock = CLOCK_OF_PACKET;
	assert_int_equal(slots_prepare(programs->skeleton, 1024), 0);
}

static inline void programs_load_opened(struct programs *programs)
{
	assert_int_equal(flowgauge_bpf__load(programs->skeleton), 0);
	assert_int_equal(slots_open(programs->skeleton, &programs->table), 0);
	programs->cpus = libbpf_num_possible_cpus();
	assert_true(programs->cpus > 0);
}

static inline void programs_load(struct programs *programs, const struct program_constants *constants)
{
	programs_open(programs, constants);
	programs_load_opened(programs);
}

static inline void programs_unload(struct programs *programs)
{
	programs->table = slots_close(programs->table);
	flowgauge_bpf__destroy(programs->skeleton);
	programs->skeleton = NULL;
}

/* What a group of tests runs between if the programs as they are by default will do: *state is theirs. */
static inline int programs_setup(void **state)
{
	static struct programs programs;
	struct program_constants constants = { .sequence_threshold = 2 };

	programs_load(&programs, &constants);
	*state = &programs;
	return 0;
}

static inline int programs_teardown(void **state)
{
	programs_unload(*state);
	return 0;
}

static inline struct bpf_program *programs_get(const struct programs *programs, enum program program)
{
	switch (program) {
	case PROGRAM_XDP:
		return programs->skeleton->progs.flowgauge_xdp;
	case PROGRAM_IN:
		return programs->skeleton->progs.flowgauge_in;
	default:
		return programs->skeleton->progs.flowgauge_out;
	}
}

/* What the hook says beside the bytes. */
struct run {
	uint64_t time_ns;
	uint32_t gso_segs, gso_size;
	uint32_t wire_length; /* of a capture's frame, through XDP; 0: a live one */
};

/* The program's return value, or -errno. */
static inline int programs_run(const struct programs *programs, enum program program, const uint8_t *bytes,
			       size_t length, const struct run *run)
{
	struct packet_note note = { .time_ns = run->time_ns, .wire_length = run->wire_length };
	uint8_t with_note[sizeof(note) + 16384], out[sizeof(with_note)];
	struct xdp_md xdp = { .data_meta = 0, .data = sizeof(note), .data_end = (uint32_t)(sizeof(note) + length) };
	struct __sk_buff skb = { .tstamp = run->time_ns, .gso_segs = run->gso_segs, .gso_size = run->gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = (uint32_t)length, .repeat = 1);
	int error;

	if (program == PROGRAM_XDP) {
		memcpy(with_note, &note, sizeof(note));
		memcpy(with_note + sizeof(note), bytes, length);
		options.data_in = with_note;
		options.data_size_in = (uint32_t)(sizeof(note) + length);
		options.ctx_in = &xdp;
		options.ctx_size_in = sizeof(xdp);
	} else {
		options.ctx_in = &skb;
		options.ctx_size_in = sizeof(skb);
	}
	options.data_out = out;
	options.data_size_out = sizeof(out);
	error = bpf_prog_test_run_opts(bpf_program__fd(programs_get(programs, program)), &options);
	if (error)
		return error;
	/* It only watches: the bytes come out as they went in. */
	assert_int_equal(options.data_size_out, options.data_size_in);
	assert_memory_equal(out, options.data_in, options.data_size_in);
	return (int)options.retval;
}

/* The sum over all CPUs and both directions of the interface's ledger, entry 0: the test's frames come from no interface
 * that is in the table. */
static inline void programs_ledger(const struct programs *programs, enum direction direction, struct ledger_record *sum)
{
	struct ledger_cell *each = calloc((size_t)programs->cpus, sizeof(*each));
	uint32_t index = direction;

	memset(sum, 0, sizeof(*sum));
	assert_non_null(each);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.ledger), &index, each), 0);
	for (int cpu = 0; cpu < programs->cpus; cpu++) {
		assert_int_equal(each[cpu].started, each[cpu].finished);
		for (int i = 0; i < OUTCOMES; i++) {
			sum->seen.packets += each[cpu].outcome[i].packets;
			sum->seen.bytes += each[cpu].outcome[i].bytes;
			sum->outcome[i].packets += each[cpu].outcome[i].packets;
			sum->outcome[i].bytes += each[cpu].outcome[i].bytes;
		}
	}
	free(each);
}

struct taken_flow {
	uint32_t slot;
	struct flow_key key;
	struct flow_record record;
	int count;
};

static inline void programs_meet_flow(void *context, uint32_t slot, const struct flow_key *key,
				      const struct flow_record *record)
{
	struct taken_flow *taken = context;

	if (!taken->count++)
		*taken = (struct taken_flow){ .slot = slot, .key = *key, .record = *record, .count = 1 };
}

/* The slot of the only flow. */
static inline uint32_t programs_slot(const struct programs *programs)
{
	struct taken_flow taken = { 0 };
	struct slots_visitor visitor = { .context = &taken, .flow = programs_meet_flow };
	uint64_t flows = 0;

	slots_visit(programs->table, &visitor, &flows);
	assert_int_equal(flows, 1);
	return taken.slot;
}

/* Takes one flow out of the table; 0, or -1 if it is empty. */
static inline int programs_take_flow(const struct programs *programs, struct flow_key *key, struct flow_record *record)
{
	struct taken_flow taken = { 0 };
	struct slots_visitor visitor = { .context = &taken, .flow = programs_meet_flow };
	uint64_t flows = 0;

	slots_visit(programs->table, &visitor, &flows);
	if (!flows)
		return -1;
	*key = taken.key;
	assert_int_equal(slots_free_begin(programs->table), 0);
	assert_int_equal(slots_free(programs->table, taken.slot, key, record), 0);
	slots_free_end(programs->table);
	assert_memory_equal(record, &taken.record, sizeof(*record));
	return 0;
}

#endif
