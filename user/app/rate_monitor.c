/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/rate_monitor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/rate_sinks.h"
#include "base/log.h"
#include "kernel/device.h"
#include "kernel/monitor.h"
#include "measure/rates.h"

#define NS_PER_SECOND 1000000000ULL
#define READING_PERIOD_NS NS_PER_SECOND      /* at most; bins are kept for longer than that */
#define SPEED_PERIOD_NS (10 * NS_PER_SECOND) /* between two questions for the interfaces' speeds */
#define LAST_RECORD_SECONDS 2                /* for records on their way, at the end */
#define BYTES_PER_MBIT (1e6 / 8)

struct watched {
	struct rates_link link;
	bool warned; /* that its speed is not known */
};

struct rate_monitor {
	struct monitor *kernel;
	struct loop_timer timer;
	struct rate_settings settings;
	struct rates *rates;
	struct watched *watched; /* owned */
	size_t count;
	struct rate_sinks sinks;
	uint64_t speeds_ns, record_ns; /* when speeds were asked for; when the next record is due. CLOCK_MONOTONIC */
	bool paused;
	bool due;        /* for the next report */
	bool unrecorded; /* there are estimates that are in no record */
	bool reading_fails;
};

/* --- what is said in the log --- */

static void say_alarm(const struct rate_report *link, const char *direction, const char *what, bool on, double share,
		      double trigger)
{
	if (on)
		log_warning("alarm: %s %s: %s is %.4g %%, over %.4g %%", link->interface, direction, what, 100 * share,
			    trigger);
	else
		log_info("alarm over: %s %s: %s is not over %.4g %% any more", link->interface, direction, what,
			 trigger);
}

static void estimated(void *context, const struct rate_report *link, enum direction direction,
		      const struct rate_estimate *previous)
{
	struct rate_monitor *monitor = context;
	const struct rate_estimate *now = &link->estimate[direction];
	const char *name = direction == DIRECTION_INGRESS ? "ingress" : "egress";

	monitor->unrecorded = true;
	if (now->alarm.on != previous->alarm.on)
		say_alarm(link, name, "the overload risk", now->alarm.on, now->risk, monitor->settings.alarm_trigger);
	if (now->measured_alarm.on != previous->measured_alarm.on)
		say_alarm(link, name, "the measured time over the cutoff", now->measured_alarm.on, now->above,
			  monitor->settings.alarm_measured_trigger);
	if (now->lost && !previous->lost)
		log_warning("%s %s: %llu samples of the rate were lost: they were overwritten before they were read",
			    link->interface, name, (unsigned long long)now->lost);
}

/* --- reading --- */

static void take_bins(void *context, unsigned int ifindex, enum direction direction, uint64_t first_epoch,
		      const uint64_t *bytes, size_t count)
{
	const struct rate_monitor *monitor = context;

	if (!monitor->paused)
		rates_bins(monitor->rates, ifindex, direction, first_epoch, bytes, count);
}

static void take_lost(void *context, unsigned int ifindex, enum direction direction, uint64_t next_epoch)
{
	const struct rate_monitor *monitor = context;

	if (!monitor->paused)
		rates_lost(monitor->rates, ifindex, direction, next_epoch);
}

/* Bins are read also while it is paused: those that nobody wants are not lost. */
static void read_bins(struct rate_monitor *monitor)
{
	const struct bin_visitor visitor = { .context = monitor, .bins = take_bins, .lost = take_lost };
	int error;

	rates_now(monitor->rates, clock_monotonic_ns(), clock_realtime_ns());
	error = monitor_read_bins(monitor->kernel, &visitor);
	if (error && !monitor->reading_fails)
		log_error("the samples of the rates cannot be read: %s", strerror(-error));
	monitor->reading_fails = error != 0;
}

/* --- interfaces and their speeds --- */

static double capacity_of(const struct rate_monitor *monitor, struct watched *watched)
{
	uint32_t mbit;

	if (monitor->settings.link_speed > 0)
		return monitor->settings.link_speed * BYTES_PER_MBIT;
	if (!device_speed(watched->link.ifindex, &mbit)) {
		watched->warned = false;
		return mbit * BYTES_PER_MBIT;
	}
	if (!watched->warned)
		log_warning("%s: its speed is not known, so there is no overload risk: rate.link_speed would give it",
			    watched->link.name);
	watched->warned = true;
	return NAN;
}

