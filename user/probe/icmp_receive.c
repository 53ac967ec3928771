/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies are taken a batch at a time, and then the error queue is emptied, before the batch is looked at: what the
 * kernel stamped as sent was sent before its reply came, so no reply is judged without the stamp of its request.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* wants struct timespec to be there */

#include "probe/icmp_internal.h"

#define MESSAGE_BYTES 256 /* the longest IPv4 header, ours, and more than an error need quote */
#define CONTROL_BYTES 256
#define NS_PER_SECOND 1000000000ULL
#define ERRORS_MOST (4 * ICMP_BATCH) /* batches of the error queue a time */

struct batch {
	struct mmsghdr headers[ICMP_BATCH];
	struct iovec parts[ICMP_BATCH];
	struct sockaddr_in6 names[ICMP_BATCH]; /* the larger of the two */
	uint8_t bytes[ICMP_BATCH][MESSAGE_BYTES];
	_Alignas(struct cmsghdr) uint8_t control[ICMP_BATCH][CONTROL_BYTES];
};

/* What came beside a message. */
struct beside {
	uint64_t stamp_ns; /* 0: none */
	bool has_dropped;
	uint32_t dropped;
	const struct sock_extended_err *error; /* NULL: none */
};

static int take(const struct icmp_socket *socket, struct batch *batch, int flags)
{
	for (int i = 0; i < ICMP_BATCH; i++) {
		batch->parts[i] = (struct iovec){ batch->bytes[i], MESSAGE_BYTES };
		batch->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->names[i],
			.msg_namelen = sizeof(batch->names[i]),
			.msg_iov = &batch->parts[i],
			.msg_iovlen = 1,
			.msg_control = batch->control[i],
			.msg_controllen = CONTROL_BYTES,
		};
		batch->names[i].sin6_family = AF_UNSPEC;
	}
	return recvmmsg(socket->fd, batch->headers, ICMP_BATCH, flags | MSG_DONTWAIT, NULL);
}

static bool address_of(const void *name, struct icmp_address *out)
{
	const struct sockaddr_in *v4 = name;
	const struct sockaddr_in6 *v6 = name;

	memset(out, 0, sizeof(*out));
	if (v4->sin_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &v4->sin_addr, 4);
	} else if (v6->sin6_family == AF_INET6) {
		out->family = 6;
		out->scope = v6->sin6_scope_id;
		memcpy(out->bytes, &v6->sin6_addr, 16);
	}
	return out->family;
}

static bool is_stamp(const struct cmsghdr *control)
{
	return control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPING &&
	       control->cmsg_len >= CMSG_LEN(sizeof(struct scm_timestamping));
}

/* An error's cmsg holds the sender's address behind it. */
static bool is_error(const struct cmsghdr *control)
{
	return ((control->cmsg_level == SOL_IP && control->cmsg_type == IP_RECVERR) ||
		(control->cmsg_level == SOL_IPV6 && control->cmsg_type == IPV6_RECVERR)) &&
	       control->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in));
}

static void look_beside(struct msghdr *header, struct beside *out)
{
	*out = (struct beside){ 0 };
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
		if (is_stamp(control)) {
			struct scm_timestamping stamps;

			memcpy(&stamps, CMSG_DATA(control), sizeof(stamps));
			out->stamp_ns = (uint64_t)stamps.ts[0].tv_sec * NS_PER_SECOND + (uint64_t)stamps.ts[0].tv_nsec;
		} else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL &&
			   control->cmsg_len >= CMSG_LEN(sizeof(out->dropped))) {
			memcpy(&out->dropped, CMSG_DATA(control), sizeof(out->dropped));
			out->has_dropped = true;
		} else if (is_error(control)) {
			out->error = (const struct sock_extended_err *)CMSG_DATA(control);
		}
	}
}

static void take_stamp(const struct icmp_socket *socket, const struct icmp_events *events, const struct beside *beside)
{
	uint32_t key = beside->error->ee_data;
	const struct icmp_stamped *sent = &socket->sent[key % ICMP_STAMPS];

	if (beside->stamp_ns && beside->error->ee_info == SCM_TSTAMP_SND && key < socket->next_key && sent->key == key)
		events->sent(events->context, sent->target, sent->number, beside->stamp_ns);
}

static void take_error(const struct icmp_socket *socket, const struct icmp_events *events, struct batch *batch, int at)
{
	struct msghdr *header = &batch->headers[at].msg_hdr;
	struct icmp_address from, to;
	struct beside beside;
	uint8_t origin;

	look_beside(header, &beside);
	origin = beside.error ? beside.error->ee_origin : SO_EE_ORIGIN_NONE;
	if (origin == SO_EE_ORIGIN_TIMESTAMPING)
		take_stamp(socket, events, &beside);
	if (origin != SO_EE_ORIGIN_ICMP && origin != SO_EE_ORIGIN_ICMP6)
		return;
	if (address_of(SO_EE_OFFENDER(beside.error), &from) && address_of(header->msg_name, &to))
		events->error(events->context, socket->family, beside.error->ee_type, beside.error->ee_code, &from, &to,
			      batch->bytes[at], batch->headers[at].msg_len);
}

static void drain_errors(const struct icmp_socket *socket, const struct icmp_events *events)
{
	struct batch batch;
	int count = ICMP_BATCH;

	for (int turn = 0; turn < ERRORS_MOST && count == ICMP_BATCH; turn++) {
		count = take(socket, &batch, MSG_ERRQUEUE);
		for (int i = 0; i < count; i++)
			take_error(socket, events, &batch, i);
	}
}

static void take_reply(struct icmp_socket *socket, const struct icmp_events *events, struct batch *batch, int at)
{
	struct msghdr *header = &batch->headers[at].msg_hdr;
	const uint8_t *message = batch->bytes[at];
	size_t length = batch->headers[at].msg_len, skip;
	struct icmp_address from;
	struct beside beside;

	look_beside(header, &beside);
	if (beside.has_dropped && beside.dropped != socket->dropped) {
		events->dropped(events->context, beside.dropped - socket->dropped);
		socket->dropped = beside.dropped;
	}
	if (socket->raw && socket->family == 4) {
		skip = echo_after_ip(message, length);
		if (!skip)
			return;
		message += skip;
		length -= skip;
	}
	if (address_of(header->msg_name, &from))
		events->reply(events->context, socket->family, &from, message, length, beside.stamp_ns);
}

bool icmp_receive(struct icmp_socket *socket, const struct icmp_events *events, unsigned int most)
{
	struct batch batch;

	for (unsigned int taken = 0; taken < most;) {
		int count = take(socket, &batch, 0);

		/* An error that waits to be reported stands in front of the replies; asking for it takes it away. */
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			count = take(socket, &batch, 0);
		drain_errors(socket, events);
		for (int i = 0; i < count; i++)
			take_reply(socket, events, &batch, i);
		if (count < ICMP_BATCH)
			return false;
		taken += (unsigned int)count;
	}
	return true;
}
