/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/clsact.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/clsact_filter.h"
#include "kernel/clsact_guardian.h"

#define PROGRAM_PREFIX "flowgauge_" /* of the names of all programs */
#define LEFTOVERS_MAX 32            /* looked at on one side of one interface */

/* Holds a handle: a descriptor, or -EADDRINUSE if another monitor holds it. */
static int handle_lock(uint32_t handle)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), length, err;

	if (fd < 0)
		return -errno;
	/* The leading NUL makes the name abstract. */
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "flowgauge-clsact-%08x", handle);
	length += (int)offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)length)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int clsact_start(struct clsact *clsact)
{
	int fd = -EADDRINUSE, err;

	for (uint32_t i = 0; i < CLSACT_MONITORS_MAX && fd == -EADDRINUSE; i++) {
		clsact->handle = CLSACT_HANDLE + i;
		fd = handle_lock(clsact->handle);
	}
	if (fd < 0)
		return fd;
	clsact->lock_fd = fd;
	err = guardian_start(clsact);
	if (err) {
		close(clsact->lock_fd);
		clsact->lock_fd = -1;
	}
	return err;
}

static int qdisc_make(struct clsact *clsact, struct clsact_filter *filter)
{
	struct bpf_tc_hook hook;
	int err;

	clsact_hook(filter, &hook);
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	err = bpf_tc_hook_create(&hook);
	if (err == -EEXIST)
		return clsact_check(filter->ifindex);
	if (err)
		return err;
	filter->qdisc_ours = true;
	return guardian_tell(clsact, filter, false);
}

static int filter_make(const struct clsact_filter *filter, int program_fd)
{
	struct bpf_tc_opts options;
	struct bpf_tc_hook hook;

	clsact_hook(filter, &hook);
	clsact_options(filter, &options);
	options.prog_fd = program_fd;
	return bpf_tc_attach(&hook, &options);
}

int clsact_attach(struct clsact *clsact, int program_fd, unsigned int ifindex, enum direction direction,
		  struct clsact_filter *out)
{
	struct clsact_filter filter = { .ifindex = ifindex, .direction = direction };
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info);
	int err;

	err = bpf_obj_get_info_by_fd(program_fd, &info, &length);
	if (!err && clsact->lock_fd < 0)
		err = clsact_start(clsact);
	if (err)
		return err;
	filter.handle = clsact->handle;
	filter.program_id = info.id;
	err = guardian_tell(clsact, &filter, false);
	if (err)
		return err;
	err = qdisc_make(clsact, &filter);
	if (!err)
		err = filter_make(&filter, program_fd);
	if (err)
		clsact_detach(clsact, &filter);
	else
		*out = filter;
	return err;
}

void clsact_detach(struct clsact *clsact, const struct clsact_filter *filter)
{
	clsact_filter_remove(filter);
	/* A guardian that is gone has nothing to forget. */
	(void)guardian_tell(clsact, filter, true);
}

struct leftovers {
	struct clsact_filter filters[LEFTOVERS_MAX];
	unsigned int count;
};

static void leftover_visit(void *context, const struct clsact_entry *entry)
{
	struct leftovers *leftovers = context;

	if (entry->priority != CLSACT_PRIORITY || entry->handle < CLSACT_HANDLE ||
	    entry->handle >= CLSACT_HANDLE + CLSACT_MONITORS_MAX ||
	    strncmp(entry->name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0 || leftovers->count == LEFTOVERS_MAX)
		return;
	leftovers->filters[leftovers->count++] = (struct clsact_filter){
		.handle = entry->handle,
		.program_id = entry->program_id,
	};
}

/* A handle that we hold, on an interface that we do not watch, is a dead monitor's as well. */
static void leftover_remove(const struct clsact *clsact, const struct clsact_filter *filter)
{
	int fd = -1;

	if (clsact->lock_fd < 0 || clsact->handle != filter->handle) {
		fd = handle_lock(filter->handle);
		if (fd < 0)
			return;
	}
	clsact_filter_remove(filter);
	if (fd >= 0)
		close(fd);
}

void clsact_remove_leftovers(const struct clsact *clsact, unsigned int ifindex)
{
	for (enum direction direction = 0; direction < DIRECTIONS; direction++) {
		struct leftovers leftovers = { .count = 0 };

		/* A list that ends early shows what it shows: what is left costs time, and counts for nobody. */
		(void)clsact_list(ifindex, direction, leftover_visit, &leftovers);
		for (unsigned int i = 0; i < leftovers.count; i++) {
			leftovers.filters[i].ifindex = ifindex;
			leftovers.filters[i].direction = direction;
			leftover_remove(clsact, &leftovers.filters[i]);
		}
	}
}

void clsact_close(struct clsact *clsact)
{
	guardian_end(clsact);
	if (clsact->lock_fd >= 0)
		close(clsact->lock_fd);
	clsact->lock_fd = -1;
}
