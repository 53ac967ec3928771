/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of a book in tests: a tick in one line. Include cmocka.h first. */
#ifndef FLOWGAUGE_BOOK_STEPS_H
#define FLOWGAUGE_BOOK_STEPS_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "flow_model.h"
#include "measure/book.h"

#define EPOCH (1800000000 * SECOND) /* what the real clock is ahead of the monotonic one */

static inline struct flow_key key_of(uint32_t number, uint8_t protocol)
{
	return (struct flow_key){
		.src = { htonl(0x0a000000 + number) },
		.dst = { htonl(0xc0a80001) },
		.sport = htons(1000),
		.dport = htons(53),
		.ifindex = 2,
		.protocol = protocol,
		.family = 4,
	};
}

static inline struct book *new_book(void)
{
	struct book_config config = {
		.idle_timeout_ns = 60 * SECOND,
		.max_flows = 65536,
		.followed_max = 65536,
		.top_max = 1000,
	};
	struct book *book = NULL;

	assert_int_equal(book_new(&config, &book), 0);
	return book;
}

static inline void begin(struct book *book, uint64_t monotonic_ns)
{
	book_begin(book, monotonic_ns, monotonic_ns + EPOCH);
}

static inline struct report *end(struct book *book)
{
	struct self_report self = { .flows_limit = 4711 };
	struct report *report = NULL;

	assert_int_equal(book_report(book, 3, &self, &report), 0);
	report_flows(report);
	return report;
}

/* A tick over `count` flows with UDP keys 0, 1, 2... */
static inline struct report *tick(struct book *book, uint64_t monotonic_ns, const struct flow_record *records,
				  size_t count)
{
	begin(book, monotonic_ns);
	for (size_t i = 0; i < count; i++) {
		struct flow_key key = key_of((uint32_t)i, IPPROTO_UDP);

		assert_int_equal(book_flow(book, (uint32_t)i, &key, &records[i]), 0);
	}
	return end(book);
}

static inline void baseline(struct book *book, uint64_t monotonic_ns)
{
	begin(book, monotonic_ns);
	report_release(end(book));
}

#endif
