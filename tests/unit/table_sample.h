/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports made by hand, for the tests of what shows them. */
#ifndef FLOWGAUGE_TABLE_SAMPLE_H
#define FLOWGAUGE_TABLE_SAMPLE_H

#include "measure/report.h"

#define SAMPLE_TIME_NS 1795248000123456789ULL /* 2026-11-21T08:00:00.123456789Z */

/* One reference; `flows` and `totals` are zeroed but for what must be unknown. */
struct report *sample_report(size_t flows, size_t totals);
/* Addresses as text, of one family. */
void sample_ends(struct flow_report *flow, const char *source, uint16_t sport, const char *destination, uint16_t dport,
		 uint8_t protocol);
/* Throughput, goodput (bytes/s), gaps' mean and deviation (seconds), packets, bytes. */
void sample_rates(struct flow_report *flow, double throughput, double goodput, double mean, double stddev,
		  uint64_t packets, uint64_t bytes);
/* Flow i is 10.0.0.(i+1):1000+i to 10.9.9.9:80 by TCP; the first has the highest rate and the fewest packets. */
struct report *sample_many(size_t flows);
/* A UDP flow with sequence numbers, a TCP flow over IPv6, and one ping of which nothing is known but its counts. */
struct report *sample_mixed(void);
/* Gives it a group "nets": 10.1.2.0/24 to the host 10.9.9.9 at port 443 by TCP, egress, and the rest. */
void sample_groups(struct report *report);

#endif
