/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens when the wheel turns: the sockets are emptied, what timed out is settled, and the pings that are due go
 * out a batch at a time. Nothing waits for a reply: the kernel has stamped it, so it may lie in the socket until then.
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "probe/pinger_internal.h"

#define REPLIES_A_WAKE 8192 /* of a family; the rest at the next step */
#define ROUNDS_MAX 65536    /* that wait for a report */

/* --- what comes in --- */

static void take_reply(void *context, int family, const struct icmp_address *from, const uint8_t *message,
		       size_t length, uint64_t stamp_ns)
{
	struct pinger *pinger = context;
	struct target *target = NULL;
	enum target_answer answer = ANSWER_FOREIGN;
	struct target_round_trip trip = { 0 };
	struct echo echo;

	if (!echo_read(&pinger->key, family, ECHO_REPLY, message, length, &echo))
		return;
	if (echo.tagged)
		target = target_by_index(pinger, echo.target);
	if (target && !memcmp(target->address.bytes, from->bytes, sizeof(from->bytes)))
		answer = target_reply(&target->state, &target->host->config, echo.number, stamp_ns,
				      clock_monotonic_ns(), &trip);
	pinger->report.foreign += answer == ANSWER_FOREIGN;
	if (answer == ANSWER_IN_TIME) {
		pinger->report.without_stamp += !trip.by_kernel;
		ping_histogram_observe(&pinger->all, trip.seconds);
	}
}

static enum ping_error_kind kind_of_v4(uint8_t type, uint8_t code)
{
	if (type == ICMP_TIME_EXCEEDED)
		return PING_TTL_EXCEEDED;
	if (type != ICMP_DEST_UNREACH)
		return PING_PARAMETER_PROBLEM;
	switch (code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_NET_UNR_TOS:
		return PING_NET_UNREACHABLE;
	case ICMP_FRAG_NEEDED:
		return PING_TOO_BIG;
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return PING_PROHIBITED;
	default:
		return PING_HOST_UNREACHABLE;
	}
}

static enum ping_error_kind kind_of_v6(uint8_t type, uint8_t code)
{
	switch (type) {
	case ICMP6_TIME_EXCEEDED:
		return PING_TTL_EXCEEDED;
	case ICMP6_PACKET_TOO_BIG:
		return PING_TOO_BIG;
	case ICMP6_DST_UNREACH:
		if (code == ICMP6_DST_UNREACH_NOROUTE)
			return PING_NET_UNREACHABLE;
		return code == ICMP6_DST_UNREACH_ADMIN ? PING_PROHIBITED : PING_HOST_UNREACHABLE;
	default:
		return PING_PARAMETER_PROBLEM;
	}
}

/* A router quotes at least the header of our request; those that quote more let us see the tag. */
static void take_error(void *context, int family, uint8_t type, uint8_t code, const struct icmp_address *from,
		       const struct icmp_address *to, const uint8_t *message, size_t length)
{
	struct pinger *pinger = context;
	const struct icmp_socket *socket = &pinger->sockets[family == 6];
	struct target *target;
	struct echo echo;

	if (!echo_read(&pinger->key, family, ECHO_REQUEST, message, length, &echo) ||
	    echo.identifier != socket->identifier)
		return;
	if (length >= ECHO_LEAST && !echo.tagged)
		return; /* quoted, and not ours: another process on the machine pings */
	target = echo.tagged ? target_by_index(pinger, echo.target) : target_awaiting(pinger, to, echo.sequence);
	if (target && !memcmp(target->address.bytes, to->bytes, sizeof(to->bytes)) &&
	    target_awaits(&target->state, echo.sequence))
		target_error(&target->state, family == 4 ? kind_of_v4(type, code) : kind_of_v6(type, code),
			     from->family, from->bytes);
}

static void take_sent(void *context, uint32_t index, uint32_t number, uint64_t stamp_ns)
{
	struct target *target = target_by_index(context, index);

	if (target)
		target_stamp(&target->state, number, stamp_ns);
}

static void take_dropped(void *context, uint32_t more)
{
	((struct pinger *)context)->report.dropped += more;
}

void pinger_receive(struct pinger *pinger)
{
	struct icmp_events events = {
		.context = pinger,
		.reply = take_reply,
		.error = take_error,
		.sent = take_sent,
		.dropped = take_dropped,
	};

	for (int i = 0; i < PINGER_FAMILIES; i++)
		if (pinger->sockets[i].fd >= 0)
			(void)icmp_receive(&pinger->sockets[i], &events, REPLIES_A_WAKE);
}

/* --- what became of the pings --- */

static void keep_round(struct pinger *pinger, struct target *target)
{
	if (pinger->round_count == pinger->round_room) {
		size_t room = pinger->round_room ? 2 * pinger->round_room : 64;
		struct ended_round *rounds = room > ROUNDS_MAX ?
						     NULL :
						     realloc(pinger->rounds, room * sizeof(*pinger->rounds));

		if (!rounds) {
			pinger->report.rounds_dropped++;
			return;
		}
		pinger->rounds = rounds;
		pinger->round_room = room;
	}
	pinger->rounds[pinger->round_count++] = (struct ended_round){
		.target = target,
		.time_ns = clock_realtime_ns(),
		.round = target->state.last,
	};
}

