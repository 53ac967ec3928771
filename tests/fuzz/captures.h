/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames of capture files, as inputs of the packet fuzzers. */
#ifndef FLOWGAUGE_FUZZ_CAPTURES_H
#define FLOWGAUGE_FUZZ_CAPTURES_H

#include "frame.h"

#define CAPTURES_DEFAULT "../shared/pcaps" /* from the repository's root; FLOWGAUGE_PCAPS names another place */

/* Gives the first frames of each capture in the directory. How many captures there were; -errno if there is no such place. */
int captures_visit(const char *directory, void (*visit)(void *context, const struct frame *frame), void *context);
const char *captures_directory(void);

#endif
