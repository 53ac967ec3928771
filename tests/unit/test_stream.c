/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks into pipes, sockets and files whose other end is slow, asleep or gone. What arrives must be whole ticks in
 * their order, less exactly those that were left out and counted. A write that blocks would hang a test for ever, so
 * each has an alarm.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "export/stream.h"

#define HANGS_SECONDS 60
#define BIG_TICK 300000 /* bytes: more than a pipe or a socket holds */
#define LOG_SIZE 2048
#define NOBODY 65534

struct bench {
	struct loop *loop;
	struct stream *stream;
	int in, out; /* ends of the pipe: the reader's, the stream's */
	struct text arrived;
	size_t wanted; /* the loop ends when so many bytes arrived */
	struct loop_source reader;
	int closed; /* times that the reader's end was told */
	char log[LOG_SIZE];
};

static void take_log_line(void *context, enum log_level level, const char *line)
{
	struct bench *bench = context;
	size_t length = strlen(bench->log);

	(void)level;
	snprintf(bench->log + length, sizeof(bench->log) - length, "%s\n", line);
}

static int enter(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->in = bench->out = bench->reader.fd = -1;
	assert_int_equal(loop_new(&bench->loop), 0);
	log_set_sink(take_log_line, bench);
	alarm(HANGS_SECONDS);
	*state = bench;
	return 0;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int leave(void **state)
{
	struct bench *bench = *state;

	alarm(0);
	bench->stream = stream_close(bench->stream, 0);
	log_set_sink(NULL, NULL);
	loop_remove(&bench->reader);
	loop_free(bench->loop);
	close_end(&bench->in);
	close_end(&bench->out);
	text_free(&bench->arrived);
	free(bench);
	return 0;
}

static void reader_gone(void *context)
{
	struct bench *bench = context;

	bench->closed++;
	loop_stop(bench->loop);
}

static void open_on(struct bench *bench, int fd)
{
	assert_int_equal(stream_open(bench->loop, fd, reader_gone, bench, &bench->stream), 0);
}

static void open_pipe(struct bench *bench)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	open_on(bench, bench->out);
}

static void open_socket(struct bench *bench)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	open_on(bench, bench->out);
}

/* Lines that say which tick they belong to, so that a torn or mixed one is seen. */
static void make_tick(struct text *tick, unsigned int number, size_t bytes)
{
	for (unsigned int line = 0; tick->length < bytes; line++)
		text_appendf(tick, "tick %u line %u of a tick with %zu bytes\n", number, line, bytes);
	text_appendf(tick, "end of tick %u\n", number);
	assert_false(tick->failed);
}

static bool offer(struct bench *bench, unsigned int number, size_t bytes)
{
	struct text tick = TEXT_EMPTY;
	bool taken;

	make_tick(&tick, number, bytes);
	taken = stream_offer(bench->stream, &tick);
	if (taken)
		assert_int_equal(tick.length, 0);
	text_free(&tick);
	return taken;
}

static void reader_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct bench *bench = (struct bench *)((char *)source - offsetof(struct bench, reader));
	char bytes[8192];
	ssize_t got = read(source->fd, bytes, sizeof(bytes));

	(void)epoll_events;
	assert_true(got > 0);
	text_append_bytes(&bench->arrived, bytes, (size_t)got);
	if (bench->arrived.length >= bench->wanted)
		loop_stop(bench->loop);
}

/* Runs the loop, the reader in it, until all of `expected` has arrived, and nothing else. */
static void assert_arrives(struct bench *bench, const struct text *expected)
{
	bench->wanted = expected->length;
	bench->reader.ready = reader_ready;
	assert_int_equal(loop_add(bench->loop, &bench->reader, bench->in, EPOLLIN), 0);
	assert_int_equal(loop_run(bench->loop), 0);
	assert_int_equal(bench->arrived.length, expected->length);
	assert_memory_equal(bench->arrived.bytes, expected->bytes, expected->length);
}

/* The pipe belongs to somebody else, and cannot be opened anew. */
static void open_foreign_pipe(struct bench *bench)
{
	int ends[2];

	if (geteuid())
		skip();
	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	assert_int_equal(seteuid(NOBODY), 0);
	open_on(bench, bench->out);
	assert_int_equal(seteuid(0), 0);
}

