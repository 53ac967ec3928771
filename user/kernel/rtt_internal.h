/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the round-trip times share. */
#ifndef FLOWGAUGE_KERNEL_RTT_INTERNAL_H
#define FLOWGAUGE_KERNEL_RTT_INTERNAL_H

#include "constants.h"
#include "kernel/rtt.h"
#include "rtt_connections.h"

struct rtt {
	struct rtt_config config;
	const struct program_constants *constants; /* as the programs were loaded with them */
	int index_fd, free_fd, tallies_fd, hops_fd;
	struct rtt_connection *connections;
	struct rtt_samples *samples; /* of the connections, by their numbers */
	struct rtt_pair *pairs;
	unsigned int cpus;
	struct rtt_tally *tallies; /* one a CPU */
	uint32_t *leaving;         /* slots that are taken from their pairs */
	uint32_t leaving_count;
	uint64_t gone[RTT_METHODS]; /* samples of pairs that were taken out */
	uint64_t slots_lost;
};

#endif
