/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the groups share. */
#ifndef FLOWGAUGE_GROUPS_INTERNAL_H
#define FLOWGAUGE_GROUPS_INTERNAL_H

#include "measure/groups.h"

#define GROUP_WORDS (sizeof(struct flow_key) / sizeof(uint64_t))
#define GROUP_FREE UINT32_MAX
#define UNKNOWN_PLACE 0 /* of indices that nobody named */

struct group_sums {
	uint64_t packets, bytes, payload_bytes;
};

/*
 * The flows of one key. Its total is retired + live. What retires is pending until the next reading, as the flow may be
 * in this reading's `live`. The first members are what each flow touches.
 */
struct group_entry {
	uint64_t words[GROUP_WORDS]; /* a flow_key with all but the group's parts 0, and the place instead of the ifindex */
	struct group_sums live;
	uint32_t flows;
	uint32_t reading; /* that live and flows are of */
	struct group_sums retired, pending;
	struct group_sums total; /* as of the last report; it never falls */
	struct group_sums base;  /* of a series: what the total was before it began */
	bool known;              /* total is */
	bool has_series;
	bool merged; /* into another one: about to go */
};

struct group {
	const struct group_config *config; /* borrowed */
	uint64_t masks[GROUP_FAMILIES][GROUP_WORDS];
	struct group_entry all;      /* of every flow that matches */
	struct group_entry *entries; /* owned; `capacity` of them */
	uint32_t *slots;             /* owned: open addressing, index of the entry or GROUP_FREE */
	uint32_t count, capacity, slot_mask;
	struct group_sums rest; /* as shown; it never falls */
	bool incomplete;        /* there were keys that are not remembered: a new one may have a past */
	bool begins_late;       /* it was added to others: its first report has no rates */
};

/* Interfaces by a number of their own, their place: an index may change its name, and a name its index. */
struct group_place {
	char name[IF_NAMESIZE]; /* empty: free */
};

struct group_index {
	unsigned int ifindex; /* 0: free */
	uint32_t place;
};

struct groups {
	struct groups_config config;
	struct group *items; /* owned */
	uint32_t reading;
	uint64_t seed; /* keeps a sender from choosing keys that share a slot */
	struct group_place *places;
	size_t place_count, place_capacity;
	struct group_index *indices; /* open addressing, a power of two, at most half full */
	size_t index_count, index_capacity;
};

/* groups.c. NULL: no room. */
struct group_entry *group_entry_find(const struct groups *groups, const struct group *group, const uint64_t *words);
struct group_entry *group_entry_take(const struct groups *groups, struct group *group, const uint64_t *words);
/* What was noted in an earlier reading becomes past. */
void group_entry_freshen(const struct groups *groups, struct group_entry *entry);
/* After entries moved. */
void group_index_anew(const struct groups *groups, struct group *group);
void group_sums_add(struct group_sums *to, const struct group_sums *more);

/* groups_places.c */
int places_open(struct groups *groups); /* 0 or -ENOMEM */
void places_close(struct groups *groups);
uint32_t places_find(const struct groups *groups, unsigned int ifindex);

#endif
