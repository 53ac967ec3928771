/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll_wait() hands out a batch of pointers, and a callback may remove, and then free, a source that stands later in
 * the same batch: a control client that hangs up takes its patience timer along. So the loop holds the batch itself,
 * and removing a source strikes it out there. All is level-triggered: what a stop leaves undelivered comes again.
 */
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 64
#define NS_PER_SECOND 1000000000ULL

struct loop {
	int epoll;
	bool running;
	bool stopped;
	int batch_length; /* what of the batch is still to be delivered ends here */
	struct epoll_event batch[BATCH_MAX];
};

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		error = -errno;
		free(loop);
		return error;
	}
	*out = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	close(loop->epoll);
	free(loop);
	return NULL;
}

static int run_once(struct loop *loop)
{
	int count = epoll_wait(loop->epoll, loop->batch, BATCH_MAX, -1);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	loop->batch_length = count;
	for (int i = 0; i < count && !loop->stopped; i++) {
		struct loop_source *source = loop->batch[i].data.ptr;

		if (source)
			source->ready(source, loop->batch[i].events);
	}
	loop->batch_length = 0;
	return 0;
}

int loop_run(struct loop *loop)
{
	int error = 0;

	if (loop->running)
		return -EBUSY;
	loop->running = true;
	while (!loop->stopped && !error)
		error = run_once(loop);
	loop->stopped = false;
	loop->running = false;
	return error;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	source->fd = fd;
	source->loop = loop;
	return 0;
}

static bool is_added(const struct loop_source *source)
{
	return source->loop && source->fd >= 0;
}

int loop_modify(struct loop_source *source, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (!is_added(source))
		return -ENOENT;
	return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) ? -errno : 0;
}

void loop_remove(struct loop_source *source)
{
	struct loop *loop = source->loop;

	if (!is_added(source))
		return;
	/* It fails only if the descriptor was closed before, and then it is out already. */
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->batch_length; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	source->fd = -1;
	source->loop = NULL;
}

/* A descriptor that the loop made itself. */
static int add_owned(struct loop *loop, struct loop_source *source, int fd)
{
	int error = loop_add(loop, source, fd, EPOLLIN);

	if (error)
		close(fd);
	return error;
}

static void remove_owned(struct loop_source *source)
{
	int fd = source->fd;

	if (!is_added(source))
		return;
	loop_remove(source);
	close(fd);
}

/* Nothing to read: the timer was set anew, or disarmed, since epoll saw it. */
static void timer_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct loop_timer *timer = (struct loop_timer *)source;
	uint64_t expirations;

	(void)epoll_events;
	if (read(source->fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
		timer->expired(timer, expirations);
}

int loop_timer_add(struct loop *loop, struct loop_timer *timer)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	timer->source.ready = timer_ready;
	return add_owned(loop, &timer->source, fd);
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND), .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

int loop_timer_set(struct loop_timer *timer, uint64_t first_ns, uint64_t period_ns)
{
	struct itimerspec setting = { .it_value = to_timespec(first_ns), .it_interval = to_timespec(period_ns) };

	if (!is_added(&timer->source))
		return -ENOENT;
	return timerfd_settime(timer->source.fd, 0, &setting, NULL) ? -errno : 0;
}

void loop_timer_remove(struct loop_timer *timer)
{
	remove_owned(&timer->source);
}

/* One signal a call: the callback may remove its source, and what is left is delivered by the next batch. */
static void signals_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct loop_signals *signals = (struct loop_signals *)source;
	struct signalfd_siginfo info;

	(void)epoll_events;
	if (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->received(signals, (int)info.ssi_signo);
}

int loop_signals_add(struct loop *loop, struct loop_signals *signals, const sigset_t *set)
{
	sigset_t before;
	int fd, error;

	if (sigprocmask(SIG_BLOCK, set, &before))
		return -errno;
	fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		error = -errno;
	} else {
		signals->source.ready = signals_ready;
		error = add_owned(loop, &signals->source, fd);
	}
	if (error)
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

void loop_signals_remove(struct loop_signals *signals)
{
	remove_owned(&signals->source);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now = { 0 };

	/* Cannot fail: both clocks exist on every Linux, and the address is ours. */
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}
