/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pings of one address: what is under way, and what became of the others. No socket and no clock in here.
 *
 * A ping is waited for until its timeout. Fates are settled in the order of sending, so that rounds and the delay
 * variation are of successive pings even where replies overtake each other; what comes for a ping that was given up is
 * late. Times under way are CLOCK_MONOTONIC ns; stamps, which only differences are taken of, CLOCK_REALTIME ns.
 */
#ifndef FLOWGAUGE_TARGET_H
#define FLOWGAUGE_TARGET_H

#include "measure/ping_sample.h"

struct target_config {
	uint64_t timeout_ns;
	uint32_t round;  /* pings in one */
	uint32_t memory; /* pings remembered at least: those that can be under way at once, and a few more */
};

struct ping_slot {
	uint64_t sent_ns;  /* monotonic */
	uint64_t stamp_ns; /* realtime: the kernel's stamp, or until it comes our own from before the call */
	double rtt;        /* s, once answered */
	uint32_t number;
	uint8_t state;
	bool stamped; /* by the kernel */
};

struct target_error {
	enum ping_error_kind kind;
	uint8_t family; /* 4 or 6 of the reporter; 0: this machine; TARGET_REPORTER_OTHER: further ones */
	uint8_t from[16];
	uint64_t count;
};

#define TARGET_REPORTER_OTHER 255
#define TARGET_ERRORS_MAX (PING_REPORTERS_MAX + PING_ERROR_KINDS)

struct target_errors {
	unsigned int count;
	struct target_error items[TARGET_ERRORS_MAX];
};

struct target_round {
	struct ping_round round;
	uint64_t errors, duplicate, late;
	double delay_variation;
};

struct target_state {
	uint32_t first, next, settled; /* numbers, modulo 2^32: the first one, the next to send, the next to settle */
	uint32_t mask;                 /* of slots */
	struct ping_slot *slots;       /* owned */
	uint64_t sent, received, late, duplicate, reordered, errors;
	uint32_t highest; /* number answered */
	bool answered;    /* at least once */
	uint32_t lost_in_row;
	double last_rtt; /* NaN: lost, or none yet */
	struct delay_variation variation;
	struct ping_histogram histogram;
	struct target_round current, last; /* `errors`, `duplicate` and `late` of current: counts when it began */
	bool round_known;
	struct target_errors *by_whom; /* owned; NULL until the first error */
};

struct target_round_trip {
	double seconds;
	bool by_kernel; /* from stamp to stamp; otherwise the process's own clock had to stand in */
};

enum target_answer { ANSWER_IN_TIME, ANSWER_LATE, ANSWER_DUPLICATE, ANSWER_FOREIGN };

/* `first`: number of the first ping, any. 0 or -ENOMEM. */
int target_init(struct target_state *target, const struct target_config *config, uint32_t first);
void target_free(struct target_state *target); /* what it owns */

/* A ping is about to be sent; its number. What is remembered of the one that had its slot goes. */
uint32_t target_send(struct target_state *target, uint64_t monotonic_ns, uint64_t realtime_ns);
/* The one just begun was not sent, for no fault of the way: as if it had never been. */
void target_unsend(struct target_state *target);
void target_stamp(struct target_state *target, uint32_t number, uint64_t realtime_ns);
/*
 * A reply, stamped on arrival (0: no stamp) and read now. *out is filled if it came in time.
 */
enum target_answer target_reply(struct target_state *target, const struct target_config *config, uint32_t number,
				uint64_t stamp_ns, uint64_t now_monotonic_ns, struct target_round_trip *out);
/* An error for one of the pings: counted, and not believed further: the ping is lost if no reply comes. */
void target_error(struct target_state *target, enum ping_error_kind kind, int family, const void *from);
/* A ping that is still under way has these last 16 bits of its number. */
bool target_awaits(const struct target_state *target, uint16_t sequence);

/* Settles the next ping whose fate is known at this time. 1 if a round, target->last, is complete with it, 0 if not, -1: none. */
int target_settle(struct target_state *target, const struct target_config *config, uint64_t now_monotonic_ns);
/* When the oldest ping under way times out, monotonic; false: none is. */
bool target_deadline(const struct target_state *target, const struct target_config *config, uint64_t *ns);

/* Fills what the state knows; dest, address and errors are the caller's. */
void target_report(const struct target_state *target, const struct target_config *config, struct ping_report *out);

#endif
