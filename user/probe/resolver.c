/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread inside getaddrinfo() can neither be woken nor ended, and the monitor must not wait for it at its end. So
 * what the threads share is counted by reference, and the last one out frees it.
 */
#include "probe/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS 4
#define STACK_BYTES (256 << 10)

struct question {
	struct question *next;
	void *asker;
	int error;
	size_t count;
	struct icmp_address addresses[RESOLVED_MAX];
	char name[];
};

struct queue {
	struct question *first, **end;
	size_t length;
};

struct shared {
	pthread_mutex_t lock;
	pthread_cond_t asked;
	unsigned int references; /* the loop's side, and each thread */
	bool closed;
	int event; /* eventfd: answers wait */
	struct queue questions, answers;
};

struct resolver {
	struct loop_source source;
	struct resolver_hooks hooks;
	struct shared *shared;
};

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){ .end = &queue->first };
}

static void queue_put(struct queue *queue, struct question *question)
{
	question->next = NULL;
	*queue->end = question;
	queue->end = &question->next;
	queue->length++;
}

static struct question *queue_take(struct queue *queue)
{
	struct question *question = queue->first;

	if (!question)
		return NULL;
	queue->first = question->next;
	queue->length--;
	if (!queue->first)
		queue->end = &queue->first;
	return question;
}

static void queue_empty(struct queue *queue)
{
	struct question *question;

	while ((question = queue_take(queue)))
		free(question);
}

/* Unlocks. */
static void shared_release(struct shared *shared)
{
	bool last = !--shared->references;

	pthread_mutex_unlock(&shared->lock);
	if (!last)
		return;
	queue_empty(&shared->questions);
	queue_empty(&shared->answers);
	close(shared->event);
	pthread_cond_destroy(&shared->asked);
	pthread_mutex_destroy(&shared->lock);
	free(shared);
}

static bool take_address(const struct addrinfo *found, struct icmp_address *out)
{
	memset(out, 0, sizeof(*out));
	if (found->ai_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &((const struct sockaddr_in *)found->ai_addr)->sin_addr, 4);
	} else if (found->ai_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)found->ai_addr;

		out->family = 6;
		out->scope = v6->sin6_scope_id;
		memcpy(out->bytes, &v6->sin6_addr, 16);
	}
	return out->family;
}

static void take_addresses(struct question *question, const struct addrinfo *found)
{
	for (; found && question->count < RESOLVED_MAX; found = found->ai_next) {
		struct icmp_address *next = &question->addresses[question->count];
		bool known = !take_address(found, next);

		for (size_t i = 0; i < question->count; i++)
			known = known || icmp_address_same(&question->addresses[i], next);
		question->count += !known;
	}
}

static void resolve(struct question *question)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;

	question->error = getaddrinfo(question->name, NULL, &hints, &found);
	if (question->error)
		return;
	take_addresses(question, found);
	freeaddrinfo(found);
	if (!question->count)
		question->error = EAI_NONAME;
}

static void *resolve_on(void *context)
{
	struct shared *shared = context;
	struct question *question;

	pthread_mutex_lock(&shared->lock);
	while (!shared->closed) {
		question = queue_take(&shared->questions);
		if (!question) {
			pthread_cond_wait(&shared->asked, &shared->lock);
			continue;
		}
		pthread_mutex_unlock(&shared->lock);
		resolve(question);
		pthread_mutex_lock(&shared->lock);
		queue_put(&shared->answers, question);
		/* It cannot be full: it is read whole, and holds what fits 64 bits. */
		(void)eventfd_write(shared->event, 1);
	}
	shared_release(shared);
	return NULL;
}

static void answers_ready(struct loop_source *source, uint32_t events)
{
	struct resolver *resolver = (struct resolver *)source;
	struct shared *shared = resolver->shared;
	struct question *question;
	eventfd_t count;

	(void)events;
	(void)eventfd_read(source->fd, &count);
	for (;;) {
		pthread_mutex_lock(&shared->lock);
		question = queue_take(&shared->answers);
		pthread_mutex_unlock(&shared->lock);
		if (!question)
			return;
		resolver->hooks.done(resolver->hooks.context, question->asker, question->error, question->addresses,
				     question->count);
		free(question);
	}
}

/* Signals are the loop's. One thread is enough to go on with. */
static int start_threads(struct shared *shared)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error = pthread_attr_init(&attributes);
	unsigned int started = 0;

	if (error)
		return -error;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (!error)
		error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (int i = 0; i < THREADS && !error; i++) {
		pthread_t thread;

		pthread_mutex_lock(&shared->lock);
		error = pthread_create(&thread, &attributes, resolve_on, shared);
		shared->references += !error;
		pthread_mutex_unlock(&shared->lock);
		started += !error;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return started ? 0 : -error;
}

static struct shared *shared_new(void)
{
	struct shared *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return NULL;
	shared->references = 1;
	queue_init(&shared->questions);
	queue_init(&shared->answers);
	shared->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared->event < 0) {
		free(shared);
		return NULL;
	}
	/* Neither can fail with the attributes of default. */
	pthread_mutex_init(&shared->lock, NULL);
	pthread_cond_init(&shared->asked, NULL);
	return shared;
}

int resolver_open(struct loop *loop, const struct resolver_hooks *hooks, struct resolver **out)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int error = -ENOMEM;

	if (!resolver)
		return error;
	resolver->hooks = *hooks;
	resolver->source.ready = answers_ready;
	resolver->source.fd = -1;
	resolver->shared = shared_new();
	if (resolver->shared)
		error = loop_add(loop, &resolver->source, resolver->shared->event, EPOLLIN);
	if (!error)
		error = start_threads(resolver->shared);
	if (error) {
		resolver_close(resolver);
		return error;
	}
	*out = resolver;
	return 0;
}

struct resolver *resolver_close(struct resolver *resolver)
{
	if (!resolver)
		return NULL;
	loop_remove(&resolver->source);
	if (resolver->shared) {
		pthread_mutex_lock(&resolver->shared->lock);
		resolver->shared->closed = true;
		pthread_cond_broadcast(&resolver->shared->asked);
		shared_release(resolver->shared);
	}
	free(resolver);
	return NULL;
}

int resolver_ask(struct resolver *resolver, const char *name, void *asker)
{
	struct shared *shared = resolver->shared;
	size_t size = strlen(name) + 1;
	struct question *question = calloc(1, sizeof(*question) + size);
	bool full;

	if (!question)
		return -ENOMEM;
	question->asker = asker;
	memcpy(question->name, name, size);
	pthread_mutex_lock(&shared->lock);
	full = shared->questions.length >= RESOLVER_QUEUE_MAX;
	if (!full) {
		queue_put(&shared->questions, question);
		pthread_cond_signal(&shared->asked);
	}
	pthread_mutex_unlock(&shared->lock);
	if (full)
		free(question);
	return full ? -EBUSY : 0;
}

bool resolver_numeric(const char *name, struct icmp_address *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found = NULL;
	bool is;

	if (getaddrinfo(name, NULL, &hints, &found))
		return false;
	is = found && take_address(found, out);
	freeaddrinfo(found);
	return is;
}
