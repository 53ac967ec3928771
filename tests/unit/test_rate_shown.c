/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates on their ways out: the record member by member, what is unknown, and the series of Prometheus. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/prometheus.h"
#include "export/rate_records.h"

#define TIME 1763712000000000000ULL /* 2025-11-21T08:00:00Z */

static const struct rate_estimate estimate = {
	.known = true,
	.time_ns = TIME,
	.bins = 9990,
	.lost = 10,
	.lost_total = 25,
	.mean = 6e7,
	.variance = 9e14,
	.mu = 17.5,
	.sigma_squared = 0.25,
	.risk = 0.03125,
	.above = 0.0625,
	.peak = { NAN, 1e8, 9e7 },
	.quantile = { 5e7, 7e7, 8e7, 9e7 },
	.quantile_fit = { 5.5e7, 7.5e7, 8.5e7, 9.5e7 },
	.fit_distance = 0.03125,
	.alarm = { true, TIME + 1000000000 },
};

static void fill(struct rates_report *rates, struct rate_report *link)
{
	*link = (struct rate_report){ .interface = "eth\"0", .capacity = 1.25e8 };
	link->estimate[DIRECTION_INGRESS] = estimate;
	*rates = (struct rates_report){
		.enabled = true,
		.sample_rate = 1000,
		.estimation_interval = 10,
		.meter_interval = 30,
		.cutoff = 0.99,
		.alarm_trigger = 57 / 100.0,
		.alarm_measured_trigger = NAN,
		.links = link,
		.count = 1,
	};
	rates->sinks[RATE_SINK_TCP] = (struct rate_sink_report){ .set = true, .written = 7, .lost = 3 };
}

static void test_record(void **state)
{
	static const char right[] =
		"{\"type\":\"rate\",\"timestamp\":\"2025-11-21T08:00:00.000000000Z\",\"interface\":\"eth\\\"0\",\"linerate\":125000000,"
		"\"alarm_trigger_value\":57,\"cutoff\":0.99,"
		"\"tx\":null,\"var_tx\":null,\"mu_tx\":null,\"sigma2_tx\":null,\"overload_risk_tx\":null,\"alarm_tx\":false,"
		"\"rx\":60000000,\"var_rx\":900000000000000,\"mu_rx\":17.5,\"sigma2_rx\":0.25,\"overload_risk_rx\":3.125,"
		"\"alarm_rx\":true,\"sample_rate\":1000,\"estimation_interval\":10,\"meter_interval\":30,"
		"\"alarm_measured_trigger_value\":null,"
		"\"estimated_tx\":null,\"alarm_changed_tx\":null,\"above_cutoff_tx\":null,\"alarm_measured_tx\":false,"
		"\"alarm_measured_changed_tx\":null,\"peak_tx\":{\"1ms\":null,\"10ms\":null,\"100ms\":null},"
		"\"quantiles_tx\":{\"p50\":null,\"p95\":null,\"p99\":null,\"p99_9\":null},"
		"\"quantiles_fit_tx\":{\"p50\":null,\"p95\":null,\"p99\":null,\"p99_9\":null},\"fit_distance_tx\":null,"
		"\"bins_tx\":0,\"lost_bins_tx\":0,"
		"\"estimated_rx\":\"2025-11-21T08:00:00.000000000Z\",\"alarm_changed_rx\":\"2025-11-21T08:00:01.000000000Z\","
		"\"above_cutoff_rx\":6.25,\"alarm_measured_rx\":false,\"alarm_measured_changed_rx\":null,"
		"\"peak_rx\":{\"1ms\":null,\"10ms\":100000000,\"100ms\":90000000},"
		"\"quantiles_rx\":{\"p50\":50000000,\"p95\":70000000,\"p99\":80000000,\"p99_9\":90000000},"
		"\"quantiles_fit_rx\":{\"p50\":55000000,\"p95\":75000000,\"p99\":85000000,\"p99_9\":95000000},"
		"\"fit_distance_rx\":0.03125,\"bins_rx\":9990,\"lost_bins_rx\":25}\n";
	struct text text = TEXT_EMPTY;
	struct rates_report rates;
	struct rate_report link;

	(void)state;
	fill(&rates, &link);
	record_rate_lines(&rates, TIME, &text);
	assert_string_equal(text.bytes, right);
	text_clear(&text);
	/* Nothing was estimated: no record. */
	link.estimate[DIRECTION_INGRESS].known = false;
	record_rate_lines(&rates, TIME, &text);
	assert_int_equal(text.length, 0);
	record_life_cycle("exited", TIME, &text);
	assert_string_equal(text.bytes, "{\"exited\":\"2025-11-21T08:00:00.000000000Z\"}\n");
	text_free(&text);
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("missing: %s", line);
}

static void test_series(void **state)
{
	static const char labels[] = "{interface=\"eth\\\"0\",direction=\"ingress\"";
	static const char *const rows[][2] = {
		{ "mean_bytes_per_second", "} 6e+07\n" },
		{ "variance", "} 9e+14\n" },
		{ "mu", "} 17.5\n" },
		{ "sigma_squared", "} 0.25\n" },
		{ "overload_risk_ratio", "} 0.03125\n" },
		{ "above_cutoff_ratio", "} 0.0625\n" },
		{ "alarm", "} 1\n" },
		{ "measured_alarm", "} 0\n" },
		{ "fit_distance_ratio", "} 0.03125\n" },
		{ "lost_bins_total", "} 25\n" },
		{ "peak_bytes_per_second", ",window=\"10ms\"} 1e+08\n" },
		{ "percentile_bytes_per_second", ",source=\"measured\",percentile=\"99.9\"} 9e+07\n" },
		{ "percentile_bytes_per_second", ",source=\"fit\",percentile=\"50\"} 5.5e+07\n" },
	};
	const struct prometheus_config config = { 0 };
	struct text text = TEXT_EMPTY, line = TEXT_EMPTY;
	struct report report = { 0 };
	struct rate_report link;

	(void)state;
	fill(&report.rates, &link);
	prometheus_render(&config, &report, EXPOSITION_TEXT, &text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *number = strrchr(rows[i][1], ' ') + 1;
		double value = strtod(number, NULL);

		text_clear(&line);
		text_appendf(&line, "flowgauge_rate_%s%s%.*s ", rows[i][0], labels, (int)(number - 1 - rows[i][1]),
			     rows[i][1]);
		text_append_double(&line, value);
		text_append_char(&line, '\n');
		has(text.bytes, line.bytes);
	}
	has(text.bytes, "flowgauge_rate_lost_records_total{sink=\"tcp\"} 3\n");
	has(text.bytes, "flowgauge_rate_records_total{sink=\"tcp\"} 7\n");
	/* What is not known has no sample: the peak over 1 ms, all of egress but its state, and the other sink. */
	assert_null(strstr(text.bytes, "window=\"1ms\""));
	assert_null(strstr(text.bytes, "mean_bytes_per_second{interface=\"eth\\\"0\",direction=\"egress\""));
	assert_null(strstr(text.bytes, "sink=\"file\""));
	text_clear(&text);
	report.rates = (struct rates_report){ 0 };
	prometheus_render(&config, &report, EXPOSITION_TEXT, &text);
	assert_null(strstr(text.bytes, "flowgauge_rate_"));
	text_free(&text);
	text_free(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
