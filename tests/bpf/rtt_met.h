/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reading of the round-trip times comes upon, and exchanges that make some. */
#ifndef FLOWGAUGE_TEST_RTT_MET_H
#define FLOWGAUGE_TEST_RTT_MET_H

#include "rtt_packets.h"

#define RTT_LINK4 "eth ip4"
#define RTT_LINK6 "eth ip6"
#define RTT_PAIRS_MET 64

struct rtt_met {
	struct rtt_pair_key keys[RTT_PAIRS_MET];
	struct rtt_pair_record records[RTT_PAIRS_MET];
	int count;
	struct rtt_pair_key gone_key;
	struct rtt_pair_record gone;
	int gone_count;
	uint64_t other[RTT_METHODS];
	struct rtt_hop_key hop_key;
	uint64_t hop;
	int hop_count;
	struct rtt_counts counts;
};

/* a's packets go out, and b's come in. */
void rtt_met_open(struct rig *rig, enum rtt_scope scope, uint32_t flows, uint32_t pairs);
void rtt_met_read(const struct rig *rig, uint64_t now_ns, struct rtt_met *met);

/* A packet whose end a has another address: the last byte of it. */
void rtt_send_from(const struct rig *rig, const char *link, const struct segment *segment, uint8_t host);
/* A request of such an a, and its reply. */
void rtt_ping(const struct rig *rig, const char *link, uint64_t at_us, uint64_t rtt_us, uint8_t host);
/* Three segments with time stamps: b answers a after 300 us, and a answers b after 200. */
extern const struct segment rtt_handshake[3];
void rtt_shake_hands(const struct rig *rig, const char *link);

#endif
