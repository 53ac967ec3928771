/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asked by netlink, not read from /sys: a process can be in another network namespace than the /sys it sees, and
 * would then read of another interface of the same name.
 */
#include "kernel/device.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_arp.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

/* The netdev family, newer than the headers that this is built with may be. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_GET 1
#define NETDEV_VERSION 1
#define NETDEV_IFINDEX 1
#define NETDEV_XDP_FEATURES 3
#define NETDEV_XDP_METADATA 5

static void kind_take(const struct nlattr *info, struct device *device)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, info) if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND &&
						      mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(device->kind, sizeof(device->kind), "%s", mnl_attr_get_str(attribute));
}

static int link_answer(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct device *device = context;
	const struct nlattr *attribute;

	device->type = link->ifi_type;
	mnl_attr_for_each(attribute, message, sizeof(*link))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
				snprintf(device->name, sizeof(device->name), "%s", mnl_attr_get_str(attribute));
			break;
		case IFLA_MTU:
			if (mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
				device->mtu = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINKINFO:
			kind_take(attribute, device);
			break;
		case IFLA_PARENT_DEV_NAME:
			device->hardware = true;
			break;
		default:
			break;
		}
	}
	return MNL_CB_OK;
}

int device_query(unsigned int ifindex, struct device *out)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *link;
	struct device device = { .ifindex = ifindex };
	int err;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_ACK;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = netlink_ask(NETLINK_ROUTE, request, link_answer, &device);
	if (!err)
		*out = device;
	return err;
}

enum link_layer device_link_layer(const struct device *device)
{
	switch (device->type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return LINK_LAYER_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return LINK_LAYER_NONE;
	default:
		return LINK_LAYER_OTHER;
	}
}

const char *device_type_name(unsigned short type)
{
	static const struct {
		unsigned short type;
		const char *name;
	} names[] = {
		{ ARPHRD_AX25, "AX.25" },
		{ ARPHRD_IEEE1394, "FireWire" },
		{ ARPHRD_INFINIBAND, "InfiniBand" },
		{ ARPHRD_SLIP, "SLIP" },
		{ ARPHRD_CAN, "CAN" },
		{ ARPHRD_HDLC, "HDLC" },
		{ ARPHRD_FDDI, "FDDI" },
		{ ARPHRD_FCFABRIC, "Fibre Channel" },
		{ ARPHRD_IEEE80211, "raw 802.11" },
		{ ARPHRD_IEEE80211_PRISM, "raw 802.11 with Prism headers" },
		{ ARPHRD_IEEE80211_RADIOTAP, "raw 802.11 with radiotap headers" },
		{ ARPHRD_IEEE802154, "802.15.4" },
		{ ARPHRD_6LOWPAN, "6LoWPAN" },
		{ ARPHRD_NETLINK, "netlink monitor" },
		{ ARPHRD_VSOCKMON, "vsock monitor" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

static int family_answer(const struct nlmsghdr *message, void *context)
{
	uint16_t *family = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID &&
							 mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0) *family =
		mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static struct nlmsghdr *generic_request(char *bytes, uint16_t family, uint8_t command, uint8_t version)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct genlmsghdr *generic;

	request->nlmsg_type = family;
	request->nlmsg_flags = NLM_F_ACK;
	generic = mnl_nlmsg_put_extra_header(request, sizeof(*generic));
	generic->cmd = command;
	generic->version = version;
	return request;
}

static int family_find(const char *name, uint16_t *out)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = generic_request(bytes, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	int err;

	*out = 0;
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
	err = netlink_ask(NETLINK_GENERIC, request, family_answer, out);
	if (!err && !*out)
		err = -ENOENT;
	return err;
}

/* One of the family's numbers of a device; 0 where the kernel does not have it. */
struct netdev_number {
	uint16_t attribute;
	uint64_t value;
};

static int number_answer(const struct nlmsghdr *message, void *context)
{
	struct netdev_number *number = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) == number->attribute &&
							 mnl_attr_validate(attribute, MNL_TYPE_U64) >= 0)
		number->value = mnl_attr_get_u64(attribute);
	return MNL_CB_OK;
}

static int netdev_ask(unsigned int ifindex, uint16_t attribute, uint64_t *out)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct netdev_number number = { .attribute = attribute };
	struct nlmsghdr *request;
	uint16_t family;
	int err;

	err = family_find(NETDEV_FAMILY, &family);
	if (err)
		return err;
	request = generic_request(bytes, family, NETDEV_GET, NETDEV_VERSION);
	mnl_attr_put_u32(request, NETDEV_IFINDEX, ifindex);
	err = netlink_ask(NETLINK_GENERIC, request, number_answer, &number);
	if (!err)
		*out = number.value;
	return err;
}

int device_xdp_features(unsigned int ifindex, uint64_t *features)
{
	return netdev_ask(ifindex, NETDEV_XDP_FEATURES, features);
}

int device_xdp_metadata(unsigned int ifindex, uint64_t *metadata)
{
	return netdev_ask(ifindex, NETDEV_XDP_METADATA, metadata);
}

static int speed_answer(const struct nlmsghdr *message, void *context)
{
	uint32_t *mbit = context;
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) == ETHTOOL_A_LINKMODES_SPEED &&
							 mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0) *mbit =
		mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

int device_speed(unsigned int ifindex, uint32_t *out)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t mbit = (uint32_t)SPEED_UNKNOWN;
	struct nlmsghdr *request;
	struct nlattr *header;
	uint16_t family;
	int err = family_find(ETHTOOL_GENL_NAME, &family);

	if (err)
		return err;
	request = generic_request(bytes, family, ETHTOOL_MSG_LINKMODES_GET, ETHTOOL_GENL_VERSION);
	header = mnl_attr_nest_start(request, ETHTOOL_A_LINKMODES_HEADER);
	mnl_attr_put_u32(request, ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
	mnl_attr_put_u32(request, ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
	mnl_attr_nest_end(request, header);
	err = netlink_ask(NETLINK_GENERIC, request, speed_answer, &mbit);
	if (err == -EOPNOTSUPP || (!err && (!mbit || mbit == (uint32_t)SPEED_UNKNOWN)))
		return -ENODATA;
	if (!err)
		*out = mbit;
	return err;
}
