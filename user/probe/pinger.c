/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/pinger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "probe/pinger_internal.h"

int pinger_open(struct loop *loop, struct pinger **out)
{
	struct pinger *pinger = calloc(1, sizeof(*pinger));
	int error;

	if (!pinger)
		return -ENOMEM;
	pinger->loop = loop;
	pinger->timer.expired = pinger_wake;
	pinger->timer.source.fd = -1;
	for (int i = 0; i < PINGER_FAMILIES; i++)
		pinger->sockets[i].fd = -1;
	wheel_init(&pinger->wheel, clock_monotonic_ns());
	error = getrandom(&pinger->key, sizeof(pinger->key), 0) == (ssize_t)sizeof(pinger->key) ? 0 : -EIO;
	if (!error)
		error = loop_timer_add(loop, &pinger->timer);
	if (error) {
		free(pinger);
		return error;
	}
	*out = pinger;
	return 0;
}

struct pinger *pinger_close(struct pinger *pinger)
{
	if (!pinger)
		return NULL;
	pinger->resolver = resolver_close(pinger->resolver);
	for (size_t i = 0; i < pinger->host_count; i++) {
		pinger->hosts[i]->resolving = false; /* no answer comes any more */
		host_free(pinger, pinger->hosts[i]);
	}
	for (size_t i = 0; i < pinger->leaving_count; i++) {
		pinger->leaving[i]->resolving = false;
		host_free(pinger, pinger->leaving[i]);
	}
	for (int i = 0; i < PINGER_FAMILIES; i++)
		if (pinger->sockets[i].fd >= 0)
			icmp_close(&pinger->sockets[i]);
	loop_timer_remove(&pinger->timer);
	free(pinger->hosts);
	free(pinger->leaving);
	free(pinger->targets);
	free(pinger->hash);
	free(pinger->rounds);
	free(pinger);
	return NULL;
}

/* A machine without IPv6 has no socket of it; its IPv6 pings fail here, and are counted so. */
static int open_sockets(struct pinger *pinger, char error[PINGER_ERROR_SIZE])
{
	if (pinger->opened)
		return 0;
	for (int i = 0; i < PINGER_FAMILIES; i++)
		pinger->socket_error[i] = icmp_open(i ? 6 : 4, (uint16_t)pinger->key.words[0], &pinger->sockets[i]);
	pinger->opened = pinger->sockets[0].fd >= 0 || pinger->sockets[1].fd >= 0;
	if (pinger->opened)
		return 0;
	snprintf(error, PINGER_ERROR_SIZE,
		 "cannot open a socket to ping with: %s: CAP_NET_RAW, or a group in net.ipv4.ping_group_range, is needed",
		 strerror(-pinger->socket_error[0]));
	return pinger->socket_error[0];
}

static int open_resolver(struct pinger *pinger, const struct pinger_config *config, char error[PINGER_ERROR_SIZE])
{
	struct resolver_hooks hooks = { .context = pinger, .done = host_resolved };
	bool names = false;
	int result;

	for (size_t i = 0; i < config->count && !names; i++) {
		struct icmp_address address;

		names = !resolver_numeric(config->hosts[i].host, &address);
	}
	if (!names || pinger->resolver)
		return 0;
	result = resolver_open(pinger->loop, &hooks, &pinger->resolver);
	if (result)
		snprintf(error, PINGER_ERROR_SIZE, "cannot start the threads that resolve names: %s",
			 strerror(-result));
	return result;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct host *const *)a)->words.name, (*(struct host *const *)b)->words.name);
}

/* The host of old that a new one can be: same name, same words. It is taken out of `old`, which is sorted. */
static struct host *take_same(struct host **old, size_t count, const struct host *wanted)
{
	struct host **found = count ? bsearch(&wanted, old, count, sizeof(struct host *), by_name) : NULL;
	const struct pinger_host *a = &wanted->words, *b = found ? &(*found)->words : NULL;

	if (!b || strcmp(a->host, b->host) != 0 || strcmp(a->interface, b->interface) != 0 ||
	    a->interval != b->interval || a->timeout != b->timeout || a->resolve_interval != b->resolve_interval ||
	    a->count != b->count || a->size != b->size || a->dscp != b->dscp || a->ttl != b->ttl ||
	    a->all_addresses != b->all_addresses)
		return NULL;
	return *found;
}

static void free_new(struct host **hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(hosts[i]->words.host);
		free(hosts[i]->words.name);
		free(hosts[i]);
	}
	free(hosts);
}

static struct host **make_hosts(const struct pinger_config *config)
{
	struct host **hosts = calloc(config->count + 1, sizeof(struct host *));

	for (size_t i = 0; hosts && i < config->count; i++)
		if (host_new(&config->hosts[i], &hosts[i])) {
			free_new(hosts, i);
			return NULL;
		}
	return hosts;
}

/* Each host of old takes the place of a new one that is the same, or goes. Those that stay are marked by `abandoned` meanwhile. */
static void change_hosts(struct pinger *pinger, struct host **hosts, size_t count)
{
	struct host **old = pinger->hosts;
	size_t old_count = pinger->host_count;

	if (old_count)
		qsort(old, old_count, sizeof(struct host *), by_name);
	for (size_t i = 0; i < count; i++) {
		struct host *same = take_same(old, old_count, hosts[i]);

		if (!same)
			continue;
		free(hosts[i]->words.host);
		free(hosts[i]->words.name);
		free(hosts[i]);
		hosts[i] = same;
		same->abandoned = true;
	}
	for (size_t i = 0; i < old_count; i++)
		if (!old[i]->abandoned)
			host_free(pinger, old[i]);
	free(old);
	pinger->hosts = hosts;
	pinger->host_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!hosts[i]->abandoned)
			host_start(pinger, hosts[i]);
		hosts[i]->abandoned = false;
	}
}

int pinger_prepare(struct pinger *pinger, const struct pinger_config *config, char error[PINGER_ERROR_SIZE])
{
	int result = config->count ? open_sockets(pinger, error) : 0;

	return result ? result : open_resolver(pinger, config, error);
}

int pinger_configure(struct pinger *pinger, const struct pinger_config *config, char error[PINGER_ERROR_SIZE])
{
	size_t leaving = pinger->leaving_count + pinger->host_count;
	struct host **hosts, **room;
	int result;

	if (!config->count && !pinger->host_count)
		return 0;
	result = pinger_prepare(pinger, config, error);
	if (result)
		return result;
	room = realloc(pinger->leaving, (leaving + 1) * sizeof(struct host *));
	if (room)
		pinger->leaving = room;
	hosts = room ? make_hosts(config) : NULL;
	if (!hosts) {
		snprintf(error, PINGER_ERROR_SIZE, "out of memory for %zu hosts to ping", config->count);
		return -ENOMEM;
	}
	change_hosts(pinger, hosts, config->count);
	pinger_schedule(pinger);
	return 0;
}
