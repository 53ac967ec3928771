/* SPDX-License-Identifier: BSD-2-Clause */
/* Time-stamped packets -> the bins that are read of them, exactly: gaps, borders, laps of the ring, lengths and CPUs. */
#include <sched.h>

#include "kernel/bins.h"
#include "packets.h"
#include "programs.h"

#define US 1000ULL
#define MS 1000000ULL
#define SECOND 1000000000ULL
#define START (1000 * SECOND)
#define IFINDEX 7
#define SEEN_MAX 65536
#define RING_LENGTH(bin_ns) ((bin_ns) < MS ? 1ULL << RING_SHIFT_LONG : 1ULL << RING_SHIFT_SHORT)

struct bench {
	struct programs programs;
	struct bins *bins;
};

/* What a reading gave, of one direction. */
struct seen {
	enum direction direction;
	uint64_t first_epoch, next_epoch; /* of the bins below; next_epoch 0: nothing came */
	size_t count;
	uint64_t lost_to; /* 0: nothing was lost */
	uint64_t bytes[SEEN_MAX];
};

static int setup_with(struct bench *bench, uint32_t bins, uint32_t flows_off)
{
	struct program_constants constants = { .sequence_threshold = 2, .bins = bins, .flows_off = flows_off };
	int cpus = libbpf_num_possible_cpus();

	assert_true(cpus > 0);
	assert_int_equal(bins_new((unsigned int)cpus, &bench->bins), 0);
	programs_open(&bench->programs, &constants);
	assert_int_equal(bins_prepare(bench->bins, bench->programs.skeleton), 0);
	programs_load_opened(&bench->programs);
	bins_open(bench->bins, bench->programs.skeleton);
	/* The test's frames come from no interface that is in the table: place 0. */
	assert_int_equal(bins_add(bench->bins, 0, IFINDEX), 0);
	return 0;
}

static int setup(void **state)
{
	static struct bench bench;

	*state = &bench;
	return setup_with(&bench, 1, 0);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	bench->bins = bins_close(bench->bins);
	programs_unload(&bench->programs);
	return 0;
}

static void see_bins(void *context, unsigned int ifindex, enum direction direction, uint64_t first_epoch,
		     const uint64_t *bytes, size_t count)
{
	struct seen *seen = context;

	assert_int_equal(ifindex, IFINDEX);
	if (direction != seen->direction) {
		for (size_t i = 0; i < count; i++)
			assert_int_equal(bytes[i], 0); /* no test sends both ways */
		return;
	}
	if (!seen->next_epoch)
		seen->first_epoch = first_epoch;
	else
		assert_int_equal(first_epoch, seen->next_epoch);
	assert_true(count && seen->count + count <= SEEN_MAX);
	memcpy(seen->bytes + seen->count, bytes, count * sizeof(*bytes));
	seen->count += count;
	seen->next_epoch = first_epoch + count;
}

static void see_lost(void *context, unsigned int ifindex, enum direction direction, uint64_t next_epoch)
{
	struct seen *seen = context;

	assert_int_equal(ifindex, IFINDEX);
	if (direction != seen->direction)
		return;
	assert_true(next_epoch > seen->lost_to && next_epoch > seen->next_epoch);
	assert_int_equal(seen->count, 0); /* what is lost comes first here */
	seen->lost_to = next_epoch;
}

static const struct seen *read_until(const struct bench *bench, enum direction direction, uint64_t now)
{
	static struct seen seen;
	const struct bin_visitor visitor = { .context = &seen, .bins = see_bins, .lost = see_lost };

	memset(&seen, 0, sizeof(seen));
	seen.direction = direction;
	bins_read(bench->bins, now, &visitor);
	return &seen;
}

/* Bins of `bin_ns` from the one of START on. */
static void begin(const struct bench *bench, uint64_t bin_ns)
{
	assert_int_equal(bins_set_length(bench->bins, bin_ns), 0);
	bins_begin(bench->bins, START - bin_ns);
}

static void send_at(const struct bench *bench, enum program program, const char *shape, uint64_t time_ns)
{
	struct run run = { .time_ns = time_ns };
	struct packet packet;

	packet_make(&packet, shape);
	assert_true(programs_run(&bench->programs, program, packet.bytes, packet.length, &run) != -EINVAL);
}

/* All but the bins named are empty. */
struct expected_bin {
	size_t bin;
	uint64_t bytes;
};

