/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to standard output that never hold up the tick: what a slow reader has not taken waits here, and while it
 * waits, further ticks are left out whole, counted and said once a change. Ends whole lines only.
 */
#ifndef FLOWGAUGE_STREAM_H
#define FLOWGAUGE_STREAM_H

#include "base/loop.h"
#include "base/text.h"

struct stream;

/*
 * `fd` stays the caller's. `closed` is called once when the reader has gone (EPIPE, a terminal that hung up); it must
 * not close the stream. SIGPIPE is to be ignored.
 */
int stream_open(struct loop *loop, int fd, void (*closed)(void *context), void *context, struct stream **out);
/* Takes the bytes of `ticks_text` (left empty) or leaves the tick out; true if taken. */
bool stream_offer(struct stream *stream, struct text *ticks_text);
bool stream_waits(const struct stream *stream);           /* an offer now would be left out */
void stream_flush(struct stream *stream, double seconds); /* writes what waits, for at most so long */
uint64_t stream_left_out(const struct stream *stream);
/* As stream_flush, and frees. */
struct stream *stream_close(struct stream *stream, double seconds);

#endif
