/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which hook and which program for one direction of one interface. What was wanted first and refused is told in the
 * attachment's reason; only where the user named a hook is its refusal an error.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/hook.h"
#include "kernel/monitor_internal.h"
#include "kernel/vlan_program.h"

const char *hook_name(enum hook hook)
{
	static const char *const names[] = {
		[HOOK_NONE] = "none",  [HOOK_IS_XDP] = "xdp",       [HOOK_IS_XDP_GENERIC] = "xdp-generic",
		[HOOK_IS_TCX] = "tcx", [HOOK_IS_CLSACT] = "clsact",
	};

	return names[hook];
}

static void reason_add(struct hooked *hooked, const char *reason)
{
	size_t length = strlen(hooked->reason);

	snprintf(hooked->reason + length, sizeof(hooked->reason) - length, "%s%s", length ? "; " : "", reason);
}

static const struct bpf_program *tc_program(const struct monitor *monitor, const struct device *device,
					    enum direction direction)
{
	bool ethernet = device_link_layer(device) == LINK_LAYER_ETHERNET;

	if (direction == DIRECTION_INGRESS)
		return ethernet ? monitor->skeleton->progs.flowgauge_in : monitor->skeleton->progs.flowgauge_l3in;
	return ethernet ? monitor->skeleton->progs.flowgauge_out : monitor->skeleton->progs.flowgauge_l3out;
}

static int tc_error(const struct device *device, int err, char error[MONITOR_ERROR_SIZE])
{
	if (err == -ENODEV)
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: it is gone", device->name);
	else if (err == -EPERM)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "cannot watch %s: not permitted: CAP_NET_ADMIN is needed in the interface's network namespace",
			 device->name);
	else if (err == -ENOENT)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "cannot watch %s: the kernel has neither tcx nor clsact: Linux 6.6, or one with "
			 "CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF, is needed",
			 device->name);
	else if (err == -EMEDIUMTYPE)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "cannot watch %s: it has an \"ingress\" qdisc, beside which no clsact can be: replace that by clsact",
			 device->name);
	else if (err == -EADDRINUSE)
		snprintf(error, MONITOR_ERROR_SIZE,
			 "cannot watch %s: %d monitors in this network namespace use clsact already, and there is no room for more",
			 device->name, CLSACT_MONITORS_MAX);
	else
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s: the kernel refuses the tc program: %s",
			 device->name, strerror(-err));
	return err;
}

/* Kernels before 6.6 know neither the link's type (EINVAL) nor, built without it, the hook. */
static bool tcx_is_missing(int err)
{
	return err == -EINVAL || err == -ENOSYS || err == -EOPNOTSUPP;
}

static int tc_attach(struct monitor *monitor, const struct device *device, enum direction direction, struct hooked *out,
		     char error[MONITOR_ERROR_SIZE])
{
	int program_fd = bpf_program__fd(tc_program(monitor, device, direction)), err;

	if (monitor->config.hook != HOOK_CLSACT) {
		err = tcx_attach(program_fd, device->ifindex, direction, &out->link_fd);
		if (!err) {
			out->hook = HOOK_IS_TCX;
			return 0;
		}
		if (!tcx_is_missing(err))
			return tc_error(device, err, error);
		reason_add(out, "the kernel has no tcx (Linux 6.6 has)");
	}
	err = clsact_attach(&monitor->clsact, program_fd, device->ifindex, direction, &out->filter);
	if (err)
		return tc_error(device, err, error);
	out->hook = HOOK_IS_CLSACT;
	return 0;
}

/* Why an XDP program was not taken. */
static void xdp_refusal(const struct device *device, int err, char out[HOOK_REASON_SIZE])
{
	if ((err == -EBUSY || err == -EEXIST) && xdp_describe_other(device->ifindex, out))
		return;
	snprintf(out, HOOK_REASON_SIZE, "the driver refuses XDP: %s", strerror(-err));
}

