// SPDX-License-Identifier: GPL-2.0-only
/*
 * The XDP program for a device whose driver takes VLAN tags out of the frames and tells them: it asks the driver, and so
 * can be loaded for that one device only. It counts into the maps of the other programs.
 *
 * It is an object of its own because it names a function of the kernel: that needs the kernel's type information and
 * Linux 6.8, which the other programs shall not.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp.h"

/* 0, or -ENODATA where the frame had no tag taken out of it. `tci` is in host byte order. */
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *xdp, __be16 *protocol, __u16 *tci) __ksym;

SEC("xdp")
int flowgauge_xdp_vlan(struct xdp_md *xdp)
{
	struct buffer buffer = xdp_buffer(xdp);
	__be16 protocol = 0;
	__u16 tci = 0;

	if (!bpf_xdp_metadata_rx_vlan_tag(xdp, &protocol, &tci)) {
		buffer.vlan = VLAN_PRESENT | (tci & VLAN_ID_MASK);
		buffer.stripped = sizeof(struct vlan_header);
	}
	return xdp_watch(xdp, &buffer);
}

char _license[] SEC("license") = "GPL";
