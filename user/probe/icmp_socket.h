/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One socket that pings any number of addresses of a family: an unprivileged ICMP socket where the system allows one
 * (net.ipv4.ping_group_range), else a raw one (CAP_NET_RAW). DSCP, TTL and interface go with each message. The
 * kernel stamps what is sent and what arrives, so nothing depends on when it is read: the socket is not waited for, it
 * is emptied whenever its owner comes by.
 */
#ifndef FLOWGAUGE_ICMP_SOCKET_H
#define FLOWGAUGE_ICMP_SOCKET_H

#include <netinet/in.h>

#include "probe/echo.h"

#define ICMP_BATCH 64 /* messages a system call */

struct icmp_address {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
	uint32_t scope; /* interface index of a link-local address, else 0 */
};

struct icmp_message {
	const struct icmp_address *to;
	uint8_t bytes[ECHO_LEAST];
	uint16_t zeros;         /* bytes that follow */
	uint8_t tos, ttl;       /* ttl 0: the system's */
	unsigned int interface; /* 0: by the routes */
	uint32_t target, number;
	int error; /* after icmp_send: 0, or -errno */
};

struct icmp_stamped {
	uint32_t key, target, number;
};

struct icmp_socket {
	int fd; /* -1: closed */
	int family;
	bool raw;
	uint16_t identifier;       /* host byte order */
	uint32_t next_key;         /* the kernel numbers its stamps of sending; this is the next one's number */
	bool keys_lost;            /* a message failed, so the kernel may have numbered it or not */
	uint32_t dropped;          /* the kernel's count of arrivals without room, modulo 2^32 */
	struct icmp_stamped *sent; /* what bears which number; owned */
};

struct icmp_events {
	void *context;
	/* stamp 0: the kernel gave none */
	void (*reply)(void *context, int family, const struct icmp_address *from, const uint8_t *message, size_t length,
		      uint64_t stamp_ns);
	/* `message` is what the error quotes of the request; `from` is who sent the error. */
	void (*error)(void *context, int family, uint8_t type, uint8_t code, const struct icmp_address *from,
		      const struct icmp_address *to, const uint8_t *message, size_t length);
	void (*sent)(void *context, uint32_t target, uint32_t number, uint64_t stamp_ns);
	void (*dropped)(void *context, uint32_t more);
};

bool icmp_address_same(const struct icmp_address *a, const struct icmp_address *b);

/* 0, or -errno: -EPERM or -EACCES if neither kind is allowed, -EAFNOSUPPORT if the family is not there. */
int icmp_open(int family, uint16_t identifier, struct icmp_socket *out);
void icmp_close(struct icmp_socket *socket);
/* Tries each message; tells each one's fate in its `error`. At most ICMP_BATCH. */
void icmp_send(struct icmp_socket *socket, struct icmp_message *messages, unsigned int count);
/* Takes what has come, `most` replies at most, stamps of sending before the replies to them. True: there may be more. */
bool icmp_receive(struct icmp_socket *socket, const struct icmp_events *events, unsigned int most);

#endif
