/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/loop.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define NS_PER_SECOND 1000000000ULL

struct loop {
	int epoll_fd;
	bool stopped;
	/* The batch being served: a source that is removed meanwhile is taken out of it. */
	struct epoll_event events[BATCH];
	int count;
};

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int error = -errno;

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
	close(loop->epoll_fd);
	free(loop);
	return NULL;
}

int loop_run(struct loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped) {
		loop->count = epoll_wait(loop->epoll_fd, loop->events, BATCH, -1);
		if (loop->count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < loop->count && !loop->stopped; i++) {
			struct loop_source *source = loop->events[i].data.ptr;

			if (source)
				source->ready(source, loop->events[i].events);
		}
		loop->count = 0;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	source->fd = fd;
	source->loop = loop;
	return 0;
}

int loop_modify(struct loop_source *source, uint32_t epoll_events)
{
	struct epoll_event event = { .events = epoll_events, .data.ptr = source };

	if (!source->loop)
		return -ENOENT;
	return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) ? -errno : 0;
}

void loop_remove(struct loop_source *source)
{
	struct loop *loop = source->loop;

	if (!loop)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->count; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
	source->loop = NULL;
	source->fd = -1;
}

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct loop_timer *timer = (struct loop_timer *)((char *)source - offsetof(struct loop_timer, source));
	uint64_t expirations;

	(void)events;
	/* Nothing to read: it was set anew since it fired. */
	if (read(source->fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
		timer->expired(timer, expirations);
}

int loop_timer_add(struct loop *loop, struct loop_timer *timer)
{
	int error, fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	timer->source.ready = timer_ready;
	error = loop_add(loop, &timer->source, fd, EPOLLIN);
	if (error)
		close(fd);
	return error;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND), .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

int loop_timer_set(struct loop_timer *timer, uint64_t first_ns, uint64_t period_ns)
{
	struct itimerspec when = { .it_value = timespec_of(first_ns), .it_interval = timespec_of(period_ns) };

	if (!timer->source.loop)
		return -ENOENT;
	return timerfd_settime(timer->source.fd, 0, &when, NULL) ? -errno : 0;
}

/* Leaves the loop and closes the descriptor, which the loop's own sources own. */
static void remove_and_close(struct loop_source *source)
{
	int fd = source->fd;

	if (!source->loop)
		return;
	loop_remove(source);
	close(fd);
}

void loop_timer_remove(struct loop_timer *timer)
{
	remove_and_close(&timer->source);
}

static void signals_ready(struct loop_source *source, uint32_t events)
{
	struct loop_signals *signals = (struct loop_signals *)((char *)source - offsetof(struct loop_signals, source));
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->received(signals, (int)info.ssi_signo);
}

int loop_signals_add(struct loop *loop, struct loop_signals *signals, const sigset_t *set)
{
	int fd, error;

	if (sigprocmask(SIG_BLOCK, set, NULL))
		return -errno;
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	signals->source.ready = signals_ready;
	error = loop_add(loop, &signals->source, fd, EPOLLIN);
	if (error)
		close(fd);
	return error;
}

void loop_signals_remove(struct loop_signals *signals)
{
	remove_and_close(&signals->source);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
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
