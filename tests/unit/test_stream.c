/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks into pipes, sockets and files whose other end is slow, asleep or gone. What arrives must be whole ticks in
 * their order, less exactly those that were left out and counted. A write that blocks would hang a test for ever, so
 * each has an alarm.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "stream_bench.h"

#define NOBODY 65534

/* The pipe belongs to somebody else, and cannot be opened anew. */
static void open_foreign_pipe(struct stream_bench *bench)
{
	int ends[2];

	if (geteuid())
		skip();
	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	assert_int_equal(seteuid(NOBODY), 0);
	stream_bench_open_on(bench, bench->out);
	assert_int_equal(seteuid(0), 0);
}

static void assert_slow_reader_is_served(struct stream_bench *bench)
{
	struct text expected = TEXT_EMPTY;

	assert_true(stream_bench_offer(bench, 1, BIG_TICK));
	assert_true(stream_waits(bench->stream));
	assert_false(stream_bench_offer(bench, 2, 100));
	assert_false(stream_bench_offer(bench, 3, BIG_TICK));
	assert_int_equal(stream_left_out(bench->stream), 2);
	assert_string_equal(bench->log,
			    "output: the reader is slow: ticks are left out until it has taken what it was given\n");
	assert_int_equal(fcntl(bench->out, F_GETFL) & O_NONBLOCK, 0);
	stream_bench_make_tick(&expected, 1, BIG_TICK);
	stream_bench_assert_arrives(bench, &expected);
	assert_true(stream_bench_offer(bench, 4, 100));
	assert_int_equal(stream_left_out(bench->stream), 2);
	text_free(&expected);
}

static void test_slow_pipe(void **state)
{
	stream_bench_open_pipe(*state);
	assert_slow_reader_is_served(*state);
}

static void test_slow_foreign_pipe(void **state)
{
	open_foreign_pipe(*state);
	assert_slow_reader_is_served(*state);
}

static void test_slow_socket(void **state)
{
	stream_bench_open_socket(*state);
	assert_slow_reader_is_served(*state);
}

static void test_says_that_it_goes_on(void **state)
{
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY;

	stream_bench_open_pipe(bench);
	assert_true(stream_bench_offer(bench, 1, BIG_TICK));
	assert_false(stream_bench_offer(bench, 2, 1));
	assert_false(stream_bench_offer(bench, 3, 1));
	stream_bench_make_tick(&expected, 1, BIG_TICK);
	stream_bench_assert_arrives(bench, &expected);
	assert_true(stream_bench_offer(bench, 4, 1));
	assert_string_equal(bench->log,
			    "output: the reader is slow: ticks are left out until it has taken what it was given\n"
			    "output: all is written again; ticks left out: 2\n");
	text_free(&expected);
}

/* A child reads to the end of file, while the stream is being closed, and compares. */
static pid_t start_reader(struct stream_bench *bench, const struct text *expected)
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
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	int ends[2], status;
	pid_t reader;

	assert_int_equal(pipe(ends), 0);
	bench->in = ends[0];
	bench->out = ends[1];
	stream_bench_make_tick(&expected, 1, BIG_TICK);
	reader = start_reader(bench, &expected);
	stream_bench_open_on(bench, bench->out);
	assert_true(stream_bench_offer(bench, 1, BIG_TICK));
	bench->stream = stream_close(bench->stream, HANGS_SECONDS);
	stream_bench_close_end(&bench->out);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(bench->log, "");
	text_free(&expected);
}

static void test_close_without_a_reader_tears_no_line(void **state)
{
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	char *bytes = test_malloc(BIG_TICK), message[128];
	ssize_t got;

	stream_bench_open_pipe(bench);
	assert_true(stream_bench_offer(bench, 1, BIG_TICK));
	bench->stream = stream_close(bench->stream, 0.01);
	got = read(bench->in, bytes, BIG_TICK);
	stream_bench_make_tick(&expected, 1, BIG_TICK);
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
	struct stream_bench *bench = *state;

	stream_bench_open_pipe(bench);
	stream_bench_close_end(&bench->in);
	assert_false(stream_bench_offer(bench, 1, 100));
	assert_int_equal(bench->closed, 1);
	assert_false(stream_bench_offer(bench, 2, 100));
	assert_int_equal(bench->closed, 1);
	assert_false(stream_waits(bench->stream));
	assert_string_equal(bench->log, "");
}

