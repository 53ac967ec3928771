/* SPDX-License-Identifier: BSD-2-Clause */
/* The fragment table's own ledger, over all CPUs. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "kernel/monitor_internal.h"

int monitor_fragments(struct monitor *monitor, struct fragment_ledger *sum)
{
	struct fragment_ledger *copies = calloc(monitor->cpus, sizeof(*copies)), total = { 0 };
	__u32 index = 0;
	int err;

	if (!copies)
		return -ENOMEM;
	err = bpf_map_lookup_elem(bpf_map__fd(monitor->skeleton->maps.fragment_ledgers), &index, copies);
	for (unsigned int cpu = 0; !err && cpu < monitor->cpus; cpu++)
		for (int fate = 0; fate < FRAGMENT_FATES; fate++)
			total.packets[fate] += copies[cpu].packets[fate];
	if (!err)
		*sum = total;
	free(copies);
	return err;
}
