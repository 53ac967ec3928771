/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the ICMP socket share. */
#ifndef FLOWGAUGE_ICMP_INTERNAL_H
#define FLOWGAUGE_ICMP_INTERNAL_H

#include "probe/icmp_socket.h"

#define ICMP_STAMPS 32768 /* sent messages whose stamps can still come; a power of two */

/* Has the kernel number its stamps of sending from 0 on. */
int icmp_number_stamps(struct icmp_socket *socket);

#endif
