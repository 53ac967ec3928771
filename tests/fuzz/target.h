/* SPDX-License-Identifier: BSD-2-Clause */
/* What every libFuzzer target has in common: its entry point, and a condition that ends it with the reason. */
#ifndef FLOWGAUGE_FUZZ_TARGET_H
#define FLOWGAUGE_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define HOLD(what)                                                                                \
	do {                                                                                      \
		if (!(what)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

#endif
