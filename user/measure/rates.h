/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bins to estimates. A bin holds the bytes of all frames of one direction of one interface whose time stamps, in
 * ns of CLOCK_MONOTONIC, lie in [epoch·bin_ns, (epoch+1)·bin_ns). Bins come in order, empty ones included; the epochs that
 * are left out between two calls were lost, and are counted and not guessed at.
 *
 * An estimation interval is a number of epochs, so that it does not matter when bins are read. Each ends in one estimate,
 * which stands until the next. No clock: whoever reads says what time it is.
 */
#ifndef FLOWGAUGE_RATES_H
#define FLOWGAUGE_RATES_H

#include "measure/rate_report.h"

struct rates_config {
	uint64_t bin_ns;               /* 100 µs to 100 ms */
	uint64_t estimation_ns;        /* at least a bin; rounded to whole bins */
	double cutoff;                 /* share of the capacity, over 0 to 1 */
	double alarm_trigger;          /* share; the alarm is on while the risk is greater */
	double alarm_measured_trigger; /* share of bins; NaN: off */
};

/* An alarm turned, or an estimate was made. `previous` is the one before. Called from within rates_bins and rates_lost. */
struct rates_hooks {
	void *context;
	void (*estimated)(void *context, const struct rate_report *link, enum direction direction,
			  const struct rate_estimate *previous);
};

struct rates_link {
	unsigned int ifindex;
	char name[IF_NAMESIZE];
	double capacity; /* bytes/s; NaN: not known */
};

struct rates;

int rates_new(const struct rates_config *config, const struct rates_hooks *hooks, struct rates **out);
struct rates *rates_free(struct rates *rates); /* NULL */

/*
 * Says which interfaces there are. New ones begin, others are forgotten; one whose capacity changed begins anew. -ENOMEM: those
 * that there was no memory for are not measured.
 */
int rates_set_links(struct rates *rates, const struct rates_link *links, size_t count);
/* Triggers change in place; any other change begins all estimates anew. Bins after it are of the new length. */
void rates_configure(struct rates *rates, const struct rates_config *config);
/* Forgets every estimate; the next bins begin new ones, and what lies between is not lost. */
void rates_restart(struct rates *rates);

/* The same moment on both clocks; before bins are handed over. It turns ends of intervals into dates. */
void rates_now(struct rates *rates, uint64_t monotonic_ns, uint64_t realtime_ns);
/* `count` bins from `first_epoch` on. Those of an interface that is not known, or of epochs that were there already, are left. */
void rates_bins(struct rates *rates, unsigned int ifindex, enum direction direction, uint64_t first_epoch,
		const uint64_t *bytes, size_t count);
/* The epochs up to, and not with, `next_epoch` will not come any more. */
void rates_lost(struct rates *rates, unsigned int ifindex, enum direction direction, uint64_t next_epoch);

/* Fills links, count and what of the configuration a report shows. -ENOMEM, and nothing is filled. */
int rates_report(const struct rates *rates, struct rates_report *out);

#endif
