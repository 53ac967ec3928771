/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rates.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/rate_side.h"

const double rate_windows[RATE_WINDOWS] = { 0.001, 0.01, 0.1 };
const double rate_quantiles[RATE_QUANTILES] = { 0.5, 0.95, 0.99, 0.999 };

struct link {
	unsigned int ifindex;
	struct rate_report report;
	struct rate_side side[DIRECTIONS];
};

struct rates {
	struct rates_config config;
	struct rates_hooks hooks;
	int64_t to_realtime; /* what turns a monotonic time into one since the epoch, ns */
	struct link **links; /* by name */
	size_t count;
};

static struct link *find(const struct rates *rates, unsigned int ifindex)
{
	for (size_t i = 0; i < rates->count; i++)
		if (rates->links[i]->ifindex == ifindex)
			return rates->links[i];
	return NULL;
}

/* What was estimated is no longer so; the alarms and the count of lost bins stay. */
static void link_restart(const struct rates *rates, struct link *link)
{
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		struct rate_estimate *estimate = &link->report.estimate[direction];

		rate_side_restart(&link->side[direction], &rates->config, link->report.capacity);
		*estimate = (struct rate_estimate){
			.lost_total = estimate->lost_total,
			.alarm = estimate->alarm,
			.measured_alarm = estimate->measured_alarm,
		};
	}
}

int rates_new(const struct rates_config *config, const struct rates_hooks *hooks, struct rates **out)
{
	struct rates *rates = calloc(1, sizeof(*rates));

	if (!rates)
		return -ENOMEM;
	rates->config = *config;
	rates->hooks = *hooks;
	*out = rates;
	return 0;
}

struct rates *rates_free(struct rates *rates)
{
	if (!rates)
		return NULL;
	for (size_t i = 0; i < rates->count; i++)
		free(rates->links[i]);
	free(rates->links);
	free(rates);
	return NULL;
}

static bool same_capacity(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct link *link_new(const struct rates *rates, const struct rates_link *wanted)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->ifindex = wanted->ifindex;
	link->report.capacity = wanted->capacity;
	link_restart(rates, link);
	return link;
}

/* The link as it is, brought up to date; a new one if there is none. */
static struct link *link_take(struct rates *rates, const struct rates_link *wanted)
{
	struct link *link = find(rates, wanted->ifindex);

	if (!link)
		link = link_new(rates, wanted);
	if (!link)
		return NULL;
	snprintf(link->report.interface, sizeof(link->report.interface), "%s", wanted->name);
	if (!same_capacity(link->report.capacity, wanted->capacity)) {
		link->report.capacity = wanted->capacity;
		link_restart(rates, link);
	}
	return link;
}

static int by_name(const void *a, const void *b)
{
	const struct link *const *left = a, *const *right = b;

	return strcmp((*left)->report.interface, (*right)->report.interface);
}

static bool is_among(struct link *const *links, size_t count, unsigned int ifindex)
{
	for (size_t i = 0; i < count; i++)
		if (links[i]->ifindex == ifindex)
			return true;
	return false;
}

int rates_set_links(struct rates *rates, const struct rates_link *wanted, size_t count)
{
	struct link **links = calloc(count ? count : 1, sizeof(struct link *));
	size_t taken = 0;
	int error = 0;

	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct link *link;

		if (is_among(links, taken, wanted[i].ifindex))
			continue;
		link = link_take(rates, &wanted[i]);
		if (link)
			links[taken++] = link;
		else
			error = -ENOMEM;
	}
	for (size_t i = 0; i < rates->count; i++)
		if (!is_among(links, taken, rates->links[i]->ifindex))
			free(rates->links[i]);
	free(rates->links);
	if (taken)
		qsort(links, taken, sizeof(struct link *), by_name);
	rates->links = links;
	rates->count = taken;
	return error;
}

void rates_configure(struct rates *rates, const struct rates_config *config)
{
	bool anew = rates->config.bin_ns != config->bin_ns || rates->config.estimation_ns != config->estimation_ns ||
		    rates->config.cutoff != config->cutoff;

	rates->config = *config;
	if (anew)
		rates_restart(rates);
}

void rates_restart(struct rates *rates)
{
	for (size_t i = 0; i < rates->count; i++)
		link_restart(rates, rates->links[i]);
}

void rates_now(struct rates *rates, uint64_t monotonic_ns, uint64_t realtime_ns)
{
	rates->to_realtime = (int64_t)(realtime_ns - monotonic_ns);
}

static void alarm_judge(struct rate_alarm *alarm, double share, double trigger, uint64_t now)
{
	bool on = share > trigger; /* neither is true of NaN: what is not known raises no alarm */

	if (on == alarm->on)
		return;
	alarm->on = on;
	alarm->changed_ns = now;
}

/* Ends the interval that the side has completed. */
static void estimate(struct rates *rates, struct link *link, enum direction direction)
{
	struct rate_estimate *now = &link->report.estimate[direction];
	struct rate_estimate previous = *now;
	struct rate_side *side = &link->side[direction];

	*now = (struct rate_estimate){
		.lost_total = previous.lost_total,
		.alarm = previous.alarm,
		.measured_alarm = previous.measured_alarm,
	};
	now->time_ns = side->next_epoch * rates->config.bin_ns + (uint64_t)rates->to_realtime;
	rate_side_estimate(side, link->report.capacity, now);
	rate_side_clear(side);
	if (now->known) {
		alarm_judge(&now->alarm, now->risk, rates->config.alarm_trigger, now->time_ns);
		alarm_judge(&now->measured_alarm, now->above, rates->config.alarm_measured_trigger, now->time_ns);
	}
	if (rates->hooks.estimated)
		rates->hooks.estimated(rates->hooks.context, &link->report, direction, &previous);
}

void rates_lost(struct rates *rates, unsigned int ifindex, enum direction direction, uint64_t next_epoch)
{
	struct link *link = find(rates, ifindex);

	if (!link)
		return;
	link->report.estimate[direction].lost_total += rate_side_skip(&link->side[direction], next_epoch);
	if (rate_side_is_complete(&link->side[direction]))
		estimate(rates, link, direction);
}

void rates_bins(struct rates *rates, unsigned int ifindex, enum direction direction, uint64_t first_epoch,
		const uint64_t *bytes, size_t count)
{
	struct link *link = find(rates, ifindex);
	struct rate_side *side;
	size_t i = 0;

	if (!link || !count)
		return;
	side = &link->side[direction];
	rates_lost(rates, ifindex, direction, first_epoch);
	if (side->next_epoch > first_epoch)
		i = side->next_epoch - first_epoch;
	for (; i < count; i++) {
		rate_side_add(side, bytes[i]);
		if (rate_side_is_complete(side))
			estimate(rates, link, direction);
	}
}

int rates_report(const struct rates *rates, struct rates_report *out)
{
	struct rate_report *links = calloc(rates->count ? rates->count : 1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < rates->count; i++)
		links[i] = rates->links[i]->report;
	out->enabled = true;
	out->estimation_interval = (double)rates->config.estimation_ns / 1e9;
	out->cutoff = rates->config.cutoff;
	out->alarm_trigger = rates->config.alarm_trigger;
	out->alarm_measured_trigger = rates->config.alarm_measured_trigger;
	out->links = links;
	out->count = rates->count;
	return 0;
}
