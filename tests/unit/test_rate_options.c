/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of `flowgauge rate`, and the table of settings behind them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options_words.h"

static void loads(const char *line, struct config *config)
{
	char error[CONFIG_ERROR_SIZE] = "";

	if (options_words_load(line, config, error) != OPTIONS_RUN)
		fail_msg("%s: %s", line, error);
}

static void test_defaults(void **state)
{
	struct config config;

	(void)state;
	loads("rate --config e.json", &config);
	assert_true(config.rate_only && config.rate_enabled && !config.http_enabled);
	assert_true(config.json && !config.quiet); /* without a sink, records go to standard output */
	assert_true(config.constants.flows_off && config.max_flows < 1000); /* links are measured, flows are not */
	assert_int_equal(config.rate_port, 54736);
	assert_int_equal(config.interface_count, 1);
	assert_string_equal(config.interfaces[0], "eth0");
	assert_true(config.rate.sample_rate == 1000 && config.rate.estimation_interval == 10);
	assert_true(config.rate.meter_interval == 30 && config.rate.link_speed == 0);
	assert_true(config.rate.alarm_trigger == 95 && config.rate.cutoff == 99);
	assert_true(isnan(config.rate.alarm_measured_trigger));
	config_free(&config);
}

static void test_every_flag(void **state)
{
	struct config config;

	(void)state;
	loads("rate --config e.json -b 9000 -g ::1 -f x.json -i a0,b0 -s 100 -e 5 -m 7 -k 2500 -a 50 -o 80 -d --rate-port 0 "
	      "--alarm-measured-trigger 3 --listen :9999 --duration 4",
	      &config);
	assert_string_equal(config.rate_tcp_host, "::1");
	assert_int_equal(config.rate_tcp_port, 9000);
	assert_string_equal(config.rate_file, "x.json");
	assert_int_equal(config.interface_count, 2);
	assert_string_equal(config.interfaces[1], "b0");
	assert_true(config.rate.sample_rate == 100 && config.rate.estimation_interval == 5);
	assert_true(config.rate.meter_interval == 7 && config.rate.link_speed == 2500);
	assert_true(config.rate.alarm_trigger == 50 && config.rate.cutoff == 80);
	assert_true(config.rate.alarm_measured_trigger == 3);
	assert_true(config.json && config.http_enabled && config.http_port == 9999);
	assert_int_equal(config.rate_port, 0);
	assert_true(config.duration_seconds == 4);
	config_free(&config);
	loads("rate --config e.json -b 9000", &config);
	assert_string_equal(config.rate_tcp_host, "127.0.0.1");
	assert_true(config.quiet && !config.json);
	config_free(&config);
}

static void test_openstack(void **state)
{
	struct config config;

	(void)state;
	loads("rate --config e.json -n sdn -r res -p proj -c 10.0.0.1 -u admin -t demo", &config);
	assert_int_equal(config.openstack.api, OPENSTACK_CEILOMETER_V2);
	assert_string_equal(config.openstack.meter, "sdn");
	assert_string_equal(config.openstack.resource_id, "res");
	assert_string_equal(config.openstack.project_id, "proj");
	assert_string_equal(config.openstack.auth_url, "http://10.0.0.1:5000");
	assert_string_equal(config.openstack.url, "http://10.0.0.1:8777");
	assert_string_equal(config.openstack.username, "admin");
	assert_string_equal(config.openstack.project, "demo");
	assert_string_equal(config.openstack.password_environment, "OS_PASSWORD");
	assert_true(config.quiet && !config.json); /* records have somewhere to go */
	config_free(&config);
	loads("rate --config e.json -c 10.0.0.1 -u admin -t demo --openstack-api gnocchi", &config);
	assert_int_equal(config.openstack.api, OPENSTACK_GNOCCHI);
	assert_string_equal(config.openstack.url, "http://10.0.0.1:8041");
	config_free(&config);
	loads("rate --config e.json", &config);
	assert_int_equal(config.openstack.api, OPENSTACK_OFF);
	config_free(&config);
}

static void test_wrong_words(void **state)
{
	static const char *const rows[][2] = {
		{ "rate -s 9", "-s: \"9\" is not a number of samples a second from 10 to 10000" },
		{ "rate -o 101", "-o: \"101\" is not a number of percent from 0.001 to 100" },
		{ "rate --config e.json -g host", "-g: a host without a port: -b gives it one" },
		{ "rate -b 0", "-b: \"0\" is not a port of 1 to 65535" },
		{ "rate -w secret",
		  "-w: a password is not given as a flag, where everybody could read it: give it in the environment, "
		  "as OS_PASSWORD, or in the file that the configuration's openstack.password_file names" },
		{ "rate --config e.json -c 10.0.0.1 -t demo",
		  "openstack.username is missing: records cannot be sent without it: -c gives the controller, -u the "
		  "username and -t the project" },
		{ "rate -n a/b", "-n: \"a/b\" is not 1 to 255 letters, digits, dots, underscores and hyphens" },
		{ "rate --openstack-api nova", "--openstack-api: \"nova\" is not \"gnocchi\" or \"ceilometer-v2\"" },
		{ "rate --cutoff", "--cutoff: its argument PERCENT is missing: flowgauge rate --help tells more" },
		{ "rate -x", "-x: there is no such flag, or it takes no argument: flowgauge rate --help lists them" },
		{ "rate eth0", "\"eth0\" belongs to no flag: flowgauge rate --help lists them" },
		{ "rate --config e.json -e 0.1 -s 10",
		  "an estimation_interval needs two samples at least: make it longer, or the sample_rate higher" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[CONFIG_ERROR_SIZE] = "";
		struct config config;

		assert_int_equal(options_words_load(rows[i][0], &config, error), OPTIONS_WRONG);
		assert_string_equal(error, rows[i][1]);
	}
}

static void test_bounds_of_settings(void **state)
{
	struct rate_settings settings;

	(void)state;
	for (size_t i = 0; i < rate_setting_count; i++) {
		const struct rate_setting *setting = &rate_setting_table[i];
		double *value = rate_setting_value(setting, &settings), before;

		rate_settings_default(&settings);
		before = *value;
		assert_ptr_equal(rate_setting_find(setting->name), setting);
		assert_int_not_equal(rate_setting_put(setting, &settings, setting->high * 1.001), 0);
		assert_int_not_equal(rate_setting_put(setting, &settings, setting->low - 0.0011), 0);
		assert_int_not_equal(rate_setting_put(setting, &settings, NAN), 0);
		assert_true(*value == before || (isnan(*value) && isnan(before)));
		assert_int_equal(rate_setting_put(setting, &settings, setting->high), 0);
		assert_true(*value == setting->high);
		assert_int_equal(rate_setting_put(setting, &settings, setting->low), 0);
	}
	assert_null(rate_setting_find("interface"));
	rate_settings_default(&settings);
	assert_null(rate_settings_conflict(&settings));
	assert_true(rate_settings_bin_ns(&settings) == 1000000);
	settings.sample_rate = 3000;
	assert_true(rate_settings_bin_ns(&settings) == 333333);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTIONS_WORDS_TEST(test_defaults),         OPTIONS_WORDS_TEST(test_every_flag),
		OPTIONS_WORDS_TEST(test_openstack),        OPTIONS_WORDS_TEST(test_wrong_words),
		cmocka_unit_test(test_bounds_of_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
