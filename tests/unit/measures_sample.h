/* SPDX-License-Identifier: BSD-2-Clause */
/* What a report has beside flows, made by hand: round-trip times, pings and rates. */
#ifndef FLOWGAUGE_MEASURES_SAMPLE_H
#define FLOWGAUGE_MEASURES_SAMPLE_H

#include "measure/report.h"

/*
 * Two pairs: 10.1.0.1 to 10.1.0.2 by time stamps (3 round trips: 1, 2 and 40 ms; ports 5001 and 443 by TCP), 2001:db8::1 to ::2
 * by ping (none in the interval); rests of two methods, of one round trip each. Two hops, and a rest.
 */
void sample_rtts(struct report *report, enum rtt_scope scope);
/* One host with two addresses, of which one never answered and has errors. */
void sample_pings(struct report *report);
void sample_rates_of_links(struct report *report); /* of eth0; one direction is unknown */

#endif
