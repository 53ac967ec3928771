/* SPDX-License-Identifier: GPL-2.0-only */
/* Each frame's bytes into the bin of its time stamp: what the rate monitor samples. See rate_bins.h. */
#ifndef FLOWGAUGE_RATES_H
#define FLOWGAUGE_RATES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

/* The one division, once a bin and CPU. The lap's upper bits fall off. */
static __always_inline void bin_clock_turn(struct bin_clock *clock, __u64 now, __u64 bin_ns)
{
	__u32 shift = *(volatile __u32 *)&rate_shape.shift & 31;
	__u64 epoch = now / bin_ns;

	clock->start_ns = epoch * bin_ns;
	clock->bin_ns = bin_ns;
	clock->lap = epoch >> shift << BIN_BYTES_BITS;
	clock->index = (bpf_get_smp_processor_id() << shift) | (epoch & ((1ULL << shift) - 1));
}

/* Only this CPU writes it, and no packet interrupts another: no atomics, but one store of the whole word. */
static __always_inline void bin_add(__u64 *bin, __u64 lap, __u32 bytes)
{
	__u64 held = *bin;

	if (held >> BIN_BYTES_BITS != lap >> BIN_BYTES_BITS)
		held = lap;
	if ((held & BIN_BYTES_MAX) + bytes > BIN_BYTES_MAX)
		held = lap | (BIN_BYTES_MAX - bytes);
	*(volatile __u64 *)bin = held + bytes;
}

/* A function of its own, so that the two ways to a bin are not made one: either is without a call only if it is known which. */
__noinline int rates_charge_long(__u32 place, __u32 entry, __u64 lap, __u32 bytes)
{
	void *rings = bpf_map_lookup_elem(&rate_long, &place);
	__u64 *bin = rings ? bpf_map_lookup_elem(rings, &entry) : NULL;

	if (bin)
		bin_add(bin, lap, bytes);
	return 0;
}

static __always_inline void rates_charge(__u32 place, struct facts *facts, __u64 now)
{
	struct bin_clock *clock = &((struct scratch *)facts)->bin_clock; /* facts stand at the beginning of a scratch */
	__u64 bin_ns = constants.bins ? *(volatile __u64 *)&rate_shape.bin_ns : 0, *bin;
	void *rings;
	__u32 entry;

	if (!bin_ns)
		return;
	if (now - clock->start_ns >= bin_ns || clock->bin_ns != bin_ns)
		bin_clock_turn(clock, now, bin_ns);
	entry = 2 * clock->index + (facts->key.direction & 1);
	rings = bpf_map_lookup_elem(&rate_short, &place);
	if (!rings) {
		rates_charge_long(place, entry, clock->lap, facts->bytes);
		return;
	}
	bin = bpf_map_lookup_elem(rings, &entry);
	if (bin)
		bin_add(bin, clock->lap, facts->bytes);
}

#endif
