/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/programs_wait.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_LONGEST_US 50000 /* longer than any program runs, also on a CPU that is taken away meanwhile */

void programs_wait(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(PROGRAM_LONGEST_US); /* the kernel has no such call, or not for CPUs without a tick */
}
