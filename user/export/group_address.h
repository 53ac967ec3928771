/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of hosts and networks, as labels and records write them. */
#ifndef FLOWGAUGE_GROUP_ADDRESS_H
#define FLOWGAUGE_GROUP_ADDRESS_H

#include <netinet/in.h>

#include "measure/report.h"

#define GROUP_ADDRESS_SIZE (INET6_ADDRSTRLEN + 4)

/* "10.1.2.3" of a host, "10.1.2.0/24" of a prefix; `address` is the row's src or dst, `length` its prefix. */
void group_address_format(const struct group_report *row, const void *address, unsigned int length,
			  char out[GROUP_ADDRESS_SIZE]);
/* The same of any address, of family 4 or 6. */
void prefix_format(unsigned int family, const void *address, unsigned int length, char out[GROUP_ADDRESS_SIZE]);

#endif
