/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program on one interface in one direction. Links (XDP, tcx) belong to a descriptor, so they end with the process,
 * however it ends; clsact filters do not, see clsact.h. Functions return 0 or -errno.
 */
#ifndef FLOWGAUGE_HOOK_H
#define FLOWGAUGE_HOOK_H

#include <stdbool.h>

#include "kernel/clsact.h"
#include "kernel/device.h"
#include "kernel/monitor.h"
#include "records.h"

struct flowgauge_vlan_bpf;

struct hooked {
	enum hook hook;
	struct flowgauge_vlan_bpf
		*vlan_program;       /* HOOK_IS_XDP, by the program made for this device; NULL: the common one */
	int link_fd;                 /* HOOK_IS_XDP, HOOK_IS_XDP_GENERIC, HOOK_IS_TCX */
	struct clsact_filter filter; /* HOOK_IS_CLSACT */
	char reason[HOOK_REASON_SIZE];
};

/* *link_fd is a descriptor on success. */
int xdp_attach(int program_fd, unsigned int ifindex, bool generic, int *link_fd);
int tcx_attach(int program_fd, unsigned int ifindex, enum direction direction, int *link_fd);

/* Describes the XDP program that is on an interface: "another XDP program (id 7, name x) is on the device". False: none is. */
bool xdp_describe_other(unsigned int ifindex, char out[HOOK_REASON_SIZE]);

/* Why --hook auto does not take XDP on this device although the program is loaded; false: it does. */
bool xdp_not_worth(const struct device *device, char reason[HOOK_REASON_SIZE]);

/* attach.c: chooses hook and program for one direction and attaches it. Nothing is attached on failure. */
struct monitor;
int hook_attach(struct monitor *monitor, const struct device *device, enum direction direction, struct hooked *out,
		char error[MONITOR_ERROR_SIZE]);
void hook_detach(struct monitor *monitor, struct hooked *hooked);

#endif
