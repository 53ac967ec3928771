/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a payload: a word at an offset, and the first place where a pattern stands. Bytes in the linear part are read
 * in place; others are copied out by the kernel, a window at a time, so that a pattern may straddle fragments.
 *
 * The search takes 8 bytes at a time and 64 to a branch: it looks for the pattern's rarest byte with the usual test
 * for a zero byte in a word, and compares the whole pattern only where a word holds that byte. A loop over single bytes
 * costs eight times as much, and the verifier refuses one of 5000 steps.
 */
#ifndef FLOWGAUGE_PAYLOAD_H
#define FLOWGAUGE_PAYLOAD_H

#include "maps.h"
#include "parse.h"

#define BLOCK_BYTES 64 /* candidates in one step; a window holds the 8 bytes that a match at the last one needs */
#define BLOCKS_MAX ((PATTERN_REACH + BLOCK_BYTES - 1) / BLOCK_BYTES)
#define OFFSET_IN_PLACE_MAX 0x7fff /* packet offsets that the verifier follows */
#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

static __always_inline long payload_copy(void *context, int is_xdp, __u32 offset, void *to, __u32 bytes)
{
	if (is_xdp)
		return bpf_xdp_load_bytes(context, offset, to, bytes);
	return bpf_skb_load_bytes(context, offset, to, bytes);
}

static __always_inline void payload_in_place(void *context, int is_xdp, void **start, void **end)
{
	if (is_xdp) {
		*start = (void *)(long)((struct xdp_md *)context)->data;
		*end = (void *)(long)((struct xdp_md *)context)->data_end;
	} else {
		*start = (void *)(long)((struct __sk_buff *)context)->data;
		*end = (void *)(long)((struct __sk_buff *)context)->data_end;
	}
}

static __always_inline __u64 load_word(const void *at)
{
	return *(const __u64 *)at;
}

/* Non-zero if a byte of the word is the one looked for. */
static __always_inline __u64 word_hit(__u64 word, __u64 repeated)
{
	word ^= repeated;
	return (word - ONES) & ~word & HIGHS;
}

/* The first of 8 candidates at which the pattern stands, or 8. */
static __always_inline __u32 confirm(const void *at)
{
#pragma unroll
	for (__u32 i = 0; i < 8; i++)
		if ((load_word(at + i) & constants.pattern_mask) == constants.pattern)
			return i;
	return 8;
}

/* The first of BLOCK_BYTES candidates at which the pattern stands, or BLOCK_BYTES. `at`: WINDOW_BYTES readable bytes. */
static __always_inline __u32 search_block(const void *at)
{
	__u32 rare = constants.pattern_rare & 7;
	__u64 repeated = ((constants.pattern >> (8 * rare)) & 0xff) * ONES;
	const void *filter = at + rare;
	__u64 any = 0;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	repeated = ((constants.pattern >> (56 - 8 * rare)) & 0xff) * ONES;
#endif
#pragma unroll
	for (int i = 0; i < BLOCK_BYTES; i += 8)
		any |= word_hit(load_word(filter + i), repeated);
	if (!any)
		return BLOCK_BYTES;
#pragma unroll
	for (int i = 0; i < BLOCK_BYTES; i += 8) {
		__u32 found;

		if (!word_hit(load_word(filter + i), repeated))
			continue;
		found = confirm(at + i);
		if (found < 8)
			return i + found;
	}
	return BLOCK_BYTES;
}

/* Where in the payload the pattern first stands; -1 if not within its first PATTERN_REACH bytes. */
static __always_inline int search(void *context, int is_xdp, __u32 offset, __u32 bytes)
{
	__u32 length = constants.pattern_length, candidates, zero = 0, block = 0;
	struct window *window;
	void *start, *end;

	if (bytes > PATTERN_REACH)
		bytes = PATTERN_REACH;
	if (!length || bytes < length || offset > OFFSET_IN_PLACE_MAX * 2)
		return -1;
	candidates = bytes - length + 1;
	payload_in_place(context, is_xdp, &start, &end);
	if (offset <= OFFSET_IN_PLACE_MAX) {
		for (; block < BLOCKS_MAX; block++) {
			void *at = start + offset + block * BLOCK_BYTES;
			__u32 found;

			if (block * BLOCK_BYTES >= candidates || at + WINDOW_BYTES > end)
				break;
			found = search_block(at);
			if (found < BLOCK_BYTES) {
				found += block * BLOCK_BYTES;
				return found < candidates ? (int)found : -1;
			}
		}
	}
	window = bpf_map_lookup_elem(&windows, &zero);
	if (!window)
		return -1;
	for (; block < BLOCKS_MAX; block++) {
		__u32 done = block * BLOCK_BYTES, found, here;

		if (done >= candidates)
			break;
		here = bytes - done;
		if (here > WINDOW_BYTES)
			here = WINDOW_BYTES;
		if (!here || payload_copy(context, is_xdp, offset + done, window->bytes, here))
			return -1;
		found = search_block(window->bytes);
		if (found < BLOCK_BYTES) {
			found += done;
			return found < candidates ? (int)found : -1;
		}
	}
	return -1;
}

/* Verified once each, not once a call. */
__noinline int search_skb(struct __sk_buff *context, __u32 offset, __u32 bytes)
{
	return search(context, 0, offset, bytes);
}

__noinline int search_xdp(struct xdp_md *context, __u32 offset, __u32 bytes)
{
	return search(context, 1, offset, bytes);
}

/* The big-endian word at `at` of a payload of `bytes` that starts at `offset`; 0, or -1 if it does not hold one there. */
static __always_inline int payload_word(void *context, int is_xdp, __u32 offset, __u32 bytes, __u32 at, __u32 *out)
{
	void *start, *end;
	__be32 word;

	if (bytes < sizeof(word) || at > bytes - sizeof(word))
		return -1;
	offset += at;
	payload_in_place(context, is_xdp, &start, &end);
	if (offset <= OFFSET_IN_PLACE_MAX && start + offset + sizeof(word) <= end)
		word = *(__be32 *)(start + offset);
	else if (payload_copy(context, is_xdp, offset, &word, sizeof(word)))
		return -1;
	*out = bpf_ntohl(word);
	return 0;
}

#endif
