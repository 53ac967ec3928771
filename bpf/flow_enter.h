/* SPDX-License-Identifier: GPL-2.0-only */
/* A flow that is new is entered into the table: rare, so that its price is not each packet's. See docs/flow-table.md. */
#ifndef FLOWGAUGE_FLOW_ENTER_H
#define FLOWGAUGE_FLOW_ENTER_H

#include "flow_table.h"

#define ENTER_TRIES 64  /* one that enters a flow, in some 200 */
#define WORDS_TRIED 128 /* of the bitmap; with 64 slots each */
#define WORDS_APART 61  /* as where a word is full, its neighbours often are */
#define SEARCH_TRIES 8  /* another CPU may take what was found */

/* Takes the slot if nobody has it: the atomic operation's winner, alone, may fill it. */
static __always_inline int slot_claim(__u32 index)
{
	__u32 word_index = index / 64;
	__u64 *bits = bpf_map_lookup_elem(&flow_bitmap, &word_index), bit = 1ULL << (index & 63);

	if (!bits || index >= constants.table_slots || *(volatile __u64 *)bits & bit)
		return 0;
	return !(__sync_fetch_and_or(bits, bit) & bit);
}

/* Without branches, which the verifier would multiply. */
static __always_inline __u32 lowest_bit(__u64 bits)
{
	__u32 index = 0;

#pragma unroll
	for (__u32 step = 32; step; step >>= 1) {
		__u64 low = bits & ((1ULL << step) - 1);
		__u64 none = ~(low | -low) >> 63; /* 1: the lower half is empty */

		index += step * none;
		bits >>= step * none;
	}
	return index;
}

static __always_inline __u32 bitmap_words(void)
{
	return constants.table_slots / 64 + (constants.table_slots % 64 != 0);
}

/* Bits of a word of the bitmap. Those of slots that are not there are set. */
static __always_inline __u64 taken_of(__u32 at)
{
	const __u64 *bits = bpf_map_lookup_elem(&flow_bitmap, &at);
	__u32 over = constants.table_slots % 64;
	__u64 absent = over && at == bitmap_words() - 1 ? ~0ULL << over : 0;

	return bits ? *(volatile __u64 *)bits | absent : ~0ULL;
}

/* A word that has a bit clear, `at` or another; NO_SLOT if none of WORDS_TRIED has. A small table is searched whole. */
__noinline __u32 word_with_room(__u32 at)
{
	__u32 words = bitmap_words(), apart = words > WORDS_TRIED ? WORDS_APART : 1;

	for (int i = 0; i < WORDS_TRIED; i++) {
		if (at >= words)
			at -= words;
		if (~taken_of(at))
			return at;
		at += apart;
	}
	return NO_SLOT;
}

/* A slot that nobody had, now the caller's; NO_SLOT if there is none within reach. */
__noinline __u32 slot_search(__u32 home)
{
	__u32 at = home / 64;

	for (int i = 0; i < SEARCH_TRIES; i++) {
		__u32 index;

		at = word_with_room(at);
		if (at == NO_SLOT)
			return NO_SLOT;
		index = at * 64 + lowest_bit(~taken_of(at));
		if (slot_claim(index))
			return index;
	}
	return NO_SLOT;
}

static __always_inline int slot_fill(__u32 index, const struct flow_key *key, __u32 verdict, __u64 now)
{
	struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);
	struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (!slot || !detail)
		return -1;
	slot->key = *key;
	slot->verdict = verdict;
	__builtin_memset(&slot->packets, 0, sizeof(*slot) - offsetof(struct flow_slot, packets));
	slot->last_ns = now;
	__builtin_memset(detail, 0, sizeof(*detail));
	/* Locked, so that it is not freed before its entry leads to it. */
	publish(&slot->word, (slot->word + SLOT_VERSION) | SLOT_LIVE | SLOT_LOCKED);
	return 0;
}

