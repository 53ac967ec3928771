/* SPDX-License-Identifier: BSD-2-Clause */
/* Damages frames at random: bits, bytes, lengths, parts of other frames, and what the hook says of them. */
#ifndef FLOWGAUGE_FUZZ_MUTATE_H
#define FLOWGAUGE_FUZZ_MUTATE_H

#include "frame.h"

struct mutator {
	uint64_t seed, state;
};

void mutator_seed(struct mutator *mutator, uint64_t seed);
/* A number below `below`; 0 if that is 0. */
uint32_t mutator_draw(struct mutator *mutator, uint32_t below);
/* `out`: one of the `count` frames, damaged. */
void mutate(struct mutator *mutator, const struct frame *frames, size_t count, struct frame *out);

#endif
