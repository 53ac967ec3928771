/* SPDX-License-Identifier: BSD-2-Clause */
/* The pinger, shared by the files that make it up: pinger.c, pinger_hosts.c, pinger_run.c and pinger_sample.c. */
#ifndef FLOWGAUGE_PINGER_INTERNAL_H
#define FLOWGAUGE_PINGER_INTERNAL_H

#include "probe/icmp_socket.h"
#include "probe/pinger.h"
#include "probe/resolver.h"
#include "probe/target.h"
#include "probe/wheel.h"

#define PINGER_FAMILIES 2
#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + IF_NAMESIZE)
#define NO_INDEX UINT32_MAX

/* First member of what waits in the wheel. */
struct event {
	struct wheel_timer timer;
	bool of_host; /* time to resolve a host's name; otherwise a target's to send or to give up */
};

struct host {
	struct event event;
	struct pinger_host words; /* host and name are its own */
	struct target_config config;
	uint64_t interval_ns;
	bool numeric, resolving;
	bool unresolved;        /* the last answer was that there is no such name */
	bool abandoned;         /* freed once its answer has come */
	unsigned int interface; /* index of words.interface, 0: none, or not there */
	struct target *targets[RESOLVED_MAX];
	unsigned int target_count;
};

struct target {
	struct event event;
	struct host *host;
	struct icmp_address address;
	uint32_t index;     /* in pinger->targets */
	uint32_t same_hash; /* the next one's index */
	uint64_t send_ns;   /* the next ping, monotonic */
	struct target_state state;
	char text[ADDRESS_TEXT_SIZE];
};

/* A round that the next report is to have. */
struct ended_round {
	struct target *target; /* NULL: gone since */
	uint64_t time_ns;
	struct target_round round;
};

struct pinger {
	struct loop *loop;
	struct loop_timer timer;
	struct wheel wheel;
	struct icmp_socket sockets[PINGER_FAMILIES]; /* of IPv4, of IPv6 */
	int socket_error[PINGER_FAMILIES];           /* why there is none */
	bool opened;
	struct resolver *resolver; /* NULL until there is a name */
	struct echo_key key;
	struct host **hosts; /* in the order of the configuration */
	size_t host_count;
	struct host **leaving; /* abandoned, with a question under way */
	size_t leaving_count;
	struct target **targets; /* by index; NULL: free */
	uint32_t *hash;          /* heads of chains, by address; NO_INDEX: none */
	uint32_t target_room;    /* a power of two, also the number of chains; 0 at first */
	uint32_t target_count;
	uint32_t started; /* targets that ever were: spreads the next one's start */
	struct ended_round *rounds;
	size_t round_count, round_room;
	struct ping_histogram all;
	struct pinger_report report;
};

/* pinger_hosts.c */
int host_new(const struct pinger_host *words, struct host **out); /* 0 or -ENOMEM */
struct host *host_free(struct pinger *pinger, struct host *host); /* and its targets; NULL */
/* Has its targets made: at once of a numeric address, when the answer comes of a name. */
void host_start(struct pinger *pinger, struct host *host);
void host_resolve(struct pinger *pinger, struct host *host);
void host_resolved(void *context, void *asker, int error, const struct icmp_address *addresses, size_t count);

/* pinger_targets.c */
struct target *target_open(struct pinger *pinger, struct host *host,
			   const struct icmp_address *address);              /* NULL: no memory */
struct target *target_close(struct pinger *pinger, struct target *target);   /* NULL */
struct target *target_by_index(const struct pinger *pinger, uint32_t index); /* NULL: none */
/* The target at this address that waits for a ping of this sequence number; NULL: none. */
struct target *target_awaiting(const struct pinger *pinger, const struct icmp_address *address, uint16_t sequence);

/* pinger_run.c */
void pinger_receive(struct pinger *pinger); /* empties the sockets */
void pinger_wake(struct loop_timer *timer, uint64_t expirations);
void pinger_settle(struct pinger *pinger, struct target *target, uint64_t now_ns);
void pinger_schedule(struct pinger *pinger); /* sets the timer for what is due next */

#endif
