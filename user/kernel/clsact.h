/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tc programs on kernels without tcx: filters of the clsact qdisc.
 *
 * Such a filter outlives the process that made it. So before the first one is made, a guardian is forked that is told of
 * each; when its socket ends, because the monitor closed it or died, it removes those that are left. Should both be
 * killed, the next monitor removes what it finds of theirs when it takes the interface.
 *
 * The filters of a monitor share one handle. Which handle is free is said by a lock that monitor and guardian hold (the
 * name of an abstract socket, which ends with them and is one per network namespace, as the filters are): a filter
 * whose handle nobody holds is a leftover, and two monitors never take each other's filters for one.
 *
 * Functions return 0 or -errno.
 */
#ifndef FLOWGAUGE_CLSACT_H
#define FLOWGAUGE_CLSACT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "records.h"

/* Early, so that filters that end the classification come after; but with room before it, because the kernel gives a
 * filter without a priority the one before the first there is. */
#define CLSACT_PRIORITY 32
#define CLSACT_HANDLE 0xf10a0001 /* of the first monitor in a network namespace */
#define CLSACT_MONITORS_MAX 8    /* in a network namespace: one handle each */

struct clsact_filter {
	unsigned int ifindex;
	enum direction direction;
	uint32_t handle;
	uint32_t program_id;
	bool qdisc_ours; /* the qdisc was not there before: it goes with the filter if nobody else uses it */
};

struct clsact {
	int lock_fd;     /* -1: no filter was made yet */
	uint32_t handle; /* of all filters of this monitor */
	int guardian_fd; /* to the guardian; -1: there is none */
	pid_t guardian;
};

#define CLSACT_UNUSED ((struct clsact){ .lock_fd = -1, .guardian_fd = -1 })

/* -EMEDIUMTYPE: the interface has the older "ingress" qdisc. -EADDRINUSE: every handle is taken. */
int clsact_attach(struct clsact *clsact, int program_fd, unsigned int ifindex, enum direction direction,
		  struct clsact_filter *out);
void clsact_detach(struct clsact *clsact, const struct clsact_filter *filter);
/* Removes leftovers of dead monitors from an interface that this monitor does not watch. */
void clsact_remove_leftovers(const struct clsact *clsact, unsigned int ifindex);
void clsact_close(struct clsact *clsact); /* ends the guardian */

#endif
