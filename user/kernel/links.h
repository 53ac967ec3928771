/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces coming, going and changing, by rtnetlink (libmnl). Functions return 0 or -errno. */
#ifndef FLOWGAUGE_LINKS_H
#define FLOWGAUGE_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link_info {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	bool up; /* administratively */
	bool loopback;
	unsigned short type; /* ARPHRD_* */
	uint32_t mtu;
};

struct links;

/* `changed`: the link is new or differs (`gone` false), or has vanished (`gone` true). */
typedef void (*links_callback)(void *context, const struct link_info *link, bool gone);

int links_open(struct links **out);
struct links *links_close(struct links *links);
int links_fd(struct links *links); /* readable: call links_dispatch */
/* Calls back for every link there is now. */
int links_dump(struct links *links, links_callback changed, void *context);
/* Calls back for what happened since. After lost messages (ENOBUFS) it dumps again and reports what vanished, too. */
int links_dispatch(struct links *links, links_callback changed, void *context);

#endif
