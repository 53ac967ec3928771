/* SPDX-License-Identifier: BSD-2-Clause */
/* One exchange with a server on the same loop: the client's side, and the whole of its life. */
#ifndef FLOWGAUGE_FUZZ_EXCHANGE_H
#define FLOWGAUGE_FUZZ_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/text.h"

/*
 * Sends the input through `fd`, which is connected, in two pieces whose border the first byte chooses, and runs the loop until
 * the server has ended its side. Appends what it said. The caller keeps owning fd. The input has to fit a socket's buffer.
 */
void exchange(struct loop *loop, int fd, const uint8_t *input, size_t size, struct text *answer);

#endif
