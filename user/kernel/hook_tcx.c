/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcx links (Linux 6.6). The program goes first in its list: one that stands before it and answers "pass" instead of
 * "next" would hide its packets. Those behind it go on as before, because it only says "next".
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "kernel/hook.h"

/* Newer than the headers that this is built with may be. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define TCX_FIRST (1U << 3) /* BPF_F_BEFORE, and before nothing in particular */

int tcx_attach(int program_fd, unsigned int ifindex, enum direction direction, int *link_fd)
{
	int type = direction == DIRECTION_INGRESS ? TCX_INGRESS : TCX_EGRESS, fd;
	struct bpf_link_create_opts options;

	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.flags = TCX_FIRST;
	fd = bpf_link_create(program_fd, (int)ifindex, (enum bpf_attach_type)type, &options);
	if (fd < 0)
		return fd;
	*link_fd = fd;
	return 0;
}
