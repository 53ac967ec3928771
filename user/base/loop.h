/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: epoll over descriptors, timers (timerfd, CLOCK_MONOTONIC) and signals (signalfd). One thread.
 * An event source is embedded in the object it serves; the loop never allocates for one, and a source may remove
 * itself or any other from within a callback. Functions return 0 or -errno.
 */
#ifndef FLOWGAUGE_LOOP_H
#define FLOWGAUGE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_source {
	int fd; /* -1: not in a loop */
	void (*ready)(struct loop_source *source, uint32_t epoll_events);
	struct loop *loop; /* set by loop_add */
};

struct loop_timer {
	struct loop_source source;
	/* `expirations`: periods that ended since the last call, 1 if the loop kept up. */
	void (*expired)(struct loop_timer *timer, uint64_t expirations);
};

struct loop_signals {
	struct loop_source source;
	void (*received)(struct loop_signals *signals, int signal_number);
};

int loop_new(struct loop **out);
struct loop *loop_free(struct loop *loop); /* NULL */
int loop_run(struct loop *loop);           /* until loop_stop; 0, or -errno of epoll */
void loop_stop(struct loop *loop);         /* before loop_run: it will return at once */

int loop_add(struct loop *loop, struct loop_source *source, int fd,
	     uint32_t epoll_events); /* the caller keeps owning fd */
int loop_modify(struct loop_source *source, uint32_t epoll_events);
/* Does not close fd: close it afterwards. No-op if not in a loop, as one that is all zeros is not. */
void loop_remove(struct loop_source *source);

int loop_timer_add(struct loop *loop, struct loop_timer *timer);
/* first and period in ns from now; period 0: once; first 0: disarm */
int loop_timer_set(struct loop_timer *timer, uint64_t first_ns, uint64_t period_ns);
void loop_timer_remove(struct loop_timer *timer);

/* Blocks the signals of the set for the process and delivers them here. They stay blocked when it is removed. */
int loop_signals_add(struct loop *loop, struct loop_signals *signals, const sigset_t *set);
void loop_signals_remove(struct loop_signals *signals);

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void);

#endif
