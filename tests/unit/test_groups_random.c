/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups against a naive model: flows of random lives, of which the model keeps each one's last counters for ever, and adds
 * all of them up anew for each report. The series together must be the truth to the byte, and none may fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "groups_steps.h"

#define FLOWS 600
#define TICKS 150

struct life {
	struct flow_key key;
	uint64_t packets, bytes, payload_bytes;
	unsigned int scale; /* of its packets: few flows have most of the bytes */
	bool alive;
};

struct shown {
	char line[256];
	bool is_rest;
	uint64_t packets, bytes, payload_bytes;
};

struct world {
	uint64_t random;
	struct life lives[FLOWS];
	uint64_t ended[3]; /* counters of all lives that ended, of those that match */
	struct shown shown[512];
	size_t shown_count;
	unsigned int entered, left; /* series that came when there was a rest, and that went */
};

static uint64_t below(struct world *world, uint64_t limit)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return world->random % limit;
}

static void live(struct world *world, struct life *life)
{
	if (!life->alive && !below(world, 3)) {
		*life = (struct life){ .alive = true, .key = { .family = 4, .protocol = IPPROTO_UDP, .ifindex = 2 } };
		life->key.src[0] = htonl(0x0a000000 | (uint32_t)below(world, 40) << 8 | (uint32_t)below(world, 20));
		life->key.protocol = below(world, 4) ? IPPROTO_UDP : IPPROTO_TCP;
		life->key.ifindex = (unsigned int)(2 + below(world, 2));
		life->scale = (unsigned int)(below(world, 20) * below(world, 2));
	}
	if (!life->alive || !below(world, 4))
		return;
	life->packets += 1 + below(world, 5);
	life->bytes += 60 + (below(world, 1000) << life->scale);
	life->payload_bytes += below(world, 60);
}

static void end_life(struct world *world, struct groups *groups, struct life *life)
{
	groups_retired(groups, &life->key, life->packets, life->bytes, life->payload_bytes);
	if (life->key.protocol == IPPROTO_UDP) {
		world->ended[0] += life->packets;
		world->ended[1] += life->bytes;
		world->ended[2] += life->payload_bytes;
	}
	life->alive = false;
}

static const struct shown *shown_before(const struct world *world, const char *line)
{
	for (size_t i = 0; i < world->shown_count; i++)
		if (!strcmp(world->shown[i].line, line))
			return &world->shown[i];
	return NULL;
}

static void note_changes(struct world *world, const struct shown *now, size_t count)
{
	unsigned int kept = 0;

	for (size_t i = 0; i < count; i++)
		if (shown_before(world, now[i].line))
			kept++;
		else if (shown_before(world, "rest"))
			world->entered++;
	world->left += (unsigned int)world->shown_count - kept;
}

/* All series together are all flows that match, and none is less than it was. */
static void check_report(struct world *world, const struct report *report, const uint64_t truth[3])
{
	uint64_t sums[3] = { 0 };
	struct shown now[512];

	assert_true(report->group_count < 512);
	for (size_t i = 0; i < report->group_count; i++) {
		const struct group_report *row = &report->groups[i];
		const struct shown *before;

		now[i] = (struct shown){ .packets = row->packets,
					 .bytes = row->bytes,
					 .payload_bytes = row->payload_bytes };
		if (row->is_rest)
			strcpy(now[i].line, "rest");
		else
			groups_steps_line(now[i].line, sizeof(now[i].line), row);
		before = shown_before(world, now[i].line);
		if (before) {
			assert_true(row->packets >= before->packets);
			assert_true(row->bytes >= before->bytes);
			assert_true(row->payload_bytes >= before->payload_bytes);
		}
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(now[other].line, now[i].line);
		sums[0] += row->packets;
		sums[1] += row->bytes;
		sums[2] += row->payload_bytes;
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(sums[i], truth[i]);
	note_changes(world, now, report->group_count);
	memcpy(world->shown, now, report->group_count * sizeof(*now));
	world->shown_count = report->group_count;
}

static void read_all(struct world *world, struct groups *groups, uint64_t truth[3])
{
	memcpy(truth, world->ended, sizeof(world->ended));
	groups_begin(groups);
	for (size_t i = 0; i < FLOWS; i++) {
		const struct life *life = &world->lives[i];

		if (!life->alive || !life->packets)
			continue;
		groups_flow(groups, &life->key, life->packets, life->bytes, life->payload_bytes);
		if (life->key.protocol != IPPROTO_UDP)
			continue;
		truth[0] += life->packets;
		truth[1] += life->bytes;
		truth[2] += life->payload_bytes;
	}
}

static void end_some(struct world *world, struct groups *groups, uint64_t one_in)
{
	for (size_t i = 0; i < FLOWS; i++)
		if (world->lives[i].alive && !below(world, one_in))
			end_life(world, groups, &world->lives[i]);
}

/* One tick, at times with a reading that made no report, and with flows that end in the middle of it. */
static void tick(struct world *world, struct groups *groups)
{
	struct report *report;
	uint64_t truth[3];

	for (size_t i = 0; i < FLOWS; i++)
		live(world, &world->lives[i]);
	if (!below(world, 4))
		end_some(world, groups, 20);
	if (!below(world, 5))
		read_all(world, groups, truth);
	read_all(world, groups, truth);
	if (below(world, 3)) {
		for (size_t i = 0; i < FLOWS; i++)
			if (world->lives[i].alive)
				live(world, &world->lives[i]);
		end_some(world, groups, 10);
	}
	report = groups_steps_report(groups);
	check_report(world, report, truth);
	report_release(report);
}

static void run_world(uint8_t prefix, uint32_t limit, uint64_t seed, bool crowded)
{
	static const uint8_t udp = IPPROTO_UDP;
	struct group_config config = groups_steps_config("world", GROUP_BY_SRC | GROUP_BY_INTERFACE, limit);
	struct world *world = calloc(1, sizeof(*world));
	struct groups *groups;

	assert_non_null(world);
	world->random = seed;
	config.match = "UDP";
	config.rule = &udp;
	config.src_prefix[GROUP_IPV4] = prefix;
	groups = groups_steps_open(&config, 1);
	for (int i = 0; i < TICKS; i++)
		tick(world, groups);
	assert_int_equal(world->left > 0, crowded);
	assert_int_equal(world->entered > 0, crowded);
	printf("entered %u left %u shown %zu\n", world->entered, world->left, world->shown_count);
	groups_free(groups);
	free(world);
}

static void test_lives_with_room(void **state)
{
	(void)state;
	run_world(24, 100, 0x1234567, false);
}

/* 80 keys, 12 series, 96 remembered: all are. */
static void test_lives_beyond_the_series(void **state)
{
	(void)state;
	run_world(24, 12, 0x7654321, true);
}

/* 1600 keys, 3 series, 24 remembered: most are forgotten. */
static void test_lives_beyond_memory(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 6; seed++)
		run_world(32, 3, seed * 0x9e3779b97f4a7c15ULL, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives_with_room),
		cmocka_unit_test(test_lives_beyond_the_series),
		cmocka_unit_test(test_lives_beyond_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
