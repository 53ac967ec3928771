/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libcurl says which sockets it wants to hear of and until when it can wait; both become sources of the event loop. Each
 * socket's source is in a list of our own, too, so that the last transfers can be finished after the loop's end: there
 * poll() takes the loop's place.
 *
 * Transfers that have ended are handed out only when libcurl's call has returned, because within its callbacks it takes
 * no calls.
 */
#include "export/curl_loop.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_SECOND 1e9
#define FINISH_SECONDS_MAX 3600
#define POLLED_MAX 32 /* sockets waited for at once in curl_loop_finish; the others' turn comes with the time-out */
#define POLLED_WAIT_MS 1000 /* and that is so far off at most */

struct curl_socket {
	struct loop_source source; /* first: callbacks get it */
	struct curl_loop *owner;
	struct curl_socket *next, **link;
	int what; /* CURL_POLL_IN, _OUT, _INOUT */
};

struct curl_loop {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: libcurl waits for sockets only */
	struct curl_socket *sockets;
	unsigned int running;
};

static void hand_out_ended(struct curl_loop *curl_loop)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(curl_loop->multi, &left))) {
		CURLcode result = message->data.result;
		struct curl_job *job = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&job) || !job)
			continue;
		curl_loop_cancel(job); /* takes it out; `message` is gone with it */
		job->done(job, result);
	}
}

static void act(struct curl_loop *curl_loop, curl_socket_t fd, int events)
{
	int running;

	/* What goes wrong in a transfer is its own result; the call itself fails only when used wrongly. */
	(void)curl_multi_socket_action(curl_loop->multi, fd, events, &running);
	hand_out_ended(curl_loop);
}

static void socket_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct curl_socket *socket = (struct curl_socket *)source;
	int events = 0;

	if (epoll_events & EPOLLIN)
		events |= CURL_CSELECT_IN;
	if (epoll_events & EPOLLOUT)
		events |= CURL_CSELECT_OUT;
	if (epoll_events & (EPOLLERR | EPOLLHUP))
		events |= CURL_CSELECT_ERR;
	act(socket->owner, source->fd, events);
}

static void time_out(struct curl_loop *curl_loop)
{
	curl_loop->deadline_ns = 0;
	act(curl_loop, CURL_SOCKET_TIMEOUT, 0);
}

static void timer_expired(struct loop_timer *timer, uint64_t expirations)
{
	(void)expirations;
	time_out((struct curl_loop *)((char *)timer - offsetof(struct curl_loop, timer)));
}

static int timer_wanted(CURLM *multi, long milliseconds, void *context)
{
	struct curl_loop *curl_loop = context;
	/* At once is 1 ns: 0 would disarm the timer, and libcurl must not be called from within its callback. */
	uint64_t wait_ns = milliseconds > 0 ? (uint64_t)milliseconds * NS_PER_MS : 1;

	(void)multi;
	if (milliseconds < 0)
		wait_ns = 0;
	curl_loop->deadline_ns = wait_ns ? clock_monotonic_ns() + wait_ns : 0;
	return loop_timer_set(&curl_loop->timer, wait_ns, 0) ? -1 : 0;
}

static uint32_t epoll_events_of(int what)
{
	return (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
}

static void socket_forget(struct curl_socket *socket)
{
	loop_remove(&socket->source);
	*socket->link = socket->next;
	if (socket->next)
		socket->next->link = socket->link;
	free(socket);
}

static struct curl_socket *socket_add(struct curl_loop *curl_loop, curl_socket_t fd, int what)
{
	struct curl_socket *socket = calloc(1, sizeof(*socket));

	if (!socket)
		return NULL;
	socket->source = (struct loop_source){ .fd = -1, .ready = socket_ready };
	if (loop_add(curl_loop->loop, &socket->source, fd, epoll_events_of(what))) {
		free(socket);
		return NULL;
	}
	socket->owner = curl_loop;
	socket->next = curl_loop->sockets;
	socket->link = &curl_loop->sockets;
	if (socket->next)
		socket->next->link = &socket->next;
	curl_loop->sockets = socket;
	return socket;
}

/* -1 makes libcurl end the transfers in question with an error, which is what a loop out of memory deserves. */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
	struct curl_loop *curl_loop = context;
	struct curl_socket *socket = assigned;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (socket)
			socket_forget(socket);
		return 0;
	}
	if (socket) {
		socket->what = what;
		return loop_modify(&socket->source, epoll_events_of(what)) ? -1 : 0;
	}
	socket = socket_add(curl_loop, fd, what);
	if (!socket)
		return -1;
	socket->what = what;
	return curl_multi_assign(curl_loop->multi, fd, socket) ? -1 : 0;
}

