/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting the programs on interfaces and taking them off, in a network namespace of this program's own. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/monitor_internal.h"
#include "sandbox.h"

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define TCX_PROGRAMS_MAX 1000 /* more than the kernel takes on one side of an interface */

/* How many tcx programs are on an interface; 0 where the kernel has none. */
static unsigned int tcx_count(const char *interface, int type)
{
	struct {
		__u32 target, attach_type, query_flags, attach_flags;
		__u64 program_ids;
		__u32 count, padding;
		__u64 program_flags, link_ids, link_flags, revision;
	} query = { .target = index_of(interface), .attach_type = (__u32)type };

	if (syscall(__NR_bpf, BPF_PROG_QUERY, &query, sizeof(query)))
		return 0;
	return query.count;
}

static unsigned int xdp_id(const char *interface)
{
	__u32 id = 0;

	assert_int_equal(bpf_xdp_query_id((int)index_of(interface), 0, &id), 0);
	return id;
}

static bool kernel_has_tcx(void)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	bool tcx = attach(monitor, "left").hook[DIRECTION_INGRESS] == HOOK_IS_TCX;

	monitor_close(monitor);
	return tcx;
}

static void need_tcx(void)
{
	if (kernel_has_tcx())
		return;
	print_message("the kernel has no tcx (Linux 6.6): skipped\n");
	skip();
}

static int wires_make(void **state)
{
	(void)state;
	run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
	return 0;
}

static int wires_cut(void **state)
{
	(void)state;
	if (if_nametoindex("left"))
		run("ip link del left");
	return 0;
}

/* 5 packets come in at "left", 3 go out: each is in one direction's ledger and flows once. */
static void assert_counts_both_ways(struct monitor *monitor)
{
	unsigned int ifindex = index_of("left");
	struct readout before = readout_of(monitor, ifindex), after;
	static const uint64_t sent[DIRECTIONS] = { 5, 3 };

	frames_send("right", 1000, 5);
	frames_send("left", 2000, 3);
	after = readout_of(monitor, ifindex);
	assert_int_equal(after.ledgers, DIRECTIONS);
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		const struct ledger_record *a = &before.ledger[direction], *b = &after.ledger[direction];

		assert_int_equal(b->seen.packets - a->seen.packets, sent[direction]);
		assert_int_equal(b->seen.bytes - a->seen.bytes, sent[direction] * FRAME_BYTES);
		assert_int_equal(b->outcome[OUTCOME_FLOW].packets - a->outcome[OUTCOME_FLOW].packets, sent[direction]);
		assert_int_equal(after.flow_packets[direction] - before.flow_packets[direction], sent[direction]);
	}
}

static void test_hooks_asked_for(void **state)
{
	static const struct {
		enum hook_choice choice;
		enum hook hook[DIRECTIONS];
		const char *reason[DIRECTIONS];
		unsigned int tcx[DIRECTIONS];
		bool xdp;
	} cases[] = {
		{ HOOK_TC, { HOOK_IS_TCX, HOOK_IS_TCX }, { "", "" }, { 1, 1 }, false },
		{ HOOK_XDP, { HOOK_IS_XDP, HOOK_IS_TCX }, { "", "" }, { 0, 1 }, true },
		{ HOOK_XDP_GENERIC, { HOOK_IS_XDP_GENERIC, HOOK_IS_TCX }, { "", "" }, { 0, 1 }, true },
		{ HOOK_AUTO,
		  { HOOK_IS_TCX, HOOK_IS_TCX },
		  { "veth has no hardware: XDP would cost more than tc", "" },
		  { 1, 1 },
		  false },
	};

	(void)state;
	need_tcx();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct monitor *monitor = monitor_of(cases[i].choice);
		struct attachment attachment = attach(monitor, "left");

		assert_int_equal(attachment.ifindex, index_of("left"));
		assert_string_equal(attachment.name, "left");
		for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
			assert_string_equal(hook_name(attachment.hook[direction]), hook_name(cases[i].hook[direction]));
			assert_string_equal(attachment.reason[direction], cases[i].reason[direction]);
			assert_int_equal(tcx_count("left", direction ? TCX_EGRESS : TCX_INGRESS),
					 cases[i].tcx[direction]);
		}
		assert_int_equal(xdp_id("left") != 0, cases[i].xdp);
		assert_counts_both_ways(monitor);
		assert_null(monitor_close(monitor));
		assert_int_equal(tcx_count("left", TCX_INGRESS) + tcx_count("left", TCX_EGRESS) + xdp_id("left"), 0);
	}
}

