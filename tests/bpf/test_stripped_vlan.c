/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VLAN tags that are not in the frame's bytes but beside them, as a NIC driver leaves them that takes them out. veth
 * does so with a tag that the sender's side has pushed: a program at the egress of "right" pushes it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/device.h"
#include "kernel/monitor_internal.h"
#include "kernel/vlan_program.h"
#include "sandbox.h"

#define TCX_EGRESS 47
#define TAG_BYTES 4
#define PUSHED 5
#define IN_BYTES 7
#define PACKETS 3
#define WITH_TAG "flowgauge_xdp_v" /* the kernel keeps 15 characters of a program's name */
#define COMMON "flowgauge_xdp"

static int pusher = -1; /* the link of the program that pushes; -1: none */

static int wires_make(void **state)
{
	(void)state;
	run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
	return 0;
}

static int wires_cut(void **state)
{
	(void)state;
	if (pusher >= 0)
		close(pusher);
	pusher = -1;
	if (if_nametoindex("left"))
		run("ip link del left");
	return 0;
}

static void push_tags(void)
{
	const struct bpf_insn push[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = htons(ETH_P_8021Q) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = PUSHED },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pushes", "GPL", push, sizeof(push) / sizeof(*push), NULL);

	assert_return_code(fd, -fd);
	pusher = bpf_link_create(fd, (int)index_of("right"), (enum bpf_attach_type)TCX_EGRESS, NULL);
	close(fd);
	if (pusher >= 0)
		return;
	print_message("the kernel has no tcx (Linux 6.6), by which the tags are pushed: skipped\n");
	skip();
}

static void need_vlan_told(void)
{
	uint64_t metadata;

	if (!device_xdp_metadata(index_of("left"), &metadata) && (metadata & XDP_METADATA_VLAN))
		return;
	print_message("veth does not tell VLAN tags to XDP (Linux 6.8): skipped\n");
	skip();
}

static size_t tag_insert(uint8_t *frame, size_t length)
{
	static const uint8_t tag[TAG_BYTES] = { ETH_P_8021Q >> 8, ETH_P_8021Q & 0xff, 0, IN_BYTES };

	memmove(frame + 2 * ETH_ALEN + TAG_BYTES, frame + 2 * ETH_ALEN, length - 2 * ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, tag, TAG_BYTES);
	return length + TAG_BYTES;
}

static void send_from_right(bool tag_in_bytes)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	uint8_t frame[FRAME_BYTES + TAG_BYTES];
	size_t length = frame_make(frame, 1000, true);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	if (tag_in_bytes)
		length = tag_insert(frame, length);
	address.sll_ifindex = (int)index_of("right");
	address.sll_protocol = htons(tag_in_bytes ? ETH_P_8021Q : ETH_P_IP);
	for (int i = 0; i < PACKETS; i++)
		assert_int_equal(sendto(fd, frame, length, 0, (struct sockaddr *)&address, sizeof(address)), length);
	close(fd);
}

struct seen {
	unsigned int flows;
	struct flow_key key;
	struct flow_record record;
};

static void seen_flow(void *context, uint32_t slot, const struct flow_key *key, const struct flow_record *record)
{
	struct seen *seen = context;

	(void)slot;
	if (key->direction != DIRECTION_INGRESS || key->ifindex != index_of("left"))
		return;
	seen->flows++;
	seen->key = *key;
	seen->record = *record;
}

static void seen_ledger(void *context, unsigned int ifindex, enum direction direction, const struct ledger_record *sum)
{
	(void)context;
	(void)ifindex;
	(void)direction;
	(void)sum;
}

/* The flow that three frames make at "left". */
static struct seen watch_frames(struct monitor *monitor, bool tag_in_bytes)
{
	struct seen seen = { 0 };
	const struct monitor_visitor visitor = { .context = &seen, .flow = seen_flow, .ledger = seen_ledger };
	struct monitor_reading reading;

	send_from_right(tag_in_bytes);
	assert_int_equal(monitor_read(monitor, &visitor, &reading), 0);
	assert_int_equal(seen.flows, 1);
	assert_int_equal(seen.record.packets, PACKETS);
	return seen;
}

/* Of ingress alone, with the programs timed. */
static struct monitor *monitor_with(enum hook_choice hook, bool ignore_vlan)
{
	struct monitor_config config = config_of(hook);
	char error[MONITOR_ERROR_SIZE];
	struct monitor *monitor;

	config.direction[DIRECTION_EGRESS] = false;
	config.constants.ignore_vlan = ignore_vlan;
	config.count_run_time = true;
	if (monitor_open(&config, &monitor, error))
		fail_msg("monitor_open: %s", error);
	return monitor;
}

