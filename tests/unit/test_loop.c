/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: who is called, and above all who is not any more. Nothing here depends on how fast the machine is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int open_loop(void **state)
{
	struct loop *loop = NULL;
	int error = loop_new(&loop);

	*state = loop;
	return error;
}

static int close_loop(void **state)
{
	return loop_free(*state) ? -1 : 0;
}

/* An eventfd that is readable from the start, and stays so. */
struct bell {
	struct loop_source source; /* first: callbacks get it */
	int fd;
	unsigned int calls, calls_wanted;
	struct bell **other;
	void (*act)(struct bell *bell);
};

static void bell_ready(struct loop_source *source, uint32_t events)
{
	struct bell *bell = (struct bell *)source;

	assert_int_equal(events, EPOLLIN);
	bell->calls++;
	if (bell->act)
		bell->act(bell);
	else if (bell->calls >= bell->calls_wanted)
		loop_stop(source->loop);
}

static struct bell *bell_new(struct loop *loop, unsigned int rung)
{
	struct bell *bell = calloc(1, sizeof(*bell));

	assert_non_null(bell);
	bell->source.ready = bell_ready;
	bell->calls_wanted = 1;
	bell->fd = eventfd(rung, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(bell->fd >= 0);
	assert_int_equal(loop_add(loop, &bell->source, bell->fd, EPOLLIN), 0);
	return bell;
}

static struct bell *bell_free(struct bell *bell)
{
	if (!bell)
		return NULL;
	loop_remove(&bell->source);
	assert_int_equal(close(bell->fd), 0);
	free(bell);
	return NULL;
}

static void a_ready_source_is_called_until_stopped(void **state)
{
	struct bell *bell = bell_new(*state, 1);

	bell->calls_wanted = 5;
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bell->calls, 5);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bell->calls, 6);
	loop_stop(*state);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bell->calls, 6);
	bell_free(bell);
}

/* The stop holds at once, not after all who were ready have been called. */
static void a_stop_leaves_the_rest_of_the_batch(void **state)
{
	struct bell *bells[2] = { bell_new(*state, 1), bell_new(*state, 1) };

	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bells[0]->calls + bells[1]->calls, 1);
	bell_free(bells[0]);
	bell_free(bells[1]);
}

static void try_to_nest(struct bell *bell)
{
	assert_int_equal(loop_run(bell->source.loop), -EBUSY);
	loop_stop(bell->source.loop);
}

static void a_loop_does_not_run_within_itself(void **state)
{
	struct bell *bell = bell_new(*state, 1);

	bell->act = try_to_nest;
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bell->calls, 1);
	bell_free(bell);
}

static void free_the_other(struct bell *bell)
{
	if (*bell->other)
		*bell->other = bell_free(*bell->other);
	else
		loop_stop(bell->source.loop);
}

/* Both are in the first batch; whichever comes first frees the other, which must then not be called. */
static void a_source_frees_another_of_its_batch(void **state)
{
	struct bell *bells[2] = { bell_new(*state, 1), bell_new(*state, 1) };
	struct bell *left;

	for (size_t i = 0; i < COUNT(bells); i++) {
		bells[i]->act = free_the_other;
		bells[i]->other = &bells[!i];
	}
	assert_int_equal(loop_run(*state), 0);
	assert_true(!bells[0] != !bells[1]);
	left = bells[0] ? bells[0] : bells[1];
	assert_int_equal(left->calls, 2);
	bell_free(left);
}

static void free_both(struct bell *bell)
{
	struct loop *loop = bell->source.loop;
	struct bell **other = bell->other, **self = (*other)->other;

	*other = bell_free(*other);
	*self = bell_free(*self);
	loop_stop(loop);
}

static void a_source_frees_itself_and_another(void **state)
{
	struct bell *bells[2] = { bell_new(*state, 1), bell_new(*state, 1) };

	for (size_t i = 0; i < COUNT(bells); i++) {
		bells[i]->act = free_both;
		bells[i]->other = &bells[!i];
	}
	assert_int_equal(loop_run(*state), 0);
	assert_null(bells[0]);
	assert_null(bells[1]);
}

