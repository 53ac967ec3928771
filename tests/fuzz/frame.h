/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An input of the packet fuzzers: what a hook says of a buffer, in a header of fixed size, and the buffer's bytes. Any
 * bytes are an input, so that a mutation never makes one useless.
 */
#ifndef FLOWGAUGE_FUZZ_FRAME_H
#define FLOWGAUGE_FUZZ_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts.h"

#define FRAME_BYTES_MAX 2048

enum frame_flag {
	FRAME_CAPTURED = 1, /* a capture's, as in a replay; otherwise as tc gives it */
	FRAME_TAGGED = 2,   /* tc: the device took a tag out */
	FRAME_NO_ETHERNET = 4,
	FRAME_SHORTER = 8,  /* a capture's: `elsewhere` bytes fewer were on the wire than are there */
	FRAME_TUNNELS = 16, /* tunnels are looked into */
};

struct frame_header {
	uint8_t flags; /* enum frame_flag */
	uint8_t link_bytes;
	uint16_t link_protocol; /* network byte order */
	uint16_t elsewhere;     /* bytes that are not there: cut off a capture, or outside the linear part at tc */
	uint16_t segments;
	uint16_t segment_size;
	uint16_t vlan;
	uint16_t linear; /* where another linear part ends, for what must not depend on it */
	uint16_t reserved;
};

struct frame {
	struct frame_header header;
	size_t length;
	uint8_t bytes[FRAME_BYTES_MAX];
};

/* Longer inputs are cut, shorter ones are no frame (-1). */
int frame_read(struct frame *frame, const uint8_t *input, size_t size);
size_t frame_write(const struct frame *frame, uint8_t *out); /* of sizeof(struct frame) bytes at most */

/* What the programs would make of it before they parse. */
struct buffer frame_buffer(const struct frame *frame);

/* The parser as it is compiled for userspace; `facts` need not be zeroed. */
#define FRAME_IFINDEX 7
int frame_parse(const struct buffer *buffer, const uint8_t *start, size_t length, enum direction direction,
		struct facts *facts);

/*
 * The short way of plain packets beside the long one, for a buffer that the programs would ask it about: NULL if it declines
 * (`taken` is then false) or finds the same, else what differs.
 */
const char *frame_plain_differs(const struct buffer *buffer, const uint8_t *start, size_t length,
				enum direction direction, bool *taken);

/* What tc does after that with a buffer of IP: of a merged tunnel's, the inner headers count, too. */
void frame_parse_merged(const struct buffer *buffer, const uint8_t *start, size_t length, struct facts *facts);

/* NULL, or what the parser may never say of any buffer and yet did; and what the merged step may not make of it. */
const char *facts_broken(const struct buffer *buffer, enum direction direction, int result, const struct facts *facts);
const char *merged_broken(const struct facts *before, const struct facts *facts);

#endif
