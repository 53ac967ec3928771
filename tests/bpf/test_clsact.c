/* SPDX-License-Identifier: BSD-2-Clause */
/* clsact filters: made beside those of others, and gone when the monitor ends, however it ends. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/clsact_filter.h"
#include "kernel/monitor_internal.h"
#include "sandbox.h"

static int wires_make(void **state)
{
	(void)state;
	run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
	return 0;
}

static int wires_cut(void **state)
{
	(void)state;
	run("ip link del left");
	return 0;
}

struct census {
	unsigned int all, ours;
	uint32_t handle; /* of the last of ours */
};

static void census_visit(void *context, const struct clsact_entry *entry)
{
	struct census *census = context;

	if (entry->handle) /* the kernel lists the chain, too */
		census->all++;
	if (entry->program_id && !strncmp(entry->name, "flowgauge_", strlen("flowgauge_"))) {
		census->ours++;
		census->handle = entry->handle;
	}
}

static struct census census_of(enum direction direction)
{
	struct census census = { 0 };

	assert_int_equal(clsact_list(index_of("left"), direction, census_visit, &census), 0);
	return census;
}

static unsigned int filters_of_ours(void)
{
	return census_of(DIRECTION_INGRESS).ours + census_of(DIRECTION_EGRESS).ours;
}

/* The kind of the qdisc that filters stand on: "clsact", "ingress" or "". */
static const char *qdisc_kind(void)
{
	if (!system("tc qdisc show dev left | grep -q '^qdisc clsact'"))
		return "clsact";
	return system("tc qdisc show dev left | grep -q '^qdisc ingress'") ? "" : "ingress";
}

static void assert_counts(struct monitor *monitor, unsigned int before)
{
	struct readout readout;

	frames_send("right", 1000, 5);
	frames_send("left", 2000, 5);
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.ledgers, DIRECTIONS);
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		assert_int_equal(readout.ledger[direction].seen.packets, before + 5);
		assert_int_equal(readout.ledger[direction].seen.bytes, (before + 5) * FRAME_BYTES);
		assert_int_equal(readout.flow_packets[direction], before + 5);
	}
}

static void test_comes_and_goes(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_CLSACT);
	struct attachment attachment = attach(monitor, "left");

	(void)state;
	assert_string_equal(hook_name(attachment.hook[DIRECTION_INGRESS]), "clsact");
	assert_string_equal(hook_name(attachment.hook[DIRECTION_EGRESS]), "clsact");
	assert_int_equal(filters_of_ours(), 2);
	assert_counts(monitor, 0);
	monitor_detach(monitor, index_of("left"));
	assert_int_equal(filters_of_ours(), 0);
	assert_string_equal(qdisc_kind(), "");
	attach(monitor, "left");
	assert_counts(monitor, 5);
	monitor_close(monitor);
	assert_int_equal(filters_of_ours(), 0);
	assert_string_equal(qdisc_kind(), "");
}

/* A filter of somebody else's, with a priority that the kernel chooses. */
static void other_make(enum direction direction)
{
	const struct bpf_insn ok[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)index_of("left"),
		    .attach_point = direction == DIRECTION_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", ok, 2, NULL);

	assert_return_code(fd, -fd);
	options.prog_fd = fd;
	assert_int_equal(bpf_tc_attach(&hook, &options), 0);
	close(fd);
}

static void test_leaves_what_others_made(void **state)
{
	enum { NEVER, BEFORE, DURING };
	static const struct {
		bool qdisc_before;
		int filter;
		unsigned int filters; /* that stay */
		const char *qdisc;
	} cases[] = {
		{ false, NEVER, 0, "" },       { true, NEVER, 0, "clsact" },  { false, DURING, 1, "clsact" },
		{ true, DURING, 1, "clsact" }, { true, BEFORE, 1, "clsact" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct monitor *monitor = monitor_of(HOOK_CLSACT);

		if (cases[i].qdisc_before)
			run("tc qdisc add dev left clsact");
		if (cases[i].filter == BEFORE)
			other_make(DIRECTION_EGRESS);
		attach(monitor, "left");
		if (cases[i].filter == DURING)
			other_make(DIRECTION_EGRESS);
		assert_counts(monitor, 0);
		monitor_close(monitor);
		assert_string_equal(qdisc_kind(), cases[i].qdisc);
		assert_int_equal(census_of(DIRECTION_EGRESS).all, cases[i].filters);
		assert_int_equal(filters_of_ours(), 0);
		if (*qdisc_kind())
			run("tc qdisc del dev left clsact");
	}
}

/* The older qdisc would take the egress filter, and run it at ingress. */
static void test_ingress_qdisc_refused(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_CLSACT);
	char error[MONITOR_ERROR_SIZE];
	struct attachment attachment;

	(void)state;
	run("tc qdisc add dev left ingress");
	assert_int_equal(monitor_attach(monitor, index_of("left"), "left", &attachment, error), -EMEDIUMTYPE);
	assert_string_equal(error, "cannot watch left: it has an \"ingress\" qdisc, beside which no clsact can be: "
				   "replace that by clsact");
	assert_int_equal(census_of(DIRECTION_INGRESS).all, 0);
	assert_string_equal(qdisc_kind(), "ingress");
	run("tc qdisc del dev left ingress");
	attach(monitor, "left");
	assert_counts(monitor, 0);
	monitor_close(monitor);
}

