/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events come on one socket, dumps on another made for each: a dump can then be taken at any time without mixing with
 * events, and its state is never older than the events read before it. What is known is kept, so that an event that
 * changes nothing is silent, and so that a dump after lost events can tell what has vanished.
 */
#include "kernel/links.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/link_speed.h"
#include "kernel/netlink.h"

#define DUMP_TRIES 10

struct known_link {
	struct link_info info;
	uint64_t dump; /* the last dump that it was in, or the one before which its event came */
};

enum telling {
	TELL_CHANGES,
	TELL_ALL,  /* unchanged links, too */
	TELL_GONE, /* only what has vanished: the rest will be told again */
};

struct links {
	struct mnl_socket *socket;
	struct known_link *known;
	size_t count, capacity;
	uint64_t dumps;
	uint64_t version;
	size_t speed_next; /* whose turn it is */
	/* for the time of a call */
	links_callback changed;
	void *context;
	enum telling telling;
};

static struct known_link *link_find(const struct links *links, unsigned int ifindex)
{
	for (size_t i = 0; i < links->count; i++)
		if (links->known[i].info.ifindex == ifindex)
			return &links->known[i];
	return NULL;
}

static struct known_link *link_add(struct links *links)
{
	if (links->count == links->capacity) {
		size_t capacity = links->capacity ? 2 * links->capacity : 16;
		struct known_link *known = reallocarray(links->known, capacity, sizeof(*known));

		if (!known)
			return NULL;
		links->known = known;
		links->capacity = capacity;
	}
	links->known[links->count] = (struct known_link){ .dump = 0 };
	return &links->known[links->count++];
}

static void link_forget(struct links *links, struct known_link *link)
{
	struct link_info info = link->info;

	*link = links->known[--links->count];
	links->version++;
	if (links->changed)
		links->changed(links->context, &info, true);
}

static bool link_differs(const struct link_info *a, const struct link_info *b)
{
	return strcmp(a->name, b->name) != 0 || a->up != b->up || a->loopback != b->loopback || a->type != b->type ||
	       a->mtu != b->mtu || a->carrier != b->carrier || a->state != b->state ||
	       strcmp(a->address, b->address) != 0;
}

static int link_note(struct links *links, const struct link_info *info)
{
	struct known_link *link = link_find(links, info->ifindex);
	bool tell = links->telling == TELL_ALL ||
		    (links->telling == TELL_CHANGES && (!link || link_differs(&link->info, info)));

	uint64_t speed = link && link->info.carrier == info->carrier ? link->info.speed : link_speed_read(info->name);

	if (!link || link_differs(&link->info, info) || link->info.speed != speed)
		links->version++;
	if (!link)
		link = link_add(links);
	if (!link)
		return -ENOMEM;
	link->info = *info;
	link->info.speed = speed;
	link->dump = links->dumps;
	if (tell && links->changed)
		links->changed(links->context, &link->info, false);
	return 0;
}

static void address_parse(const struct nlattr *attribute, char out[LINK_ADDRESS_SIZE])
{
	const unsigned char *bytes = mnl_attr_get_payload(attribute);
	size_t length = mnl_attr_get_payload_len(attribute), used = 0;

	for (size_t i = 0; i < length && used + sizeof(":00") <= LINK_ADDRESS_SIZE; i++)
		used += (size_t)snprintf(out + used, LINK_ADDRESS_SIZE - used, "%s%02x", i ? ":" : "", bytes[i]);
}

