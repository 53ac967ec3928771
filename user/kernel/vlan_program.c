/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/vlan_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>

#include "kernel/monitor_internal.h"

#include "flowgauge_vlan.skel.h"

/* Newer than the headers that this is built with may be. */
#define PROGRAM_HAS_FRAGS (1U << 5)   /* BPF_F_XDP_HAS_FRAGS */
#define PROGRAM_OF_A_DEVICE (1U << 6) /* BPF_F_XDP_DEV_BOUND_ONLY */

/* Both objects write and read the same .bss, so the compiler must have laid it out alike. */
_Static_assert(sizeof(struct flowgauge_vlan_bpf__bss) == sizeof(struct flowgauge_bpf__bss) &&
		       offsetof(struct flowgauge_vlan_bpf__bss, interface_slots) ==
			       offsetof(struct flowgauge_bpf__bss, interface_slots) &&
		       offsetof(struct flowgauge_vlan_bpf__bss, rule_state) ==
			       offsetof(struct flowgauge_bpf__bss, rule_state) &&
		       offsetof(struct flowgauge_vlan_bpf__bss, spilled_side) ==
			       offsetof(struct flowgauge_bpf__bss, spilled_side) &&
		       offsetof(struct flowgauge_vlan_bpf__bss, rate_shape) ==
			       offsetof(struct flowgauge_bpf__bss, rate_shape) &&
		       offsetof(struct flowgauge_vlan_bpf__bss, flows_far) ==
			       offsetof(struct flowgauge_bpf__bss, flows_far),
	       ".bss differs between the objects");

/* All maps but the constants, of which each object has a copy: the compiler puts tables of its own beside them. */
static int maps_share(const struct monitor *monitor, struct flowgauge_vlan_bpf *program)
{
	const struct flowgauge_bpf *owner = monitor->skeleton;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map (map, program->obj) {
		const struct bpf_map *shared = map == program->maps.bss ?
						       owner->maps.bss :
						       bpf_object__find_map_by_name(owner->obj, bpf_map__name(map));

		if (map == program->maps.rodata)
			continue;
		err = shared ? bpf_map__reuse_fd(map, bpf_map__fd(shared)) : -ENOENT;
		if (err)
			break;
	}
	return err;
}

static int open_with(const struct monitor *monitor, unsigned int ifindex, __u32 flags, struct flowgauge_vlan_bpf **out)
{
	struct flowgauge_vlan_bpf *program = flowgauge_vlan_bpf__open();
	int err;

	if (!program)
		return -errno;
	program->rodata->constants = monitor->skeleton->rodata->constants;
	bpf_program__set_ifindex(program->progs.flowgauge_xdp_vlan, ifindex);
	err = bpf_program__set_flags(program->progs.flowgauge_xdp_vlan, flags);
	if (!err)
		err = maps_share(monitor, program);
	if (!err)
		err = flowgauge_vlan_bpf__load(program);
	if (err)
		flowgauge_vlan_bpf__destroy(program);
	else
		*out = program;
	return err;
}

int vlan_program_open(struct monitor *monitor, unsigned int ifindex, struct flowgauge_vlan_bpf **out)
{
	int err = open_with(monitor, ifindex, PROGRAM_OF_A_DEVICE | PROGRAM_HAS_FRAGS, out);

	if (err == -EINVAL) /* not every kernel takes both; without fragments, the driver judges by the MTU */
		err = open_with(monitor, ifindex, PROGRAM_OF_A_DEVICE, out);
	if (!err)
		monitor->vlan_cost.program = "flowgauge_xdp_vlan";
	return err;
}

int vlan_program_fd(const struct flowgauge_vlan_bpf *program)
{
	return bpf_program__fd(program->progs.flowgauge_xdp_vlan);
}

struct flowgauge_vlan_bpf *vlan_program_close(struct monitor *monitor, struct flowgauge_vlan_bpf *program)
{
	if (program)
		program_cost_add(vlan_program_fd(program), &monitor->vlan_cost);
	flowgauge_vlan_bpf__destroy(program);
	return NULL;
}