static void links_refresh(struct rate_monitor *monitor)
{
	struct rates_link *links = calloc(monitor->count ? monitor->count : 1, sizeof(*links));
	int error = links ? 0 : -ENOMEM;

	for (size_t i = 0; links && i < monitor->count; i++) {
		struct watched *watched = &monitor->watched[i];

		watched->link.capacity = capacity_of(monitor, watched);
		links[i] = watched->link;
	}
	if (links)
		error = rates_set_links(monitor->rates, links, monitor->count);
	if (error)
		log_error("rates: out of memory: not every interface is measured");
	free(links);
	monitor->speeds_ns = clock_monotonic_ns();
}

static bool was_warned(const struct rate_monitor *monitor, unsigned int ifindex)
{
	for (size_t i = 0; i < monitor->count; i++)
		if (monitor->watched[i].link.ifindex == ifindex)
			return monitor->watched[i].warned;
	return false;
}

void rate_monitor_set_interfaces(struct rate_monitor *monitor, const struct interface_report *interfaces, size_t count)
{
	struct watched *watched = calloc(count ? count : 1, sizeof(*watched));
	size_t taken = 0;

	if (!watched) {
		log_error("rates: out of memory: interfaces are measured as they were");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!interfaces[i].attached)
			continue;
		watched[taken].link.ifindex = interfaces[i].ifindex;
		snprintf(watched[taken].link.name, IF_NAMESIZE, "%s", interfaces[i].name);
		watched[taken].warned = was_warned(monitor, interfaces[i].ifindex);
		taken++;
	}
	free(monitor->watched);
	monitor->watched = watched;
	monitor->count = taken;
	links_refresh(monitor);
	read_bins(monitor); /* the first bin that counts is the next one */
}

/* --- records --- */

static void record(struct rate_monitor *monitor)
{
	struct rates_report report;

	monitor->due = true;
	monitor->unrecorded = false;
	if (!rate_sinks_any(&monitor->sinks))
		return;
	report = rate_monitor_report(monitor);
	monitor->due = true; /* the report was for the sinks */
	rate_sinks_give(&monitor->sinks, &report, clock_realtime_ns());
	free(report.links);
}

/* --- time --- */

static uint64_t meter_ns(const struct rate_monitor *monitor)
{
	return (uint64_t)(monitor->settings.meter_interval * 1e9);
}

static void timer_expired(struct loop_timer *timer, uint64_t expirations)
{
	struct rate_monitor *monitor = (struct rate_monitor *)((char *)timer - offsetof(struct rate_monitor, timer));
	uint64_t now = clock_monotonic_ns();

	(void)expirations;
	if (now - monitor->speeds_ns >= SPEED_PERIOD_NS)
		links_refresh(monitor);
	read_bins(monitor);
	if (now < monitor->record_ns)
		return;
	/* From when it was due, so that delays do not add up; after a long stop, from now. */
	monitor->record_ns += meter_ns(monitor);
	if (monitor->record_ns <= now)
		monitor->record_ns = now + meter_ns(monitor);
	if (!monitor->paused)
		record(monitor);
}

static uint64_t period_ns(const struct rate_settings *settings)
{
	double shortest = fmin(settings->estimation_interval, settings->meter_interval);

	return (uint64_t)fmin(shortest * 1e9, READING_PERIOD_NS);
}

/* --- settings --- */

static struct rates_config config_of(const struct rate_settings *settings)
{
	return (struct rates_config){
		.bin_ns = rate_settings_bin_ns(settings),
		.estimation_ns = (uint64_t)(settings->estimation_interval * 1e9),
		.cutoff = settings->cutoff / 100,
		.alarm_trigger = settings->alarm_trigger / 100,
		.alarm_measured_trigger = settings->alarm_measured_trigger / 100,
	};
}

int rate_monitor_set(struct rate_monitor *monitor, const struct rate_settings *settings,
		     char error[RATE_MONITOR_ERROR_SIZE])
{
	const struct rate_settings before = monitor->settings;
	struct rates_config config = config_of(settings);
	bool resampled = config.bin_ns != rate_settings_bin_ns(&before);
	uint64_t now = clock_monotonic_ns();
	int result = resampled ? monitor_set_bin_length(monitor->kernel, config.bin_ns) : 0;

	if (!result)
		result = loop_timer_set(&monitor->timer, period_ns(settings), period_ns(settings));
	if (result) {
		if (resampled)
			monitor_set_bin_length(monitor->kernel, rate_settings_bin_ns(&before));
		snprintf(error, RATE_MONITOR_ERROR_SIZE, "rates: the samples cannot be changed: %s", strerror(-result));
		return result;
	}
	monitor->settings = *settings;
	rates_configure(monitor->rates, &config);
	if (settings->meter_interval != before.meter_interval)
		monitor->record_ns = now + meter_ns(monitor);
	links_refresh(monitor);
	return 0;
}

