/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet costs: the tc program over the empty program, both behind the same driver, interleaved in one run, so
 * that what the machine does meanwhile falls on both alike. Prints minimum, median and maximum over the rounds of the
 * differences' parts, and minimum less minimum as the figure. Needs root.
 *
 *   packet_bench [rounds]
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "constants.h"
#include "records.h"
#include "rules.h"

#include "driver.skel.h"
#include "flowgauge.skel.h"
#include "kernel/slots.h"

#define ORDER_MAX (1 << 20)
#define ROUNDS_MAX 101
#define UDP_PAYLOAD 42
#define TCP_HEADER_WORDS 8 /* with the time stamp option */

struct variant {
	const char *name;
	unsigned int flows;
	int is_tcp;
	unsigned int frame_bytes;
	enum sequence_mode sequence;
	int rules; /* 0: none in force; otherwise the flows are judged, and this many are wanted or not */
	int wanted;
};

static const struct variant variants[] = {
	{ "UDP, 1 flow", 1, 0, 106, SEQUENCE_AT_OFFSET, 0, 1 },
	{ "UDP, 1000 flows, sequence at an offset", 1000, 0, 106, SEQUENCE_AT_OFFSET, 0, 1 },
	{ "UDP, 1000 flows, sequence off", 1000, 0, 106, SEQUENCE_OFF, 0, 1 },
	{ "TCP, 2000 flows", 2000, 1, 106, SEQUENCE_AT_OFFSET, 0, 1 },
	{ "TCP, 20000 flows", 20000, 1, 106, SEQUENCE_AT_OFFSET, 0, 1 },
	{ "UDP, 100000 flows", 100000, 0, 106, SEQUENCE_AT_OFFSET, 0, 1 },
	{ "UDP, 1000 flows, pattern absent, 1460 bytes", 1000, 0, 1502, SEQUENCE_AT_PATTERN, 0, 1 },
	{ "UDP, 1000 unwanted flows, 16 rules", 1000, 0, 106, SEQUENCE_AT_OFFSET, 16, 0 },
	{ "UDP, 1000 unwanted flows, 256 rules", 1000, 0, 106, SEQUENCE_AT_OFFSET, 256, 0 },
};

static void die(const char *what, int error)
{
	fprintf(stderr, "packet_bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

static unsigned int packet_make(const struct variant *variant, unsigned char *frame)
{
	unsigned int ip_bytes = variant->frame_bytes - ETH_HLEN, header = variant->is_tcp ? 4 * TCP_HEADER_WORDS : 8;

	memset(frame, 0, variant->frame_bytes);
	/* Text-like filler, so that the search meets the odd decoy. */
	for (unsigned int i = ETH_HLEN + 20 + header; i < variant->frame_bytes; i++)
		frame[i] = "the quick brown fox jumps over 1234567890 lazy dogs\r\n"[(i * 7) % 53];
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[16] = ip_bytes >> 8;
	frame[17] = ip_bytes & 0xff;
	frame[22] = 64;
	frame[23] = variant->is_tcp ? 6 : 17;
	memcpy(frame + 26, "\x0a\x00\x00\x01\x0a\x01\x00\x02", 8);
	memcpy(frame + 34, "\x10\x00\x13\x89", 4);
	if (variant->is_tcp)
		frame[46] = TCP_HEADER_WORDS << 4, frame[47] = 0x10, frame[48] = 0xff; /* ACK, and a window */
	else
		frame[38] = (ip_bytes - 20) >> 8, frame[39] = (ip_bytes - 20) & 0xff;
	return variant->frame_bytes;
}

/* Rules that no packet satisfies: source 192.0.2.n, one bit each; written as the monitor's compiler would. */
static void rules_write(struct flowgauge_bpf *skeleton, const struct variant *variant)
{
	struct rule_bits none = { { 0 } }, all = { { 0 } };
	struct rule_prefix prefix = { .prefix_length = 32, .set = 0, .family = 4 };

	for (int i = 0; i < variant->rules; i++)
		all.words[i / 64] |= 1ULL << (i % 64);
	for (unsigned int family = 4; family <= 6; family += 2)
		for (unsigned int field = 0; field < RULE_ENDS; field++) {
			prefix.family = family;
			prefix.field = field;
			bpf_map_update_elem(bpf_map__fd(skeleton->maps.rule_prefixes), &prefix,
					    field == RULE_SOURCE ? &none : &all, BPF_ANY);
		}
	for (int i = 0; i < variant->rules; i++) {
		struct rule_prefix host = { .prefix_length = 64,
					    .family = 4,
					    .address = { 192, 0, 2, (unsigned char)i } };
		struct rule_bits one = { { 0 } };

		one.words[i / 64] = 1ULL << (i % 64);
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.rule_prefixes), &host, &one, BPF_ANY);
	}
	for (unsigned int field = 0; field < RULE_ENDS; field++) {
		unsigned int index = field * RULE_PORT_CLASSES_MAX;

		bpf_map_update_elem(bpf_map__fd(skeleton->maps.rule_port_classes), &index, &all, BPF_ANY);
	}
	for (unsigned int protocol = 0; protocol < 256; protocol++)
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.rule_protocols), &protocol, &all, BPF_ANY);
	skeleton->bss->rule_state.active[0] = 1;
}