static void test_two_monitors(void **state)
{
	struct monitor *first = monitor_of(HOOK_CLSACT), *second = monitor_of(HOOK_CLSACT);

	(void)state;
	attach(first, "left");
	attach(second, "left");
	assert_int_equal(filters_of_ours(), 4);
	assert_counts(first, 0);
	assert_counts(second, 5);
	monitor_close(first);
	assert_int_equal(filters_of_ours(), 2);
	assert_counts(second, 10);
	monitor_close(second);
	assert_int_equal(filters_of_ours(), 0);
	assert_string_equal(qdisc_kind(), "clsact"); /* the first's, which was in use when it ended */
}

struct victim {
	pid_t pid, guardian;
};

/* A child that watches "left" until it is killed. */
static struct victim victim_start(void)
{
	struct victim victim = { 0 };
	int ends[2];

	assert_return_code(pipe(ends), errno);
	victim.pid = fork();
	assert_return_code(victim.pid, errno);
	if (!victim.pid) {
		struct monitor_config config = config_of(HOOK_CLSACT);
		char error[MONITOR_ERROR_SIZE];
		struct attachment attachment;
		struct monitor *monitor;

		if (monitor_open(&config, &monitor, error) ||
		    monitor_attach(monitor, index_of("left"), "left", &attachment, error) ||
		    write(ends[1], &monitor->clsact.guardian, sizeof(pid_t)) != sizeof(pid_t))
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &victim.guardian, sizeof(victim.guardian)), sizeof(victim.guardian));
	/* The guardian holds nothing of its monitor's: the pipe ends with the child. */
	assert_int_equal(filters_of_ours(), 2);
	assert_int_equal(kill(victim.pid, 0), 0);
	close(ends[0]);
	return victim;
}

static void assert_ends(pid_t pid, bool killed)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WIFSIGNALED(status), killed);
	if (!killed)
		assert_int_equal(WEXITSTATUS(status), 0);
}

/* A monitor's death makes its guardian this process's child. */
static int orphans_adopt(void **state)
{
	(void)state;
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void test_guardian_removes_after_sigkill(void **state)
{
	struct victim victim = victim_start();

	(void)state;
	/* What a terminal or a service manager sends to all does not end it. */
	assert_return_code(kill(victim.guardian, SIGINT), errno);
	assert_return_code(kill(victim.guardian, SIGTERM), errno);
	assert_return_code(kill(victim.pid, SIGKILL), errno);
	assert_ends(victim.pid, true);
	assert_ends(victim.guardian, false);
	assert_int_equal(filters_of_ours(), 0);
	assert_string_equal(qdisc_kind(), "");
}

/* Both are killed, the guardian first: the next monitor removes the filters, also when it makes none itself. */
static void test_leftovers_are_removed(void **state)
{
	static const enum hook_choice choices[] = { HOOK_CLSACT, HOOK_AUTO };

	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		struct victim victim = victim_start();
		struct attachment attachment;
		struct monitor *monitor;

		assert_return_code(kill(victim.guardian, SIGKILL), errno);
		assert_return_code(kill(victim.pid, SIGKILL), errno);
		assert_ends(victim.pid, true);
		assert_ends(victim.guardian, true);
		assert_int_equal(filters_of_ours(), 2);
		monitor = monitor_of(choices[i]);
		attachment = attach(monitor, "left");
		assert_int_equal(filters_of_ours(), attachment.hook[DIRECTION_INGRESS] == HOOK_IS_CLSACT ? 2 : 0);
		assert_counts(monitor, 0);
		monitor_close(monitor);
		assert_int_equal(filters_of_ours(), 0);
		run("tc qdisc del dev left clsact");
	}
}

/* A filter that a living monitor holds is no leftover. */
static void test_living_filters_stay(void **state)
{
	struct monitor *first = monitor_of(HOOK_CLSACT), *second = monitor_of(HOOK_AUTO);

	(void)state;
	attach(first, "left");
	attach(second, "left");
	assert_true(filters_of_ours() >= 2);
	assert_counts(first, 0);
	monitor_close(second);
	assert_int_equal(filters_of_ours(), 2);
	monitor_close(first);
	assert_int_equal(filters_of_ours(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_and_goes, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_leaves_what_others_made, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_ingress_qdisc_refused, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_two_monitors, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_guardian_removes_after_sigkill, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_leftovers_are_removed, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_living_filters_stay, wires_make, wires_cut),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, orphans_adopt, NULL);
}