static void assert_bins(const struct seen *seen, uint64_t first_epoch, size_t count,
			const struct expected_bin *expected, size_t expected_count)
{
	size_t next = 0;

	assert_int_equal(seen->first_epoch, first_epoch);
	assert_int_equal(seen->count, count);
	for (size_t i = 0; i < count; i++) {
		uint64_t bytes = next < expected_count && expected[next].bin == i ? expected[next++].bytes : 0;

		if (seen->bytes[i] != bytes)
			fail_msg("bin %zu has %lu bytes and not %lu", i, seen->bytes[i], bytes);
	}
	assert_int_equal(next, expected_count);
}
#define ASSERT_BINS(seen, first_epoch, count, ...)                                          \
	assert_bins(seen, first_epoch, count, (const struct expected_bin[]){ __VA_ARGS__ }, \
		    sizeof((const struct expected_bin[]){ __VA_ARGS__ }) / sizeof(struct expected_bin))

struct timed_packet {
	uint64_t after_us; /* START */
	const char *shape;
};

static const struct timed_packet table[] = {
	{ 0, "eth ip4 udp 10" },      { 1, "eth ip4 udp 10" },       { 999, "eth ip6 tcp 100" },
	{ 1000, "eth ip4 udp 1000" }, { 3500, "eth ip4 udp 10" },    { 3999, "eth vlan:5 ip4 udp 10" },
	{ 4000, "eth ip4 tcp 10" },   { 20000, "eth ip4 udp 0" },    { 20001, "eth vlan:1 vlan:2 ip6 udp 1" },
	{ 29999, "eth ip4 icmp 56" }, { 30000, "eth ip4 udp 1400" },
};

static void test_table(void **state)
{
	static const enum direction directions[PROGRAMS] = { DIRECTION_INGRESS, DIRECTION_INGRESS, DIRECTION_EGRESS };
	const struct bench *bench = *state;

	for (int program = 0; program < PROGRAMS; program++) {
		uint64_t bytes[30] = { 0 };
		const struct seen *seen;

		begin(bench, MS);
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			struct packet packet;

			packet_make(&packet, table[i].shape);
			if (table[i].after_us < 30000)
				bytes[table[i].after_us / 1000] += packet.length;
			send_at(bench, (enum program)program, table[i].shape, START + table[i].after_us * US);
		}
		/* 30 bins are over, and have been for as long as a packet may take. */
		seen = read_until(bench, directions[program], START + 30 * MS + BINS_MARGIN_NS);
		assert_int_equal(seen->first_epoch, START / MS);
		assert_int_equal(seen->count, 30);
		assert_memory_equal(seen->bytes, bytes, sizeof(bytes));
		assert_int_equal(seen->lost_to, 0);
	}
}

/* Frames that are in no flow count, and merged buffers as what they are on the wire. */
static void test_whatever_the_outcome(void **state)
{
	const struct bench *bench = *state;
	struct run merged = { .time_ns = START + 2 * MS, .gso_segs = 3, .gso_size = 1000 };
	struct packet packet;

	begin(bench, MS);
	send_at(bench, PROGRAM_IN, "eth 0x0806 46", START);
	packet_make(&packet, "eth ip4 udp 10");
	packet_put16(packet.bytes + 16, 9000); /* a length that cannot be true */
	programs_run(&bench->programs, PROGRAM_IN, packet.bytes, packet.length, &(struct run){ .time_ns = START + MS });
	packet_make(&packet, "eth ip4 tcp 3000");
	programs_run(&bench->programs, PROGRAM_IN, packet.bytes, packet.length, &merged);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, START + 3 * MS + BINS_MARGIN_NS), START / MS, 3, { 0, 60 },
		    { 1, 52 }, { 2, 54 + 3000 + 2 * 54 });
}

/* A bin comes when it is over for as long as a packet may take, and once. */
static void test_margin_and_once(void **state)
{
	const struct bench *bench = *state;
	const struct seen *seen;

	begin(bench, MS);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 10", START);
	seen = read_until(bench, DIRECTION_INGRESS, START + MS + BINS_MARGIN_NS - 1);
	assert_int_equal(seen->count, 0);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, START + MS + BINS_MARGIN_NS), START / MS, 1, { 0, 52 });
	send_at(bench, PROGRAM_IN, "eth ip4 udp 20", START + MS);
	/* Stamped long ago: it is too late for its bin, and does no harm to those after it. */
	send_at(bench, PROGRAM_IN, "eth ip4 udp 30", START);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 40", START + 2 * MS);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, START + 4 * MS + BINS_MARGIN_NS), START / MS + 1, 3, { 0, 62 },
		    { 1, 82 });
	assert_int_equal(read_until(bench, DIRECTION_INGRESS, START)->count, 0);
}

