/* SPDX-License-Identifier: BSD-2-Clause */
/* The passive round-trip times of one reading, for the monitor and for --read. */
#ifndef FLOWGAUGE_APP_RTT_H
#define FLOWGAUGE_APP_RTT_H

#include "app/config.h"
#include "kernel/monitor.h"
#include "measure/rtt.h"

/* What the kernel half needs to know of it. */
struct rtt_config config_kernel_rtt(const struct config_rtt *config);

/*
 * Fills report->rtt, and the round-trip time of each of its flows; `moment` is that of the reading. With `keep_idle`, pairs that had no
 * round trip for long stay. Nothing if they are off. 0, or -errno: then the report has none, and the next one spans both.
 */
int rtt_take(struct rtt_book *book, struct monitor *monitor, const struct config_rtt *config,
	     const struct monitor_reading *moment, bool keep_idle, struct report *report);

#endif
