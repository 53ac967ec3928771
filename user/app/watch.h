/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interfaces are watched: those that the patterns name, picked up when they appear, let go when they vanish.
 * Keeps what happened to each for `status` and for the report.
 */
#ifndef FLOWGAUGE_WATCH_H
#define FLOWGAUGE_WATCH_H

#include "app/config.h"
#include "base/loop.h"
#include "kernel/links.h"
#include "kernel/monitor.h"
#include "measure/report.h"

struct watch;

/* `changed` is called after interfaces came, went or were renamed. */
struct watch_hooks {
	void *context;
	void (*changed)(void *context);
};

/*
 * Attaches to every interface that matches now. -errno with one line in `error` when an interface that was asked for
 * by name is not there or cannot be watched; one that only a glob matched is logged and left out instead.
 */
int watch_open(struct loop *loop, struct monitor *monitor, const struct config *config, const struct watch_hooks *hooks,
	       struct watch **out, char error[MONITOR_ERROR_SIZE]);
/*
 * Watches what the interfaces of `wanted` name instead, whole or not at all: on -errno, with one line in `error`, all is
 * watched as before. The caller then takes those names over into the configuration that it gave to watch_open.
 */
int watch_choose(struct watch *watch, const struct config *wanted, char error[MONITOR_ERROR_SIZE]);
struct watch *watch_close(struct watch *watch);

/* The interfaces that match, attached or not, by name; valid until the next change. */
const struct interface_report *watch_interfaces(const struct watch *watch, size_t *count);
/* All interfaces of the network namespace, watched or not, as they are known now. */
void watch_links(const struct watch *watch, links_callback known, void *context);
/* Another number after any of them has changed. Asks one of them for its speed first. */
uint64_t watch_links_version(const struct watch *watch);
/* NULL if every interface that matches is watched; else why the first one is not. */
const char *watch_not_ready(const struct watch *watch);

#endif