/* Native XDP, by the program that asks the driver for VLAN tags where the driver tells them. */
static int xdp_native(struct monitor *monitor, const struct device *device, struct hooked *out)
{
	uint64_t metadata;
	bool tells_vlan = !device_xdp_metadata(device->ifindex, &metadata) && (metadata & XDP_METADATA_VLAN);
	char reason[HOOK_REASON_SIZE];
	int refused = 0, err;

	if (tells_vlan) {
		refused = vlan_program_open(monitor, device->ifindex, &out->vlan_program);
		if (!refused)
			refused = xdp_attach(vlan_program_fd(out->vlan_program), device->ifindex, false, &out->link_fd);
		if (!refused)
			return 0;
		out->vlan_program = vlan_program_close(monitor, out->vlan_program);
	}
	err = xdp_attach(bpf_program__fd(monitor->skeleton->progs.flowgauge_xdp), device->ifindex, false,
			 &out->link_fd);
	if (!err && refused) {
		snprintf(reason, sizeof(reason),
			 "VLAN tags that the device takes out are not seen: the kernel refuses the program for them: %s",
			 strerror(-refused));
		reason_add(out, reason);
	}
	return err;
}

static int xdp_only(struct monitor *monitor, const struct device *device, struct hooked *out,
		    char error[MONITOR_ERROR_SIZE])
{
	bool generic = monitor->config.hook == HOOK_XDP_GENERIC;
	char reason[HOOK_REASON_SIZE];
	int err;

	if (device_link_layer(device) != LINK_LAYER_ETHERNET) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s by XDP: it has no link header: use --hook tc",
			 device->name);
		return -EOPNOTSUPP;
	}
	err = generic ? xdp_attach(bpf_program__fd(monitor->skeleton->progs.flowgauge_xdp), device->ifindex, true,
				   &out->link_fd) :
			xdp_native(monitor, device, out);
	if (!err) {
		out->hook = generic ? HOOK_IS_XDP_GENERIC : HOOK_IS_XDP;
		return 0;
	}
	if (err == -ENODEV || err == -EPERM)
		return tc_error(device, err, error);
	xdp_refusal(device, err, reason);
	snprintf(error, MONITOR_ERROR_SIZE, "cannot watch %s by XDP: %s: use --hook tc", device->name, reason);
	return err;
}

/* Whether XDP took the device; otherwise the reason is in `out`. */
static bool xdp_preferred(struct monitor *monitor, const struct device *device, struct hooked *out)
{
	char reason[HOOK_REASON_SIZE];
	int err;

	if (xdp_not_worth(device, reason)) {
		reason_add(out, reason);
		return false;
	}
	if (monitor->xdp_missing) {
		reason_add(out, monitor->xdp_missing);
		return false;
	}
	err = xdp_native(monitor, device, out);
	if (err) {
		xdp_refusal(device, err, reason);
		reason_add(out, reason);
		return false;
	}
	out->hook = HOOK_IS_XDP;
	return true;
}

int hook_attach(struct monitor *monitor, const struct device *device, enum direction direction, struct hooked *out,
		char error[MONITOR_ERROR_SIZE])
{
	enum hook_choice choice = monitor->config.hook;

	*out = (struct hooked){ .link_fd = -1 };
	if (direction == DIRECTION_INGRESS) {
		if (choice == HOOK_XDP || choice == HOOK_XDP_GENERIC)
			return xdp_only(monitor, device, out, error);
		if (choice == HOOK_AUTO && xdp_preferred(monitor, device, out))
			return 0;
	}
	return tc_attach(monitor, device, direction, out, error);
}

void hook_detach(struct monitor *monitor, struct hooked *hooked)
{
	if (hooked->hook == HOOK_IS_CLSACT)
		clsact_detach(&monitor->clsact, &hooked->filter);
	else if (hooked->hook != HOOK_NONE)
		close(hooked->link_fd);
	vlan_program_close(monitor, hooked->vlan_program);
	*hooked = (struct hooked){ .link_fd = -1 };
}
