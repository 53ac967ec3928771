/* SPDX-License-Identifier: BSD-2-Clause */
#include "mutate.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#define STEPS_MAX 6
#define HEADERS_BYTES 128 /* most damage is done where headers are */

/* xorshift64* (Vigna, 2016) */
uint32_t mutator_draw(struct mutator *mutator, uint32_t below)
{
	mutator->state ^= mutator->state >> 12;
	mutator->state ^= mutator->state << 25;
	mutator->state ^= mutator->state >> 27;
	return below ? (uint32_t)((mutator->state * 0x2545F4914F6CDD1DULL) >> 32) % below : 0;
}

void mutator_seed(struct mutator *mutator, uint64_t seed)
{
	mutator->seed = seed;
	mutator->state = seed * 0x9E3779B97F4A7C15ULL + 1;
}

/* Numbers of protocols, of versions and header lengths, of lengths at their bounds. */
static const uint8_t telling_bytes[] = { 0,  1,  4,  5,  6,  7,  8,    17,   20,   40,   41,  43,  44,  47,  50, 51,
					 58, 59, 60, 63, 64, 69, 0x45, 0x46, 0x4f, 0x60, 127, 128, 132, 253, 255 };
static const uint16_t telling_words[] = {
	0,
	1,
	8,
	20,
	28,
	40,
	0xffff,
	0x1fff,
	0x2000,
	ETH_P_IP,
	ETH_P_IPV6,
	ETH_P_8021Q,
	ETH_P_8021AD,
	ETH_P_MPLS_UC,
	ETH_P_PPP_SES,
	ETH_P_TEB,
	ETH_P_ARP,
	4789,
	6081,
	2152,
	0x0021,
	0x0057,
	0x8000,
	0x3000,
	1500,
};

static size_t place(struct mutator *mutator, const struct frame *frame)
{
	size_t length = frame->length;

	if (length > HEADERS_BYTES && mutator_draw(mutator, 8))
		length = HEADERS_BYTES;
	return mutator_draw(mutator, (uint32_t)length);
}

static void splice(struct mutator *mutator, const struct frame *other, struct frame *frame)
{
	size_t to = place(mutator, frame), from = place(mutator, other), length = other->length - from;

	if (length > sizeof(frame->bytes) - to)
		length = sizeof(frame->bytes) - to;
	memcpy(frame->bytes + to, other->bytes + from, length);
	frame->length = to + length;
}

static void put_word(struct mutator *mutator, struct frame *frame)
{
	uint16_t word = htons(telling_words[mutator_draw(mutator, sizeof(telling_words) / sizeof(telling_words[0]))]);
	size_t at = place(mutator, frame) & ~(size_t)1;

	if (at + sizeof(word) <= frame->length)
		memcpy(frame->bytes + at, &word, sizeof(word));
}

/* Moves what follows a place, and leaves a hole or closes one. */
static void shift(struct mutator *mutator, struct frame *frame)
{
	size_t at = place(mutator, frame), by = 4 * (1 + mutator_draw(mutator, 8));

	if (mutator_draw(mutator, 2) && frame->length + by <= sizeof(frame->bytes)) {
		memmove(frame->bytes + at + by, frame->bytes + at, frame->length - at);
		frame->length += by;
	} else if (at + by < frame->length) {
		memmove(frame->bytes + at, frame->bytes + at + by, frame->length - at - by);
		frame->length -= by;
	}
}

static void damage(struct mutator *mutator, const struct frame *other, struct frame *frame)
{
	if (!frame->length)
		return;
	switch (mutator_draw(mutator, 8)) {
	case 0:
		frame->bytes[place(mutator, frame)] ^= (uint8_t)(1 << mutator_draw(mutator, 8));
		break;
	case 1:
		frame->bytes[place(mutator, frame)] = (uint8_t)mutator_draw(mutator, 256);
		break;
	case 2:
	case 3:
		frame->bytes[place(mutator, frame)] = telling_bytes[mutator_draw(mutator, sizeof(telling_bytes))];
		break;
	case 4:
		put_word(mutator, frame);
		break;
	case 5:
		frame->length = place(mutator, frame);
		break;
	case 6:
		shift(mutator, frame);
		break;
	default:
		if (!mutator_draw(mutator, 3))
			splice(mutator, other, frame);
	}
}

static void say_otherwise(struct mutator *mutator, struct frame_header *header)
{
	switch (mutator_draw(mutator, 6)) {
	case 0:
		header->flags = (uint8_t)mutator_draw(mutator, 32);
		break;
	case 1:
		header->link_protocol =
			htons(telling_words[mutator_draw(mutator, sizeof(telling_words) / sizeof(telling_words[0]))]);
		header->flags |= FRAME_NO_ETHERNET;
		break;
	case 2:
		header->link_bytes = (uint8_t)mutator_draw(mutator, 64);
		break;
	case 3:
		header->elsewhere = (uint16_t)mutator_draw(mutator, 100);
		break;
	case 4:
		header->segments = (uint16_t)(mutator_draw(mutator, 4) ? mutator_draw(mutator, 8) :
									 mutator_draw(mutator, 65536));
		break;
	default:
		header->segment_size = (uint16_t)(mutator_draw(mutator, 2) ? mutator_draw(mutator, 1500) :
									     mutator_draw(mutator, 65536));
	}
}

void mutate(struct mutator *mutator, const struct frame *frames, size_t count, struct frame *out)
{
	*out = frames[mutator_draw(mutator, (uint32_t)count)];
	for (uint32_t steps = 1 + mutator_draw(mutator, STEPS_MAX); steps; steps--)
		damage(mutator, &frames[mutator_draw(mutator, (uint32_t)count)], out);
	if (!mutator_draw(mutator, 3))
		say_otherwise(mutator, &out->header);
}
