/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reading the flows costs, per flow: flowgauge's own reading, as a tick makes it but for the book, and batches of
 * the kernel's hash with the records of baseline.bpf.c, interleaved. Writes a line of JSON for each size.
 *
 *   drain_bench [--rounds N]
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/number.h"
#include "driver.h"
#include "figures.h"
#include "kernel/monitor.h"
#include "subject.h"

#include "baseline.skel.h"

#define BATCH 4096

/* Flows that are there, and flows that the table has room for. */
struct size {
	uint32_t flows, room;
};

static const struct size sizes[] = {
	{ 1000, 65536 }, { 1000, 1U << 20 }, { 65536, 131072 }, { 65536, 1U << 20 }, { 1000000, 1U << 20 }
};

struct hash {
	struct baseline_bpf *skeleton;
	void *keys, *values;
	uint32_t key_bytes;
};

static void hash_open(struct hash *hash, uint32_t room)
{
	int err;

	hash->skeleton = baseline_bpf__open();
	if (!hash->skeleton)
		die("cannot open the baseline", errno);
	bpf_program__set_autoload(hash->skeleton->progs.hash_xdp, false);
	err = bpf_map__set_max_entries(hash->skeleton->maps.baseline_flows, room);
	if (!err)
		err = baseline_bpf__load(hash->skeleton);
	if (err)
		die("cannot load the baseline", err);
	hash->key_bytes = bpf_map__key_size(hash->skeleton->maps.baseline_flows);
	hash->keys = calloc(BATCH, hash->key_bytes);
	hash->values = calloc(BATCH, bpf_map__value_size(hash->skeleton->maps.baseline_flows));
	if (!hash->keys || !hash->values)
		die("room for a batch", ENOMEM);
}

static void hash_close(struct hash *hash)
{
	baseline_bpf__destroy(hash->skeleton);
	free(hash->keys);
	free(hash->values);
}

/* Returns how many flows there were. No bucket of a hash with room holds a batch. */
static uint64_t hash_read(struct hash *hash)
{
	int fd = bpf_map__fd(hash->skeleton->maps.baseline_flows), err = 0;
	unsigned char from[64], to[64]; /* a bucket's number, and no longer than a key in any version */
	void *start = NULL;
	uint64_t flows = 0;

	_Static_assert(sizeof(from) >= 24, "a key fits");
	while (!err) {
		uint32_t count = BATCH;

		err = bpf_map_lookup_batch(fd, start, to, hash->keys, hash->values, &count, NULL);
		if (err && err != -ENOENT)
			die("batch", err);
		flows += count;
		memcpy(from, to, sizeof(from));
		start = from;
	}
	return flows;
}

static void fill(const struct packets *packets, const struct target *target)
{
	struct driver *driver = driver_open(packets, BENCH_TC, target);

	driver_fill(driver);
	driver_close(driver);
}

static void write_reader(struct json_writer *json, const char *name, double *ns, int rounds)
{
	struct figures figures = figures_of(ns, rounds);

	json_object_open(json, NULL);
	json_string(json, "name", name);
	figures_write(json, &figures);
	json_object_close(json);
}

static void write_size(const struct size *size, double *own, double *batches, int rounds)
{
	struct text line = TEXT_EMPTY;
	struct json_writer json;

	json_begin(&json, &line);
	json_object_open(&json, NULL);
	json_string(&json, "part", "drain");
	json_u64(&json, "flows", size->flows);
	json_u64(&json, "room", size->room);
	json_u64(&json, "rounds", (uint64_t)rounds);
	json_array_open(&json, "readers");
	write_reader(&json, "flowgauge", own, rounds);
	write_reader(&json, "hash", batches, rounds);
	json_array_close(&json);
	json_object_close(&json);
	record_print(&line);
}

static void measure(const struct size *size, struct packets *packets, int rounds)
{
	const struct packet_set set = {
		.name = "drain", .flows = size->flows, .frame_bytes = 106, .sequence = SEQUENCE_AT_OFFSET
	};
	double own[ROUNDS_MAX], batches[ROUNDS_MAX];
	struct target target;
	struct monitor *monitor;
	struct hash hash;
	char reason[REASON_SIZE];

	packets_choose(packets, &set);
	monitor = subject_open(&set, size->room, BENCH_TC, reason);
	if (!monitor) {
		fprintf(stderr, "drain_bench: %s\n", reason);
		exit(1);
	}
	hash_open(&hash, size->room);
	target = subject_target(monitor, BENCH_TC);
	fill(packets, &target);
	target = (struct target){ .fd = bpf_program__fd(hash.skeleton->progs.hash_tc) };
	fill(packets, &target);
	for (int i = 0; i < rounds; i++) {
		struct subject_reading reading;
		uint64_t start;
		int err = subject_read(monitor, &reading);

		if (err || reading.flows != size->flows)
			die("the monitor does not give each flow once", err ? err : EIO);
		own[i] = (double)reading.duration_ns / size->flows;
		start = clock_monotonic_ns();
		if (hash_read(&hash) != size->flows)
			die("the hash does not give each flow once", EIO);
		batches[i] = (double)(clock_monotonic_ns() - start) / size->flows;
	}
	write_size(size, own, batches, rounds);
	hash_close(&hash);
	monitor_close(monitor);
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "rounds", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	uint64_t rounds = ROUNDS_MIN;
	struct packets packets;
	int option;

	libbpf_set_print(silent);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (option != 'r' || number_parse_u64(optarg, ROUNDS_MIN, ROUNDS_MAX, &rounds)) {
			fprintf(stderr, "usage: drain_bench [--rounds %d to %d]\n", ROUNDS_MIN, ROUNDS_MAX);
			return 2;
		}
	packets_open(&packets);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		measure(&sizes[i], &packets, (int)rounds);
	packets_close(&packets);
	return 0;
}
