/* SPDX-License-Identifier: BSD-2-Clause */
/* legacy_metrics: the names that the earlier exporter had, all there in both formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "exposition_reader.h"
#include "table_sample.h"

static void test_legacy(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "udp_throughput", "75000000" }, { "udp_goodput", "72000000" }, { "udp_jitter_avg", "20" },
		{ "udp_jitter_stddev", "1.25" },  { "udp_seq_num", "51299" },    { "udp_count", "51234" },
		{ "udp_reverse_err", "7" },       { "udp_small_err", "3" },      { "udp_big_err", "12" },
		{ "udp_total_err", "22" },        { "tcp_seq_num", "5" },        { "tcp_count", "3" },
		{ "tcp_reverse_err", "1" },       { "tcp_small_err", "NaN" },    { "tcp_big_err", "2" },
		{ "tcp_total_err", "3" },         { "tcp_jitter_avg", "NaN" },   { "icmp_jitter_stddev", "NaN" },
		{ "icmp_seq_num", "NaN" },        { "icmp_count", "0" },         { "icmp_reverse_err", "NaN" },
		{ "icmp_total_err", "NaN" },      { "icmp_throughput", "0" },
	};
	static const char *const protocols[] = { "tcp", "udp", "icmp" };
	static const char *const suffixes[] = {
		"throughput", "goodput",     "jitter_avg", "jitter_stddev", "seq_num",
		"count",      "reverse_err", "small_err",  "big_err",       "total_err"
	};
	(void)state;

	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = summed_mixed();
		struct text text;

		report->protocols[GROUP_TCP].sequence =
			(struct sequence_report){ SEQUENCE_BYTES, 5, 3, 1, 0, 2, 0, 0, 0 };
		text = exposition_of(report, 1000, true, (enum exposition)format);
		assert_well_formed(&text, (enum exposition)format);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_value(&text, rows[i].name, rows[i].value);
		for (size_t i = 0; i < 3; i++)
			for (size_t k = 0; k < 10; k++) {
				char name[40];

				snprintf(name, sizeof(name), "%s_%s", protocols[i], suffixes[k]);
				assert_non_null(value_of(&text, name));
			}
		text_free(&text);
		report_release(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legacy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
