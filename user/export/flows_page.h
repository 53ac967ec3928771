/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page of a report's flows, as /api/v1/flows and `monitor_controller flows` ask for it: which flows, in which order, how
 * many, from where on. The work is one pass over the report's flows and a heap of offset + top of them.
 *
 * Pages are of the report that is shown when they are asked for: no old report is kept for whoever has not finished. A page
 * names its report's time, and the link to the next page holds it; a page that was asked for of another report than it
 * is made from says so.
 */
#ifndef FLOWGAUGE_FLOWS_PAGE_H
#define FLOWGAUGE_FLOWS_PAGE_H

#include "base/text.h"
#include "measure/report.h"

#define FLOWS_TOP_DEFAULT 1000
#define FLOWS_TOP_MAX 10000       /* of a page by HTTP */
#define FLOWS_OFFSET_MAX 16777216 /* as many flows as there can be */

/* Which flows a rule wants. The rules' language is the application's. */
struct flows_match {
	/* The rule compiled, to be freed with `release`; NULL with one line in `error`. */
	void *(*compile)(const char *rule, struct text *error);
	bool (*matches)(const void *rule, const struct flow_key *key);
	void (*release)(void *rule);
};

/* All zero: the usual page. */
struct flows_query {
	size_t top; /* 0: FLOWS_TOP_DEFAULT */
	size_t offset;
	unsigned int sort;  /* number of the key; 0: throughput */
	bool ascending;     /* the smallest first; what is not known comes last all the same */
	const char *match;  /* a rule; NULL: every flow; borrowed */
	const char *time;   /* of the report that was meant, as a report's time is written; NULL: any; borrowed */
	unsigned int given; /* what has been taken: each may stand once */
};

/*
 * Takes "top", "offset", "sort", "match" or "time" with its value, which is borrowed. 0, or -EINVAL with one line. Rules are
 * judged when the page is made. A `top` over top_max is refused.
 */
int flows_query_take(struct flows_query *query, const char *key, const char *value, size_t top_max, struct text *error);
/* Nothing but a number of flows was asked for. */
bool flows_query_is_plain(const struct flows_query *query);

/* Appends the document. 0; -EINVAL with one line: a bad rule; -ENOMEM. `match` may be NULL if the query has no rule. */
int flows_page_render(const struct report *report, const struct flows_query *query, const struct flows_match *match,
		      struct text *out, struct text *error);

#endif
