/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses that are pinged, found by index (which their pings carry) or by address (which an error tells). */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/pinger_internal.h"

#define ROOM_LEAST 16
#define REMEMBERED_MORE 4        /* than can be under way: what is late or comes twice is still known */
#define SETTLING_NS 100000000ULL /* after the sockets are open: by then the kernel stamps what arrives */

static uint32_t chain_of(const struct pinger *pinger, const struct icmp_address *address)
{
	uint64_t sum = pinger->key.words[0];

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		sum = (sum ^ address->bytes[i]) * 0x100000001b3ULL;
	return (uint32_t)(sum >> 32) & (pinger->target_room - 1);
}

static void enter_chain(struct pinger *pinger, struct target *target)
{
	uint32_t chain = chain_of(pinger, &target->address);

	target->same_hash = pinger->hash[chain];
	pinger->hash[chain] = target->index;
}

static void leave_chain(struct pinger *pinger, const struct target *target)
{
	uint32_t *at = &pinger->hash[chain_of(pinger, &target->address)];

	while (*at != target->index)
		at = &pinger->targets[*at]->same_hash;
	*at = target->same_hash;
}

static bool make_room(struct pinger *pinger)
{
	uint32_t room = pinger->target_room ? 2 * pinger->target_room : ROOM_LEAST;
	struct target **targets = calloc(room, sizeof(*targets));
	uint32_t *hash = malloc(room * sizeof(*hash));

	if (!targets || !hash) {
		free(targets);
		free(hash);
		return false;
	}
	memset(hash, 0xff, room * sizeof(*hash));
	if (pinger->target_room)
		memcpy(targets, pinger->targets, pinger->target_room * sizeof(struct target *));
	free(pinger->targets);
	free(pinger->hash);
	pinger->targets = targets;
	pinger->hash = hash;
	pinger->target_room = room;
	for (uint32_t i = 0; i < room; i++)
		if (targets[i])
			enter_chain(pinger, targets[i]);
	return true;
}

static uint32_t free_index(const struct pinger *pinger)
{
	uint32_t index = pinger->target_count;

	while (pinger->targets[index % pinger->target_room])
		index++;
	return index % pinger->target_room;
}

static void write_text(struct target *target)
{
	char name[IF_NAMESIZE];

	inet_ntop(target->address.family == 4 ? AF_INET : AF_INET6, target->address.bytes, target->text,
		  sizeof(target->text));
	if (target->address.scope && if_indextoname(target->address.scope, name)) {
		size_t length = strlen(target->text);

		snprintf(target->text + length, sizeof(target->text) - length, "%%%s", name);
	}
}

/*
 * Multiples of the golden ratio, modulo 1, are spread evenly however many there are. So the pings of any number of
 * targets with the same interval are as far apart as can be.
 */
static uint64_t spread(struct pinger *pinger, uint64_t interval_ns)
{
	uint32_t fraction = pinger->started++ * 2654435769U; /* 2^32 / golden ratio */

	return (uint64_t)((double)fraction / 4294967296.0 * (double)interval_ns);
}

struct target *target_open(struct pinger *pinger, struct host *host, const struct icmp_address *address)
{
	struct target *target = calloc(1, sizeof(*target));
	struct target_config config = host->config;

	if (!target)
		return NULL;
	config.memory = (uint32_t)(config.timeout_ns / host->interval_ns) + REMEMBERED_MORE;
	if ((pinger->target_count == pinger->target_room && !make_room(pinger)) ||
	    target_init(&target->state, &config, (uint32_t)pinger->key.words[1] + pinger->started * 2654435769U)) {
		free(target);
		return NULL;
	}
	target->host = host;
	target->address = *address;
	target->index = free_index(pinger);
	write_text(target);
	pinger->targets[target->index] = target;
	pinger->target_count++;
	enter_chain(pinger, target);
	target->send_ns = clock_monotonic_ns() + SETTLING_NS + spread(pinger, host->interval_ns);
	wheel_set(&pinger->wheel, &target->event.timer, target->send_ns);
	return target;
}

struct target *target_close(struct pinger *pinger, struct target *target)
{
	for (size_t i = 0; i < pinger->round_count; i++)
		if (pinger->rounds[i].target == target)
			pinger->rounds[i].target = NULL;
	wheel_remove(&pinger->wheel, &target->event.timer);
	leave_chain(pinger, target);
	pinger->targets[target->index] = NULL;
	pinger->target_count--;
	target_free(&target->state);
	free(target);
	return NULL;
}

struct target *target_by_index(const struct pinger *pinger, uint32_t index)
{
	return index < pinger->target_room ? pinger->targets[index] : NULL;
}

struct target *target_awaiting(const struct pinger *pinger, const struct icmp_address *address, uint16_t sequence)
{
	uint32_t index = pinger->target_room ? pinger->hash[chain_of(pinger, address)] : NO_INDEX;

	while (index != NO_INDEX) {
		struct target *target = pinger->targets[index];

		if (target->address.family == address->family &&
		    !memcmp(target->address.bytes, address->bytes, sizeof(address->bytes)) &&
		    target_awaits(&target->state, sequence))
			return target;
		index = target->same_hash;
	}
	return NULL;
}