/* Native XDP and tc name the flow alike and count the bytes alike, wherever the tag stands. */
static void test_tag_is_seen(void **state)
{
	static const enum hook_choice hooks[] = { HOOK_XDP, HOOK_TC, HOOK_CLSACT };
	static const struct {
		bool pushed, in_bytes, ignored;
		int vlan[VLAN_MAX_DEPTH]; /* 0: none */
	} cases[] = {
		{ false, false, false, { 0, 0 } },     { false, true, false, { IN_BYTES, 0 } },
		{ true, false, false, { PUSHED, 0 } }, { true, true, false, { PUSHED, IN_BYTES } },
		{ true, false, true, { 0, 0 } },       { true, true, true, { 0, 0 } },
	};

	(void)state;
	need_vlan_told();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (cases[i].pushed && pusher < 0)
			push_tags();
		for (size_t j = 0; j < sizeof(hooks) / sizeof(*hooks); j++) {
			struct monitor *monitor = monitor_with(hooks[j], cases[i].ignored);
			size_t tags = cases[i].pushed + cases[i].in_bytes;
			struct seen seen;

			assert_string_equal(attach(monitor, "left").reason[DIRECTION_INGRESS], "");
			seen = watch_frames(monitor, cases[i].in_bytes);
			for (int k = 0; k < VLAN_MAX_DEPTH; k++)
				assert_int_equal(seen.key.vlan[k],
						 cases[i].vlan[k] ? VLAN_PRESENT | cases[i].vlan[k] : 0);
			assert_int_equal(seen.record.bytes, PACKETS * (FRAME_BYTES + TAG_BYTES * tags));
			assert_int_equal(seen.record.payload_bytes, PACKETS * FRAME_PAYLOAD);
			monitor_close(monitor);
		}
	}
}

/* Frames of more than one buffer. */
static void test_large_frames(void **state)
{
	struct monitor *monitor;
	char name[PROGRAM_NAME_SIZE];

	(void)state;
	need_vlan_told();
	push_tags();
	run("ip link set left mtu 9000 && ip link set right mtu 9000");
	monitor = monitor_of(HOOK_XDP);
	attach(monitor, "left");
	xdp_program_name("left", name);
	assert_string_equal(name, WITH_TAG);
	assert_int_equal(watch_frames(monitor, false).key.vlan[0], VLAN_PRESENT | PUSHED);
	monitor_close(monitor);
}

/* The rules are those of the other programs, also after they were changed. */
static void test_rules_hold(void **state)
{
	struct monitor *monitor;
	char error[MONITOR_ERROR_SIZE];
	struct readout readout;
	struct rule rule;

	(void)state;
	need_vlan_told();
	push_tags();
	monitor = monitor_of(HOOK_XDP);
	attach(monitor, "left");
	watch_frames(monitor, false);
	assert_int_equal(rule_parse("- - - 80 TCP", &rule, error), 0);
	assert_int_equal(monitor_set_rules(monitor, &rule, 1, error), 0);
	send_from_right(true); /* a flow that has not been there */
	readout = readout_of(monitor, index_of("left"));
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].outcome[OUTCOME_FLOW].packets, PACKETS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].outcome[OUTCOME_FILTERED].packets, PACKETS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 2 * PACKETS);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.bytes, PACKETS * (2 * FRAME_BYTES + 3 * TAG_BYTES));
	monitor_close(monitor);
}

static uint64_t runs_of(struct monitor *monitor, const char *program)
{
	struct program_cost costs[PROGRAMS_MAX];
	size_t count = monitor_program_costs(monitor, costs);
	uint64_t runs = 0;

	for (size_t i = 0; i < count; i++)
		if (!strcmp(costs[i].program, program))
			runs += costs[i].runs;
	return runs;
}

/* The programs of all devices are one in the costs, which do not fall when a device is let go. */
static void test_costs(void **state)
{
	struct monitor *monitor;

	(void)state;
	need_vlan_told();
	monitor = monitor_with(HOOK_XDP, false);
	attach(monitor, "left");
	attach(monitor, "right");
	send_from_right(false);
	assert_int_equal(runs_of(monitor, "flowgauge_xdp_vlan"), PACKETS);
	assert_int_equal(runs_of(monitor, "flowgauge_xdp"), 0);
	monitor_detach(monitor, index_of("left"));
	assert_int_equal(runs_of(monitor, "flowgauge_xdp_vlan"), PACKETS);
	frames_send("left", 1000, PACKETS);
	attach(monitor, "left");
	send_from_right(false);
	assert_int_equal(runs_of(monitor, "flowgauge_xdp_vlan"), 3 * PACKETS);
	monitor_close(monitor);
}

