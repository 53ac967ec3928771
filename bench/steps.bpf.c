// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single steps of a flow monitor, each a program: what the clock costs, and what cache lines cost that lie scattered over
 * as much memory as the flows need. No monitor that looks at the clock and keeps a flow in memory costs less than its steps.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

#define FLOWS_MAX (1 << 20)
#define FLOWS_A_LINE 6 /* of the index: 15 entries, 40 % of them full */
#define TC_NEXT (-1)

const volatile __u32 step_flows = FLOWS_MAX;

struct line {
	__u64 words[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * FLOWS_MAX);
	__type(key, __u32);
	__type(value, struct line);
} step_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOWS_MAX / FLOWS_A_LINE + 1);
	__type(key, __u32);
	__type(value, struct line);
} step_index SEC(".maps");

/* A number below step_flows from the packet's address and port; the same for each packet of a flow. */
static __always_inline __u32 place_of(struct __sk_buff *skb)
{
	void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = start + ETH_HLEN;
	__u16 *port = (void *)(ip + 1);
	__u64 hash;

	if ((void *)(port + 1) > end)
		return 0;
	hash = ((__u64)ip->saddr << 16 | *port) * 0x9e3779b97f4a7c15ULL;
	return (hash >> 32) * step_flows >> 32;
}

static __always_inline void touch(__u32 index)
{
	struct line *line = bpf_map_lookup_elem(&step_slots, &index);

	if (line)
		line->words[0]++;
}

SEC("tc")
int step_clock(struct __sk_buff *skb)
{
	return bpf_ktime_get_ns() ? TC_NEXT : 0;
}

SEC("tc")
int step_line(struct __sk_buff *skb)
{
	touch(2 * place_of(skb));
	return TC_NEXT;
}

SEC("tc")
int step_slot(struct __sk_buff *skb)
{
	__u32 place = place_of(skb);

	touch(2 * place);
	touch(2 * place + 1);
	return TC_NEXT;
}

/* The slot's place depends on what stands in the index: the second access waits for the first, as in a lookup. */
SEC("tc")
int step_index_slot(struct __sk_buff *skb)
{
	__u32 place = place_of(skb), index = place / FLOWS_A_LINE;
	struct line *line = bpf_map_lookup_elem(&step_index, &index);

	if (!line)
		return TC_NEXT;
	place += (__u32)line->words[7]; /* zero */
	touch(2 * place);
	touch(2 * place + 1);
	return TC_NEXT;
}

/* The same with what a lock costs: one compare-and-swap in the slot. */
SEC("tc")
int step_index_lock_slot(struct __sk_buff *skb)
{
	__u32 place = place_of(skb), index = place / FLOWS_A_LINE;
	struct line *line = bpf_map_lookup_elem(&step_index, &index);

	if (!line)
		return TC_NEXT;
	place = 2 * (place + (__u32)line->words[7]);
	line = bpf_map_lookup_elem(&step_slots, &place);
	if (!line || __sync_val_compare_and_swap(&line->words[1], 0, 1))
		return TC_NEXT;
	touch(place);
	touch(place + 1);
	line->words[1] = 0;
	return TC_NEXT;
}

/*
 * The least that a monitor does which takes the time of each packet and keeps it with its flow: clock, lock, the flow's two lines. Reading the
 * clock waits for what came before it, so that a packet's memory does not come while the one before is dealt with.
 */
SEC("tc")
int step_clock_lock_slot(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 place = 2 * place_of(skb);
	struct line *line = bpf_map_lookup_elem(&step_slots, &place);

	if (!line || __sync_val_compare_and_swap(&line->words[1], 0, 1))
		return TC_NEXT;
	line->words[2] = now;
	touch(place);
	touch(place + 1);
	line->words[1] = 0;
	return TC_NEXT;
}

char _license[] SEC("license") = "GPL";