static void assert_slow_reader_is_served(struct bench *bench)
{
	struct text expected = TEXT_EMPTY;

	assert_true(offer(bench, 1, BIG_TICK));
	assert_true(stream_waits(bench->stream));
	assert_false(offer(bench, 2, 100));
	assert_false(offer(bench, 3, BIG_TICK));
	assert_int_equal(stream_left_out(bench->stream), 2);
	assert_string_equal(bench->log,
			    "output: the reader is slow: ticks are left out until it has taken what it was given\n");
	assert_int_equal(fcntl(bench->out, F_GETFL) & O_NONBLOCK, 0);
	make_tick(&expected, 1, BIG_TICK);
	assert_arrives(bench, &expected);
	assert_true(offer(bench, 4, 100));
	assert_int_equal(stream_left_out(bench->stream), 2);
	text_free(&expected);
}

static void test_slow_pipe(void **state)
{
	open_pipe(*state);
	assert_slow_reader_is_served(*state);
}

static void test_slow_foreign_pipe(void **state)
{
	open_foreign_pipe(*state);
	assert_slow_reader_is_served(*state);
}

static void test_slow_socket(void **state)
{
	open_socket(*state);
	assert_slow_reader_is_served(*state);
}

static void test_says_that_it_goes_on(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY;

	open_pipe(bench);
	assert_true(offer(bench, 1, BIG_TICK));
	assert_false(offer(bench, 2, 1));
	assert_false(offer(bench, 3, 1));
	make_tick(&expected, 1, BIG_TICK);
	assert_arrives(bench, &expected);
	assert_true(offer(bench, 4, 1));
	assert_string_equal(bench->log,
			    "output: the reader is slow: ticks are left out until it has taken what it was given\n"
			    "output: all is written again; ticks left out: 2\n");
	text_free(&expected);
}

/* A child reads to the end of file, while the stream is being closed, and compares. */
static pid_t start_reader(struct bench *bench, const struct text *expected)
{
	pid_t pid = fork();
	char bytes[1000];
	size_t at = 0;
	ssize_t got;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	close(bench->out);
	while ((got = read(bench->in, bytes, sizeof(bytes))) > 0) {
		if (at + (size_t)got > expected->length || memcmp(bytes, expected->bytes + at, (size_t)got))
			_exit(1);
		at += (size_t)got;
	}
	_exit(at == expected->length ? 0 : 2);
}

static void test_close_writes_what_waits(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	int ends[2], status;
	pid_t reader;

	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	make_tick(&expected, 1, BIG_TICK);
	reader = start_reader(bench, &expected);
	open_on(bench, bench->out);
	assert_true(offer(bench, 1, BIG_TICK));
	bench->stream = stream_close(bench->stream, HANGS_SECONDS);
	close_end(&bench->out);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(bench->log, "");
	text_free(&expected);
}

static void test_close_without_a_reader_tears_no_line(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	char *bytes = test_malloc(BIG_TICK), message[128];
	ssize_t got;

	open_pipe(bench);
	assert_true(offer(bench, 1, BIG_TICK));
	bench->stream = stream_close(bench->stream, 0.01);
	got = read(bench->in, bytes, BIG_TICK);
	make_tick(&expected, 1, BIG_TICK);
	assert_true(got > 0);
	assert_memory_equal(bytes, expected.bytes, (size_t)got);
	assert_int_equal(bytes[got - 1], '\n');
	snprintf(message, sizeof(message), "output: the last tick is cut short: its reader left %zu bytes untaken\n",
		 expected.length - (size_t)got);
	assert_string_equal(bench->log, message);
	text_free(&expected);
	test_free(bytes);
}

static void test_reader_goes_before_an_offer(void **state)
{
	struct bench *bench = *state;

	open_pipe(bench);
	close_end(&bench->in);
	assert_false(offer(bench, 1, 100));
	assert_int_equal(bench->closed, 1);
	assert_false(offer(bench, 2, 100));
	assert_int_equal(bench->closed, 1);
	assert_false(stream_waits(bench->stream));
	assert_string_equal(bench->log, "");
}

static void test_reader_goes_between_ticks(void **state)
{
	struct bench *bench = *state;

	open_pipe(bench);
	close_end(&bench->in);
	assert_int_equal(loop_run(bench->loop), 0);
	assert_int_equal(bench->closed, 1);
}

/* Opened only after the reader went, the pipe cannot be opened anew. */
static void test_reader_was_never_there(void **state)
{
	struct bench *bench = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	bench->out = ends[1];
	close(ends[0]);
	open_on(bench, bench->out);
	assert_false(offer(bench, 1, 100));
	assert_int_equal(bench->closed, 1);
}

