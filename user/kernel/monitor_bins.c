/* SPDX-License-Identifier: BSD-2-Clause */
/* The bins of the interfaces that are watched. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "kernel/monitor_internal.h"

void place_bins_add(struct monitor *monitor, const struct place *place)
{
	unsigned int number = (unsigned int)(place - monitor->places);
	char name[IF_NAMESIZE];
	int err;

	if (!monitor->bins)
		return;
	err = bins_add(monitor->bins, number, place->ifindex);
	bins_begin(monitor->bins, clock_monotonic_ns());
	if (err)
		log_warning("the rates of %s are not measured: there are no bins: %s",
			    if_indextoname(place->ifindex, name) ? name : "an interface that is gone", strerror(-err));
}

void place_bins_remove(struct monitor *monitor, const struct place *place)
{
	if (monitor->bins)
		bins_remove(monitor->bins, (unsigned int)(place - monitor->places));
}

int monitor_set_bin_length(struct monitor *monitor, uint64_t bin_ns)
{
	int err;

	if (!monitor->bins)
		return bin_ns ? -EOPNOTSUPP : 0;
	err = bins_set_length(monitor->bins, bin_ns);
	if (!err)
		bins_begin(monitor->bins, clock_monotonic_ns());
	return err;
}

int monitor_read_bins(struct monitor *monitor, const struct bin_visitor *visitor)
{
	if (!monitor->bins)
		return -EOPNOTSUPP;
	bins_read(monitor->bins, clock_monotonic_ns(), visitor);
	return 0;
}
