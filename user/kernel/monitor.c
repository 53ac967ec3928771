/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing the monitor, and taking interfaces as a whole: both directions or none. */
#include "kernel/monitor.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/device.h"
#include "kernel/monitor_internal.h"
#include "kernel/vlan_program.h"

#define STATISTICS_SWITCH "/proc/sys/kernel/bpf_stats_enabled"

static int copies_make(struct monitor *monitor)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	monitor->cpus = (unsigned int)cpus;
	monitor->cpu_copies = calloc(monitor->cpus, sizeof(*monitor->cpu_copies));
	monitor->cpu_taken = calloc(monitor->cpus, sizeof(*monitor->cpu_taken));
	return monitor->cpu_copies && monitor->cpu_taken ? 0 : -ENOMEM;
}

static void statistics_start(struct monitor *monitor)
{
	monitor->statistics_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (monitor->statistics_fd < 0) {
		log_warning("the kernel does not time the BPF programs: %s: CAP_SYS_ADMIN and Linux 5.8 are needed; going on without",
			    strerror(-monitor->statistics_fd));
		monitor->statistics_fd = -1;
	}
}

int monitor_open(const struct monitor_config *config, struct monitor **out, char error[MONITOR_ERROR_SIZE])
{
	struct monitor *monitor;
	int err;

	error[0] = '\0';
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor) {
		snprintf(error, MONITOR_ERROR_SIZE, "no memory for the monitor");
		return -ENOMEM;
	}
	monitor->config = *config;
	monitor->statistics_fd = -1;
	monitor->clsact = CLSACT_UNUSED;
	err = copies_make(monitor);
	if (!err && config->constants.bins)
		err = bins_new(monitor->cpus, &monitor->bins);
	if (err)
		snprintf(error, MONITOR_ERROR_SIZE, "cannot prepare for the machine's CPUs: %s", strerror(-err));
	else
		err = monitor_load(monitor, error);
	if (err) {
		monitor_close(monitor);
		return err;
	}
	if (config->count_run_time)
		statistics_start(monitor);
	*out = monitor;
	return 0;
}

uint64_t monitor_table_bytes(const struct monitor *monitor)
{
	return slots_bytes(monitor->config.max_flows);
}

int monitor_read_rtt(struct monitor *monitor, uint64_t now_ns, const struct rtt_visitor *visitor,
		     struct rtt_counts *counts)
{
	return monitor->rtt ? rtt_read(monitor->rtt, now_ns, visitor, counts) : -ENODATA;
}

bool monitor_flow_rtt(struct monitor *monitor, const struct flow_key *key, struct rtt_flow *out)
{
	*out = (struct rtt_flow){ 0 };
	return monitor->rtt && rtt_flow(monitor->rtt, key, out);
}

static void place_unhook(struct monitor *monitor, struct place *place)
{
	/* The other way round than they came: the first may own what both stand on. */
	for (int direction = DIRECTIONS - 1; direction >= 0; direction--)
		hook_detach(monitor, &place->hooked[direction]);
	place_release(monitor, place);
}

struct monitor *monitor_close(struct monitor *monitor)
{
	if (!monitor)
		return NULL;
	for (unsigned int i = 1; i < INTERFACES_MAX; i++)
		if (monitor->places[i].watched)
			place_unhook(monitor, &monitor->places[i]);
	clsact_close(&monitor->clsact);
	if (monitor->statistics_fd >= 0)
		close(monitor->statistics_fd);
	bins_close(monitor->bins);
	slots_close(monitor->table);
	rtt_close(monitor->rtt);
	flowgauge_bpf__destroy(monitor->skeleton);
	free(monitor->spilled);
	free(monitor->cpu_copies);
	free(monitor->cpu_taken);
	free(monitor);
	return NULL;
}

static int device_find(unsigned int ifindex, const char *name, struct device *out, char error[MONITOR_ERROR_SIZE])
{
	const char *type;
	int err = device_query(ifindex, out);

	if (err == -ENODEV) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: it is gone", name);
		return err;
	}
	if (err) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: the kernel does not describe it: %s", name,
			 strerror(-err));
		return err;
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (device_link_layer(out) != LINK_LAYER_OTHER)
		return 0;
	type = device_type_name(out->type);
	snprintf(error, MONITOR_ERROR_SIZE,
		 "cannot watch %s: its link type is %s%s%hu%s: Ethernet, or a tunnel without a link header, is what can be watched",
		 name, type ? type : "", type ? " (" : "", out->type, type ? ")" : "");
	return -EPROTONOSUPPORT;
}

