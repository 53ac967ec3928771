/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write must not block, yet O_NONBLOCK on standard output would be seen by everybody who shares it: the shell, the
 * reader's other writers. So a pipe or a terminal is opened anew through /proc/self/fd, and that description is ours
 * alone; where this is refused, each write waits until poll() says that it will not block, and is small enough for
 * that to be true. Sockets are told with each send. Regular files, which epoll refuses, take everything at once.
 *
 * Pieces are at most PIPE_BUF bytes, which a pipe takes whole or not at all, and end at the end of a line. So even a
 * reader that went to sleep in the middle of a tick, or whom the end of the monitor cuts off, has whole lines only.
 */
#include "export/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define NS_PER_SECOND 1e9
#define NS_PER_MS 1000000

struct stream {
	struct loop_source source;
	int fd;
	bool own_fd;  /* opened anew: ours to close */
	bool socket;  /* send() instead of write() */
	bool watched; /* epoll takes the descriptor */
	bool mute;    /* standard error is the same pipe: a word about its being full would block */
	bool gone;
	int failure; /* last error said, 0: none */
	struct text waiting;
	size_t written;                     /* of `waiting` */
	uint64_t left_out, left_out_before; /* in all; when the reader last kept up */
	void (*closed)(void *context);
	void *context;
};

