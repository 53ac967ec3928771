/* SPDX-License-Identifier: BSD-2-Clause */
/* What the packet fuzzers start from: frames of a table, and those of the captures that there are. */
#ifndef FLOWGAUGE_FUZZ_CORPUS_H
#define FLOWGAUGE_FUZZ_CORPUS_H

#include "frame.h"

struct corpus {
	struct frame *frames;
	size_t count, room;
};

/* `lines` are packets.h's. Asserts that there is memory; says how much it found. */
void corpus_make(struct corpus *corpus, const char *const *lines, size_t count);
void corpus_free(struct corpus *corpus);

/* What to put into a table of tests, when one fails. */
void frame_print(const struct frame *frame, const struct buffer *buffer);

#endif
