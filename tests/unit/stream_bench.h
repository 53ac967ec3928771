/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream, what it writes to, and a reader that runs in the same loop when it is told to. */
#ifndef FLOWGAUGE_STREAM_BENCH_H
#define FLOWGAUGE_STREAM_BENCH_H

#include "export/stream.h"

#define BIG_TICK 300000 /* bytes: more than a pipe or a socket holds */
#define LOG_SIZE 2048
#define HANGS_SECONDS 60

struct stream_bench {
	struct loop *loop;
	struct stream *stream;
	int in, out; /* ends of the pipe: the reader's, the stream's */
	struct text arrived;
	size_t wanted; /* the loop ends when so many bytes arrived */
	struct loop_source reader;
	int closed; /* times that the reader's end was told */
	char log[LOG_SIZE];
};

int stream_bench_enter(void **state); /* for cmocka's setup and teardown */
int stream_bench_leave(void **state);
void stream_bench_open_on(struct stream_bench *bench, int fd);
void stream_bench_open_pipe(struct stream_bench *bench);
void stream_bench_open_socket(struct stream_bench *bench);
void stream_bench_close_end(int *fd);

/* Lines that say which tick they belong to, so that a torn or mixed one is seen; at least so many bytes are appended. */
void stream_bench_make_tick(struct text *tick, unsigned int number, size_t bytes);
bool stream_bench_offer(struct stream_bench *bench, unsigned int number, size_t bytes); /* true if taken */
/* Runs the loop, the reader in it, until all of `expected` has arrived, and nothing else. */
void stream_bench_assert_arrives(struct stream_bench *bench, const struct text *expected);

#endif
