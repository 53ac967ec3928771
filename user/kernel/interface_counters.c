/* SPDX-License-Identifier: BSD-2-Clause */
/* RTM_GETSTATS and not RTM_GETLINK: the answer is the counters alone, and not all that there is to say of a link. */
#include "kernel/interface_counters.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

struct asked {
	interface_counters_callback found;
	void *context;
};

static int statistics_message(const struct nlmsghdr *message, void *context)
{
	const struct if_stats_msg *header = mnl_nlmsg_get_payload(message);
	const struct asked *asked = context;
	const struct nlattr *attribute;
	struct rtnl_link_stats64 statistics;
	struct interface_counters counters;

	if (message->nlmsg_type != RTM_NEWSTATS || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		/* Later kernels append to the struct; none takes from it. */
		if (mnl_attr_get_type(attribute) != IFLA_STATS_LINK_64 ||
		    mnl_attr_get_payload_len(attribute) < sizeof(statistics.rx_packets) * 2)
			continue;
		memset(&statistics, 0, sizeof(statistics));
		memcpy(&statistics, mnl_attr_get_payload(attribute),
		       mnl_attr_get_payload_len(attribute) < sizeof(statistics) ? mnl_attr_get_payload_len(attribute) :
										  sizeof(statistics));
		counters = (struct interface_counters){ .ifindex = header->ifindex };
		counters.packets[DIRECTION_INGRESS] = statistics.rx_packets;
		counters.packets[DIRECTION_EGRESS] = statistics.tx_packets;
		counters.bytes[DIRECTION_INGRESS] = statistics.rx_bytes;
		counters.bytes[DIRECTION_EGRESS] = statistics.tx_bytes;
		asked->found(asked->context, &counters);
	}
	return MNL_CB_OK;
}

int interface_counters_read(unsigned int ifindex, interface_counters_callback found, void *context)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct asked asked = { .found = found, .context = context };
	struct if_stats_msg *header;

	request->nlmsg_type = RTM_GETSTATS;
	request->nlmsg_flags = ifindex ? NLM_F_ACK : NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->family = AF_UNSPEC;
	header->ifindex = ifindex;
	header->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	return netlink_ask(NETLINK_ROUTE, request, statistics_message, &asked);
}
