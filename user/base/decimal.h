/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as decimal digits, whatever the locale. What they write is not NUL-terminated; they return its length. */
#ifndef FLOWGAUGE_DECIMAL_H
#define FLOWGAUGE_DECIMAL_H

#include <stdint.h>

#define DECIMAL_SIZE 32

unsigned int decimal_format_u64(uint64_t value, char out[DECIMAL_SIZE]);
/* As text_append_double: the fewest digits that read back to the same double, and of those the nearest to it. */
unsigned int decimal_format_double(double value, char out[DECIMAL_SIZE]);

#endif
