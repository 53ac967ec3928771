/* SPDX-License-Identifier: BSD-2-Clause */
/* What the choice of a hook depends on, asked of the kernel by netlink. Functions return 0 or -errno. */
#ifndef FLOWGAUGE_DEVICE_H
#define FLOWGAUGE_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define DEVICE_KIND_SIZE 16

enum link_layer { LINK_LAYER_ETHERNET, LINK_LAYER_NONE, LINK_LAYER_OTHER };

struct device {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	unsigned short type; /* ARPHRD_* */
	uint32_t mtu;
	bool hardware;               /* a driver's device, real or virtio, stands behind it */
	char kind[DEVICE_KIND_SIZE]; /* of a device made by software: "veth", "bridge"; may be "" */
};

int device_query(unsigned int ifindex, struct device *out); /* -ENODEV: there is none */
enum link_layer device_link_layer(const struct device *device);
const char *device_type_name(unsigned short type); /* "InfiniBand"; NULL if it has no name here */

/* The link's speed as ethtool tells it, Mbit/s; -ENODATA: it is not known, as of a link that is down. */
int device_speed(unsigned int ifindex, uint32_t *mbit);

#define XDP_FEATURE_BASIC (1ULL << 0)     /* the driver runs XDP programs that pass and drop */
#define XDP_FEATURE_FRAGMENTS (1ULL << 5) /* also on frames of more than one buffer */
/* What the driver offers for XDP; -ENOENT if the kernel does not tell (before Linux 6.3). */
int device_xdp_features(unsigned int ifindex, uint64_t *features);

#define XDP_METADATA_VLAN (1ULL << 2) /* the VLAN tag that was taken out of the frame */
/* What the driver tells an XDP program of a packet beside its bytes: nothing before Linux 6.7; -ENOENT before 6.3. */
int device_xdp_metadata(unsigned int ifindex, uint64_t *metadata);

#endif