static int place_hook(struct monitor *monitor, struct place *place, const struct device *device,
		      char error[MONITOR_ERROR_SIZE])
{
	int err = 0;

	for (enum direction direction = 0; direction < DIRECTIONS; direction++)
		place->hooked[direction] = (struct hooked){ .link_fd = -1 };
	for (enum direction direction = 0; direction < DIRECTIONS && !err; direction++)
		if (monitor->config.direction[direction])
			err = hook_attach(monitor, device, direction, &place->hooked[direction], error);
	if (err)
		place_unhook(monitor, place);
	return err;
}

static void attachment_fill(const struct place *place, const struct device *device, struct attachment *out)
{
	*out = (struct attachment){ .ifindex = device->ifindex };
	memcpy(out->name, device->name, sizeof(out->name));
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		out->hook[direction] = place->hooked[direction].hook;
		memcpy(out->reason[direction], place->hooked[direction].reason, HOOK_REASON_SIZE);
	}
}

int monitor_attach(struct monitor *monitor, unsigned int ifindex, const char *name, struct attachment *out,
		   char error[MONITOR_ERROR_SIZE])
{
	struct device device;
	int number, err;

	if (place_of(monitor, ifindex)) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: it is watched already", name);
		return -EEXIST;
	}
	err = device_find(ifindex, name, &device, error);
	if (err)
		return err;
	clsact_remove_leftovers(&monitor->clsact, ifindex);
	number = place_take(monitor, ifindex);
	if (number < 0) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: %s", name,
			 number == -ENOSPC ? "there is no room for more interfaces: name fewer with -i" :
					     strerror(-number));
		return number;
	}
	err = place_hook(monitor, &monitor->places[number], &device, error);
	if (err)
		return err;
	residual_begin(monitor, &monitor->places[number]);
	attachment_fill(&monitor->places[number], &device, out);
	return 0;
}

void monitor_detach(struct monitor *monitor, unsigned int ifindex)
{
	struct place *place = place_of(monitor, ifindex);

	if (place)
		place_unhook(monitor, place);
}

static bool kernel_counts(const struct monitor *monitor)
{
	char digit = '0';
	int fd;

	if (monitor->statistics_fd >= 0)
		return true;
	fd = open(STATISTICS_SWITCH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &digit, 1) != 1)
		digit = '0';
	close(fd);
	return digit != '0';
}

bool program_cost_add(int program_fd, struct program_cost *cost)
{
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info);

	if (program_fd < 0 || bpf_obj_get_info_by_fd(program_fd, &info, &length))
		return false;
	cost->runs += info.run_cnt;
	cost->run_ns += info.run_time_ns;
	return true;
}

/* The programs made for one device each are one in the sum, which does not fall when one goes. */
static struct program_cost vlan_programs_cost(const struct monitor *monitor)
{
	struct program_cost cost = monitor->vlan_cost;

	for (unsigned int i = 1; i < INTERFACES_MAX; i++) {
		const struct hooked *hooked = &monitor->places[i].hooked[DIRECTION_INGRESS];

		if (monitor->places[i].watched && hooked->vlan_program)
			program_cost_add(vlan_program_fd(hooked->vlan_program), &cost);
	}
	return cost;
}

size_t monitor_program_costs(struct monitor *monitor, struct program_cost out[PROGRAMS_MAX])
{
	struct bpf_program *program;
	size_t count = 0;

	if (!kernel_counts(monitor))
		return 0;
	bpf_object__for_each_program (program, monitor->skeleton->obj) {
		struct program_cost cost = { .program = bpf_program__name(program) };

		if (count < PROGRAMS_MAX && program_cost_add(bpf_program__fd(program), &cost))
			out[count++] = cost;
	}
	if (monitor->vlan_cost.program && count < PROGRAMS_MAX)
		out[count++] = vlan_programs_cost(monitor);
	return count;
}
