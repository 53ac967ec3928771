/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TEMPORARY, to be replaced by the bins of the packet path: what the kernel's own counter of an interface rose by
 * since the reading before is spread evenly over the bins in between. Means are right, spreads and peaks are not. Its state is
 * at file scope, so that nothing else has to change when it goes.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "kernel/interface_counters.h"
#include "kernel/monitor.h"

#define PLACES 64
#define BINS_A_READING 65536

static struct {
	uint64_t bin_ns, next_epoch;
	struct interface_counters before[PLACES];
	size_t count;
} state;

struct temporary_reading {
	const struct bin_visitor *visitor;
	uint64_t first, count;
};

int monitor_set_bin_length(struct monitor *monitor, uint64_t bin_ns)
{
	(void)monitor;
	memset(&state, 0, sizeof(state));
	state.bin_ns = bin_ns;
	return 0;
}

static void found(void *context, const struct interface_counters *counters)
{
	const struct temporary_reading *reading = context;
	static uint64_t bytes[BINS_A_READING];
	size_t place = 0;

	while (place < state.count && state.before[place].ifindex != counters->ifindex)
		place++;
	if (place == state.count) {
		if (state.count < PLACES)
			state.before[state.count++] = *counters;
		return;
	}
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		uint64_t rise = counters->bytes[direction] - state.before[place].bytes[direction];

		for (uint64_t i = 0; i < reading->count; i++)
			bytes[i] = rise / reading->count + (i < rise % reading->count);
		reading->visitor->bins(reading->visitor->context, counters->ifindex, (enum direction)direction,
				       reading->first, bytes, reading->count);
	}
	state.before[place] = *counters;
}

int monitor_read_bins(struct monitor *monitor, const struct bin_visitor *visitor)
{
	struct temporary_reading reading = { .visitor = visitor };
	struct timespec now;
	uint64_t epoch;

	(void)monitor;
	if (!state.bin_ns)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	epoch = ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) / state.bin_ns;
	if (state.next_epoch && epoch <= state.next_epoch)
		return 0;
	reading.first = state.next_epoch ? state.next_epoch : epoch;
	reading.count = epoch - reading.first;
	if (reading.count > BINS_A_READING)
		reading.count = BINS_A_READING;
	reading.first = epoch - reading.count;
	state.next_epoch = epoch;
	return interface_counters_read(0, found, &reading);
}
