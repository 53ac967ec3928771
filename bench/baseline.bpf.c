// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a flow monitor costs at least that keeps its flows in the kernel's own hash and counts with atomics: packets,
 * bytes, first, last, and the sum and the squares of the gaps. Plain IPv4 with TCP or UDP, and nothing else: a rival that
 * does less.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FLOWS (1 << 20)
#define TC_NEXT (-1)

struct key {
	__be32 source, destination;
	__be16 sport, dport;
	__u32 ifindex;
	__u32 protocol;
};

struct record {
	__u64 packets, bytes, first_ns, last_ns, gap_ns, gap_squares;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct key);
	__type(value, struct record);
} baseline_flows SEC(".maps");

static __always_inline int read_key(void *start, void *end, struct key *key)
{
	struct ethhdr *ethernet = start;
	struct iphdr *ip = (void *)(ethernet + 1);
	__be16 *ports = (void *)(ip + 1);

	if ((void *)(ports + 2) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP))
		return 0;
	key->source = ip->saddr;
	key->destination = ip->daddr;
	key->sport = ports[0];
	key->dport = ports[1];
	key->protocol = ip->protocol;
	return 1;
}

static __always_inline void count(void *start, void *end, __u32 ifindex, __u64 bytes)
{
	struct key key = { .ifindex = ifindex };
	__u64 now = bpf_ktime_get_ns(), gap;
	struct record *record;

	if (!read_key(start, end, &key))
		return;
	record = bpf_map_lookup_elem(&baseline_flows, &key);
	if (!record) {
		struct record first = { .packets = 1, .bytes = bytes, .first_ns = now, .last_ns = now };

		if (!bpf_map_update_elem(&baseline_flows, &key, &first, BPF_NOEXIST))
			return;
		record = bpf_map_lookup_elem(&baseline_flows, &key);
		if (!record)
			return;
	}
	gap = (now - record->last_ns) >> 9;
	record->last_ns = now;
	__sync_fetch_and_add(&record->packets, 1);
	__sync_fetch_and_add(&record->bytes, bytes);
	__sync_fetch_and_add(&record->gap_ns, gap);
	__sync_fetch_and_add(&record->gap_squares, gap * gap);
}

SEC("tc")
int hash_tc(struct __sk_buff *skb)
{
	count((void *)(long)skb->data, (void *)(long)skb->data_end, skb->ifindex, skb->len);
	return TC_NEXT;
}

SEC("xdp")
int hash_xdp(struct xdp_md *xdp)
{
	count((void *)(long)xdp->data, (void *)(long)xdp->data_end, xdp->ingress_ifindex, xdp->data_end - xdp->data);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
