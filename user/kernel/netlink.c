/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions are rare (an interface comes, messages were lost), so a socket each keeps answers and events apart for free. */
#include "kernel/netlink.h"

#include <errno.h>
#include <stdint.h>

#define SEQUENCE 1 /* the socket carries one question */

static int answers_receive(struct mnl_socket *socket, mnl_cb_t answer, void *context)
{
	char bytes[NETLINK_ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned int port = mnl_socket_get_portid(socket);
	ssize_t length;
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		length = mnl_socket_recvfrom(socket, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		more = mnl_cb_run(bytes, (size_t)length, SEQUENCE, port, answer, context);
	}
	if (more == MNL_CB_STOP)
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

int netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t answer, void *context)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int err = 0;

	if (!socket)
		return -errno;
	request->nlmsg_flags |= NLM_F_REQUEST;
	request->nlmsg_seq = SEQUENCE;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		err = -errno;
	else
		err = answers_receive(socket, answer, context);
	(void)mnl_socket_close(socket);
	return err;
}
