/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendmmsg() stops at the first message that fails, and tells why only when it is the first of the call. So the
 * call is repeated from there. An ICMP error that came in meanwhile is reported by the next call whichever it is, so a
 * message that fails is tried once more before the failure is taken for its own.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/icmp_internal.h"

#define ZEROS 65536

union name {
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* TTL, TOS and interface at most. */
#define CONTROL_SIZE (2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

struct outgoing {
	union name name;
	struct iovec parts[2];
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
};

static const uint8_t zeros[ZEROS];

static socklen_t name_of(const struct icmp_address *address, union name *out)
{
	memset(out, 0, sizeof(*out));
	if (address->family == 4) {
		out->v4.sin_family = AF_INET;
		memcpy(&out->v4.sin_addr, address->bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_scope_id = address->scope;
	memcpy(&out->v6.sin6_addr, address->bytes, 16);
	return sizeof(out->v6);
}

static void add_control(struct msghdr *header, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *control = (struct cmsghdr *)((uint8_t *)header->msg_control + header->msg_controllen);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), value, size);
	header->msg_controllen += CMSG_SPACE(size);
}

static void add_interface(unsigned int interface, bool v4, struct msghdr *header)
{
	struct in_pktinfo of_v4 = { .ipi_ifindex = (int)interface };
	struct in6_pktinfo of_v6 = { .ipi6_ifindex = interface };

	if (v4)
		add_control(header, SOL_IP, IP_PKTINFO, &of_v4, sizeof(of_v4));
	else
		add_control(header, SOL_IPV6, IPV6_PKTINFO, &of_v6, sizeof(of_v6));
}

static void add_options(const struct icmp_message *message, struct msghdr *header)
{
	bool v4 = message->to->family == 4;
	int level = v4 ? SOL_IP : SOL_IPV6, ttl = message->ttl, tos = message->tos;

	if (ttl)
		add_control(header, level, v4 ? IP_TTL : IPV6_HOPLIMIT, &ttl, sizeof(ttl));
	if (tos)
		add_control(header, level, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (message->interface)
		add_interface(message->interface, v4, header);
}

static void prepare(const struct icmp_message *message, struct outgoing *outgoing, struct msghdr *header)
{
	memset(outgoing->control, 0, sizeof(outgoing->control));
	outgoing->parts[0] = (struct iovec){ (void *)message->bytes, sizeof(message->bytes) };
	outgoing->parts[1] = (struct iovec){ (void *)zeros, message->zeros };
	*header = (struct msghdr){
		.msg_name = &outgoing->name,
		.msg_namelen = name_of(message->to, &outgoing->name),
		.msg_iov = outgoing->parts,
		.msg_iovlen = message->zeros ? 2 : 1,
		.msg_control = outgoing->control,
	};
	add_options(message, header);
	if (!header->msg_controllen)
		header->msg_control = NULL;
}

static void note_sent(struct icmp_socket *socket, const struct icmp_message *message)
{
	uint32_t key = socket->next_key++;

	socket->sent[key % ICMP_STAMPS] = (struct icmp_stamped){ key, message->target, message->number };
}

/* How many went out; of the first that did not, the error. */
static unsigned int send_some(struct icmp_socket *socket, struct icmp_message *messages, struct mmsghdr *headers,
			      unsigned int count)
{
	int sent = sendmmsg(socket->fd, headers, count, 0);

	for (int i = 0; i < sent; i++) {
		messages[i].error = 0;
		note_sent(socket, &messages[i]);
	}
	if (sent >= 0)
		return (unsigned int)sent;
	messages[0].error = -errno;
	socket->keys_lost = true;
	return 0;
}

void icmp_send(struct icmp_socket *socket, struct icmp_message *messages, unsigned int count)
{
	struct outgoing outgoing[ICMP_BATCH];
	struct mmsghdr headers[ICMP_BATCH];
	bool again = false;

	if (count > ICMP_BATCH)
		count = ICMP_BATCH;
	for (unsigned int i = 0; i < count; i++)
		prepare(&messages[i], &outgoing[i], &headers[i].msg_hdr);
	for (unsigned int at = 0; at < count;) {
		unsigned int sent;

		/* After a failure the kernel's numbers and ours may differ by one; those under way get no stamp then. */
		if (socket->keys_lost)
			(void)icmp_number_stamps(socket);
		sent = send_some(socket, messages + at, headers + at, count - at);
		at += sent;
		if (!sent && again)
			at++;
		again = !sent && !again;
	}
}