static void test_one_direction(void **state)
{
	(void)state;
	for (enum direction watched = 0; watched < DIRECTIONS; watched++) {
		struct monitor_config config = config_of(HOOK_AUTO);
		char error[MONITOR_ERROR_SIZE];
		struct attachment attachment;
		struct monitor *monitor;
		struct readout readout;

		config.direction[!watched] = false;
		assert_int_equal(monitor_open(&config, &monitor, error), 0);
		attachment = attach(monitor, "left");
		assert_int_equal(attachment.hook[!watched], HOOK_NONE);
		assert_int_not_equal(attachment.hook[watched], HOOK_NONE);
		frames_send("right", 1000, 2);
		frames_send("left", 2000, 2);
		readout = readout_of(monitor, index_of("left"));
		assert_int_equal(readout.ledgers, 1);
		assert_int_equal(readout.ledger[watched].seen.packets, 2);
		assert_int_equal(readout.flow_packets[watched], 2);
		assert_int_equal(readout.flow_packets[!watched], 0);
		monitor_close(monitor);
	}
}

static int passing_program(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "passes", "GPL", pass, 2, NULL);

	assert_return_code(fd, -fd);
	return fd;
}

/* A program that ends the chain ("pass" is not "next") stands there before the monitor comes. */
static void test_sees_before_programs_that_end_the_chain(void **state)
{
	int fd, links[DIRECTIONS];
	struct monitor *monitor;

	(void)state;
	need_tcx();
	fd = passing_program();
	for (int i = 0; i < DIRECTIONS; i++) {
		links[i] = bpf_link_create(fd, (int)index_of("left"), (enum bpf_attach_type)(TCX_INGRESS + i), NULL);
		assert_return_code(links[i], -links[i]);
	}
	monitor = monitor_of(HOOK_TC);
	attach(monitor, "left");
	assert_int_equal(tcx_count("left", TCX_INGRESS), 2);
	assert_counts_both_ways(monitor);
	monitor_close(monitor);
	assert_int_equal(tcx_count("left", TCX_INGRESS), 1);
	close(links[0]);
	close(links[1]);
	close(fd);
}

/* Takes every place that is left at egress: returns how many there were. */
static unsigned int egress_fill(int links[TCX_PROGRAMS_MAX])
{
	for (unsigned int i = 0; i < TCX_PROGRAMS_MAX; i++) {
		int program = passing_program(); /* one program can be there only once */

		links[i] = bpf_link_create(program, (int)index_of("left"), (enum bpf_attach_type)TCX_EGRESS, NULL);
		close(program);
		if (links[i] < 0) {
			assert_int_equal(links[i], -ERANGE);
			return i;
		}
	}
	fail_msg("egress takes more than %d programs", TCX_PROGRAMS_MAX);
	return 0;
}

/* Egress has no room for one more program: then ingress is not watched either. */
static void test_all_or_nothing(void **state)
{
	char error[MONITOR_ERROR_SIZE];
	struct attachment attachment;
	int links[TCX_PROGRAMS_MAX];
	struct monitor *monitor;
	unsigned int count;

	(void)state;
	need_tcx();
	count = egress_fill(links);
	monitor = monitor_of(HOOK_TC);
	assert_int_equal(monitor_attach(monitor, index_of("left"), "left", &attachment, error), -ERANGE);
	assert_string_equal(error,
			    "cannot watch left: the kernel refuses the tc program: Numerical result out of range");
	assert_int_equal(tcx_count("left", TCX_INGRESS), 0);
	while (count)
		close(links[--count]);
	attach(monitor, "left");
	assert_counts_both_ways(monitor);
	monitor_close(monitor);
}

