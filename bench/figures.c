/* SPDX-License-Identifier: BSD-2-Clause */
#include "figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct figures figures_of(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), ascending);
	return (struct figures){ values[0], values[count / 2], values[count - 1] };
}

void figures_write(struct json_writer *json, const struct figures *figures)
{
	json_double(json, "min", figures->min);
	json_double(json, "median", figures->median);
	json_double(json, "max", figures->max);
}

void die(const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error < 0 ? -error : error));
	exit(1);
}

void record_print(struct text *line)
{
	if (line->failed)
		die("a record", ENOMEM);
	puts(line->bytes);
	fflush(stdout);
	text_free(line);
}