/* The driver of tun tells no tags, and generic XDP has no driver that could be asked. */
static void test_driver_that_does_not_tell(void **state)
{
	struct monitor *native = monitor_of(HOOK_XDP), *generic = monitor_of(HOOK_XDP_GENERIC);
	int fd = tun_make("tap", true, ARPHRD_ETHER);
	struct attachment attachment;
	char name[PROGRAM_NAME_SIZE];

	(void)state;
	attachment = attach(native, "tap");
	assert_string_equal(attachment.reason[DIRECTION_INGRESS], "");
	xdp_program_name("tap", name);
	assert_string_equal(name, COMMON);
	attach(generic, "left");
	xdp_program_name("left", name);
	assert_string_equal(name, COMMON);
	monitor_close(generic);
	monitor_close(native);
	close(fd);
}

static void capabilities_set(cap_flag_value_t value)
{
	static const cap_value_t loading[] = { CAP_BPF, CAP_SYS_ADMIN };
	cap_t capabilities = cap_get_proc();

	assert_non_null(capabilities);
	assert_int_equal(cap_set_flag(capabilities, CAP_EFFECTIVE, 2, loading, value), 0);
	assert_int_equal(cap_set_proc(capabilities), 0);
	cap_free(capabilities);
}

/* A monitor that may no longer load programs has the common one, and says what it does not see. */
static void test_refused_program(void **state)
{
	struct monitor_config config = config_of(HOOK_XDP);
	char error[MONITOR_ERROR_SIZE], name[PROGRAM_NAME_SIZE];
	struct attachment attachment;
	struct monitor *monitor;
	int err;

	(void)state;
	need_vlan_told();
	config.direction[DIRECTION_EGRESS] = false;
	assert_int_equal(monitor_open(&config, &monitor, error), 0);
	capabilities_set(CAP_CLEAR);
	err = monitor_attach(monitor, index_of("left"), "left", &attachment, error);
	capabilities_set(CAP_SET);
	assert_int_equal(err, 0);
	assert_string_equal(hook_name(attachment.hook[DIRECTION_INGRESS]), "xdp");
	assert_string_equal(attachment.reason[DIRECTION_INGRESS],
			    "VLAN tags that the device takes out are not seen: the kernel refuses the program for them: "
			    "Operation not permitted");
	xdp_program_name("left", name);
	assert_string_equal(name, COMMON);
	assert_int_equal(watch_frames(monitor, false).record.bytes, PACKETS * FRAME_BYTES);
	monitor_close(monitor);
}

/* Every way of looking for sequence numbers, and all tunnels: the verifier takes the program, and it counts. */
static void test_every_configuration_loads(void **state)
{
	(void)state;
	need_vlan_told();
	push_tags();
	for (uint32_t mode = SEQUENCE_OFF; mode <= SEQUENCE_AT_PATTERN; mode++) {
		struct monitor_config config = config_of(HOOK_XDP);
		char error[MONITOR_ERROR_SIZE], name[PROGRAM_NAME_SIZE];
		struct monitor *monitor;

		config.direction[DIRECTION_EGRESS] = false;
		config.constants.sequence_mode = mode;
		config.constants.sequence_threshold = 2;
		config.constants.pattern_length = 4;
		memcpy(&config.constants.pattern, "flow", 4);
		memset(&config.constants.pattern_mask, 0xff, 4);
		config.constants.tunnels = (struct tunnels){
			.kinds = TUNNEL_VXLAN | TUNNEL_GENEVE | TUNNEL_GRE | TUNNEL_IPIP | TUNNEL_GTPU,
			.vxlan_port = TUNNEL_VXLAN_PORT,
			.geneve_port = TUNNEL_GENEVE_PORT,
			.gtpu_port = TUNNEL_GTPU_PORT,
		};
		if (monitor_open(&config, &monitor, error))
			fail_msg("monitor_open: %s", error);
		attach(monitor, "left");
		xdp_program_name("left", name);
		assert_string_equal(name, WITH_TAG);
		assert_int_equal(watch_frames(monitor, false).key.vlan[0], VLAN_PRESENT | PUSHED);
		monitor_close(monitor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tag_is_seen, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_large_frames, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_rules_hold, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_costs, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_driver_that_does_not_tell, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_refused_program, wires_make, wires_cut),
		cmocka_unit_test_setup_teardown(test_every_configuration_loads, wires_make, wires_cut),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
