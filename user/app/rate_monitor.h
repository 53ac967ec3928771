/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rate monitor at run time: reads bins by a timer of its own, so that neither a long tick nor a late one loses any,
 * and hands a record of each interface to the sinks every meter interval.
 */
#ifndef FLOWGAUGE_RATE_MONITOR_H
#define FLOWGAUGE_RATE_MONITOR_H

#include "app/config.h"
#include "base/loop.h"
#include "measure/report.h"

#define RATE_MONITOR_ERROR_SIZE 512

struct openstack;
struct rate_monitor;

/* Begins with what `config` says, and with no interfaces. -errno with one line in `error`. */
int rate_monitor_open(struct loop *loop, struct monitor *monitor, const struct config *config,
		      struct rate_monitor **out, char error[RATE_MONITOR_ERROR_SIZE]);
/* With a last record of what was estimated since the one before, and the one that says that it exited. */
struct rate_monitor *rate_monitor_close(struct rate_monitor *monitor);

void rate_monitor_set_interfaces(struct rate_monitor *monitor, const struct interface_report *interfaces, size_t count);
/* New settings, whole or not at all. */
int rate_monitor_set(struct rate_monitor *monitor, const struct rate_settings *settings,
		     char error[RATE_MONITOR_ERROR_SIZE]);
/* The sinks that `config` names take the place of those that are open; -errno, and those stay. */
int rate_monitor_set_sinks(struct rate_monitor *monitor, const struct config *config,
			   char error[RATE_MONITOR_ERROR_SIZE]);
/* Records go there, too; NULL: no more. It outlives the rate monitor. */
void rate_monitor_set_openstack(struct rate_monitor *monitor, struct openstack *openstack);
/* The file may have been renamed. */
void rate_monitor_reopen(struct rate_monitor *monitor);
const struct rate_settings *rate_monitor_settings(const struct rate_monitor *monitor);

void rate_monitor_pause(struct rate_monitor *monitor);
void rate_monitor_resume(struct rate_monitor *monitor); /* with fresh estimates */
bool rate_monitor_is_paused(const struct rate_monitor *monitor);

/*
 * What a report says of rates; the caller owns what is in it. `due` is set in the first one that is taken after a meter
 * interval ended. Without memory it says nothing but that the monitor is there.
 */
struct rates_report rate_monitor_report(struct rate_monitor *monitor);

#endif
