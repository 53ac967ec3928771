/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of every kind: what is known of them, and which can be watched. */
#include <errno.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/device.h"
#include "kernel/hook.h"
#include "sandbox.h"

static void test_facts(void **state)
{
	char reason[HOOK_REASON_SIZE];
	struct device device;

	(void)state;
	run("ip link add left mtu 1300 type veth peer name right");
	assert_int_equal(device_query(index_of("left"), &device), 0);
	assert_int_equal(device.ifindex, index_of("left"));
	assert_string_equal(device.name, "left");
	assert_string_equal(device.kind, "veth");
	assert_int_equal(device.type, ARPHRD_ETHER);
	assert_int_equal(device.mtu, 1300);
	assert_false(device.hardware);
	assert_int_equal(device_query(4000000, &device), -ENODEV);
	assert_int_equal(device_query(index_of("lo"), &device), 0);
	assert_int_equal(device_link_layer(&device), LINK_LAYER_ETHERNET);
	assert_true(xdp_not_worth(&device, reason));
	assert_string_equal(reason, "lo has no hardware: XDP would cost more than tc");
	run("ip link del left");
}

/* The driver of veth offers XDP, whatever it costs: so the choice can be tested on it as if it were hardware. */
static void test_xdp_of_a_driver(void **state)
{
	char reason[HOOK_REASON_SIZE];
	struct device device;
	uint64_t features;
	int err;

	(void)state;
	run("ip link add left type veth peer name right && ip link set left up && ip link set right up");
	assert_int_equal(device_query(index_of("left"), &device), 0);
	err = device_xdp_features(device.ifindex, &features);
	device.hardware = true;
	if (err) {
		assert_int_equal(err, -ENOENT);
		assert_true(xdp_not_worth(&device, reason));
		assert_string_equal(reason, "the kernel does not tell what the driver offers for XDP (Linux 6.3 does)");
	} else {
		assert_true(features & XDP_FEATURE_BASIC);
		assert_false(xdp_not_worth(&device, reason));
		device.mtu = 9000; /* in fragments, which veth takes */
		assert_int_equal(xdp_not_worth(&device, reason), !(features & XDP_FEATURE_FRAGMENTS));
		device.ifindex = index_of("lo"); /* its driver offers nothing */
		assert_true(xdp_not_worth(&device, reason));
		assert_string_equal(reason, "the driver does not offer XDP");
	}
	run("ip link del left");
}

static void test_what_a_driver_tells_xdp(void **state)
{
	uint64_t metadata;
	int err;

	(void)state;
	err = device_xdp_metadata(index_of("lo"), &metadata);
	if (err == -ENOENT) {
		print_message("the kernel does not tell what drivers offer (Linux 6.3): skipped\n");
		skip();
	}
	assert_int_equal(err, 0);
	assert_int_equal(metadata, 0);
	assert_int_equal(device_xdp_metadata(4000000, &metadata), -ENODEV);
}

static void test_link_type_refused(void **state)
{
	static const struct {
		int type;
		const char *error;
	} cases[] = {
		{ ARPHRD_INFINIBAND,
		  "cannot watch odd: its link type is InfiniBand (32): Ethernet, or a tunnel without a link "
		  "header, is what can be watched" },
		{ 4242,
		  "cannot watch odd: its link type is 4242: Ethernet, or a tunnel without a link header, is what can be "
		  "watched" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct monitor *monitor = monitor_of(HOOK_AUTO);
		int fd = tun_make("odd", false, cases[i].type);
		char error[MONITOR_ERROR_SIZE];
		struct attachment attachment;

		assert_int_equal(monitor_attach(monitor, index_of("odd"), "odd", &attachment, error), -EPROTONOSUPPORT);
		assert_string_equal(error, cases[i].error);
		monitor_close(monitor);
		close(fd);
	}
}

static void test_device_without_link_header(void **state)
{
	struct monitor *monitor = monitor_of(HOOK_AUTO), *xdp = monitor_of(HOOK_XDP);
	int fd = tun_make("bare", false, ARPHRD_NONE);
	char error[MONITOR_ERROR_SIZE];
	struct attachment attachment;
	uint8_t packet[FRAME_BYTES];
	size_t length = frame_make(packet, 1000, false);
	struct readout readout;

	(void)state;
	run("ip link set bare up");
	attachment = attach(monitor, "bare");
	assert_string_equal(attachment.reason[DIRECTION_INGRESS], "no link header, and XDP is for Ethernet");
	assert_int_equal(write(fd, packet, length), length);
	readout = readout_of(monitor, index_of("bare"));
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.packets, 1);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].seen.bytes, length);
	assert_int_equal(readout.ledger[DIRECTION_INGRESS].outcome[OUTCOME_FLOW].packets, 1);
	assert_int_equal(monitor_attach(xdp, index_of("bare"), "bare", &attachment, error), -EOPNOTSUPP);
	assert_string_equal(error, "cannot watch bare by XDP: it has no link header: use --hook tc");
	monitor_close(xdp);
	monitor_close(monitor);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_xdp_of_a_driver),
		cmocka_unit_test(test_what_a_driver_tells_xdp),
		cmocka_unit_test(test_link_type_refused),
		cmocka_unit_test(test_device_without_link_header),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
