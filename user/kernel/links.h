/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces coming, going and changing, by rtnetlink (libmnl). Functions return 0 or -errno. */
#ifndef FLOWGAUGE_LINKS_H
#define FLOWGAUGE_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_ADDRESS_SIZE 64 /* 20 bytes, those of InfiniBand, and more */

struct link_info {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	bool up; /* administratively */
	bool loopback;
	unsigned short type; /* ARPHRD_* */
	uint32_t mtu;
	bool carrier;                    /* known only while it is up */
	uint64_t speed;                  /* bytes/s, as of when it was asked last; 0: not known */
	unsigned char state;             /* IF_OPER_* */
	char address[LINK_ADDRESS_SIZE]; /* hexadecimal, with colons; may be "" */
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
/* Calls back for every link as it is known, without asking the kernel. */
void links_each(const struct links *links, links_callback known, void *context);
/* Another number after anything that links_each tells has changed. */
uint64_t links_version(const struct links *links);
/*
 * Asks one link for its speed, each call the next one. No event tells of a speed, only of a carrier: so it is asked when
 * that changes, and now and then.
 */
void links_ask_speed(struct links *links);

#endif
