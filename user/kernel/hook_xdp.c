/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP links, and when XDP is worth it. On a device without hardware behind it XDP costs more than tc does (on veth it
 * even turns off the peer's segmentation offload); on a driver's device it is the cheapest place there is.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/hook.h"

#define XDP_HEADROOM 256   /* bytes that XDP keeps free before a frame */
#define BUFFER_TAIL 320    /* the kernel's struct skb_shared_info behind it */
#define LINK_HEADER_MAX 22 /* Ethernet and two VLAN tags, which the MTU leaves out */

int xdp_attach(int program_fd, unsigned int ifindex, bool generic, int *link_fd)
{
	struct bpf_link_create_opts options;
	int fd;

	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &options);
	if (fd < 0)
		return fd;
	*link_fd = fd;
	return 0;
}

bool xdp_describe_other(unsigned int ifindex, char out[HOOK_REASON_SIZE])
{
	struct bpf_xdp_query_opts query;
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info), id;
	int fd;

	memset(&query, 0, sizeof(query));
	query.sz = sizeof(query);
	if (bpf_xdp_query((int)ifindex, 0, &query))
		return false;
	id = query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	if (!id)
		return false;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) && info.name[0])
		snprintf(out, HOOK_REASON_SIZE, "another XDP program (id %u, name %s) is on the device", id, info.name);
	else
		snprintf(out, HOOK_REASON_SIZE, "another XDP program (id %u) is on the device", id);
	if (fd >= 0)
		close(fd);
	return true;
}

static uint32_t mtu_of_one_buffer(void)
{
	long page = sysconf(_SC_PAGESIZE);

	return (uint32_t)(page > 0 ? page : 4096) - XDP_HEADROOM - BUFFER_TAIL - LINK_HEADER_MAX;
}

static bool features_lack(const struct device *device, uint64_t features, char reason[HOOK_REASON_SIZE])
{
	if (!(features & XDP_FEATURE_BASIC)) {
		snprintf(reason, HOOK_REASON_SIZE, "the driver does not offer XDP");
		return true;
	}
	if (device->mtu > mtu_of_one_buffer() && !(features & XDP_FEATURE_FRAGMENTS)) {
		snprintf(reason, HOOK_REASON_SIZE,
			 "the driver offers XDP for frames of one buffer only, and the MTU is %u", device->mtu);
		return true;
	}
	return false;
}

bool xdp_not_worth(const struct device *device, char reason[HOOK_REASON_SIZE])
{
	uint64_t features;
	int err;

	if (device_link_layer(device) != LINK_LAYER_ETHERNET) {
		snprintf(reason, HOOK_REASON_SIZE, "no link header, and XDP is for Ethernet");
		return true;
	}
	if (!device->hardware) {
		snprintf(reason, HOOK_REASON_SIZE, "%s has no hardware: XDP would cost more than tc",
			 device->kind[0] ? device->kind : device->name);
		return true;
	}
	err = device_xdp_features(device->ifindex, &features);
	if (err) {
		snprintf(reason, HOOK_REASON_SIZE,
			 "the kernel does not tell what the driver offers for XDP (Linux 6.3 does)");
		return true;
	}
	return features_lack(device, features, reason);
}