void pinger_settle(struct pinger *pinger, struct target *target, uint64_t now_ns)
{
	int settled;

	while ((settled = target_settle(&target->state, &target->host->config, now_ns)) >= 0)
		if (settled)
			keep_round(pinger, target);
}

/* --- what goes out --- */

struct departure {
	struct pinger *pinger;
	struct icmp_message messages[PINGER_FAMILIES][ICMP_BATCH];
	unsigned int count[PINGER_FAMILIES];
};

/* That this machine has no room is not the way's fault: such a ping is not counted as sent. */
static bool is_congestion(int error)
{
	return error == -ENOBUFS || error == -EAGAIN || error == -ENOMEM;
}

static void failed(struct pinger *pinger, const struct icmp_message *message)
{
	struct target *target = target_by_index(pinger, message->target);

	if (is_congestion(message->error)) {
		target_unsend(&target->state);
		pinger->report.skipped++;
		return;
	}
	target->host->interface = 0; /* looked up again before the next */
	target_error(&target->state, PING_LOCAL, 0, NULL);
}

static void depart(struct departure *departure, int family)
{
	struct pinger *pinger = departure->pinger;
	struct icmp_message *messages = departure->messages[family];
	unsigned int count = departure->count[family];

	departure->count[family] = 0;
	if (!count)
		return;
	if (pinger->sockets[family].fd >= 0)
		icmp_send(&pinger->sockets[family], messages, count);
	for (unsigned int i = 0; i < count; i++) {
		if (pinger->sockets[family].fd < 0)
			messages[i].error = pinger->socket_error[family];
		if (messages[i].error)
			failed(pinger, &messages[i]);
	}
}

/* The index of an interface changes when it goes and comes back. It is asked for again each round, and after a failure. */
static unsigned int interface_of(struct host *host, const struct target_state *state)
{
	if (!host->interface || (state->next - state->first) % host->words.count == 0)
		host->interface = if_nametoindex(host->words.interface);
	return host->interface;
}

static void send_ping(struct departure *departure, struct target *target, uint64_t now_ns)
{
	struct pinger *pinger = departure->pinger;
	const struct pinger_host *words = &target->host->words;
	int family = target->address.family == 6;
	unsigned int interface = *words->interface ? interface_of(target->host, &target->state) : 0;
	uint32_t number = target_send(&target->state, now_ns, clock_realtime_ns());
	struct icmp_message *message;
	struct echo echo = {
		.identifier = pinger->sockets[family].identifier,
		.target = target->index,
		.number = number,
	};

	if (*words->interface && !interface) {
		target_error(&target->state, PING_LOCAL, 0, NULL);
		return;
	}
	message = &departure->messages[family][departure->count[family]++];
	*message = (struct icmp_message){
		.to = &target->address,
		.zeros = (uint16_t)(words->size + ECHO_HEADER - ECHO_LEAST),
		.tos = (uint8_t)(words->dscp << 2),
		.ttl = words->ttl,
		.interface = interface,
		.target = target->index,
		.number = number,
	};
	echo_write(&pinger->key, target->address.family, &echo, message->bytes);
	if (departure->count[family] == ICMP_BATCH)
		depart(departure, family);
}

/* What was missed while the loop was held up is left out, so that it does not go out in a burst. */
static void plan_next(struct pinger *pinger, struct target *target, uint64_t now_ns)
{
	uint64_t interval = target->host->interval_ns;

	target->send_ns += interval;
	if (target->send_ns <= now_ns) {
		uint64_t missed = (now_ns - target->send_ns) / interval + 1;

		pinger->report.skipped += missed;
		target->send_ns += missed * interval;
	}
}

static void turn_target(struct departure *departure, struct target *target, uint64_t now_ns)
{
	struct pinger *pinger = departure->pinger;
	uint64_t due, deadline;

	pinger_settle(pinger, target, now_ns);
	if (now_ns >= target->send_ns) {
		send_ping(departure, target, now_ns);
		plan_next(pinger, target, now_ns);
	}
	due = target->send_ns;
	if (target_deadline(&target->state, &target->host->config, &deadline) && deadline < due)
		due = deadline;
	wheel_set(&pinger->wheel, &target->event.timer, due > now_ns ? due : now_ns + 1);
}

void pinger_schedule(struct pinger *pinger)
{
	uint64_t now = clock_monotonic_ns(), next;

	if (!wheel_next(&pinger->wheel, &next))
		(void)loop_timer_set(&pinger->timer, 0, 0);
	else
		(void)loop_timer_set(&pinger->timer, next > now ? next - now : 1, 0);
}

void pinger_wake(struct loop_timer *timer, uint64_t expirations)
{
	struct pinger *pinger = (struct pinger *)((char *)timer - offsetof(struct pinger, timer));
	struct departure departure = { .pinger = pinger };
	uint64_t now = clock_monotonic_ns();
	struct wheel_timer *due;

	(void)expirations;
	pinger_receive(pinger);
	while ((due = wheel_take(&pinger->wheel, now))) {
		struct event *event = (struct event *)due;

		if (event->of_host)
			host_resolve(pinger, (struct host *)event);
		else
			turn_target(&departure, (struct target *)event, now);
	}
	for (int family = 0; family < PINGER_FAMILIES; family++)
		depart(&departure, family);
	pinger_schedule(pinger);
}
