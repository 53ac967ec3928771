// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives a program with many flows inside one BPF_PROG_TEST_RUN: for each run it writes the next packet of the order into
 * the frame and tail-calls the program under test. The empty program behind the same driver is what a run costs without it.
 * The order is read from front to back, so that the driver costs the same however many flows there are.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet_choice.h"

#define TRANSPORT_AT (ETH_HLEN + 20)
#define TCP_NUMBER_AT (TRANSPORT_AT + 4)
#define TCP_STAMP_AT (TRANSPORT_AT + 24) /* behind two NOPs, kind and length */
#define ECHO_AT (TCP_STAMP_AT + 4)

#define SERVER 0x0a010002 /* as in the frame */
#define SERVER_PORT 5001

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORDER_ENTRIES);
	__type(key, __u32);
	__type(value, struct packet_choice);
} order SEC(".maps");

__u32 at;   /* next entry of the order */
__u32 pass; /* how often the second part has been run */

const volatile __u32 tcp_payload;       /* bytes of a segment; 0: the packet is not TCP */
const volatile __u32 stamp_packets = 1; /* packets that share a time stamp */
const volatile __u32 both_ways;         /* 1: packets are answered, and echo their time stamps */
const volatile __u32 number_at;         /* offset in the frame of a word that counts up in each flow; 0: none */

static __always_inline __u32 stamp_of(__u32 packet)
{
	return 1 + packet / stamp_packets;
}

static __always_inline void write_transport(void *start, void *end, __u32 number)
{
	if (tcp_payload && start + TCP_STAMP_AT + 4 <= end) {
		*(__be32 *)(start + TCP_NUMBER_AT) = bpf_htonl(1 + number * tcp_payload);
		*(__be32 *)(start + TCP_STAMP_AT) = bpf_htonl(stamp_of(pass * ORDER_PACKETS + at));
		if (both_ways && start + ECHO_AT + 4 <= end)
			*(__be32 *)(start + ECHO_AT) = bpf_htonl(stamp_of(pass * ORDER_PACKETS + at - ANSWERS_AFTER));
	} else if (number_at && start + number_at + 4 <= end) {
		*(__be32 *)(start + number_at) = bpf_htonl(1 + number);
	}
}

static __always_inline void write_ends(struct iphdr *ip, __be16 *ports, const struct packet_choice *choice)
{
	__u32 source = 0;

	if (both_ways) {
		source = choice->is_answer & 1;
		*(source ? &ip->saddr : &ip->daddr) = bpf_htonl(SERVER);
		ports[!source] = bpf_htons(SERVER_PORT);
	}
	*(source ? &ip->daddr : &ip->saddr) = choice->source;
	ports[source] = choice->port;
}

static __always_inline void write_packet(void *start, void *end)
{
	struct iphdr *ip = start + ETH_HLEN;
	__be16 *port = start + TRANSPORT_AT;
	struct packet_choice *choice;
	__u32 index = at;

	at = index + 1;
	if (at >= ORDER_ENTRIES) {
		at = ORDER_PACKETS;
		pass++;
	}
	choice = bpf_map_lookup_elem(&order, &index);
	if (!choice || (void *)(port + 2) > end)
		return;
	write_ends(ip, port, choice);
	write_transport(start, end, choice->number + pass * choice->step);
}

SEC("tc")
int drive_tc(struct __sk_buff *skb)
{
	write_packet((void *)(long)skb->data, (void *)(long)skb->data_end);
	bpf_tail_call(skb, &target, 0);
	return 0;
}

SEC("xdp")
int drive_xdp(struct xdp_md *xdp)
{
	write_packet((void *)(long)xdp->data, (void *)(long)xdp->data_end);
	bpf_tail_call(xdp, &target, 0);
	return XDP_ABORTED;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb)
{
	return -1;
}

SEC("xdp")
int empty_xdp(struct xdp_md *xdp)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
