/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileges, before the kernel says no more than EPERM. */
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/monitor.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static bool has(const struct __user_cap_data_struct *data, unsigned int capability)
{
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

const char *monitor_missing_capabilities(void)
{
	/* One bit each, in this order. */
	static const char *const missing[] = {
		NULL,
		"CAP_BPF",
		"CAP_PERFMON",
		"CAP_BPF, CAP_PERFMON",
		"CAP_NET_ADMIN",
		"CAP_BPF, CAP_NET_ADMIN",
		"CAP_PERFMON, CAP_NET_ADMIN",
		"CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN",
	};
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	bool admin;

	if (syscall(SYS_capget, &header, data))
		return NULL; /* the kernel will say what it refuses */
	admin = has(data, CAP_SYS_ADMIN);
	return missing[(admin || has(data, CAP_BPF) ? 0 : 1) + (admin || has(data, CAP_PERFMON) ? 0 : 2) +
		       (has(data, CAP_NET_ADMIN) ? 0 : 4)];
}
