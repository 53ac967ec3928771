/* SPDX-License-Identifier: GPL-2.0-only */
/* How XDP tells of a packet. */
#ifndef FLOWGAUGE_XDP_H
#define FLOWGAUGE_XDP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parse.h"
#include "parse_plain.h"
#include "watch.h"

static __always_inline struct buffer xdp_buffer(struct xdp_md *xdp)
{
	return (struct buffer){ .length = bpf_xdp_get_buff_len(xdp), .tunnels = tunnels_wanted() };
}

/* A function of its own, which few packets need. */
__noinline int xdp_parse_any(struct xdp_md *xdp, const struct buffer *buffer)
{
	struct scratch *scratch = scratch_get();
	struct buffer own;

	if (!scratch || !buffer)
		return PARSED_NON_IP;
	own = *buffer;
	__builtin_memset(&scratch->facts, 0, sizeof(scratch->facts));
	scratch->facts.key.ifindex = xdp->ingress_ifindex;
	scratch->facts.key.direction = DIRECTION_INGRESS;
	return parse((void *)(long)xdp->data, (void *)(long)xdp->data_end, &own, &scratch->facts);
}

static __always_inline int xdp_parse_plain(struct xdp_md *xdp, const struct buffer *buffer, struct facts *facts)
{
	if (constants.tunnels.kinds || constants.clock == CLOCK_OF_PACKET)
		return -1;
	return parse_plain((void *)(long)xdp->data, (void *)(long)xdp->data_end, buffer, facts, xdp->ingress_ifindex,
			   DIRECTION_INGRESS);
}

static __always_inline int xdp_watch(struct xdp_md *xdp, struct buffer *buffer)
{
	struct scratch *scratch = scratch_get();
	int parsed = PARSED_IP;
	struct facts *facts;

	if (!scratch)
		return XDP_PASS;
	facts = &scratch->facts;
	if (constants.clock == CLOCK_OF_PACKET) {
		const struct packet_note *note = packet_note(xdp);

		if (note) {
			buffer->captured = note->wire_length != 0;
			buffer->length = note->wire_length ? note->wire_length : buffer->length;
			buffer->link_bytes = note->link_bytes;
			buffer->link_protocol = note->link_protocol;
		}
	}
	if (xdp_parse_plain(xdp, buffer, facts))
		parsed = xdp_parse_any(xdp, buffer);
	watch(xdp, 1, facts, parsed);
	return XDP_PASS;
}

#endif
