/* SPDX-License-Identifier: BSD-2-Clause */
#include "corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../bpf/packets.h"
#include "captures.h"

static void add(void *context, const struct frame *frame)
{
	struct corpus *corpus = context;

	if (corpus->count == corpus->room) {
		corpus->room = corpus->room ? 2 * corpus->room : 256;
		corpus->frames = realloc(corpus->frames, corpus->room * sizeof(*corpus->frames));
		assert_non_null(corpus->frames);
	}
	corpus->frames[corpus->count++] = *frame;
}

void corpus_make(struct corpus *corpus, const char *const *lines, size_t count)
{
	static struct frame frame;
	static struct packet packet;
	int captures;

	for (size_t i = 0; i < count; i++) {
		packet_make(&packet, lines[i]);
		assert_in_range(packet.length, 1, sizeof(frame.bytes));
		frame.length = packet.length;
		memcpy(frame.bytes, packet.bytes, packet.length);
		add(corpus, &frame);
	}
	captures = captures_visit(captures_directory(), add, corpus);
	print_message("%zu frames of %d captures and a table\n", corpus->count, captures > 0 ? captures : 0);
}

void corpus_free(struct corpus *corpus)
{
	free(corpus->frames);
	*corpus = (struct corpus){ 0 };
}

void frame_print(const struct frame *frame, const struct buffer *buffer)
{
	print_message("length %u, tag %x, link %04x after %u, captured %u, segments %u of %u, tunnels %x:",
		      buffer->length, buffer->vlan, ntohs(buffer->link_protocol), buffer->link_bytes, buffer->captured,
		      buffer->segments, buffer->segment_size, buffer->tunnels.kinds);
	for (size_t i = 0; i < frame->length; i++)
		print_message(" %02x", frame->bytes[i]);
	print_message("\n");
}
