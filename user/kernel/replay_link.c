/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats: https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and LINKTYPE_LINUX_SLL2.html. Raw IP has no link
 * header: the version tells the protocol.
 */
#include "kernel/replay_link.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <pcap/dlt.h>
#include <string.h>

#define DLT_IPV4_ONLY 228
#define DLT_IPV6_ONLY 229
#define DLT_RAW_ELSEWHERE 101 /* the number in files; libpcap maps it to this system's DLT_RAW */
#define DLT_COOKED_V2 276

struct replay_link {
	int type;
	uint16_t bytes;       /* of the link header */
	uint16_t protocol_at; /* where the header holds the EtherType */
	uint16_t protocol;    /* host byte order; 0: as protocol_at or the version says */
};

static const struct replay_link links[] = {
	{ DLT_EN10MB, 0, 0, 0 },
	{ DLT_RAW, 0, 0, 0 },
	{ DLT_RAW_ELSEWHERE, 0, 0, 0 },
	{ DLT_IPV4_ONLY, 0, 0, ETH_P_IP },
	{ DLT_IPV6_ONLY, 0, 0, ETH_P_IPV6 },
	{ DLT_LINUX_SLL, 16, 14, 0 },
	{ DLT_COOKED_V2, 20, 0, 0 },
};

const struct replay_link *replay_link_of(int type)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].type == type)
			return &links[i];
	return NULL;
}

/* What is neither IPv4 nor IPv6 gets a protocol that nobody parses. */
static uint16_t by_version(const uint8_t *frame, size_t captured)
{
	unsigned int version = captured ? frame[0] >> 4 : 0;

	return version == 4 ? ETH_P_IP : version == 6 ? ETH_P_IPV6 : ETH_P_LOOP;
}

void replay_link_note(const struct replay_link *link, const uint8_t *frame, size_t captured, struct packet_note *note)
{
	uint16_t protocol;

	if (link->type == DLT_EN10MB)
		return;
	note->link_bytes = link->bytes;
	if (!link->bytes) {
		note->link_protocol = htons(link->protocol ? link->protocol : by_version(frame, captured));
		return;
	}
	memset(&protocol, 0, sizeof(protocol));
	if (captured >= link->bytes)
		memcpy(&protocol, frame + link->protocol_at, sizeof(protocol));
	/* 0 would mean Ethernet. In cooked captures it stands for frames without a type: those are not IP. */
	note->link_protocol = protocol ? protocol : htons(ETH_P_LOOP);
}