/* The first free entry of the line; LINE_ENTRIES if there is none. */
static __always_inline __u32 line_free(const struct index_line *line)
{
	__u64 hits = zero_bytes(tags_word(line, 0));

	if (hits)
		return lowest_byte(hits);
	hits = zero_bytes(tags_word(line, 1) | ~LAST_TAGS);
	return hits ? 8 + lowest_byte(hits) : LINE_ENTRIES;
}

static __always_inline void line_enter(struct index_line *line, __u32 at, __u32 tag, __u32 index)
{
	if (at >= LINE_ENTRIES)
		return;
	*(volatile __u32 *)&line->slots[at] = index;
#ifdef __TARGET_ARCH_x86
	barrier();
#else
	__sync_fetch_and_add(&line->slots[at], 0); /* the slot's number is there before its tag is */
#endif
	*(volatile __u8 *)&line->tags[at] = tag;
}

#define ENTERED (1ULL << 32)   /* beside the slot's number: it is new, and locked by this packet */
#define PAIR_BUSY (1ULL << 33) /* beside NO_SLOT: others have held the pair for too long */

/* One of the two slots that are the flow's home; NO_SLOT if others have them. */
static __always_inline __u32 home_claim(__u32 home)
{
	if (slot_claim(home))
		return home;
	return slot_claim(home ^ 1) ? home ^ 1 : NO_SLOT;
}

/* The pair is locked. Looks for the key once more: another CPU may have entered it since. */
static __always_inline __u64 pair_enter(struct index_line *own, struct index_line *other, const struct flow_key *key,
					__u64 hash, __u32 verdict, __u64 now)
{
	struct index_line *line = own;
	struct found found;
	__u32 at, index, tag = tag_of(hash), home = home_of(hash);

	if (home_find(key, hash, &found) || line_find(own, key, tag, &found) || line_find(other, key, tag, &found))
		return found.index;
	index = home_claim(home);
	if (index != NO_SLOT)
		return slot_fill(index, key, verdict, now) ? NO_SLOT : index | ENTERED;
	at = line_free(own);
	if (at >= LINE_ENTRIES) {
		line = other;
		at = line_free(other);
	}
	if (at >= LINE_ENTRIES)
		return NO_SLOT;
	index = slot_search(home);
	if (index == NO_SLOT || slot_fill(index, key, verdict, now))
		return NO_SLOT;
	line_enter(line, at, tag, index);
	return index | ENTERED;
}

/* What a new flow at home will write to comes while the pair is locked. */
static __always_inline void detail_touch(__u32 index)
{
	const struct flow_detail *detail = bpf_map_lookup_elem(&flow_details, &index);

	if (!detail)
		return;
	(void)*(volatile __u64 *)&detail->first_ns;
	(void)*(volatile __u64 *)&detail->tcp.repeated_bytes;
}

static __always_inline int pair_lock(struct index_line *even)
{
	for (int i = 0; i < ENTER_TRIES; i++)
		if (!__sync_val_compare_and_swap(&even->lock, 0, 1))
			return 1;
	return 0;
}

/*
 * Enters a flow: its slot's number, and ENTERED. Or finds it, not locked, if another CPU was faster. NO_SLOT: the table has no
 * room for it, or, with PAIR_BUSY, whether it has could not be found out.
 */
__noinline __u64 table_enter(const struct flow_key *key, __u64 hash, __u32 verdict, __u64 now)
{
	__u64 entered = NO_SLOT;
	__u32 line = line_of(hash);
	struct index_line *own = line_get(line), *other = line_get(line ^ 1), *even = line & 1 ? other : own;

	detail_touch(home_of(hash));
	if (!key || !own || !other || !even)
		return NO_SLOT;
	if (!pair_lock(even))
		return PAIR_BUSY | NO_SLOT;
	entered = pair_enter(own, other, key, hash, verdict, now);
	publish(&even->lock, 0);
	return entered;
}

#endif
