/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces coming, changing and going, as rtnetlink tells of them. */
#include <errno.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/links.h"
#include "sandbox.h"

#define EVENTS_MAX 512

/* What was called back, in order. */
struct events {
	unsigned int count;
	struct {
		struct link_info link;
		bool gone;
	} event[EVENTS_MAX];
};

static void note(void *context, const struct link_info *link, bool gone)
{
	struct events *events = context;

	assert_true(events->count < EVENTS_MAX);
	events->event[events->count].link = *link;
	events->event[events->count++].gone = gone;
}

/* The last thing told of a name; NULL if nothing was. */
static const struct link_info *last_of(const struct events *events, const char *name, bool gone)
{
	for (unsigned int i = events->count; i-- > 0;)
		if (!strcmp(events->event[i].link.name, name) && events->event[i].gone == gone)
			return &events->event[i].link;
	return NULL;
}

static struct links *links_opened(void)
{
	struct links *links;

	assert_int_equal(links_open(&links), 0);
	return links;
}

static struct events dispatched(struct links *links)
{
	struct events events = { .count = 0 };

	assert_int_equal(links_dispatch(links, note, &events), 0);
	return events;
}

static struct events dumped(struct links *links)
{
	struct events events = { .count = 0 };

	assert_int_equal(links_dump(links, note, &events), 0);
	return events;
}

static void test_dump(void **state)
{
	struct links *links = links_opened();
	const struct link_info *link;
	struct events events;
	unsigned int before;

	(void)state;
	before = dumped(links).count;
	run("ip link add left type veth peer name right && ip link set left mtu 1234 up");
	events = dumped(links);
	assert_int_equal(events.count, before + 2);
	link = last_of(&events, "left", false);
	assert_non_null(link);
	assert_int_equal(link->ifindex, index_of("left"));
	assert_int_equal(link->mtu, 1234);
	assert_int_equal(link->type, ARPHRD_ETHER);
	assert_true(link->up && !link->loopback);
	link = last_of(&events, "right", false);
	assert_true(link && !link->up);
	link = last_of(&events, "lo", false);
	assert_true(link && link->loopback);
	assert_int_equal(link->type, ARPHRD_LOOPBACK);
	/* A dump tells of all links each time, and what happened before it is no news afterwards. */
	assert_int_equal(dumped(links).count, before + 2);
	assert_int_equal(dispatched(links).count, 0);
	run("ip link del left");
	links_close(links);
}

static void test_life_of_a_link(void **state)
{
	struct links *links = links_opened();
	const struct link_info *link;
	struct events events;
	unsigned int ifindex;

	(void)state;
	dumped(links);
	run("ip link add left type veth peer name right");
	events = dispatched(links);
	assert_true(last_of(&events, "left", false) && last_of(&events, "right", false));
	ifindex = index_of("left");

	run("ip link set left up");
	events = dispatched(links);
	link = last_of(&events, "left", false);
	assert_true(link && link->up);
	assert_null(last_of(&events, "right", false));

	run("ip link set left mtu 1400");
	events = dispatched(links);
	link = last_of(&events, "left", false);
	assert_non_null(link);
	assert_int_equal(link->mtu, 1400);

	run("ip link set left down && ip link set left name moved");
	events = dispatched(links);
	link = last_of(&events, "moved", false);
	assert_true(link && !link->up);
	assert_int_equal(link->ifindex, ifindex);

	run("ip link del moved");
	events = dispatched(links);
	link = last_of(&events, "moved", true);
	assert_non_null(link);
	assert_int_equal(link->ifindex, ifindex);
	assert_non_null(last_of(&events, "right", true));
	assert_null(last_of(&events, "lo", true));
	assert_int_equal(dispatched(links).count, 0);
	links_close(links);
}

static void test_links_that_came_and_went_unseen(void **state)
{
	struct links *links = links_opened();
	struct events events;
	unsigned int before;

	(void)state;
	run("ip link add left type veth peer name right");
	before = dumped(links).count;
	run("ip link del left && ip link add other type veth peer name another");
	events = dumped(links);
	assert_true(last_of(&events, "left", true) && last_of(&events, "right", true));
	assert_true(last_of(&events, "other", false) && last_of(&events, "another", false));
	assert_int_equal(events.count, before + 2); /* those that are there, and two that are not */
	run("ip link del other");
	links_close(links);
}

/* More events than the socket holds: the kernel drops some, among them the end of a link. */
static void test_lost_events(void **state)
{
	struct links *links = links_opened();
	struct events events;
	int least = 1;

	(void)state;
	run("ip link add left type veth peer name right");
	dumped(links);
	assert_return_code(setsockopt(links_fd(links), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), errno);
	run("for i in 1 2 3 4 5 6 7 8; do ip link set left mtu 140$i; done; ip link del left");
	run("ip link add late type veth peer name later");
	events = dispatched(links);
	assert_true(last_of(&events, "left", true) && last_of(&events, "right", true));
	assert_true(last_of(&events, "late", false) && last_of(&events, "later", false));
	assert_null(last_of(&events, "lo", true));
	run("ip link del late");
	links_close(links);
}

/* A bridge tells of a port that left it in the words of a link that went. */
static void test_bridge_ports_are_no_links_going(void **state)
{
	struct links *links = links_opened();
	struct events events;

	(void)state;
	if (system("ip link add bridge type bridge 2>/dev/null")) {
		links_close(links);
		print_message("the kernel has no bridge (CONFIG_BRIDGE): skipped\n");
		skip();
	}
	run("ip link add left type veth peer name right && ip link set left master bridge");
	dumped(links);
	run("ip link set left nomaster");
	events = dispatched(links);
	assert_null(last_of(&events, "left", true));
	run("ip link del left && ip link del bridge");
	links_close(links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_life_of_a_link),
		cmocka_unit_test(test_links_that_came_and_went_unseen),
		cmocka_unit_test(test_lost_events),
		cmocka_unit_test(test_bridge_ports_are_no_links_going),
	};
	const char *missing = sandbox_enter();

	if (missing) {
		print_message("skipped: %s is missing\n", missing);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