static void link_parse(const struct nlmsghdr *message, struct link_info *out)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	*out = (struct link_info){
		.ifindex = (unsigned int)link->ifi_index,
		.up = link->ifi_flags & IFF_UP,
		.loopback = link->ifi_flags & IFF_LOOPBACK,
		.type = link->ifi_type,
	};
	mnl_attr_for_each(attribute, message, sizeof(*link))
	{
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(out->name, sizeof(out->name), "%s", mnl_attr_get_str(attribute));
		else if (mnl_attr_get_type(attribute) == IFLA_MTU && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			out->mtu = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE &&
			 mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
			out->state = mnl_attr_get_u8(attribute);
		else if (mnl_attr_get_type(attribute) == IFLA_CARRIER && mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
			out->carrier = mnl_attr_get_u8(attribute) != 0;
		else if (mnl_attr_get_type(attribute) == IFLA_ADDRESS)
			address_parse(attribute, out->address);
	}
}

static int link_message(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct links *links = context;
	struct known_link *link;
	struct link_info info;

	/* A bridge tells of its ports in messages of the same types: those are no links coming or going. */
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->ifi_family != AF_UNSPEC)
		return MNL_CB_OK;
	if (message->nlmsg_type == RTM_DELLINK) {
		link = link_find(links, (unsigned int)header->ifi_index);
		if (link)
			link_forget(links, link);
	} else if (message->nlmsg_type == RTM_NEWLINK) {
		link_parse(message, &info);
		if (link_note(links, &info)) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
	}
	return MNL_CB_OK;
}

/* Reads events until there are none. `lost` is set when the kernel had to drop some. */
static int events_read(struct links *links, bool *lost)
{
	char bytes[NETLINK_ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t length;

	for (;;) {
		length = recv(mnl_socket_get_fd(links->socket), bytes, sizeof(bytes), MSG_DONTWAIT);
		if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (length < 0 && errno == ENOBUFS)
			*lost = true;
		else if (length < 0 && errno != EINTR)
			return -errno;
		else if (length > 0 && mnl_cb_run(bytes, (size_t)length, 0, 0, link_message, links) < 0)
			return -errno;
	}
}

static int dump_ask(struct links *links)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *link;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_ask(NETLINK_ROUTE, request, link_message, links);
}

static int dump_read(struct links *links)
{
	int err = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++) {
		links->dumps++;
		err = dump_ask(links);
	}
	if (err)
		return err;
	for (size_t i = links->count; i-- > 0;)
		if (links->known[i].dump != links->dumps)
			link_forget(links, &links->known[i]);
	return 0;
}

int links_open(struct links **out)
{
	struct links *links = calloc(1, sizeof(*links));
	int err;

	if (!links)
		return -ENOMEM;
	links->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!links->socket || mnl_socket_bind(links->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		links_close(links);
		return err;
	}
	*out = links;
	return 0;
}

struct links *links_close(struct links *links)
{
	if (!links)
		return NULL;
	if (links->socket)
		(void)mnl_socket_close(links->socket);
	free(links->known);
	free(links);
	return NULL;
}

int links_fd(struct links *links)
{
	return mnl_socket_get_fd(links->socket);
}

int links_dump(struct links *links, links_callback changed, void *context)
{
	bool lost = false;
	int err;

	/* Events from before the dump are older than it: they must not be taken for news afterwards. */
	links->changed = changed;
	links->context = context;
	links->telling = TELL_GONE;
	err = events_read(links, &lost);
	if (err)
		return err;
	links->telling = TELL_ALL;
	return dump_read(links);
}

int links_dispatch(struct links *links, links_callback changed, void *context)
{
	bool lost = false;
	int err;

	links->changed = changed;
	links->context = context;
	links->telling = TELL_CHANGES;
	err = events_read(links, &lost);
	if (!err && lost)
		err = dump_read(links);
	return err;
}

void links_each(const struct links *links, links_callback known, void *context)
{
	for (size_t i = 0; i < links->count; i++)
		known(context, &links->known[i].info, false);
}

uint64_t links_version(const struct links *links)
{
	return links->version;
}

void links_ask_speed(struct links *links)
{
	struct link_info *info;
	uint64_t speed;

	if (!links->count)
		return;
	info = &links->known[links->speed_next++ % links->count].info;
	speed = link_speed_read(info->name);
	if (speed == info->speed)
		return;
	info->speed = speed;
	links->version++;
}