static void test_line_longer_than_a_piece(void **state)
{
	struct bench *bench = *state;
	struct text tick = TEXT_EMPTY, expected = TEXT_EMPTY;

	open_pipe(bench);
	for (int i = 0; i < 20000; i++)
		text_append_char(&tick, (char)('a' + i % 26));
	text_append(&tick, "\nshort\n");
	text_append_bytes(&expected, tick.bytes, tick.length);
	assert_true(stream_offer(bench->stream, &tick));
	assert_arrives(bench, &expected);
	text_free(&tick);
	text_free(&expected);
}

static void assert_file_holds(int fd, const struct text *expected)
{
	char *bytes = test_malloc(expected->length + 1);

	assert_int_equal(pread(fd, bytes, expected->length + 1, 0), expected->length);
	assert_memory_equal(bytes, expected->bytes, expected->length);
	test_free(bytes);
}

static int open_file(void)
{
	char path[] = "/tmp/stream_test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static void test_file(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY, second = TEXT_EMPTY;

	bench->out = open_file();
	open_on(bench, bench->out);
	assert_true(offer(bench, 1, BIG_TICK));
	assert_false(stream_waits(bench->stream));
	assert_true(offer(bench, 2, 10));
	make_tick(&expected, 1, BIG_TICK);
	make_tick(&second, 2, 10);
	text_append_bytes(&expected, second.bytes, second.length);
	assert_file_holds(bench->out, &expected);
	text_free(&expected);
	text_free(&second);
}

/* A file that may not grow for a while, as on a full disk. */
static void test_full_file_goes_on_later(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY, third = TEXT_EMPTY;
	struct rlimit before, limit;

	bench->out = open_file();
	open_on(bench, bench->out);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(offer(bench, 1, 200));
	assert_false(offer(bench, 2, 200));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(offer(bench, 3, 200));
	assert_int_equal(stream_left_out(bench->stream), 1);
	assert_string_equal(bench->log, "output: File too large: ticks are left out until it can be written again\n"
					"output: all is written again; ticks left out: 1\n");
	make_tick(&expected, 1, 200);
	make_tick(&third, 3, 200);
	text_append_bytes(&expected, third.bytes, third.length);
	assert_file_holds(bench->out, &expected);
	text_free(&expected);
	text_free(&third);
}

static void test_bad_descriptor(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(stream_open(bench->loop, -1, NULL, NULL, &bench->stream), -EBADF);
	assert_null(bench->stream);
}

/* Any mix of offers and readings: what arrives are the ticks that were taken, whole, in their order. */
static void test_random(void **state)
{
	struct bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	unsigned int seed = (unsigned int)time(NULL), taken = 0;
	char bytes[60000];

	print_message("  seed %u\n", seed);
	srand(seed);
	open_pipe(bench);
	for (unsigned int number = 1; number <= 500; number++) {
		struct text tick = TEXT_EMPTY;
		size_t before = expected.length;

		make_tick(&tick, number, (size_t)(rand() % 40000));
		/* Before the offer, for a taken tick is no longer ours. */
		text_append_bytes(&expected, tick.bytes, tick.length);
		if (stream_offer(bench->stream, &tick))
			taken++;
		else
			expected.length = before;
		text_free(&tick);
		if (rand() % 2 && expected.length > bench->arrived.length) {
			ssize_t got = read(bench->in, bytes, (size_t)(1 + rand() % (int)sizeof(bytes)));

			assert_true(got > 0);
			text_append_bytes(&bench->arrived, bytes, (size_t)got);
		}
	}
	assert_int_equal(stream_left_out(bench->stream) + taken, 500);
	assert_true(taken > 1 && taken < 500);
	assert_arrives(bench, &expected);
	text_free(&expected);
}

#define stream_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stream_test(test_slow_pipe),
		stream_test(test_slow_foreign_pipe),
		stream_test(test_slow_socket),
		stream_test(test_says_that_it_goes_on),
		stream_test(test_close_writes_what_waits),
		stream_test(test_close_without_a_reader_tears_no_line),
		stream_test(test_reader_goes_before_an_offer),
		stream_test(test_reader_goes_between_ticks),
		stream_test(test_reader_was_never_there),
		stream_test(test_line_longer_than_a_piece),
		stream_test(test_file),
		stream_test(test_full_file_goes_on_later),
		stream_test(test_bad_descriptor),
		stream_test(test_random),
	};

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
