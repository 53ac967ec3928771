/* SPDX-License-Identifier: GPL-2.0-only */
/* How XDP tells of a packet. */
#ifndef FLOWGAUGE_XDP_H
#define FLOWGAUGE_XDP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parse.h"
#include "watch.h"

static __always_inline struct buffer xdp_buffer(struct xdp_md *xdp)
{
	return (struct buffer){ .length = bpf_xdp_get_buff_len(xdp), .tunnels = tunnels_wanted() };
}

static __always_inline int xdp_watch(struct xdp_md *xdp, struct buffer *buffer)
{
	struct scratch *scratch = scratch_get();
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
	__builtin_memset(facts, 0, sizeof(*facts));
	facts->key.ifindex = xdp->ingress_ifindex;
	facts->key.direction = DIRECTION_INGRESS;
	watch(xdp, 1, facts, parse((void *)(long)xdp->data, (void *)(long)xdp->data_end, buffer, facts));
	return XDP_PASS;
}

#endif
