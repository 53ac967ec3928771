/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static void take_log_line(void *context, enum log_level level, const char *line)
{
	struct stream_bench *bench = context;
	size_t length = strlen(bench->log);

	(void)level;
	snprintf(bench->log + length, sizeof(bench->log) - length, "%s\n", line);
}

int stream_bench_enter(void **state)
{
	struct stream_bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->in = bench->out = bench->reader.fd = -1;
	assert_int_equal(loop_new(&bench->loop), 0);
	log_set_sink(take_log_line, bench);
	alarm(HANGS_SECONDS);
	*state = bench;
	return 0;
}

void stream_bench_close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int stream_bench_leave(void **state)
{
	struct stream_bench *bench = *state;

	alarm(0);
	bench->stream = stream_close(bench->stream, 0);
	log_set_sink(NULL, NULL);
	loop_remove(&bench->reader);
	loop_free(bench->loop);
	stream_bench_close_end(&bench->in);
	stream_bench_close_end(&bench->out);
	text_free(&bench->arrived);
	free(bench);
	return 0;
}

static void reader_gone(void *context)
{
	struct stream_bench *bench = context;

	bench->closed++;
	loop_stop(bench->loop);
}

void stream_bench_open_on(struct stream_bench *bench, int fd)
{
	assert_int_equal(stream_open(bench->loop, fd, reader_gone, bench, &bench->stream), 0);
}

void stream_bench_open_pipe(struct stream_bench *bench)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	stream_bench_open_on(bench, bench->out);
}

void stream_bench_open_socket(struct stream_bench *bench)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	stream_bench_open_on(bench, bench->out);
}

void stream_bench_make_tick(struct text *tick, unsigned int number, size_t bytes)
{
	for (unsigned int line = 0; tick->length < bytes; line++)
		text_appendf(tick, "tick %u line %u of a tick with %zu bytes\n", number, line, bytes);
	text_appendf(tick, "end of tick %u\n", number);
	assert_false(tick->failed);
}

bool stream_bench_offer(struct stream_bench *bench, unsigned int number, size_t bytes)
{
	struct text tick = TEXT_EMPTY;
	bool taken;

	stream_bench_make_tick(&tick, number, bytes);
	taken = stream_offer(bench->stream, &tick);
	if (taken)
		assert_int_equal(tick.length, 0);
	text_free(&tick);
	return taken;
}

static void reader_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct stream_bench *bench = (struct stream_bench *)((char *)source - offsetof(struct stream_bench, reader));
	char bytes[8192];
	ssize_t got = read(source->fd, bytes, sizeof(bytes));

	(void)epoll_events;
	assert_true(got > 0);
	text_append_bytes(&bench->arrived, bytes, (size_t)got);
	if (bench->arrived.length >= bench->wanted)
		loop_stop(bench->loop);
}

void stream_bench_assert_arrives(struct stream_bench *bench, const struct text *expected)
{
	bench->wanted = expected->length;
	bench->reader.ready = reader_ready;
	assert_int_equal(loop_add(bench->loop, &bench->reader, bench->in, EPOLLIN), 0);
	if (bench->arrived.length < expected->length) /* else nothing more comes that would end the loop */
		assert_int_equal(loop_run(bench->loop), 0);
	assert_int_equal(bench->arrived.length, expected->length);
	assert_memory_equal(bench->arrived.bytes, expected->bytes, expected->length);
}