/* Round the ring several times, with what lies in its bins from before: an empty bin is empty. */
static void test_laps(void **state)
{
	const struct bench *bench = *state;
	uint64_t length = RING_LENGTH(MS), epoch = START / MS;

	begin(bench, MS);
	for (int lap = 0; lap < 5; lap++) {
		uint64_t first = epoch + (uint64_t)lap * length / 2;

		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", (first + 3) * MS);
		send_at(bench, PROGRAM_IN, "eth ip4 udp 20", (first + length / 4 + (uint64_t)lap) * MS);
		ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, (first + length / 2) * MS + BINS_MARGIN_NS), first,
			    length / 2, { 3, 52 }, { length / 4 + (uint64_t)lap, 62 });
	}
}

/* A reader that was away for longer than a ring lasts gets what is left, and is told what is not. */
static void test_a_stalled_reader(void **state)
{
	const struct bench *bench = *state;
	uint64_t length = RING_LENGTH(MS), epoch = START / MS, now = epoch + 3 * length;
	const struct seen *seen;
	uint64_t left;

	begin(bench, MS);
	for (uint64_t i = epoch; i < now; i += 5)
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", i * MS);
	seen = read_until(bench, DIRECTION_INGRESS, now * MS);
	assert_int_equal(seen->lost_to, now - length + 1);
	assert_int_equal(seen->first_epoch, seen->lost_to);
	left = BINS_MARGIN_NS / MS;
	assert_int_equal(seen->next_epoch, now - left);
	for (uint64_t i = 0; i < seen->count; i++)
		assert_int_equal(seen->bytes[i], (seen->first_epoch + i - epoch) % 5 ? 0 : 52);
}

/* Stopped between looking at the clock and reading: what was overwritten meanwhile is told by its lap. */
static void test_overwritten_while_reading(void **state)
{
	const struct bench *bench = *state;
	uint64_t length = RING_LENGTH(MS), epoch = START / MS;
	const struct seen *seen;

	begin(bench, MS);
	for (uint64_t i = 0; i < 100; i++)
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", (epoch + i) * MS);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 20", (epoch + length + 40) * MS);
	seen = read_until(bench, DIRECTION_INGRESS, (epoch + 100) * MS + BINS_MARGIN_NS);
	assert_int_equal(seen->lost_to, epoch + 41);
	assert_int_equal(seen->first_epoch, epoch + 41);
	assert_int_equal(seen->count, 59);
	for (size_t i = 0; i < seen->count; i++)
		assert_int_equal(seen->bytes[i], 52);
}

/* Of another length all begins anew, and off keeps nothing. */
static void test_other_lengths(void **state)
{
	static const uint64_t lengths[] = { 100 * US, 333333, MS, 100 * MS, 10 * MS };
	const struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint64_t bin_ns = lengths[i], epoch = START / bin_ns;
		const struct seen *seen;

		begin(bench, bin_ns);
		assert_true(RING_LENGTH(bin_ns) * bin_ns >= RING_NS);
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", epoch * bin_ns);
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", (epoch + 1) * bin_ns - 1);
		send_at(bench, PROGRAM_IN, "eth ip4 udp 20", (epoch + 1) * bin_ns);
		seen = read_until(bench, DIRECTION_INGRESS, (epoch + 2) * bin_ns + BINS_MARGIN_NS);
		ASSERT_BINS(seen, epoch, 2, { 0, 104 }, { 1, 62 });
	}
	assert_int_equal(bins_set_length(bench->bins, 0), 0);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 10", START + SECOND);
	assert_int_equal(read_until(bench, DIRECTION_INGRESS, START + 2 * SECOND)->count, 0);
	assert_int_equal(bins_set_length(bench->bins, BIN_NS_LEAST - 1), -EINVAL);
	assert_int_equal(bins_set_length(bench->bins, BIN_NS_MOST + 1), -EINVAL);
}

/* No number of bytes reaches the lap beside it. */
static void test_a_full_bin(void **state)
{
	const struct bench *bench = *state;
	struct run run = { .time_ns = START, .wire_length = UINT32_MAX };
	struct packet packet;

	begin(bench, MS);
	packet_make(&packet, "eth ip4 udp 10");
	for (int i = 0; i < 20; i++)
		programs_run(&bench->programs, PROGRAM_XDP, packet.bytes, packet.length, &run);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, START + 3 * MS + BINS_MARGIN_NS), START / MS, 3,
		    { 0, BIN_BYTES_MAX });
}

