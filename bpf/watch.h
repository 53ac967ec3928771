/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages behind the parser, in their order: the same for every hook. */
#ifndef FLOWGAUGE_WATCH_H
#define FLOWGAUGE_WATCH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "account.h"
#include "fragments.h"
#include "maps.h"
#include "merged.h"
#include "sequence.h"
#include "tcp.h"

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

#endif
