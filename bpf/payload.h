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
#define PACKET_OFFSET_MASK 0x7fff /* of what is read in place; the verifier follows offsets to 0xffff */
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

/* Bit i: the pattern stands at candidate i of 8. Without branches, which the verifier would multiply. */
static __always_inline __u64 confirm(const void *at)
{
	__u64 bits = 0;

#pragma unroll
	for (int i = 0; i < 8; i++) {
		__u64 difference = (load_word(at + i) & constants.pattern_mask) ^ constants.pattern;

		bits |= (~(difference | -difference) >> 63) << i;
	}
	return bits;
}

static __always_inline __u64 rare_byte_repeated(void)
{
	__u32 rare = constants.pattern_rare & 7;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	rare = 7 - rare;
#endif
	return ((constants.pattern >> (8 * rare)) & 0xff) * ONES;
}

/* Non-zero if the block holds the rare byte where a candidate would have it. `at`: WINDOW_BYTES readable bytes. */
static __always_inline __u64 block_hit(const void *at)
{
	__u64 repeated = rare_byte_repeated(), hits = 0;

	at += constants.pattern_rare & 7;
#pragma unroll
	for (int i = 0; i < BLOCK_BYTES; i += 8)
		hits |= word_hit(load_word(at + i), repeated);
	return hits;
}

/* Bit i: the pattern stands at candidate i of BLOCK_BYTES. */
static __always_inline __u64 block_confirm(const void *at)
{
	__u64 repeated = rare_byte_repeated(), bits = 0;

#pragma unroll
	for (int i = 0; i < BLOCK_BYTES; i += 8)
		if (word_hit(load_word(at + i + (constants.pattern_rare & 7)), repeated))
			bits |= confirm(at + i) << i;
	return bits;
}

static __always_inline __u64 block_confirm_in_place(void *context, int is_xdp, __u32 offset)
{
	void *start, *end, *at;

	payload_in_place(context, is_xdp, &start, &end);
	barrier_var(offset);
	offset &= PACKET_OFFSET_MASK;
	at = start + offset;
	barrier_var(at);
	return at + WINDOW_BYTES <= end ? block_confirm(at) : 0;
}

/* Verified once each, not once a block. */
__noinline __u64 block_confirm_skb(struct __sk_buff *context, __u32 offset)
{
	return block_confirm_in_place(context, 0, offset);
}

__noinline __u64 block_confirm_xdp(struct xdp_md *context, __u32 offset)
{
	return block_confirm_in_place(context, 1, offset);
}

__noinline __u64 block_confirm_window(void)
{
	struct scratch *scratch = scratch_get();

	return scratch ? block_confirm(scratch->window) : 0;
}

/* Blocks that can be read in place, from the first on; the bits of the one that holds a match, and its number. */
static __always_inline __u64 search_in_place(void *context, int is_xdp, __u32 offset, __u32 candidates, __u32 *block)
{
	void *start, *end;
	__u64 bits;

	payload_in_place(context, is_xdp, &start, &end);
	barrier_var(offset); /* the bound of the offset, where the compiler cannot leave it out */
	offset &= PACKET_OFFSET_MASK;
	for (; *block < BLOCKS_MAX; (*block)++) {
		void *at = start + offset + *block * BLOCK_BYTES;

		barrier_var(at); /* one pointer to check and to read by: the verifier knows no other to be the same */
		if (*block * BLOCK_BYTES >= candidates || at + WINDOW_BYTES > end)
			break;
		if (!block_hit(at))
			continue;
		offset += *block * BLOCK_BYTES;
		bits = is_xdp ? block_confirm_xdp(context, offset) : block_confirm_skb(context, offset);
		offset -= *block * BLOCK_BYTES;
		if (bits)
			return bits;
	}
	return 0;
}

/* The rest: beyond the linear part, or too near its end to read a whole window. */
static __always_inline __u64 search_copied(void *context, int is_xdp, __u32 offset, __u32 bytes, __u32 candidates,
					   __u32 *block)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return 0;
	for (; *block < BLOCKS_MAX; (*block)++) {
		__u32 done = *block * BLOCK_BYTES, here = bytes - done;
		__u64 bits;

		if (done >= candidates)
			break;
		if (here > WINDOW_BYTES)
			here = WINDOW_BYTES;
		barrier_var(here);
		if (here < 1 || here > WINDOW_BYTES ||
		    payload_copy(context, is_xdp, offset + done, scratch->window, here))
			break;
		if (!block_hit(scratch->window))
			continue;
		bits = block_confirm_window();
		if (bits)
			return bits;
	}
	return 0;
}

/* Where in the payload the pattern first stands; -1 if not within its first PATTERN_REACH bytes. */
static __always_inline int search(void *context, int is_xdp, __u32 offset, __u32 bytes)
{
	__u32 length = constants.pattern_length, candidates, block = 0;
	__u64 bits;

	if (bytes > PATTERN_REACH)
		bytes = PATTERN_REACH;
	if (!length || bytes < length || offset > PACKET_OFFSET_MASK)
		return -1;
	candidates = bytes - length + 1;
	bits = search_in_place(context, is_xdp, offset, candidates, &block);
	if (!bits)
		bits = search_copied(context, is_xdp, offset, bytes, candidates, &block);
	if (!bits)
		return -1;
	block = block * BLOCK_BYTES + lowest_bit(bits);
	return block < candidates ? (int)block : -1;
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
	if (offset <= PACKET_OFFSET_MASK && start + offset + sizeof(word) <= end)
		word = *(__be32 *)(start + offset);
	else if (payload_copy(context, is_xdp, offset, &word, sizeof(word)))
		return -1;
	*out = bpf_ntohl(word);
	return 0;
}

#endif