static bool run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

/* CPUs are summed; one that lags behind, or has been silent for laps, adds nothing of another epoch. */
static void test_cpus(void **state)
{
	const struct bench *bench = *state;
	uint64_t length = RING_LENGTH(MS), epoch = START / MS;
	cpu_set_t before;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	if (CPU_COUNT(&before) < 2) {
		print_message("this process may run on one CPU only: two are needed\n");
		skip();
	}
	begin(bench, MS);
	for (int cpu = 0, used = 0; cpu < CPU_SETSIZE && used < 2; cpu++) {
		if (!CPU_ISSET(cpu, &before) || !run_on(cpu))
			continue;
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", (epoch + 5) * MS + (uint64_t)used);
		send_at(bench, PROGRAM_IN, "eth ip4 udp 10", (epoch + 6 + (uint64_t)used) * MS);
		used++;
	}
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, (epoch + 9) * MS + BINS_MARGIN_NS), epoch, 9, { 5, 104 },
		    { 6, 52 }, { 7, 52 });
	/* On the second CPU alone, one lap later. */
	read_until(bench, DIRECTION_INGRESS, (epoch + length) * MS + BINS_MARGIN_NS);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 20", (epoch + length + 5) * MS);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, (epoch + length + 9) * MS + BINS_MARGIN_NS), epoch + length, 9,
		    { 5, 62 });
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* A place that is let go is not read, and begins empty. */
static void test_places_come_and_go(void **state)
{
	const struct bench *bench = *state;

	begin(bench, MS);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 10", START);
	bins_remove(bench->bins, 0);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 10", START + MS);
	assert_int_equal(read_until(bench, DIRECTION_INGRESS, START + SECOND)->count, 0);
	assert_int_equal(bins_add(bench->bins, 0, IFINDEX), 0);
	bins_begin(bench->bins, START - MS);
	send_at(bench, PROGRAM_IN, "eth ip4 udp 20", START + MS);
	ASSERT_BINS(read_until(bench, DIRECTION_INGRESS, START + 3 * MS + BINS_MARGIN_NS), START / MS, 3, { 1, 62 });
}

/* Loaded without them, programs put nothing into bins. */
static void test_off(void **state)
{
	static struct bench bench;
	void *own = &bench;
	const struct seen *seen;

	(void)state;
	setup_with(&bench, 0, 0);
	begin(&bench, MS);
	send_at(&bench, PROGRAM_IN, "eth ip4 udp 10", START);
	seen = read_until(&bench, DIRECTION_INGRESS, START + MS + BINS_MARGIN_NS);
	assert_int_equal(seen->count, 1);
	assert_int_equal(seen->bytes[0], 0);
	teardown(&own);
}

/* `flowgauge rate`: bins and a ledger, and no flow. */
static void test_without_flows(void **state)
{
	static struct bench bench;
	struct ledger_record ledger;
	void *own = &bench;

	(void)state;
	setup_with(&bench, 1, 1);
	begin(&bench, MS);
	send_at(&bench, PROGRAM_IN, "eth ip4 udp 10", START);
	send_at(&bench, PROGRAM_XDP, "eth ip6 tcp 10", START + MS);
	send_at(&bench, PROGRAM_IN, "eth 0x0806 46", START + MS);
	ASSERT_BINS(read_until(&bench, DIRECTION_INGRESS, START + 2 * MS + BINS_MARGIN_NS), START / MS, 2, { 0, 52 },
		    { 1, 84 + 60 });
	programs_ledger(&bench.programs, DIRECTION_INGRESS, &ledger);
	assert_int_equal(ledger.seen.packets, 3);
	assert_int_equal(ledger.outcome[OUTCOME_FILTERED].packets, 2);
	assert_int_equal(ledger.outcome[OUTCOME_NON_IP].packets, 1);
	assert_int_equal(slots_taken(bench.programs.table), 0);
	teardown(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_whatever_the_outcome),
		cmocka_unit_test(test_margin_and_once),
		cmocka_unit_test(test_laps),
		cmocka_unit_test(test_a_stalled_reader),
		cmocka_unit_test(test_overwritten_while_reading),
		cmocka_unit_test(test_other_lengths),
		cmocka_unit_test(test_a_full_bin),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_places_come_and_go),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_without_flows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
