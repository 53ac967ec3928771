/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLOWGAUGE_PROGRAMS_WAIT_H
#define FLOWGAUGE_PROGRAMS_WAIT_H

/* Until every program that runs now has ended. Some milliseconds. */
void programs_wait(void);

#endif
