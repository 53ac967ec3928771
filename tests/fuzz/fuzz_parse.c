/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser against any bytes: it reads none but the buffer's (each is in a heap block of its very size), says nothing
 * that cannot be, and at tc says the same whatever part of the buffer is linear, unless it asks for more of it. Of a
 * packet that the short way takes, both ways say the same.
 */
#include <string.h>

#include "frame.h"
#include "target.h"

static int parse_copy(const struct buffer *buffer, const uint8_t *bytes, size_t length, struct facts *facts)
{
	uint8_t *copy = malloc(length);
	struct facts merged;
	const char *broken;
	int result;

	if (length)
		memcpy(copy, bytes, length);
	result = frame_parse(buffer, copy, length, DIRECTION_EGRESS, facts);
	broken = facts_broken(buffer, DIRECTION_EGRESS, result, facts);
	if (!broken && result == PARSED_IP && !buffer->captured) {
		merged = *facts;
		frame_parse_merged(buffer, copy, length, &merged);
		broken = merged_broken(facts, &merged);
	}
	free(copy);
	if (broken) {
		fprintf(stderr, "does not hold (result %d): %s\n", result, broken);
		abort();
	}
	return result;
}

static void compare_parts(const struct buffer *buffer, const struct frame *frame)
{
	struct buffer whole = *buffer;
	struct facts all, part;
	size_t linear = frame->header.linear;
	int result, of_part;

	if (linear > frame->length)
		return;
	whole.length = (__u32)frame->length;
	result = parse_copy(&whole, frame->bytes, frame->length, &all);
	of_part = parse_copy(&whole, frame->bytes, linear, &part);
	if (of_part == PARSED_SHORT)
		return;
	if (of_part != result || (result == PARSED_IP && memcmp(&all, &part, sizeof(all)) != 0)) {
		fprintf(stderr, "%zu of %zu bytes linear: result %d, all of them: result %d\n", linear, frame->length,
			of_part, result);
		abort();
	}
}

static void compare_ways(const struct buffer *buffer, const struct frame *frame)
{
	uint8_t *copy;
	const char *differs;
	bool taken;

	if (buffer->captured || buffer->link_protocol || buffer->tunnels.kinds)
		return;
	copy = malloc(frame->length);
	if (frame->length)
		memcpy(copy, frame->bytes, frame->length);
	differs = frame_plain_differs(buffer, copy, frame->length, DIRECTION_EGRESS, &taken);
	free(copy);
	if (differs) {
		fprintf(stderr, "the short way differs: %s\n", differs);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct frame frame;
	struct buffer buffer;
	struct facts facts;

	if (frame_read(&frame, input, size))
		return -1;
	buffer = frame_buffer(&frame);
	parse_copy(&buffer, frame.bytes, frame.length, &facts);
	if (!(frame.header.flags & FRAME_CAPTURED))
		compare_parts(&buffer, &frame);
	compare_ways(&buffer, &frame);
	return 0;
}
