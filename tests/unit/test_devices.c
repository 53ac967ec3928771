/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of interfaces that come, go, come back, are renamed and begin anew: what a name has never falls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/devices.h"

static struct devices *devices_of(size_t names_max)
{
	struct devices *devices;

	assert_int_equal(devices_new(names_max, &devices), 0);
	return devices;
}

static struct device_link link_of(unsigned int ifindex, const char *name)
{
	struct device_link link = { .ifindex = ifindex, .facts = { .up = true, .mtu = 1500 } };

	snprintf(link.name, sizeof(link.name), "%s", name);
	return link;
}

static void count(struct devices *devices, unsigned int ifindex, uint64_t packets)
{
	const struct device_tally sides[DIRECTIONS] = {
		{ packets, 100 * packets, packets / 10, packets / 5 },
		{ 2 * packets, 200 * packets, 0, 0 },
	};

	devices_count(devices, ifindex, sides);
}

static struct report *report_of(const struct devices *devices)
{
	struct report *report = calloc(1, sizeof(*report));

	assert_non_null(report);
	report->references = 1;
	assert_int_equal(devices_report(devices, report), 0);
	return report;
}

/* Packets received by the name; -1 if it is not in the report. */
static int64_t packets_of(const struct devices *devices, const char *name, bool *present)
{
	struct report *report = report_of(devices);
	int64_t packets = -1;

	for (size_t i = 0; i < report->device_count; i++) {
		const struct device_report *device = &report->devices[i];

		if (i)
			assert_true(strcmp(report->devices[i - 1].name, device->name) < 0);
		if (strcmp(device->name, name) != 0)
			continue;
		packets = (int64_t)device->sides[DIRECTION_INGRESS].packets;
		if (present)
			*present = device->present;
	}
	report_release(report);
	return packets;
}

static void assert_packets(const struct devices *devices, const char *name, int64_t packets, bool present)
{
	bool is_present = false;

	assert_int_equal(packets_of(devices, name, &is_present), packets);
	assert_int_equal(is_present, present);
}

static void take(struct devices *devices, const struct device_link *links, size_t link_count)
{
	assert_int_equal(devices_links(devices, links, link_count), 0);
}

static void test_all_counters(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link links[] = { link_of(2, "eth0"), link_of(1, "lo") };
	struct report *report;

	(void)state;
	take(devices, links, 2);
	count(devices, 2, 1000);
	count(devices, 7, 5); /* nobody knows it yet */
	report = report_of(devices);
	assert_int_equal(report->device_count, 1); /* of lo nothing was said */
	assert_string_equal(report->devices[0].name, "eth0");
	assert_int_equal(report->devices[0].facts.mtu, 1500);
	assert_int_equal(report->devices[0].sides[DIRECTION_INGRESS].bytes, 100000);
	assert_int_equal(report->devices[0].sides[DIRECTION_INGRESS].errors, 100);
	assert_int_equal(report->devices[0].sides[DIRECTION_INGRESS].drops, 200);
	assert_int_equal(report->devices[0].sides[DIRECTION_EGRESS].packets, 2000);
	report_release(report);
	devices_free(devices);
}

static void test_comes_back(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link before = link_of(5, "veth0"), after = link_of(9, "veth0");

	(void)state;
	take(devices, &before, 1);
	count(devices, 5, 1000);
	take(devices, NULL, 0);
	assert_packets(devices, "veth0", 1000, false);
	take(devices, &after, 1);
	assert_packets(devices, "veth0", 1000, true);
	count(devices, 9, 30);
	count(devices, 9, 40);
	assert_packets(devices, "veth0", 1040, true);
	/* Replaced between two lists: nobody saw it go. */
	take(devices, &before, 1);
	count(devices, 5, 7);
	assert_packets(devices, "veth0", 1047, true);
	devices_free(devices);
}

/* Of its index, as a device that was in another namespace meanwhile is: it counted on. Or it is new, and has less. */
static void test_same_index_comes_back(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link link = link_of(5, "eth1");

	(void)state;
	take(devices, &link, 1);
	count(devices, 5, 1000);
	take(devices, NULL, 0);
	take(devices, &link, 1);
	count(devices, 5, 1200);
	assert_packets(devices, "eth1", 1200, true);
	take(devices, NULL, 0);
	take(devices, &link, 1);
	count(devices, 5, 50);
	assert_packets(devices, "eth1", 1250, true);
	devices_free(devices);
}

/* A device that was in another namespace has its address still, and maybe another index. */
static void test_same_address_comes_back(void **state)
{
	struct devices *devices = devices_of(8);
	struct device_link link = link_of(5, "eth1");

	(void)state;
	strcpy(link.facts.address, "02:00:00:00:00:01");
	take(devices, &link, 1);
	count(devices, 5, 1000);
	take(devices, NULL, 0);
	link.ifindex = 8;
	take(devices, &link, 1);
	count(devices, 8, 1200);
	assert_packets(devices, "eth1", 1200, true);
	devices_free(devices);
}

