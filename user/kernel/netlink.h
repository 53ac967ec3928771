/* SPDX-License-Identifier: BSD-2-Clause */
/* One question to the kernel by netlink and its answers, on a socket of its own. */
#ifndef FLOWGAUGE_NETLINK_H
#define FLOWGAUGE_NETLINK_H

#include <libmnl/libmnl.h>

#define NETLINK_REQUEST_SIZE 256
#define NETLINK_ANSWER_SIZE 32768 /* the kernel fills no larger buffer */

/*
 * Sends `request` (its flags must hold NLM_F_DUMP or NLM_F_ACK) and calls `answer` for each message. 0 or -errno; the
 * answer's own -1 gives -errno. -EAGAIN: a dump was overtaken by a change, and should be asked for again.
 */
int netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t answer, void *context);

#endif
