/* SPDX-License-Identifier: BSD-2-Clause */
/* A reader of the two formats that is stricter than Prometheus, and reports whose sums are those of their flows. */
#ifndef FLOWGAUGE_EXPOSITION_READER_H
#define FLOWGAUGE_EXPOSITION_READER_H

#include "export/prometheus.h"

#define OTHER                                                                                                   \
	"{interface=\"other\",direction=\"other\",src=\"other\",dst=\"other\",sport=\"other\",dport=\"other\"," \
	"protocol=\"other\"}"

/* The `top` largest flows by bytes become the report's top. */
struct text exposition_of(struct report *report, size_t top, bool legacy, enum exposition format);

/* The value of a series, as text; NULL if there is none. Valid until the next call. */
const char *value_of(const struct text *text, const char *series);
void assert_value(const struct text *text, const char *series, const char *expected); /* NULL: it is absent */
/* Sum over all samples whose name is `name` and whose labels contain `part`. */
double sum_of(const struct text *text, const char *name, const char *part);
/* Every series once; every family once, in one piece, with HELP and TYPE before its samples; values are numbers. */
void assert_well_formed(const struct text *text, enum exposition format);

/* As the book does it: adds the flows to the sums, which hold what left before. */
void sum_up(struct report *report);
struct report *summed_mixed(void); /* sample_mixed() with its sums */

#endif
