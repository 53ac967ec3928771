/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/group_address.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

void group_address_format(const struct group_report *row, const void *address, unsigned int length,
			  char out[GROUP_ADDRESS_SIZE])
{
	unsigned int bits = row->key.family == 6 ? 128 : 32;

	address_format(row->key.family, address, out);
	if (length < bits)
		snprintf(out + strlen(out), 5, "/%u", length);
}
