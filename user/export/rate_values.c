/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/rate_values.h"

#include <math.h>

#include "export/rate_records.h"

#define SIDES(name, side, unit, truth)                             \
	{                                                          \
		{ name "_rx", name "_tx" }, unit, side##_of, truth \
	}

struct side_value {
	const char *names[DIRECTIONS];
	const char *unit;
	double (*of)(const struct rate_estimate *estimate);
	bool truth;
};

#define VALUE_OF(name, expression)                               \
	static double name##_of(const struct rate_estimate *one) \
	{                                                        \
		return expression;                               \
	}

VALUE_OF(mean, one->mean)
VALUE_OF(variance, one->variance)
VALUE_OF(mu, one->mu)
VALUE_OF(sigma_squared, one->sigma_squared)
VALUE_OF(risk, 100 * one->risk)
VALUE_OF(alarm, one->alarm.on)
VALUE_OF(above, 100 * one->above)
VALUE_OF(measured_alarm, one->measured_alarm.on)
VALUE_OF(peak_1ms, one->peak[0])
VALUE_OF(peak_10ms, one->peak[1])
VALUE_OF(peak_100ms, one->peak[2])
VALUE_OF(p50, one->quantile[0])
VALUE_OF(p95, one->quantile[1])
VALUE_OF(p99, one->quantile[2])
VALUE_OF(p99_9, one->quantile[3])
VALUE_OF(fit_distance, one->fit_distance)
VALUE_OF(bins, (double)one->bins)
VALUE_OF(lost, (double)one->lost_total)

/* Those that the tool had which wrote such records first, and then the others. */
static const struct side_value first[] = {
	{ { "rx", "tx" }, "B/s", mean_of, false },
	SIDES("var", variance, "B2/s2", false),
	SIDES("mu", mu, "", false),
	SIDES("sigma2", sigma_squared, "", false),
	SIDES("overload_risk", risk, "%", false),
	SIDES("alarm", alarm, "", true),
};
static const struct side_value more[] = {
	SIDES("above_cutoff", above, "%", false),
	SIDES("alarm_measured", measured_alarm, "", true),
	SIDES("peak_1ms", peak_1ms, "B/s", false),
	SIDES("peak_10ms", peak_10ms, "B/s", false),
	SIDES("peak_100ms", peak_100ms, "B/s", false),
	SIDES("p50", p50, "B/s", false),
	SIDES("p95", p95, "B/s", false),
	SIDES("p99", p99, "B/s", false),
	SIDES("p99_9", p99_9, "B/s", false),
	SIDES("fit_distance", fit_distance, "", false),
	SIDES("bins", bins, "", false),
	SIDES("lost_bins", lost, "", false),
};
#define FIRST (sizeof(first) / sizeof(first[0]))
#define MORE (sizeof(more) / sizeof(more[0]))
#define SETTINGS 7
_Static_assert(SETTINGS + DIRECTIONS * (FIRST + MORE) <= OPENSTACK_VALUES_MAX, "a record has room");

static size_t add_sides(const struct side_value *values, size_t count, const struct rate_report *link,
			enum direction direction, struct openstack_value *out)
{
	const struct rate_estimate *estimate = &link->estimate[direction];

	for (size_t i = 0; i < count; i++) {
		/* An alarm has a state, and lost bins have a count, also while there is no estimate. */
		bool known = estimate->known || values[i].truth || values[i].of == lost_of;

		out[i] = (struct openstack_value){ values[i].names[direction], values[i].unit,
						   known ? values[i].of(estimate) : NAN, values[i].truth };
	}
	return count;
}

static size_t add_number(struct openstack_value *out, const char *name, const char *unit, double value)
{
	*out = (struct openstack_value){ .name = name, .unit = unit, .value = value };
	return 1;
}

size_t rate_values(const struct rates_report *rates, const struct rate_report *link,
		   struct openstack_value out[OPENSTACK_VALUES_MAX])
{
	size_t n = 0;

	n += add_number(out + n, "linerate", "B/s", link->capacity);
	n += add_number(out + n, "alarm_trigger_value", "%", rate_percent(rates->alarm_trigger));
	n += add_number(out + n, "cutoff", "", rates->cutoff);
	n += add_sides(first, FIRST, link, DIRECTION_EGRESS, out + n);
	n += add_sides(first, FIRST, link, DIRECTION_INGRESS, out + n);
	n += add_number(out + n, "sample_rate", "1/s", rates->sample_rate);
	n += add_number(out + n, "estimation_interval", "s", rates->estimation_interval);
	n += add_number(out + n, "meter_interval", "s", rates->meter_interval);
	n += add_number(out + n, "alarm_measured_trigger_value", "%", rate_percent(rates->alarm_measured_trigger));
	n += add_sides(more, MORE, link, DIRECTION_EGRESS, out + n);
	n += add_sides(more, MORE, link, DIRECTION_INGRESS, out + n);
	return n;
}

double rate_volume(const struct rate_report *link)
{
	double volume = NAN;

	for (int direction = 0; direction < DIRECTIONS; direction++)
		if (link->estimate[direction].known)
			volume = (isnan(volume) ? 0 : volume) + link->estimate[direction].mean;
	return volume;
}
