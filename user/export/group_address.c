/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/group_address.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

void prefix_format(unsigned int family, const void *address, unsigned int length, char out[GROUP_ADDRESS_SIZE])
{
	unsigned int bits = family == 6 ? 128 : 32;

	address_format((int)family, address, out);
	if (length < bits)
		snprintf(out + strlen(out), 5, "/%u", length);
}

void group_address_format(const struct group_report *row, const void *address, unsigned int length,
			  char out[GROUP_ADDRESS_SIZE])
{
	prefix_format(row->key.family, address, length, out);
}
