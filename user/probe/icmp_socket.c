/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/icmp_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/icmp_internal.h"

#define RECEIVE_BYTES (8 << 20) /* of replies and stamps that wait to be read: some ten thousand */
#define SEND_BYTES (4 << 20)

bool icmp_address_same(const struct icmp_address *a, const struct icmp_address *b)
{
	return a->family == b->family && a->scope == b->scope && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* Beyond the system's limit if that is allowed, else up to it. */
static void set_room(int fd)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BYTES))
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BYTES);
}

/* Off and on again: the kernel's numbers begin at 0. */
int icmp_number_stamps(struct icmp_socket *socket)
{
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	int error = set_int(socket->fd, SOL_SOCKET, SO_TIMESTAMPING, flags);

	flags |= SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
	socket->next_key = 0;
	socket->keys_lost = false;
	return error ? error : set_int(socket->fd, SOL_SOCKET, SO_TIMESTAMPING, flags);
}

/* A raw socket is given every echo reply of the machine; the kernel is told which are ours. */
static int filter_replies(const struct icmp_socket *socket)
{
	bool v4 = socket->family == 4;
	struct sock_filter of_v4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_ECHOREPLY, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, socket->identifier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter of_v6[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP6_ECHO_REPLY, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, socket->identifier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {
		.len = v4 ? sizeof(of_v4) / sizeof(*of_v4) : sizeof(of_v6) / sizeof(*of_v6),
		.filter = v4 ? of_v4 : of_v6,
	};

	return setsockopt(socket->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int bind_identifier(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (family == 4)
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4)) ? -errno : 0;
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6)) ? -errno : 0;
}

/* An ICMP socket's identifier is its port: the one wished for, or whichever is free. */
static int take_identifier(struct icmp_socket *socket)
{
	struct sockaddr_in6 bound = { 0 }; /* the larger of the two; the port is in the same place */
	socklen_t size = sizeof(bound);
	int error = bind_identifier(socket->fd, socket->family, socket->identifier);

	if (error == -EADDRINUSE)
		error = bind_identifier(socket->fd, socket->family, 0);
	if (error)
		return error;
	if (getsockname(socket->fd, (struct sockaddr *)&bound, &size))
		return -errno;
	socket->identifier = ntohs(bound.sin6_port);
	return 0;
}

static int open_either(struct icmp_socket *out)
{
	int domain = out->family == 4 ? AF_INET : AF_INET6;
	int protocol = out->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int error;

	out->fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (out->fd >= 0) {
		error = take_identifier(out);
		if (!error)
			return 0;
		close(out->fd);
		out->fd = -1;
		return error;
	}
	if (errno != EACCES && errno != EPERM && errno != EPROTONOSUPPORT)
		return -errno;
	out->raw = true;
	out->fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	return out->fd < 0 ? -errno : filter_replies(out);
}

static int set_options(struct icmp_socket *socket)
{
	int level = socket->family == 4 ? SOL_IP : SOL_IPV6;
	int error = set_int(socket->fd, level, socket->family == 4 ? IP_RECVERR : IPV6_RECVERR, 1);

	set_room(socket->fd);
	(void)set_int(socket->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	return error ? error : icmp_number_stamps(socket);
}

int icmp_open(int family, uint16_t identifier, struct icmp_socket *out)
{
	int error;

	*out = (struct icmp_socket){ .fd = -1, .family = family, .identifier = identifier };
	error = open_either(out);
	if (!error)
		error = set_options(out);
	if (!error) {
		out->sent = calloc(ICMP_STAMPS, sizeof(*out->sent));
		error = out->sent ? 0 : -ENOMEM;
	}
	if (error)
		icmp_close(out);
	return error;
}

void icmp_close(struct icmp_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	free(socket->sent);
	*socket = (struct icmp_socket){ .fd = -1 };
}
