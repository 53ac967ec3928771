/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor tells of itself, of the interfaces that it is on, and of its pushes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exposition_reader.h"
#include "table_sample.h"

static void test_self(void **state)
{
	struct report *report = sample_report(0, 0);
	struct interface_report interfaces[] = {
		{ .name = "eth0", .attached = true, .hook = { "xdp", "tcx" } },
		{ .name = "eth1", .attached = true, .hook = { "none", "clsact" } },
		{ .name = "eth2", .attached = false, .hook = { "none", "none" } },
	};
	static const struct {
		const char *series, *value;
	} rows[] = {
		{ "flowgauge_build_info{version=\"" FLOWGAUGE_VERSION "\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth0\",direction=\"ingress\",hook=\"xdp\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth0\",direction=\"egress\",hook=\"tcx\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth1\",direction=\"ingress\",hook=\"none\"}", NULL },
		{ "flowgauge_hook_info{interface=\"eth1\",direction=\"egress\",hook=\"clsact\"}", "1" },
		{ "flowgauge_hook_info{interface=\"eth2\",direction=\"egress\",hook=\"none\"}", NULL },
		{ "flowgauge_bpf_run_seconds_total{program=\"ingress\"}", "0.5" },
		{ "flowgauge_bpf_runs_total{program=\"egress\"}", "20" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.0001\"}", "0" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.001\"}", "1" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"0.05\"}", "2" },
		{ "flowgauge_snapshot_seconds_bucket{le=\"+Inf\"}", "3" },
		{ "flowgauge_snapshot_seconds_count", "3" },
		{ "process_start_time_seconds", "1795248000.5" },
	};
	struct text text, openmetrics;
	(void)state;

	report->interfaces = malloc(sizeof(interfaces));
	assert_non_null(report->interfaces);
	memcpy(report->interfaces, interfaces, sizeof(interfaces));
	report->interface_count = 3;
	report->self.programs[0] = (struct program_report){ "ingress", 10, 0.5 };
	report->self.programs[1] = (struct program_report){ "egress", 20, 0.25 };
	report->self.program_count = 2;
	report->self.start_ns = 1795248000500000000ULL;
	self_observe_snapshot(&report->self, 0.0007);
	self_observe_snapshot(&report->self, 0.03);
	self_observe_snapshot(&report->self, 7);
	text = exposition_of(report, 10, false, EXPOSITION_TEXT);
	openmetrics = exposition_of(report, 10, false, EXPOSITION_OPENMETRICS);
	assert_well_formed(&text, EXPOSITION_TEXT);
	assert_well_formed(&openmetrics, EXPOSITION_OPENMETRICS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_value(&text, rows[i].series, rows[i].value);
		assert_value(&openmetrics, rows[i].series, rows[i].value);
	}
	assert_value(&text, "flowgauge_snapshot_seconds_bucket{le=\"1\"}", "2");
	assert_value(&openmetrics, "flowgauge_snapshot_seconds_bucket{le=\"1.0\"}", "2");
	assert_true(strtod(value_of(&text, "flowgauge_snapshot_seconds_sum"), NULL) > 7.03);
	assert_true(strtod(value_of(&text, "process_resident_memory_bytes"), NULL) > 100000);
	assert_true(strtod(value_of(&text, "process_virtual_memory_bytes"), NULL) > 100000);
	assert_true(strtod(value_of(&text, "process_open_fds"), NULL) >= 1);
	assert_true(strtod(value_of(&text, "process_max_fds"), NULL) >= 8);
	assert_non_null(value_of(&text, "process_cpu_seconds_total"));
	report->self.program_count = 0;
	text_free(&text);
	text_free(&openmetrics);
	text = exposition_of(report, 10, false, EXPOSITION_TEXT);
	assert_null(strstr(text.bytes, "flowgauge_bpf_"));
	text_free(&text);
	report_release(report);
}

/* Interfaces and pushes, in both formats; of one that is gone its counters, and of one that is down no carrier. */
static void test_devices_and_pushes(void **state)
{
	(void)state;
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_OPENMETRICS; format++) {
		struct report *report = summed_mixed();
		struct text text;

		report->devices = calloc(2, sizeof(*report->devices));
		assert_non_null(report->devices);
		report->device_count = 2;
		strcpy(report->devices[0].name, "a\"b");
		report->devices[0].present = true;
		report->devices[0].facts.speed = 125000000;
		report->devices[0].sides[DIRECTION_EGRESS].drops = 4;
		strcpy(report->devices[1].name, "gone");
		report->devices[1].sides[DIRECTION_INGRESS].bytes = UINT64_MAX;
		report->self.push = (struct push_report){ .on = true, .up_known = true, .successes = 5 };
		report->self.push.failures[PUSH_FAILURE_TLS] = 3;
		text = exposition_of(report, 1000, true, (enum exposition)format);
		assert_well_formed(&text, (enum exposition)format);
		assert_value(&text, "flowgauge_interface_transmit_drops_total{interface=\"a\\\"b\"}", "4");
		assert_value(&text, "flowgauge_interface_speed_bytes_per_second{interface=\"a\\\"b\"}", "125000000");
		assert_value(&text, "flowgauge_interface_carrier{interface=\"a\\\"b\"}", NULL);
		assert_value(&text, "flowgauge_interface_receive_bytes_total{interface=\"gone\"}",
			     "18446744073709551615");
		assert_value(&text, "flowgauge_interface_mtu_bytes{interface=\"gone\"}", NULL);
		assert_value(&text, "packets_sent{ifname=\"gone\"}", "0");
		assert_value(&text, "flowgauge_push_failures_total{reason=\"tls\"}", "3");
		assert_value(&text, "flowgauge_push_up", "0");
		assert_value(&text, "flowgauge_push_last_success_timestamp_seconds", NULL);
		text_free(&text);
		report_release(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_devices_and_pushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
