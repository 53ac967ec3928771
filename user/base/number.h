/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers from text, whole or not at all. 0 or -EINVAL; *out is untouched on failure; the caller names the field. */
#ifndef FLOWGAUGE_NUMBER_H
#define FLOWGAUGE_NUMBER_H

#include <stdint.h>

int number_parse_u64(const char *text, uint64_t low, uint64_t high, uint64_t *out);
int number_parse_double(const char *text, double low, double high, double *out); /* no NaN, no infinity */
int number_parse_hex(const char *text, uint8_t *bytes, unsigned int capacity,
		     unsigned int *length); /* "0x0a0B" or "0a0B", whole bytes */

#endif
