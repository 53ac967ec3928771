/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow table, as the packets' side uses it: find a flow, and lock it; flow_enter.h enters a new one. docs/flow-table.md
 * tells why each step is right; the monitor's side is user/kernel/slots*.c.
 */
#ifndef FLOWGAUGE_FLOW_TABLE_H
#define FLOWGAUGE_FLOW_TABLE_H

#include "flow_hash.h"
#include "maps.h"

#define LOCK_TRIES 32 /* a holder is done in some 20 ns */
#define BYTES_OF_ONES 0x0101010101010101ULL
#define BYTES_OF_HIGHS 0x8080808080808080ULL
#define LAST_TAGS 0x00000000ffffffffULL /* the second word of tags is half tags, half lock */
#define BYTE_INDEXES 0x0001020304050607ULL

#define NO_SLOT 0xffffffffU

static __always_inline __u32 line_of(__u64 hash)
{
	return (__u32)((hash >> 32) * (2 * constants.index_pairs) >> 32);
}

/* The slot that a flow has if it is free, or else its neighbour's: no line of the index is looked at to find it there. */
static __always_inline __u32 home_of(__u64 hash)
{
	return (__u32)((hash >> 32) * constants.table_slots >> 32);
}

static __always_inline __u32 tag_of(__u64 hash)
{
	__u32 tag = (hash >> 16) & 0xff;

	return tag ? tag : 1;
}

/* The highest bit of each byte that is 0; above the lowest such byte there may be others too. */
static __always_inline __u64 zero_bytes(__u64 word)
{
	return (word - BYTES_OF_ONES) & ~word & BYTES_OF_HIGHS;
}

/* Index of the byte that the lowest bit of `hits` is in. */
static __always_inline __u32 lowest_byte(__u64 hits)
{
	return ((hits & -hits) >> 7) * BYTE_INDEXES >> 56;
}

static __always_inline __u64 tags_word(const struct index_line *line, int which)
{
	__u64 word = ((volatile __u64 *)line->tags)[which];

	return which ? word & LAST_TAGS : word;
}

static __always_inline __u32 slot_word(const struct flow_slot *slot)
{
	return *(volatile __u32 *)&slot->word;
}

static __always_inline int same_key(const struct flow_key *left, const struct flow_key *right)
{
	const __u64 *a = (const __u64 *)left, *b = (const __u64 *)right;

	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]));
}

/* A flow's slot, as it was when it was found. */
struct found {
	struct flow_slot *slot; /* NULL: not found */
	__u32 index;
	__u32 word; /* read before the key was compared */
};

static __always_inline int is_of(const struct flow_key *key, __u32 index, struct found *found)
{
	struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);

	if (!slot)
		return 0;
	found->word = slot_word(slot);
	/* The slot's second line comes while the first is looked at. */
	(void)*(volatile __u64 *)&slot->last_ns;
	if (!(found->word & SLOT_LIVE) || !same_key(&slot->key, key))
		return 0;
	found->slot = slot;
	found->index = index;
	return 1;
}

/* Asks for the memory of the slot that the flow has if it is at home. */
static __always_inline void home_touch(__u64 hash)
{
	__u32 index = home_of(hash);
	const struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);

	if (!slot)
		return;
	(void)slot_word(slot);
	(void)*(volatile __u64 *)&slot->last_ns;
}

/*
 * Asks for the memory of the slot before the clock is read. Reading the clock waits for every load before it, but not for stores: a 0 is
 * written to where there is never anything else.
 */
static __always_inline void home_order(const struct flow_key *key)
{
	__u32 index = home_of(flow_hash(&constants.secret, key));
	struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);

	if (slot)
		*(volatile __u8 *)&slot->key.reserved = 0;
}

/* Whether a live flow of the key stands in the line. */
static __always_inline int line_find(const struct index_line *line, const struct flow_key *key, __u32 tag,
				     struct found *found)
{
	__u64 tags = tag * BYTES_OF_ONES, hits = zero_bytes(tags_word(line, 0) ^ tags);
	__u32 base = 0;

	for (int i = 0; i <= LINE_ENTRIES; i++) {
		__u32 at;

		if (!hits && !base) {
			base = 8;
			hits = zero_bytes(tags_word(line, 1) ^ tags);
		}
		if (!hits)
			return 0;
		at = base + lowest_byte(hits);
		hits &= hits - 1;
		if (at >= LINE_ENTRIES)
			return 0;
		if (is_of(key, *(volatile __u32 *)&line->slots[at], found))
			return 1;
	}
	return 0;
}

static __always_inline struct index_line *line_get(__u32 line)
{
	return bpf_map_lookup_elem(&flow_index, &line);
}

/* Whether a live flow of the key has one of the two slots that are its home. */
static __always_inline int home_find(const struct flow_key *key, __u64 hash, struct found *found)
{
	__u32 home = home_of(hash);

	return is_of(key, home, found) || is_of(key, home ^ 1, found);
}

/* The number of the flow's slot if that is not the first one of its home. A function of its own, as it is for most. */
__noinline __u32 table_search(const struct flow_key *key, __u64 hash)
{
	__u32 line = line_of(hash), tag = tag_of(hash);
	const struct index_line *own = line_get(line), *other = line_get(line ^ 1);
	struct found found;

	if (!key || !own || !other)
		return NO_SLOT;
	/* The index comes while the neighbour is looked at. */
	(void)tags_word(own, 0);
	(void)tags_word(other, 0);
	if (is_of(key, home_of(hash) ^ 1, &found) || line_find(own, key, tag, &found) ||
	    line_find(other, key, tag, &found))
		return found.index;
	return NO_SLOT;
}

/* The flow's live slot, not locked; found->slot NULL if it has none. */
static __always_inline void table_find(const struct flow_key *key, __u64 hash, struct found *found)
{
	found->slot = NULL;
	if (!is_of(key, home_of(hash), found))
		is_of(key, table_search(key, hash), found);
}

/* Stores become visible in program order on x86; elsewhere an atomic exchange sees to it. */
static __always_inline void publish(__u32 *word, __u32 value)
{
#ifdef __TARGET_ARCH_x86
	barrier();
	*(volatile __u32 *)word = value;
#else
	__sync_lock_test_and_set(word, value);
#endif
}

static __always_inline void slot_unlock(struct found *found)
{
	publish(&found->slot->word, found->word + SLOT_VERSION);
}

enum locked { LOCK_HELD, LOCK_BUSY, LOCK_GONE };

/* Elsewhere than on x86 the key may have been read before the word was: then it is looked at once more. */
static __always_inline int is_certain(const struct flow_slot *slot, const struct flow_key *key)
{
#ifdef __TARGET_ARCH_x86
	return 1;
#else
	return same_key(&slot->key, key);
#endif
}

/*
 * Takes the lock. Its word is what was read before the key was compared, so that it can only be had while the slot is the
 * key's. LOCK_GONE: the slot was freed meanwhile.
 */
static __always_inline enum locked slot_lock(const struct flow_key *key, struct found *found)
{
	struct flow_slot *slot = found->slot;
	__u32 word = found->word;

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!(word & SLOT_LOCKED) &&
		    __sync_val_compare_and_swap(&slot->word, word, word | SLOT_LOCKED) == word) {
			found->word = word;
			if (is_certain(slot, key))
				return LOCK_HELD;
			slot_unlock(found);
			return LOCK_GONE;
		}
		word = slot_word(slot);
		if (!(word & SLOT_LIVE) || !same_key(&slot->key, key))
			return LOCK_GONE;
	}
	return LOCK_BUSY;
}

#endif