static void test_driver_begins_anew(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link link = link_of(5, "eth1");

	(void)state;
	take(devices, &link, 1);
	count(devices, 5, UINT64_MAX / 400);
	count(devices, 5, 10);
	assert_packets(devices, "eth1", (int64_t)(UINT64_MAX / 400) + 10, true);
	devices_free(devices);
}

static void test_renamed(void **state)
{
	struct devices *devices = devices_of(8);
	struct device_link links[2] = { link_of(5, "eth0"), link_of(6, "wan") };

	(void)state;
	take(devices, links, 1);
	count(devices, 5, 100);
	links[0] = link_of(5, "enp3s0");
	take(devices, links, 1);
	assert_packets(devices, "eth0", -1, false);
	count(devices, 5, 110);
	assert_packets(devices, "enp3s0", 110, true);

	/* To a name that was another's: it goes on there, and what it had stays. */
	take(devices, links, 2);
	count(devices, 6, 7000);
	links[0] = link_of(5, "wan");
	take(devices, links, 1);
	count(devices, 5, 115);
	assert_packets(devices, "enp3s0", 110, false);
	assert_packets(devices, "wan", 7005, true);
	devices_free(devices);
}

static void test_names_exchanged(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link before[] = { link_of(1, "a"), link_of(2, "b"), link_of(3, "c") };
	const struct device_link after[] = { link_of(1, "b"), link_of(2, "a"), link_of(3, "d") };

	(void)state;
	take(devices, before, 3);
	for (unsigned int i = 1; i <= 3; i++)
		count(devices, i, 1000 * i);
	take(devices, after, 3);
	for (unsigned int i = 1; i <= 3; i++)
		count(devices, i, 1000 * i + i);
	assert_packets(devices, "a", 1002, true);
	assert_packets(devices, "b", 2001, true);
	assert_packets(devices, "c", -1, false);
	assert_packets(devices, "d", 3003, true);
	devices_free(devices);
}

static int64_t sum_of(const struct devices *devices, size_t *names)
{
	struct report *report = report_of(devices);
	int64_t sum = 0;

	for (size_t i = 0; i < report->device_count; i++)
		sum += (int64_t)report->devices[i].sides[DIRECTION_INGRESS].packets;
	*names = report->device_count;
	report_release(report);
	return sum;
}

/* A host of containers: five interfaces at a time, a thousand in all. */
static void test_bounded(void **state)
{
	struct devices *devices = devices_of(16);
	struct device_link links[5];
	int64_t sum = 0;
	size_t names;

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 5; i++) {
			char name[IF_NAMESIZE];

			snprintf(name, sizeof(name), "veth%u", 5 * round + i);
			links[i] = link_of(5 * round + i + 1, name);
		}
		take(devices, links, 5);
		for (unsigned int i = 0; i < 5; i++) {
			count(devices, 5 * round + i + 1, round + i);
			sum += round + i;
		}
		assert_int_equal(sum_of(devices, &names), sum);
		assert_true(names <= 17);
	}
	/* The last are there, the first are not. */
	assert_packets(devices, "veth999", 203, true);
	assert_packets(devices, "veth990", 198, false);
	assert_packets(devices, "veth0", -1, false);
	assert_true(packets_of(devices, DEVICES_OTHER, NULL) > 0);
	devices_free(devices);
}

/* More than the bound are there at once: all of them are shown. And one is called as what is folded away. */
static void test_present_ones_stay(void **state)
{
	struct devices *devices = devices_of(2);
	const struct device_link links[] = { link_of(1, "a"), link_of(2, DEVICES_OTHER), link_of(3, "c"),
					     link_of(4, "d") };
	size_t names;

	(void)state;
	take(devices, links, 4);
	for (unsigned int i = 1; i <= 4; i++)
		count(devices, i, 10);
	assert_int_equal(sum_of(devices, &names), 40);
	assert_int_equal(names, 4);
	take(devices, links, 2);
	assert_int_equal(sum_of(devices, &names), 40);
	assert_int_equal(names, 2);
	count(devices, 2, 11);
	assert_packets(devices, DEVICES_OTHER, 31, true);
	take(devices, NULL, 0);
	assert_packets(devices, DEVICES_OTHER, 31, false);
	devices_free(devices);
}

static void test_a_name_twice(void **state)
{
	struct devices *devices = devices_of(8);
	const struct device_link links[] = { link_of(1, "a"), link_of(2, "a") };

	(void)state;
	take(devices, links, 1);
	count(devices, 1, 10);
	take(devices, links, 2);
	count(devices, 1, 20);
	count(devices, 2, 500);
	assert_packets(devices, "a", 20, true);
	devices_free(devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_counters),          cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_same_index_comes_back), cmocka_unit_test(test_same_address_comes_back),
		cmocka_unit_test(test_driver_begins_anew),    cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_names_exchanged),       cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_present_ones_stay),     cmocka_unit_test(test_a_name_twice),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