static struct flowgauge_bpf *monitor_load(const struct variant *variant)
{
	struct flowgauge_bpf *skeleton = flowgauge_bpf__open();
	int error;

	if (!skeleton)
		die("cannot open the object", errno);
	skeleton->rodata->constants = (struct program_constants){
		.sequence_mode = variant->sequence,
		.sequence_threshold = 2,
		.pattern_length = 4,
		.pattern_rare = 1,
	};
	memcpy((void *)&skeleton->rodata->constants.pattern, "\xfe\x9b\xca\xfe", 4);
	memcpy((void *)&skeleton->rodata->constants.pattern_mask, "\xff\xff\xff\xff", 4);
	if (slots_prepare(skeleton, variant->flows < 65536 ? 65536 : variant->flows))
		die("cannot size the table", EINVAL);
	error = flowgauge_bpf__load(skeleton);
	if (error)
		die("cannot load the monitor's programs", error);
	if (variant->rules)
		rules_write(skeleton, variant);
	return skeleton;
}

static struct driver_bpf *driver_load(const struct variant *variant, int target)
{
	struct driver_bpf *driver = driver_bpf__open();
	unsigned int zero = 0;
	uint64_t *order;
	int error;

	if (!driver)
		die("cannot open the driver", errno);
	if (!variant->is_tcp && variant->sequence == SEQUENCE_AT_OFFSET)
		driver->rodata->number_at = UDP_PAYLOAD;
	if (variant->is_tcp)
		driver->rodata->tcp_payload = variant->frame_bytes - ETH_HLEN - 20 - 4 * TCP_HEADER_WORDS;
	error = driver_bpf__load(driver);
	if (error)
		die("cannot load the driver", error);
	if (target < 0)
		target = bpf_program__fd(driver->progs.bench_empty);
	error = bpf_map_update_elem(bpf_map__fd(driver->maps.target), &zero, &target, BPF_ANY);
	if (error)
		die("cannot set the program under test", error);
	order = mmap(NULL, ORDER_MAX * sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED,
		     bpf_map__fd(driver->maps.order), 0);
	if (order == MAP_FAILED)
		die("cannot map the order of flows", errno);
	srandom(1);
	for (unsigned int i = 0; i < ORDER_MAX; i++)
		order[i] = (unsigned int)random() % variant->flows;
	munmap(order, ORDER_MAX * sizeof(*order));
	return driver;
}

static double run(struct driver_bpf *driver, unsigned char *frame, unsigned int length, unsigned int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = length, .repeat = (int)repeat);
	int error = bpf_prog_test_run_opts(bpf_program__fd(driver->progs.bench_driver), &options);

	if (error)
		die("test run", error);
	return options.duration;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench(const struct variant *variant, int rounds)
{
	static unsigned char frame[4096];
	double with[ROUNDS_MAX], empty[ROUNDS_MAX];
	struct flowgauge_bpf *monitor = monitor_load(variant);
	struct driver_bpf *loaded = driver_load(variant, bpf_program__fd(monitor->progs.flowgauge_in));
	struct driver_bpf *bare = driver_load(variant, -1);
	unsigned int length = packet_make(variant, frame), repeat = ORDER_MAX;

	run(loaded, frame, length, repeat); /* every flow is there before the first figure */
	for (int i = 0; i < rounds; i++) {
		empty[i] = run(bare, frame, length, repeat);
		with[i] = run(loaded, frame, length, repeat);
	}
	qsort(with, rounds, sizeof(*with), ascending);
	qsort(empty, rounds, sizeof(*empty), ascending);
	printf("%-45s %5.0f  %5.0f %5.0f %5.0f   %5.0f %5.0f %5.0f   %4.1f\n", variant->name, with[0] - empty[0],
	       with[0], with[rounds / 2], with[rounds - 1], empty[0], empty[rounds / 2], empty[rounds - 1],
	       with[0] / empty[0]);
	fflush(stdout);
	driver_bpf__destroy(loaded);
	driver_bpf__destroy(bare);
	flowgauge_bpf__destroy(monitor);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 7;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		die("rounds are 1 to 101", EINVAL);
	printf("ns a packet at tc, %d interleaved rounds of %d packets\n", rounds, ORDER_MAX);
	printf("%-45s %5s  %-17s   %-17s   %s\n", "", "net", "with: min med max", "empty: min med max", "ratio");
	for (size_t i = 0; i < sizeof(variants) / sizeof(*variants); i++)
		bench(&variants[i], rounds);
	return 0;
}
