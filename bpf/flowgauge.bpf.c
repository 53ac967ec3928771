// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry points. Every program only watches: XDP passes the packet, tc says "next".
 *
 * XDP and tc differ in how they tell of a packet, not in what is done with it: each has a thin adaptor that fills a
 * struct buffer, and all share watch().
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "merged.h"
#include "parse.h"
#include "parse_plain.h"
#include "watch.h"
#include "xdp.h"

#define TC_NEXT (-1) /* TCX_NEXT, and TC_ACT_UNSPEC for clsact: the next program decides */

#define PULL_BYTES 512 /* asked into the linear part where the headers do not lie there */

static __always_inline struct buffer tc_buffer(struct __sk_buff *skb)
{
	struct buffer buffer = {
		.length = skb->len,
		.segments = skb->gso_segs,
		.segment_size = skb->gso_size,
	};

	if (skb->vlan_present) {
		buffer.vlan = VLAN_PRESENT | (skb->vlan_tci & VLAN_ID_MASK);
		buffer.stripped = sizeof(struct vlan_header);
	}
	return buffer;
}

static __always_inline int tc_parse(struct __sk_buff *skb, struct facts *facts, enum direction direction,
				    int has_link_header)
{
	struct buffer buffer = tc_buffer(skb);

	buffer.tunnels = tunnels_wanted();
	buffer.link_protocol = has_link_header ? 0 : skb->protocol;
	__builtin_memset(facts, 0, sizeof(*facts));
	facts->key.ifindex = skb->ifindex;
	facts->key.direction = direction;
	return parse((void *)(long)skb->data, (void *)(long)skb->data_end, &buffer, facts);
}

/*
 * A function of its own: most buffers need it not, and the verifier proves it once and not on every path that leads here.
 * That all headers lie in the linear part is seen to first, as a tunnel's headers that are cut short look like no tunnel.
 */
__noinline int merged_tunnel(struct __sk_buff *skb)
{
	struct scratch *scratch = scratch_get();
	__u32 wanted = skb->len < PULL_BYTES ? skb->len : PULL_BYTES;
	struct buffer buffer;

	if (!scratch || (skb->data_end - skb->data < wanted && bpf_skb_pull_data(skb, wanted)))
		return 0;
	buffer = tc_buffer(skb);
	buffer.tunnels = tunnels_wanted();
	__builtin_memset(&scratch->inner, 0, sizeof(scratch->inner));
	if (parse_merged_tunnel((void *)(long)skb->data, (void *)(long)skb->data_end, &buffer, &scratch->facts,
				&scratch->inner) == PARSED_IP)
		count_inner_segments(&buffer, &scratch->facts, &scratch->inner);
	return 0;
}

/* A function of its own, which few packets need: any headers, wherever in the buffer they lie. */
__noinline int tc_parse_any(struct __sk_buff *skb, __u32 direction, __u32 has_link_header)
{
	struct scratch *scratch = scratch_get();
	int parsed = PARSED_SHORT;

	if (!scratch)
		return PARSED_NON_IP;
	for (int attempt = 0; attempt < 2; attempt++) {
		parsed = tc_parse(skb, &scratch->facts, direction, has_link_header);
		if (parsed != PARSED_SHORT || skb->data_end - skb->data >= skb->len)
			break;
		/* The headers lie outside the linear part. Pulling them in changes no byte of the packet. */
		if (attempt || bpf_skb_pull_data(skb, skb->len < PULL_BYTES ? skb->len : PULL_BYTES))
			break;
	}
	return parsed;
}

static __always_inline int tc_parse_plain(struct __sk_buff *skb, struct facts *facts, enum direction direction)
{
	struct buffer buffer = tc_buffer(skb);

	if (constants.tunnels.kinds)
		return -1;
	return parse_plain((void *)(long)skb->data, (void *)(long)skb->data_end, &buffer, facts, skb->ifindex,
			   direction);
}

static __always_inline int tc_watch(struct __sk_buff *skb, enum direction direction, int has_link_header)
{
	struct scratch *scratch = scratch_get();
	int parsed = PARSED_IP;

	if (!scratch)
		return TC_NEXT;
	if (!has_link_header || tc_parse_plain(skb, &scratch->facts, direction))
		parsed = tc_parse_any(skb, direction, has_link_header);
	if (parsed == PARSED_IP && merged_in_tunnel(&scratch->facts))
		merged_tunnel(skb);
	watch(skb, 0, &scratch->facts, parsed);
	return TC_NEXT;
}

SEC("xdp.frags")
int flowgauge_xdp(struct xdp_md *xdp)
{
	struct buffer buffer = xdp_buffer(xdp);

	return xdp_watch(xdp, &buffer);
}

SEC("tc")
int flowgauge_in(struct __sk_buff *skb)
{
	return tc_watch(skb, DIRECTION_INGRESS, 1);
}

SEC("tc")
int flowgauge_out(struct __sk_buff *skb)
{
	return tc_watch(skb, DIRECTION_EGRESS, 1);
}

SEC("tc")
int flowgauge_l3in(struct __sk_buff *skb)
{
	return tc_watch(skb, DIRECTION_INGRESS, 0);
}

SEC("tc")
int flowgauge_l3out(struct __sk_buff *skb)
{
	return tc_watch(skb, DIRECTION_EGRESS, 0);
}

char _license[] SEC("license") = "GPL";