const struct rate_settings *rate_monitor_settings(const struct rate_monitor *monitor)
{
	return &monitor->settings;
}

int rate_monitor_set_sinks(struct rate_monitor *monitor, const struct config *config,
			   char error[RATE_MONITOR_ERROR_SIZE])
{
	return rate_sinks_set(&monitor->sinks, config, error);
}

void rate_monitor_set_openstack(struct rate_monitor *monitor, struct openstack *openstack)
{
	monitor->sinks.openstack = openstack;
}

void rate_monitor_reopen(struct rate_monitor *monitor)
{
	if (monitor->sinks.file)
		rate_file_reopen(monitor->sinks.file);
}

void rate_monitor_pause(struct rate_monitor *monitor)
{
	if (!monitor->paused)
		log_info("the rate monitor is paused");
	monitor->paused = true;
	monitor->due = false;
	rates_restart(monitor->rates); /* what was is not shown as if it still were */
}

void rate_monitor_resume(struct rate_monitor *monitor)
{
	if (!monitor->paused)
		return;
	log_info("the rate monitor goes on");
	read_bins(monitor); /* what came meanwhile is thrown away */
	monitor->paused = false;
	monitor->unrecorded = false;
	monitor->record_ns = clock_monotonic_ns() + meter_ns(monitor);
	rates_restart(monitor->rates);
}

bool rate_monitor_is_paused(const struct rate_monitor *monitor)
{
	return monitor->paused;
}

struct rates_report rate_monitor_report(struct rate_monitor *monitor)
{
	struct rates_report report = {
		.enabled = true,
		.paused = monitor->paused,
		.sample_rate = monitor->settings.sample_rate,
		.meter_interval = monitor->settings.meter_interval,
	};

	rate_sinks_report(&monitor->sinks, &report);
	if (rates_report(monitor->rates, &report)) {
		log_error("rates: out of memory: they are missing in a report");
		return report;
	}
	report.due = monitor->due;
	monitor->due = false;
	return report;
}

/* --- life --- */

int rate_monitor_open(struct loop *loop, struct monitor *kernel, const struct config *config, struct rate_monitor **out,
		      char error[RATE_MONITOR_ERROR_SIZE])
{
	struct rate_monitor *monitor = calloc(1, sizeof(*monitor));
	const struct rates_hooks hooks = { .context = monitor, .estimated = estimated };
	struct rates_config rates = config_of(&config->rate);
	int result = monitor ? rates_new(&rates, &hooks, &monitor->rates) : -ENOMEM;

	if (result) {
		snprintf(error, RATE_MONITOR_ERROR_SIZE, "out of memory");
		free(monitor);
		return result;
	}
	monitor->sinks.loop = loop;
	monitor->kernel = kernel;
	monitor->settings = config->rate;
	monitor->timer.source.fd = -1;
	monitor->timer.expired = timer_expired;
	monitor->record_ns = clock_monotonic_ns() + meter_ns(monitor);
	result = loop_timer_add(loop, &monitor->timer);
	if (!result)
		result = loop_timer_set(&monitor->timer, period_ns(&config->rate), period_ns(&config->rate));
	if (!result)
		result = monitor_set_bin_length(kernel, rates.bin_ns);
	if (result)
		snprintf(error, RATE_MONITOR_ERROR_SIZE, "the rate monitor cannot start: %s", strerror(-result));
	else
		result = rate_monitor_set_sinks(monitor, config, error);
	if (result) {
		loop_timer_remove(&monitor->timer);
		rates_free(monitor->rates);
		free(monitor);
		return result;
	}
	rate_sinks_life_cycle(&monitor->sinks, "initialized", clock_realtime_ns());
	*out = monitor;
	return 0;
}

struct rate_monitor *rate_monitor_close(struct rate_monitor *monitor)
{
	if (!monitor)
		return NULL;
	if (!monitor->paused) {
		read_bins(monitor);
		if (monitor->unrecorded)
			record(monitor);
	}
	rate_sinks_life_cycle(&monitor->sinks, "exited", clock_realtime_ns());
	rate_sinks_close(&monitor->sinks, LAST_RECORD_SECONDS);
	loop_timer_remove(&monitor->timer);
	rates_free(monitor->rates);
	free(monitor->watched);
	free(monitor);
	return NULL;
}
