/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rounds of one measurement have in common: least, middle, most. */
#ifndef FLOWGAUGE_BENCH_FIGURES_H
#define FLOWGAUGE_BENCH_FIGURES_H

#include "base/json_writer.h"

#define ROUNDS_MIN 7
#define ROUNDS_MAX 101

struct figures {
	double min, median, max;
};

/* Of `count` values, at least one; they are sorted in place. */
struct figures figures_of(double *values, int count);
/* As members of the object that is open. */
void figures_write(struct json_writer *json, const struct figures *figures);

/* One line that says what failed, and the end of the process. */
void die(const char *what, int error) __attribute__((noreturn));
/* Writes the line of a record to standard output, at once, and frees it. */
void record_print(struct text *line);

#endif
