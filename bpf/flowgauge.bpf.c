// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry points, and the order of the stages. Every program only watches: XDP passes the packet, tc says "next".
 *
 * XDP and tc differ in how they tell of a packet, not in what is done with it: each has a thin adaptor that fills a
 * struct buffer, and all share watch().
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "fragments.h"
#include "maps.h"
#include "merged.h"
#include "parse.h"
#include "sequence.h"
#include "tcp.h"

#define TC_NEXT (-1) /* TCX_NEXT, and TC_ACT_UNSPEC for clsact: the next program decides */

#define PULL_BYTES 512 /* asked into the linear part where the headers do not lie there */

/* What a replay says of the frame; NULL where it says nothing. */
static __always_inline const struct packet_note *packet_note(struct xdp_md *xdp)
{
	struct packet_note *note = (void *)(long)xdp->data_meta;

	return (void *)(note + 1) <= (void *)(long)xdp->data ? note : NULL;
}

static __always_inline __u64 packet_time(void *context, int is_xdp)
{
	const struct packet_note *note;

	if (constants.clock == CLOCK_OF_KERNEL)
		return bpf_ktime_get_ns();
	if (!is_xdp)
		return ((struct __sk_buff *)context)->tstamp;
	note = packet_note(context);
	return note ? note->time_ns : 0;
}

/* One update of a flow's record: the number is found before the lock is taken. */
static __always_inline void flow_update(void *context, int is_xdp, struct flow_record *flow, struct facts *facts)
{
	int numbered = sequence_wanted(facts), merged = !is_xdp && numbered && facts->packets > 1;
	__u32 number = 0;
	__u64 now, before;

	/* The record's second cache line comes while the clock is read, not after the lock has drained the pipeline. */
	(void)*(volatile __u64 *)&flow->last_ns;
	now = packet_time(context, is_xdp);
	if (numbered && !merged)
		numbered = !sequence_find(context, is_xdp, facts->payload_offset, facts->payload_bytes, &number);
	if (!flow_lock(flow)) {
		account_spilled(flow, facts);
		return;
	}
	before = flow->last_ns;
	account(flow, facts, now);
	if (facts->key.protocol == IPPROTO_TCP)
		tcp_take(flow, facts, now, before);
	else if (numbered && !merged)
		sequence_take(&flow->sequence, number);
	flow_unlock(flow);
	if (merged)
		sequence_of_merged(context, flow, facts);
}

static __always_inline void watch(void *context, int is_xdp, struct facts *facts, int parsed)
{
	enum outcome outcome;
	struct flow_record *flow;

	if (parsed != PARSED_IP) {
		ledger_charge(facts, parsed == PARSED_NON_IP ? OUTCOME_NON_IP : OUTCOME_UNPARSED);
		return;
	}
	if (constants.ignore_vlan)
		facts->key.vlan[0] = facts->key.vlan[1] = 0;
	if (facts->fragment || facts->fragment_first)
		fragments(facts, packet_time(context, is_xdp));
	flow = flow_find(&facts->key, &outcome);
	if (flow)
		flow_update(context, is_xdp, flow, facts);
	ledger_charge(facts, outcome);
}

static __always_inline struct tunnels tunnels_wanted(void)
{
	return (struct tunnels){
		.kinds = constants.tunnels.kinds,
		.vxlan_port = constants.tunnels.vxlan_port,
		.geneve_port = constants.tunnels.geneve_port,
		.gtpu_port = constants.tunnels.gtpu_port,
	};
}

static __always_inline struct buffer tc_buffer(struct __sk_buff *skb)
{
	struct buffer buffer = {
		.length = skb->len,
		.segments = skb->gso_segs,
		.segment_size = skb->gso_size,
		.tunnels = tunnels_wanted(),
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
	__builtin_memset(&scratch->inner, 0, sizeof(scratch->inner));
	if (parse_merged_tunnel((void *)(long)skb->data, (void *)(long)skb->data_end, &buffer, &scratch->facts,
				&scratch->inner) == PARSED_IP)
		count_inner_segments(&buffer, &scratch->facts, &scratch->inner);
	return 0;
}

static __always_inline int tc_watch(struct __sk_buff *skb, enum direction direction, int has_link_header)
{
	struct scratch *scratch = scratch_get();
	int parsed = PARSED_SHORT;

	if (!scratch)
		return TC_NEXT;
	for (int attempt = 0; attempt < 2; attempt++) {
		parsed = tc_parse(skb, &scratch->facts, direction, has_link_header);
		if (parsed != PARSED_SHORT || skb->data_end - skb->data >= skb->len)
			break;
		/* The headers lie outside the linear part. Pulling them in changes no byte of the packet. */
		if (attempt || bpf_skb_pull_data(skb, skb->len < PULL_BYTES ? skb->len : PULL_BYTES))
			break;
	}
	if (parsed == PARSED_IP && merged_in_tunnel(&scratch->facts))
		merged_tunnel(skb);
	watch(skb, 0, &scratch->facts, parsed);
	return TC_NEXT;
}

SEC("xdp.frags")
int flowgauge_xdp(struct xdp_md *xdp)
{
	struct buffer buffer = { .length = bpf_xdp_get_buff_len(xdp), .tunnels = tunnels_wanted() };
	struct scratch *scratch = scratch_get();
	struct facts *facts;

	if (!scratch)
		return XDP_PASS;
	facts = &scratch->facts;
	if (constants.clock == CLOCK_OF_PACKET) {
		const struct packet_note *note = packet_note(xdp);

		if (note) {
			buffer.captured = note->wire_length != 0;
			buffer.length = note->wire_length ? note->wire_length : buffer.length;
			buffer.link_bytes = note->link_bytes;
			buffer.link_protocol = note->link_protocol;
		}
	}
	__builtin_memset(facts, 0, sizeof(*facts));
	facts->key.ifindex = xdp->ingress_ifindex;
	facts->key.direction = DIRECTION_INGRESS;
	watch(xdp, 1, facts, parse((void *)(long)xdp->data, (void *)(long)xdp->data_end, &buffer, facts));
	return XDP_PASS;
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
