/* SPDX-License-Identifier: BSD-2-Clause */
/* The book of round-trip times, for the files that make it up. */
#ifndef FLOWGAUGE_RTT_INTERNAL_H
#define FLOWGAUGE_RTT_INTERNAL_H

#include "measure/rtt.h"
#include "measure/rtt_spread.h"

/* What tells pairs apart: the kernel's key but for the interface. Whole words, without holes. */
struct rtt_id {
	__be32 src[4], dst[4];
	__be16 sport, dport;
	uint8_t protocol, family, method, reserved;
};

/* One pair, at however many interfaces. */
struct rtt_entry {
	struct rtt_id id;
	uint64_t reading;                               /* the last in which it was there */
	struct rtt_sums left;                           /* of its interfaces at which it is gone */
	struct rtt_sums now;                            /* of the others, as of that reading */
	struct rtt_sums shown;                          /* in the last report */
	uint64_t min_ns, last_ns, smoothed_ns, seen_ns; /* of that reading; last and smoothed are of the latest */
};

/* Of one method. */
struct rtt_rest {
	struct rtt_sums gone;  /* pairs that are gone */
	struct rtt_sums other; /* what found no room in the kernel's table */
	struct rtt_sums shown; /* in the last report; and what rows had shown of pairs that came since */
	uint64_t min_ns;       /* 0: none */
};

struct hop_entry {
	struct rtt_hop_key key;
	uint64_t count;
};

struct rtt_hops {
	struct hop_entry *entries; /* owned */
	size_t count, capacity;
};

struct rtt_book {
	uint64_t reading;
	uint64_t monotonic_ns, realtime_ns;
	uint64_t seed;
	struct rtt_entry **entries; /* owned, each */
	size_t count, capacity;
	uint32_t *slots; /* index of an entry, or RTT_FREE; at most half are taken */
	size_t slot_mask;
	struct rtt_rest rest[RTT_METHODS];
	struct rtt_hops hops, hops_before; /* of this reading; of the last that was reported, sorted */
	uint64_t hops_gone;
};

#define RTT_FREE UINT32_MAX

/* Drops the entries that were not in this reading; the others are found again. */
void rtt_drop_absent(struct rtt_book *book);
bool rtt_entry_is_live(const struct rtt_book *book, const struct rtt_entry *entry);
struct rtt_sums rtt_entry_total(const struct rtt_entry *entry);

/* rtt_hops.c */
int rtt_hops_report(struct rtt_book *book, struct rtts_report *report);

#endif