/* The pipe or terminal behind `fd` under a description of our own, or -1. */
static int open_anew(int fd, const struct stat *status)
{
	char path[32];

	if (!S_ISFIFO(status->st_mode) && !isatty(fd))
		return -1;
	if (snprintf(path, sizeof(path), "/proc/self/fd/%d", fd) < 0)
		return -1;
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool same_as_standard_error(const struct stat *status)
{
	struct stat error;

	return !fstat(STDERR_FILENO, &error) && error.st_dev == status->st_dev && error.st_ino == status->st_ino;
}

static bool is_writable(const struct stream *stream, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = stream->fd, .events = POLLOUT };

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* Bytes of the next piece: whole lines, unless one line is longer than a piece. */
static size_t piece_length(const char *bytes, size_t length)
{
	const char *newline;

	if (length <= PIPE_BUF)
		return length;
	newline = memrchr(bytes, '\n', PIPE_BUF);
	return newline ? (size_t)(newline + 1 - bytes) : PIPE_BUF;
}

/* What waits is dropped: nobody will read it. */
static void lose_reader(struct stream *stream)
{
	if (stream->gone)
		return;
	stream->gone = true;
	loop_remove(&stream->source);
	stream->watched = false;
	text_clear(&stream->waiting);
	stream->written = 0;
	if (stream->closed)
		stream->closed(stream->context);
}

/* A full disk may have room again, so what waits goes on waiting; anything that can be watched and fails is gone. */
static void fail(struct stream *stream, int error)
{
	if (error == EPIPE || error == ECONNRESET || error == EIO) {
		lose_reader(stream);
		return;
	}
	if (error != stream->failure)
		log_error("output: %s: ticks are left out until it can be written again", strerror(error));
	stream->failure = error;
	if (stream->watched)
		lose_reader(stream);
}

static ssize_t write_piece(const struct stream *stream, const char *bytes, size_t length)
{
	if (stream->socket)
		return send(stream->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (!stream->own_fd && stream->watched && !is_writable(stream, 0)) {
		errno = EAGAIN;
		return -1;
	}
	return write(stream->fd, bytes, length);
}

static void say_caught_up(struct stream *stream)
{
	if (stream->left_out == stream->left_out_before)
		return;
	log_info("output: all is written again; ticks left out: %llu",
		 (unsigned long long)(stream->left_out - stream->left_out_before));
	stream->left_out_before = stream->left_out;
}

/* Writes as much as there is room for. */
static void push(struct stream *stream)
{
	while (stream->written < stream->waiting.length) {
		const char *bytes = stream->waiting.bytes + stream->written;
		ssize_t result = write_piece(stream, bytes,
					     piece_length(bytes, stream->waiting.length - stream->written));

		if (result >= 0) {
			stream->written += (size_t)result;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			fail(stream, errno);
		return;
	}
	if (!stream->waiting.length)
		return;
	text_clear(&stream->waiting);
	stream->written = 0;
	stream->failure = 0;
	say_caught_up(stream);
}

/* Asks to be told of room only while something waits: a pipe with room is always ready. */
static void watch(struct stream *stream)
{
	if (stream->watched && loop_modify(&stream->source, stream_waits(stream) ? EPOLLOUT : 0))
		lose_reader(stream);
}

static void ready(struct loop_source *source, uint32_t epoll_events)
{
	struct stream *stream = (struct stream *)((char *)source - offsetof(struct stream, source));

	if (epoll_events & (EPOLLERR | EPOLLHUP)) {
		lose_reader(stream);
		return;
	}
	push(stream);
	watch(stream);
}

int stream_open(struct loop *loop, int fd, void (*closed)(void *context), void *context, struct stream **out)
{
	struct stream *stream;
	struct stat status;
	int error;

	if (fstat(fd, &status))
		return -errno;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->closed = closed;
	stream->context = context;
	stream->socket = S_ISSOCK(status.st_mode);
	stream->mute = same_as_standard_error(&status);
	stream->fd = open_anew(fd, &status);
	stream->own_fd = stream->fd >= 0;
	if (!stream->own_fd)
		stream->fd = fd;
	stream->source = (struct loop_source){ .fd = -1, .ready = ready };
	error = loop_add(loop, &stream->source, stream->fd, 0);
	if (error && error != -EPERM) {
		if (stream->own_fd)
			close(stream->fd);
		free(stream);
		return error;
	}
	stream->watched = !error;
	*out = stream;
	return 0;
}

bool stream_waits(const struct stream *stream)
{
	return stream->waiting.length > 0;
}

static void leave_out(struct stream *stream)
{
	if (stream->left_out == stream->left_out_before && !stream->mute && !stream->gone && !stream->failure)
		log_warning("output: the reader is slow: ticks are left out until it has taken what it was given");
	stream->left_out++;
}

bool stream_offer(struct stream *stream, struct text *ticks_text)
{
	struct text taken;

	push(stream); /* a file whose disk was full is tried again; for others this is no news */
	if (stream->gone || stream_waits(stream) || ticks_text->failed) {
		leave_out(stream);
		watch(stream);
		return false;
	}
	/* The buffers change places, so neither is copied nor allocated anew each tick. */
	taken = *ticks_text;
	*ticks_text = stream->waiting;
	text_clear(ticks_text);
	stream->waiting = taken;
	push(stream);
	watch(stream);
	return !stream->gone;
}

uint64_t stream_left_out(const struct stream *stream)
{
	return stream->left_out;
}

void stream_flush(struct stream *stream, double seconds)
{
	uint64_t now = clock_monotonic_ns(), end = now + (uint64_t)(fmax(seconds, 0) * NS_PER_SECOND);

	while (push(stream), stream_waits(stream) && stream->watched && now < end) {
		/* Rounded up: a last part of a millisecond must not become a busy wait. */
		is_writable(stream, (int)((end - now) / NS_PER_MS + 1));
		now = clock_monotonic_ns();
	}
}

struct stream *stream_close(struct stream *stream, double seconds)
{
	if (!stream)
		return NULL;
	stream_flush(stream, seconds);
	if (stream_waits(stream) && !stream->mute)
		log_warning("output: the last tick is cut short: its reader left %zu bytes untaken",
			    stream->waiting.length - stream->written);
	if (stream->left_out != stream->left_out_before && !stream->gone && !stream->mute)
		log_info("output: ticks left out: %llu",
			 (unsigned long long)(stream->left_out - stream->left_out_before));
	loop_remove(&stream->source);
	if (stream->own_fd)
		close(stream->fd);
	text_free(&stream->waiting);
	free(stream);
	return NULL;
}