static void test_reader_goes_between_ticks(void **state)
{
	struct stream_bench *bench = *state;

	stream_bench_open_pipe(bench);
	stream_bench_close_end(&bench->in);
	assert_int_equal(loop_run(bench->loop), 0);
	assert_int_equal(bench->closed, 1);
}

/* Opened only after the reader went, the pipe cannot be opened anew. */
static void test_reader_was_never_there(void **state)
{
	struct stream_bench *bench = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	bench->out = ends[1];
	close(ends[0]);
	stream_bench_open_on(bench, bench->out);
	assert_false(stream_bench_offer(bench, 1, 100));
	assert_int_equal(bench->closed, 1);
}

static void test_line_longer_than_a_piece(void **state)
{
	struct stream_bench *bench = *state;
	struct text tick = TEXT_EMPTY, expected = TEXT_EMPTY;

	stream_bench_open_pipe(bench);
	for (int i = 0; i < 20000; i++)
		text_append_char(&tick, (char)('a' + i % 26));
	text_append(&tick, "\nshort\n");
	text_append_bytes(&expected, tick.bytes, tick.length);
	assert_true(stream_offer(bench->stream, &tick));
	stream_bench_assert_arrives(bench, &expected);
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
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY, second = TEXT_EMPTY;

	bench->out = open_file();
	stream_bench_open_on(bench, bench->out);
	assert_true(stream_bench_offer(bench, 1, BIG_TICK));
	assert_false(stream_waits(bench->stream));
	assert_true(stream_bench_offer(bench, 2, 10));
	stream_bench_make_tick(&expected, 1, BIG_TICK);
	stream_bench_make_tick(&second, 2, 10);
	text_append_bytes(&expected, second.bytes, second.length);
	assert_file_holds(bench->out, &expected);
	text_free(&expected);
	text_free(&second);
}

/* A file that may not grow for a while, as on a full disk. */
static void test_full_file_goes_on_later(void **state)
{
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY, third = TEXT_EMPTY;
	struct rlimit before, limit;

	bench->out = open_file();
	stream_bench_open_on(bench, bench->out);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(stream_bench_offer(bench, 1, 200));
	assert_false(stream_bench_offer(bench, 2, 200));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(stream_bench_offer(bench, 3, 200));
	assert_int_equal(stream_left_out(bench->stream), 1);
	assert_string_equal(bench->log, "output: File too large: ticks are left out until it can be written again\n"
					"output: all is written again; ticks left out: 1\n");
	stream_bench_make_tick(&expected, 1, 200);
	stream_bench_make_tick(&third, 3, 200);
	text_append_bytes(&expected, third.bytes, third.length);
	assert_file_holds(bench->out, &expected);
	text_free(&expected);
	text_free(&third);
}

static void test_bad_descriptor(void **state)
{
	struct stream_bench *bench = *state;

	assert_int_equal(stream_open(bench->loop, -1, NULL, NULL, &bench->stream), -EBADF);
	assert_null(bench->stream);
}

/* Any mix of offers and readings: what arrives are the ticks that were taken, whole, in their order. */
static void test_random(void **state)
{
	struct stream_bench *bench = *state;
	struct text expected = TEXT_EMPTY;
	unsigned int seed = (unsigned int)time(NULL), taken = 0;
	char bytes[60000];

	print_message("  seed %u\n", seed);
	srand(seed);
	stream_bench_open_pipe(bench);
	for (unsigned int number = 1; number <= 500; number++) {
		struct text tick = TEXT_EMPTY;
		size_t before = expected.length;

		stream_bench_make_tick(&tick, number, (size_t)(rand() % 40000));
		/* Before the offer, for a taken tick is no longer ours. */
		text_append_bytes(&expected, tick.bytes, tick.length);
		if (stream_offer(bench->stream, &tick))
			taken++;
		else
			expected.length = before;
		text_free(&tick);
		/* All that is in the pipe may have been read while more still waits in the stream. */
		if (rand() % 2 && poll(&(struct pollfd){ .fd = bench->in, .events = POLLIN }, 1, 0) == 1) {
			ssize_t got = read(bench->in, bytes, (size_t)(1 + rand() % (int)sizeof(bytes)));

			assert_true(got > 0);
			text_append_bytes(&bench->arrived, bytes, (size_t)got);
		}
	}
	assert_int_equal(stream_left_out(bench->stream) + taken, 500);
	assert_true(taken > 1 && taken < 500);
	stream_bench_assert_arrives(bench, &expected);
	text_free(&expected);
}

#define stream_test(function) cmocka_unit_test_setup_teardown(function, stream_bench_enter, stream_bench_leave)

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
