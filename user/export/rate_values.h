/* SPDX-License-Identifier: BSD-2-Clause */
/* A record of the rate monitor as numbers with names: those of rate_records.h, what stands there in an object one by one. */
#ifndef FLOWGAUGE_RATE_VALUES_H
#define FLOWGAUGE_RATE_VALUES_H

#include "export/openstack.h"
#include "measure/report.h"

/* How many there are; what is not known is NaN. */
size_t rate_values(const struct rates_report *rates, const struct rate_report *link,
		   struct openstack_value out[OPENSTACK_VALUES_MAX]);
/* Bytes/s of both directions together; NaN if nothing has been estimated. */
double rate_volume(const struct rate_report *link);

#endif
