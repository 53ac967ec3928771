/* SPDX-License-Identifier: BSD-2-Clause */
#include "driver.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "figures.h"

#include "driver.skel.h"

struct driver {
	struct driver_bpf *skeleton;
	const struct packets *packets;
	int program_fd;
	uint64_t sent;
};

#define ORDER_BYTES (ORDER_ENTRIES * sizeof(struct packet_choice))

void packets_open(struct packets *packets)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	packets->set = NULL;
	packets->order_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "order", sizeof(__u32), sizeof(struct packet_choice),
					   ORDER_ENTRIES, &options);
	if (packets->order_fd < 0)
		die("cannot make the order of packets", packets->order_fd);
	packets->order = mmap(NULL, ORDER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, packets->order_fd, 0);
	if (packets->order == MAP_FAILED)
		die("cannot map the order of packets", errno);
}

void packets_choose(struct packets *packets, const struct packet_set *set)
{
	int err = set_order(set, packets->order);

	if (err)
		die("cannot draw the order of packets", err);
	set_frame(set, packets->frame);
	packets->set = set;
}

void packets_close(struct packets *packets)
{
	munmap(packets->order, ORDER_BYTES);
	close(packets->order_fd);
}

/* A program may only tail-call one that is loaded alike. */
static struct bpf_program *program_choose(struct driver_bpf *skeleton, enum bench_hook hook,
					  const struct target *target)
{
	struct bpf_program *driver = hook == BENCH_XDP ? skeleton->progs.drive_xdp : skeleton->progs.drive_tc;
	struct bpf_program *empty = hook == BENCH_XDP ? skeleton->progs.empty_xdp : skeleton->progs.empty_tc;
	struct bpf_program *program;

	bpf_object__for_each_program (program, skeleton->obj)
		bpf_program__set_autoload(program, program == driver || (program == empty && !target));
	if (target) {
		bpf_program__set_expected_attach_type(driver, target->attach_type);
		if (target->has_frags)
			bpf_program__set_flags(driver, bpf_program__flags(driver) | BPF_F_XDP_HAS_FRAGS);
	}
	return driver;
}

struct driver *driver_open(const struct packets *packets, enum bench_hook hook, const struct target *target)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	struct driver_bpf *skeleton = driver_bpf__open();
	struct bpf_program *program;
	uint32_t zero = 0;
	int fd, err;

	if (!driver || !skeleton)
		die("cannot open the driver", driver ? errno : ENOMEM);
	if (packets->set->is_tcp)
		skeleton->rodata->tcp_payload = set_payload(packets->set);
	skeleton->rodata->stamp_packets = packets->set->stamp_packets ? packets->set->stamp_packets : 1;
	skeleton->rodata->both_ways = packets->set->both_ways;
	skeleton->rodata->number_at = set_number_at(packets->set);
	program = program_choose(skeleton, hook, target);
	err = bpf_map__reuse_fd(skeleton->maps.order, packets->order_fd);
	if (!err)
		err = driver_bpf__load(skeleton);
	if (err)
		die("cannot load the driver", err);
	fd = target ? target->fd :
		      bpf_program__fd(hook == BENCH_XDP ? skeleton->progs.empty_xdp : skeleton->progs.empty_tc);
	err = bpf_map_update_elem(bpf_map__fd(skeleton->maps.target), &zero, &fd, BPF_ANY);
	if (err)
		die("the driver cannot call the program", err);
	*driver = (struct driver){ skeleton, packets, bpf_program__fd(program), 0 };
	return driver;
}

void driver_close(struct driver *driver)
{
	driver_bpf__destroy(driver->skeleton);
	free(driver);
}

static double driver_run(struct driver *driver, uint32_t packets)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = driver->packets->frame,
		    .data_size_in = driver->packets->set->frame_bytes, .repeat = (int)packets);
	int err = bpf_prog_test_run_opts(driver->program_fd, &options);

	if (err)
		die("test run", err);
	driver->sent += packets;
	return options.duration;
}

double driver_fill(struct driver *driver)
{
	double duration;

	driver->skeleton->bss->at = 0;
	duration = driver_run(driver, driver->packets->set->flows);
	driver->skeleton->bss->at = ORDER_PACKETS;
	return duration;
}

double driver_replay(struct driver *driver)
{
	return driver_run(driver, set_packets(driver->packets->set));
}

uint64_t driver_sent(const struct driver *driver)
{
	return driver->sent;
}
