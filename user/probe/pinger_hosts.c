/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host has the targets that its name has addresses. When the name is resolved again, addresses that stay keep their
 * pings; with the first address only, the one at hand stays as long as the name still has it, so that a name server that turns
 * its answers round does not change the host under the measurement.
 */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/pinger_internal.h"

#define NS_PER_SECOND 1e9
#define ASK_AGAIN_NS 1000000000ULL /* after a full queue */

int host_new(const struct pinger_host *words, struct host **out)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return -ENOMEM;
	host->words = *words;
	host->words.host = strdup(words->host);
	host->words.name = strdup(words->name ? words->name : words->host);
	if (!host->words.host || !host->words.name) {
		free(host->words.host);
		free(host->words.name);
		free(host);
		return -ENOMEM;
	}
	host->event.of_host = true;
	host->interval_ns = (uint64_t)(words->interval * NS_PER_SECOND);
	host->config = (struct target_config){
		.timeout_ns = (uint64_t)(words->timeout * NS_PER_SECOND),
		.round = words->count,
	};
	*out = host;
	return 0;
}

static void free_words(struct host *host)
{
	free(host->words.host);
	free(host->words.name);
	free(host);
}

struct host *host_free(struct pinger *pinger, struct host *host)
{
	while (host->target_count)
		target_close(pinger, host->targets[--host->target_count]);
	wheel_remove(&pinger->wheel, &host->event.timer);
	if (!host->resolving) {
		free_words(host);
		return NULL;
	}
	/* pinger_configure() made the room. */
	host->abandoned = true;
	pinger->leaving[pinger->leaving_count++] = host;
	return NULL;
}

static void leave(struct pinger *pinger, struct host *host)
{
	for (size_t i = 0; i < pinger->leaving_count; i++)
		if (pinger->leaving[i] == host) {
			pinger->leaving[i] = pinger->leaving[--pinger->leaving_count];
			break;
		}
	free_words(host);
}

static bool is_among(const struct icmp_address *address, const struct icmp_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (icmp_address_same(address, &addresses[i]))
			return true;
	return false;
}

static bool has_target(const struct host *host, const struct icmp_address *address)
{
	for (unsigned int i = 0; i < host->target_count; i++)
		if (icmp_address_same(&host->targets[i]->address, address))
			return true;
	return false;
}

static void set_addresses(struct pinger *pinger, struct host *host, const struct icmp_address *addresses, size_t count)
{
	size_t most = host->words.all_addresses ? RESOLVED_MAX : 1;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < host->target_count; i++) {
		if (is_among(&host->targets[i]->address, addresses, count))
			host->targets[kept++] = host->targets[i];
		else
			target_close(pinger, host->targets[i]);
	}
	host->target_count = kept;
	for (size_t i = 0; i < count && host->target_count < most; i++) {
		struct target *target;

		if (has_target(host, &addresses[i]))
			continue;
		target = target_open(pinger, host, &addresses[i]);
		if (!target) {
			log_error("out of memory: an address of %s is not pinged", host->words.host);
			return;
		}
		host->targets[host->target_count++] = target;
	}
}

static void resolve_later(struct pinger *pinger, struct host *host, uint64_t wait_ns)
{
	wheel_set(&pinger->wheel, &host->event.timer, clock_monotonic_ns() + wait_ns);
}

void host_resolve(struct pinger *pinger, struct host *host)
{
	if (host->resolving)
		return;
	if (!pinger->resolver || resolver_ask(pinger->resolver, host->words.host, host)) {
		pinger->report.resolve_deferred++;
		resolve_later(pinger, host, ASK_AGAIN_NS);
		return;
	}
	host->resolving = true;
}

/* No such name, or no address of it. What a name server that does not answer knows is not known. */
static bool is_final(int error)
{
	return error == EAI_NONAME || error == EAI_NODATA;
}

void host_resolved(void *context, void *asker, int error, const struct icmp_address *addresses, size_t count)
{
	struct pinger *pinger = context;
	struct host *host = asker;

	if (host->abandoned) {
		leave(pinger, host);
		return;
	}
	host->resolving = false;
	if (error) {
		pinger->report.resolve_failures++;
		if (!host->unresolved)
			log_warning("%s does not resolve: %s", host->words.host, gai_strerror(error));
	} else if (host->unresolved) {
		log_info("%s resolves again", host->words.host);
	}
	host->unresolved = error;
	if (!error || is_final(error))
		set_addresses(pinger, host, addresses, error ? 0 : count);
	resolve_later(pinger, host, (uint64_t)(host->words.resolve_interval * NS_PER_SECOND));
	pinger_schedule(pinger);
}

void host_start(struct pinger *pinger, struct host *host)
{
	struct icmp_address address;

	host->numeric = resolver_numeric(host->words.host, &address);
	if (host->numeric)
		set_addresses(pinger, host, &address, 1);
	else
		host_resolve(pinger, host);
}
