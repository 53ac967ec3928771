// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives a tc program with many flows inside one BPF_PROG_TEST_RUN: for each run it writes the next flow's address and
 * port into the packet and tail-calls the program under test. The empty program behind the same driver is the base.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ORDER_MAX (1 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* Which flow comes when: uniform or Zipf, drawn by the bench. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORDER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} order SEC(".maps");

/* Where each TCP flow's stream stands: its segments come in order. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ORDER_MAX);
	__type(key, __u32);
	__type(value, __u32);
} positions SEC(".maps");

__u32 next_run;
const volatile __u32 tcp_payload; /* bytes of a segment; 0: the packet is not TCP */
const volatile __u32 number_at;   /* offset of a sequence word to count up; 0: none */

SEC("tc")
int bench_driver(struct __sk_buff *skb)
{
	void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = start;
	struct iphdr *ip = (void *)(ethernet + 1);
	__be16 *ports = (void *)(ip + 1);
	__u32 run = next_run++ & (ORDER_MAX - 1);
	__u64 *flow;

	if ((void *)(ports + 4) > end)
		return 0;
	flow = bpf_map_lookup_elem(&order, &run);
	if (!flow)
		return 0;
	ip->saddr = bpf_htonl(0x0a000000 | (__u32)(*flow >> 8));
	ports[0] = bpf_htons(1024 + (*flow & 0xff));
	if (number_at && start + number_at + 4 <= end)
		*(__be32 *)(start + number_at) = bpf_htonl((__u32)(next_run));
	if (tcp_payload) {
		__u32 index = *flow;
		__u32 *position = bpf_map_lookup_elem(&positions, &index);

		if (!position)
			return 0;
		*(__be32 *)(ports + 2) = bpf_htonl(*position);
		*position += tcp_payload;
	}
	bpf_tail_call(skb, &target, 0);
	return 0;
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	return -1;
}

char _license[] SEC("license") = "GPL";