static void replace_the_other(struct bell *bell)
{
	struct loop *loop = bell->source.loop;
	struct bell *other = *bell->other;

	if (bell->calls > 1) {
		loop_stop(loop);
		return;
	}
	loop_remove(&other->source);
	assert_int_equal(close(other->fd), 0);
	other->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(loop_add(loop, &other->source, other->fd, EPOLLIN), 0);
}

/* The same object with a new, silent descriptor: what epoll said of the old one is not for it. */
static void a_source_added_anew_gets_no_old_event(void **state)
{
	struct bell *bells[2] = { bell_new(*state, 1), bell_new(*state, 1) };

	for (size_t i = 0; i < COUNT(bells); i++) {
		bells[i]->act = replace_the_other;
		bells[i]->other = &bells[!i];
	}
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(bells[0]->calls + bells[1]->calls, 2);
	assert_true(!bells[0]->calls != !bells[1]->calls);
	bell_free(bells[0]);
	bell_free(bells[1]);
}

/* More ready sources than one batch holds; those left out are called by a later one. */
static void no_source_is_forgotten(void **state)
{
	struct bell *bells[200];
	unsigned int called = 0;

	for (size_t i = 0; i < COUNT(bells); i++) {
		bells[i] = bell_new(*state, 1);
		bells[i]->calls_wanted = UINT32_MAX;
	}
	bells[0]->calls_wanted = 10;
	assert_int_equal(loop_run(*state), 0);
	for (size_t i = 0; i < COUNT(bells); i++) {
		called += bells[i]->calls > 0;
		bell_free(bells[i]);
	}
	assert_int_equal(called, COUNT(bells));
}

static void modified_interest_holds(void **state)
{
	struct bell *silenced = bell_new(*state, 1), *other = bell_new(*state, 1);

	other->calls_wanted = 3;
	assert_int_equal(loop_modify(&silenced->source, 0), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(silenced->calls, 0);
	assert_int_equal(loop_modify(&silenced->source, EPOLLIN), 0);
	assert_int_equal(loop_modify(&other->source, 0), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(silenced->calls, 1);
	bell_free(silenced);
	bell_free(other);
}

static void what_cannot_be_added_says_so(void **state)
{
	struct loop_source source = { .ready = bell_ready };
	struct loop_timer timer = { 0 };
	struct loop_signals signals = { 0 };
	struct bell *bell = bell_new(*state, 0);
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC), directory = open("/", O_RDONLY | O_CLOEXEC);

	assert_true(file >= 0 && directory >= 0);
	assert_int_equal(loop_add(*state, &source, -1, EPOLLIN), -EBADF);
	assert_int_equal(loop_add(*state, &source, directory, EPOLLIN), -EPERM);
	assert_int_equal(loop_add(*state, &source, bell->fd, EPOLLIN), -EEXIST);
	assert_null(source.loop);
	assert_int_equal(loop_modify(&source, EPOLLIN), -ENOENT);
	assert_int_equal(loop_timer_set(&timer, 1, 0), -ENOENT);
	/* Zeros are not in a loop, although their descriptor is that of standard input. */
	loop_remove(&source);
	loop_timer_remove(&timer);
	loop_signals_remove(&signals);
	assert_int_equal(dup2(file, STDIN_FILENO), STDIN_FILENO);
	loop_timer_remove(&timer);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	assert_int_equal(close(file), 0);
	assert_int_equal(close(directory), 0);
	bell_free(bell);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(a_ready_source_is_called_until_stopped),
		LOOP_TEST(a_stop_leaves_the_rest_of_the_batch),
		LOOP_TEST(a_loop_does_not_run_within_itself),
		LOOP_TEST(a_source_frees_another_of_its_batch),
		LOOP_TEST(a_source_frees_itself_and_another),
		LOOP_TEST(a_source_added_anew_gets_no_old_event),
		LOOP_TEST(no_source_is_forgotten),
		LOOP_TEST(modified_interest_holds),
		LOOP_TEST(what_cannot_be_added_says_so),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
