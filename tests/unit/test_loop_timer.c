/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers, signals and clocks of the event loop. Sleeping only makes a timer late; nothing here asks for it in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/loop.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MILLISECOND 1000000ULL
#define HOUR (3600 * 1000 * MILLISECOND)

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

struct clockwork {
	struct loop_timer timer; /* first: callbacks get it */
	unsigned int calls, calls_wanted;
	uint64_t expirations;
	struct clockwork **other;
};

static void count_expirations(struct loop_timer *timer, uint64_t expirations)
{
	struct clockwork *clockwork = (struct clockwork *)timer;

	clockwork->calls++;
	clockwork->expirations += expirations;
	if (clockwork->calls >= clockwork->calls_wanted)
		loop_stop(timer->source.loop);
}

static void sleep_ms(long milliseconds)
{
	struct timespec left = { .tv_nsec = milliseconds * (long)MILLISECOND };

	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

static void a_timer_expires_and_tells_how_often(void **state)
{
	struct clockwork clockwork = { .timer.expired = count_expirations, .calls_wanted = 1 };

	assert_int_equal(loop_timer_add(*state, &clockwork.timer), 0);
	assert_int_equal(loop_timer_set(&clockwork.timer, 1, 0), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(clockwork.calls, 1);
	assert_int_equal(clockwork.expirations, 1);
	/* Late by ten periods at least: one call, and none is lost. */
	assert_int_equal(loop_timer_set(&clockwork.timer, MILLISECOND, MILLISECOND), 0);
	sleep_ms(11);
	clockwork.calls_wanted = 2;
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(clockwork.calls, 2);
	assert_true(clockwork.expirations >= 11);
	clockwork.calls_wanted = 4;
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(clockwork.calls, 4);
	loop_timer_remove(&clockwork.timer);
	loop_timer_remove(&clockwork.timer);
}

/* Disarmed after it expired and before the loop saw it; the second is the end of the test. */
static void a_disarmed_timer_is_silent(void **state)
{
	struct clockwork disarmed = { .timer.expired = count_expirations, .calls_wanted = 1 };
	struct clockwork end = { .timer.expired = count_expirations, .calls_wanted = 3 };

	assert_int_equal(loop_timer_add(*state, &disarmed.timer), 0);
	assert_int_equal(loop_timer_add(*state, &end.timer), 0);
	assert_int_equal(loop_timer_set(&disarmed.timer, 1, MILLISECOND), 0);
	assert_int_equal(loop_timer_set(&end.timer, MILLISECOND, MILLISECOND), 0);
	sleep_ms(2);
	assert_int_equal(loop_timer_set(&disarmed.timer, 0, MILLISECOND), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(disarmed.calls, 0);
	assert_int_equal(end.calls, 3);
	loop_timer_remove(&disarmed.timer);
	loop_timer_remove(&end.timer);
}

static void put_the_other_off(struct loop_timer *timer, uint64_t expirations)
{
	struct clockwork *clockwork = (struct clockwork *)timer;

	assert_int_equal(expirations, 1);
	clockwork->calls++;
	assert_int_equal(loop_timer_set(&(*clockwork->other)->timer, HOUR, 0), 0);
	assert_int_equal(loop_timer_set(timer, 1, 0), 0);
	if (clockwork->calls == 2)
		loop_stop(timer->source.loop);
}

/* Both expired within one batch, and the first puts the other off: what epoll said of it no longer holds. */
static void a_timer_set_anew_does_not_expire_of_old(void **state)
{
	struct clockwork timers[2] = { 0 };
	struct clockwork *at[2] = { &timers[0], &timers[1] };

	for (size_t i = 0; i < COUNT(timers); i++) {
		timers[i].timer.expired = put_the_other_off;
		timers[i].other = &at[!i];
		assert_int_equal(loop_timer_add(*state, &timers[i].timer), 0);
		assert_int_equal(loop_timer_set(&timers[i].timer, 1, 0), 0);
	}
	sleep_ms(1);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(timers[0].calls + timers[1].calls, 2);
	assert_true(!timers[0].calls != !timers[1].calls);
	loop_timer_remove(&timers[0].timer);
	loop_timer_remove(&timers[1].timer);
}

static void free_itself(struct loop_timer *timer, uint64_t expirations)
{
	struct clockwork *clockwork = (struct clockwork *)timer;
	struct loop *loop = timer->source.loop;

	assert_true(expirations >= 1);
	*clockwork->other = NULL;
	loop_timer_remove(timer);
	free(clockwork);
	loop_stop(loop);
}

static void a_timer_frees_itself(void **state)
{
	struct clockwork *clockwork = calloc(1, sizeof(*clockwork));
	struct clockwork *place = clockwork;

	assert_non_null(clockwork);
	clockwork->timer.expired = free_itself;
	clockwork->other = &place;
	assert_int_equal(loop_timer_add(*state, &clockwork->timer), 0);
	assert_int_equal(loop_timer_set(&clockwork->timer, 1, 1), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_null(place);
}

struct post {
	struct loop_signals signals; /* first: callbacks get it */
	unsigned int usr1, usr2, wanted;
};

static void take_signal(struct loop_signals *signals, int number)
{
	struct post *post = (struct post *)signals;
	struct loop *loop = signals->source.loop;

	post->usr1 += number == SIGUSR1;
	post->usr2 += number == SIGUSR2;
	if (post->usr1 + post->usr2 < post->wanted)
		return;
	loop_signals_remove(signals);
	loop_stop(loop);
}

static void signals_are_delivered_here(void **state)
{
	struct post post = { .signals.received = take_signal, .wanted = 2 };
	struct timespec at_once = { 0 };
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &before), 0);
	assert_int_equal(loop_signals_add(*state, &post.signals, &set), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(post.usr1, 1);
	assert_int_equal(post.usr2, 1);
	assert_int_equal(post.signals.source.fd, -1);
	/* Removed, they stay blocked: one that comes late, while things end in order, ends nothing at once. */
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(sigtimedwait(&set, NULL, &at_once), SIGUSR1);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void clocks(void **state)
{
	uint64_t first = clock_monotonic_ns(), low = (uint64_t)time(NULL), now = clock_realtime_ns();

	(void)state;
	sleep_ms(1);
	assert_true(clock_monotonic_ns() >= first + MILLISECOND);
	assert_true(now / 1000000000 + 1 >= low && now / 1000000000 <= (uint64_t)time(NULL) + 1);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(a_timer_expires_and_tells_how_often),
		LOOP_TEST(a_disarmed_timer_is_silent),
		LOOP_TEST(a_timer_set_anew_does_not_expire_of_old),
		LOOP_TEST(a_timer_frees_itself),
		LOOP_TEST(signals_are_delivered_here),
		cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests_name("loop_timer", tests, NULL, NULL);
}
