/* SPDX-License-Identifier: BSD-2-Clause */
/* Books that follow fewer flows than there are, and flows to fill them with. Include cmocka.h first. */
#ifndef FLOWGAUGE_BOOK_LIMITED_H
#define FLOWGAUGE_BOOK_LIMITED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "flow_model.h"
#include "measure/book.h"

/* One of three is TCP. */
static inline struct flow_key key_of(uint32_t number)
{
	return (struct flow_key){
		.src = { htonl(number) },
		.dst = { htonl(1) },
		.ifindex = 2,
		.protocol = number % 3 ? IPPROTO_UDP : IPPROTO_TCP,
		.family = 4,
	};
}

/* The key of the n-th flow that is UDP. */
static inline struct flow_key udp_key_of(uint32_t flow)
{
	return key_of(flow * 3 + 1);
}

/* As the kernel hands it over: these counters have 32 bits. */
static inline struct flow_record narrow(struct flow_record record, bool tcp)
{
	record.merged = (uint32_t)record.merged;
	record.restarts = (uint32_t)record.restarts;
	record.restart_packets = (uint32_t)record.restart_packets;
	record.sequence.reverse = (uint32_t)record.sequence.reverse;
	record.sequence.big = (uint32_t)record.sequence.big;
	if (tcp) {
		record.tcp.syn = (uint32_t)record.tcp.syn;
		record.tcp.retransmitted_packets = (uint32_t)record.tcp.retransmitted_packets;
		return record;
	}
	record.sequence.small = (uint32_t)record.sequence.small;
	record.sequence.duplicate = (uint32_t)record.sequence.duplicate;
	record.sequence.reordered = (uint32_t)record.sequence.reordered;
	return record;
}

static inline struct book *book_of(uint32_t slots, uint32_t followed, size_t top)
{
	struct book_config config = {
		.idle_timeout_ns = 3600 * SECOND,
		.max_flows = slots,
		.followed_max = followed,
		.top_max = top,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

static inline const struct flow_report *row_of(const struct report *report, uint32_t flow)
{
	struct flow_key key = udp_key_of(flow);

	for (size_t i = 0; i < report->flow_count; i++)
		if (!memcmp(&report->flows[i].key, &key, sizeof(key)))
			return &report->flows[i];
	return NULL;
}

#endif