int curl_loop_new(struct loop *loop, struct curl_loop **out)
{
	struct curl_loop *curl_loop = calloc(1, sizeof(*curl_loop));
	int error;

	if (!curl_loop)
		return -ENOMEM;
	curl_loop->loop = loop;
	curl_loop->timer.source.fd = -1;
	curl_loop->timer.expired = timer_expired;
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(curl_loop);
		return -ENOMEM;
	}
	error = loop_timer_add(loop, &curl_loop->timer);
	curl_loop->multi = curl_multi_init();
	if (error || !curl_loop->multi) {
		curl_loop_free(curl_loop);
		return error ? error : -ENOMEM;
	}
	/* These options take what they are given; there is no failure to report. */
	(void)curl_multi_setopt(curl_loop->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	(void)curl_multi_setopt(curl_loop->multi, CURLMOPT_SOCKETDATA, curl_loop);
	(void)curl_multi_setopt(curl_loop->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	(void)curl_multi_setopt(curl_loop->multi, CURLMOPT_TIMERDATA, curl_loop);
	*out = curl_loop;
	return 0;
}

/* The handles that still run are their owners', who cancelled them or free them next; libcurl lets go of them here. */
struct curl_loop *curl_loop_free(struct curl_loop *curl_loop)
{
	if (!curl_loop)
		return NULL;
	if (curl_loop->multi)
		curl_multi_cleanup(curl_loop->multi);
	for (struct curl_socket *socket = curl_loop->sockets, *next; socket; socket = next) {
		next = socket->next;
		socket_forget(socket);
	}
	loop_timer_remove(&curl_loop->timer);
	curl_global_cleanup();
	free(curl_loop);
	return NULL;
}

int curl_loop_start(struct curl_loop *curl_loop, struct curl_job *job)
{
	if (job->in)
		return -EBUSY;
	if (curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job) || curl_multi_add_handle(curl_loop->multi, job->easy))
		return -ENOMEM;
	job->in = curl_loop;
	curl_loop->running++;
	return 0;
}

void curl_loop_cancel(struct curl_job *job)
{
	struct curl_loop *curl_loop = job->in;

	if (!curl_loop)
		return;
	job->in = NULL;
	curl_loop->running--;
	(void)curl_multi_remove_handle(curl_loop->multi, job->easy);
}

static short poll_events_of(int what)
{
	return (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
}

static int curl_events_of(short poll_events)
{
	return (poll_events & POLLIN ? CURL_CSELECT_IN : 0) | (poll_events & POLLOUT ? CURL_CSELECT_OUT : 0) |
	       (poll_events & (POLLERR | POLLHUP | POLLNVAL) ? CURL_CSELECT_ERR : 0);
}

static int wait_ms(const struct curl_loop *curl_loop, uint64_t now, uint64_t end)
{
	uint64_t until = curl_loop->deadline_ns && curl_loop->deadline_ns < end ? curl_loop->deadline_ns : end;
	uint64_t wait = until > now ? (until - now) / NS_PER_MS + 1 : 0;

	return (int)(wait < POLLED_WAIT_MS ? wait : POLLED_WAIT_MS);
}

static void poll_once(struct curl_loop *curl_loop, int timeout_ms)
{
	struct pollfd polled[POLLED_MAX];
	nfds_t count = 0;

	for (const struct curl_socket *socket = curl_loop->sockets; socket && count < POLLED_MAX; socket = socket->next)
		polled[count++] = (struct pollfd){ .fd = socket->source.fd, .events = poll_events_of(socket->what) };
	if (poll(polled, count, timeout_ms) <= 0)
		return;
	/* By number, not by socket: any of them may be gone after the first call, and libcurl knows the numbers. */
	for (nfds_t i = 0; i < count; i++)
		if (polled[i].revents)
			act(curl_loop, polled[i].fd, curl_events_of(polled[i].revents));
}

bool curl_loop_finish(struct curl_loop *curl_loop, double seconds)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t end = now + (uint64_t)(fmin(fmax(seconds, 0), FINISH_SECONDS_MAX) * NS_PER_SECOND);

	while (curl_loop->running && now < end) {
		poll_once(curl_loop, wait_ms(curl_loop, now, end));
		now = clock_monotonic_ns();
		if (curl_loop->deadline_ns && curl_loop->deadline_ns <= now)
			time_out(curl_loop);
	}
	return !curl_loop->running;
}