static void test_another_xdp_program(void **state)
{
	char error[MONITOR_ERROR_SIZE], expected[MONITOR_ERROR_SIZE], name[PROGRAM_NAME_SIZE];
	struct monitor *first = monitor_of(HOOK_XDP), *second = monitor_of(HOOK_XDP),
		       *third = monitor_of(HOOK_XDP_GENERIC);
	struct attachment attachment;
	unsigned int egress;

	(void)state;
	attach(first, "left");
	egress = tcx_count("left", TCX_EGRESS);
	xdp_program_name("left", name);
	snprintf(expected, sizeof(expected),
		 "cannot watch left by XDP: another XDP program (id %u, name %s) is on the device: use --hook tc",
		 xdp_id("left"), name);
	assert_true(monitor_attach(second, index_of("left"), "left", &attachment, error) < 0);
	assert_string_equal(error, expected);
	assert_true(monitor_attach(third, index_of("left"), "left", &attachment, error) < 0);
	assert_string_equal(error, expected);
	assert_int_equal(tcx_count("left", TCX_EGRESS), egress);
	monitor_close(third);
	monitor_close(second);
	assert_counts_both_ways(first);
	monitor_close(first);
}

static void test_watched_already(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	char error[MONITOR_ERROR_SIZE];
	struct attachment attachment;

	(void)state;
	attach(monitor, "left");
	assert_int_equal(monitor_attach(monitor, index_of("left"), "left", &attachment, error), -EEXIST);
	assert_string_equal(error, "cannot watch left: it is watched already");
	assert_counts_both_ways(monitor);
	monitor_close(monitor);
}

static void test_interface_that_is_gone(void **state)
{
	static const enum hook_choice choices[] = { HOOK_TC, HOOK_CLSACT, HOOK_XDP, HOOK_XDP_GENERIC };

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		struct monitor *monitor = monitor_of(choices[i]);
		unsigned int ifindex = index_of("left");
		char error[MONITOR_ERROR_SIZE];
		struct attachment attachment;
		struct readout readout;

		attach(monitor, "left");
		assert_counts_both_ways(monitor);
		wires_cut(state);
		assert_int_equal(monitor_attach(monitor, 4000000, "never", &attachment, error), -ENODEV);
		assert_string_equal(error, "cannot watch never: it is gone");
		monitor_detach(monitor, ifindex);
		monitor_detach(monitor, ifindex); /* nothing is there to be detached */
		readout = readout_of(monitor, ifindex);
		assert_int_equal(readout.ledgers, DIRECTIONS);
		assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 5);
		monitor_close(monitor);
		wires_make(state);
	}
}

static void test_goes_on_where_it_stood(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_TC);
	unsigned int ifindex = index_of("left");
	struct readout readout;

	(void)state;
	attach(monitor, "left");
	frames_send("right", 1000, 4);
	monitor_detach(monitor, ifindex);
	frames_send("right", 1000, 100);
	readout = readout_of(monitor, ifindex);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 4);
	attach(monitor, "left");
	frames_send("right", 1000, 4);
	readout = readout_of(monitor, ifindex);
	assert_int_equal(readout.ledgers, DIRECTIONS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 8);
	assert_int_equal(readout.flow_packets[DIRECTION_INGRESS], 8);
	monitor_close(monitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hooks_asked_for, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_one_direction, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_sees_before_programs_that_end_the_chain, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_another_xdp_program, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_watched_already, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_interface_that_is_gone, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_goes_on_where_it_stood, wires_make, wires_cut),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
