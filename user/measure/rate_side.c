/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/rate_side.h"

#include <math.h>
#include <string.h>

/* Φ⁻¹ of rate_quantiles. */
static const double deviations[RATE_QUANTILES] = { 0, 1.6448536269514722, 2.3263478740408408, 3.0902323061678132 };

void rate_side_clear(struct rate_side *side)
{
	side->lost = 0;
	side->over = 0;
	side->moments = (struct rate_moments){ 0 };
	rate_histogram_clear(&side->histogram);
	for (int i = 0; i < RATE_WINDOWS; i++) {
		side->window[i].peak = 0;
		side->window[i].full = false;
	}
}

static void windows_empty(struct rate_side *side)
{
	side->run = 0;
	for (int i = 0; i < RATE_WINDOWS; i++)
		side->window[i].bytes = 0;
}

void rate_side_restart(struct rate_side *side, const struct rates_config *config, double capacity)
{
	side->begun = false;
	side->seconds = (double)config->bin_ns / 1e9;
	side->wanted = (config->estimation_ns + config->bin_ns / 2) / config->bin_ns;
	if (!side->wanted)
		side->wanted = 1;
	side->limit = capacity * config->cutoff * side->seconds;
	for (int i = 0; i < RATE_WINDOWS; i++) {
		/* A whole number of bins that is not longer than the window; half a bin's nanosecond is rounding. */
		double bins = floor(rate_windows[i] / side->seconds + 1e-6);

		side->window[i].bins = (unsigned int)fmin(bins, RATE_WINDOW_BINS_MAX);
	}
	windows_empty(side);
	rate_side_clear(side);
}

static void window_slide(struct rate_side *side, struct rate_window *window, uint64_t bytes)
{
	if (!window->bins)
		return;
	window->bytes += bytes;
	if (side->run >= window->bins)
		window->bytes -= side->ring[(side->at + RATE_WINDOW_BINS_MAX - window->bins) % RATE_WINDOW_BINS_MAX];
	if (side->run + 1 < window->bins)
		return;
	if (!window->full || window->bytes > window->peak)
		window->peak = window->bytes;
	window->full = true;
}

void rate_side_add(struct rate_side *side, uint64_t bytes)
{
	if (bytes > RATE_BIN_MAX)
		bytes = RATE_BIN_MAX; /* no link is as fast */
	for (int i = 0; i < RATE_WINDOWS; i++)
		window_slide(side, &side->window[i], bytes);
	side->ring[side->at] = bytes;
	side->at = (side->at + 1) % RATE_WINDOW_BINS_MAX;
	if (side->run < RATE_WINDOW_BINS_MAX)
		side->run++;
	rate_moments_add(&side->moments, bytes);
	rate_histogram_add(&side->histogram, bytes);
	side->over += (double)bytes > side->limit;
	side->next_epoch++;
}

uint64_t rate_side_skip(struct rate_side *side, uint64_t next_epoch)
{
	uint64_t lost = 0;

	if (side->begun && next_epoch <= side->next_epoch)
		return 0;
	if (side->begun) {
		lost = next_epoch - side->next_epoch;
		windows_empty(side);
	}
	side->begun = true;
	side->next_epoch = next_epoch;
	side->lost += lost;
	return lost;
}

bool rate_side_is_complete(const struct rate_side *side)
{
	return side->moments.count + side->lost >= side->wanted;
}

void rate_side_estimate(const struct rate_side *side, double capacity, struct rate_estimate *out)
{
	double seconds = side->seconds, cutoff_rate = side->limit / seconds;
	struct lognormal model;

	out->bins = side->moments.count;
	out->lost = side->lost;
	out->known = out->bins > 0;
	if (!out->known)
		return;
	out->mean = rate_moments_mean(&side->moments) / seconds;
	out->variance = rate_moments_variance(&side->moments) / seconds / seconds;
	model = lognormal_fit(out->mean, out->variance);
	out->mu = model.mu;
	out->sigma_squared = model.sigma_squared;
	out->risk = isnan(capacity) ? NAN : lognormal_above(&model, cutoff_rate);
	out->above = isnan(capacity) ? NAN : (double)side->over / (double)out->bins;
	for (int i = 0; i < RATE_WINDOWS; i++) {
		const struct rate_window *window = &side->window[i];

		out->peak[i] = window->full ? (double)window->peak / (window->bins * seconds) : NAN;
	}
	for (int i = 0; i < RATE_QUANTILES; i++) {
		out->quantile[i] = rate_histogram_quantile(&side->histogram, rate_quantiles[i]) / seconds;
		out->quantile_fit[i] = lognormal_at(&model, deviations[i]);
	}
	out->fit_distance = rate_histogram_distance(&side->histogram, &model, seconds);
}
