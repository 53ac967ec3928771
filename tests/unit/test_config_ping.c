/* SPDX-License-Identifier: BSD-2-Clause */
/* "ping" in config.json: what each host has, and errors that name the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_files.h"

#define KEYS ", interval, timeout, count, size, dscp, ttl, interface, addresses and resolve_interval"
#define HOST " is not a host's name or address of 1 to 255 characters, without spaces"

static void test_none(void **state)
{
	struct config config;

	(void)state;
	config_files_must_read(&config, "{}");
	assert_int_equal(config.ping_host_count, 0);
	config_free(&config);
	config_files_must_read(&config, "{\"ping\": {\"interval\": 3}}");
	assert_int_equal(config.ping_host_count, 0);
	config_free(&config);
}

/* The section's keys hold for each host, wherever they stand, unless it says otherwise. */
static void test_defaults_and_own(void **state)
{
	struct config config;
	const struct pinger_host *host;

	(void)state;
	config_files_must_read(&config,
			       "{\"ping\": {\"hosts\": [\"a\", {\"host\": \"b\", \"name\": \"the other\", \"interval\": 2,"
			       " \"addresses\": \"all\", \"interface\": \"eth1\", \"ttl\": 9}], \"interval\": 0.5,"
			       " \"count\": 7, \"dscp\": 46}}");
	assert_int_equal(config.ping_host_count, 2);
	host = &config.ping_hosts[0];
	assert_string_equal(host->host, "a");
	assert_null(host->name);
	assert_true(host->interval == 0.5 && host->timeout == 2 && host->resolve_interval == 300);
	assert_true(host->count == 7 && host->size == 56 && host->dscp == 46 && host->ttl == 0);
	assert_true(!host->all_addresses && !*host->interface);
	host = &config.ping_hosts[1];
	assert_string_equal(host->name, "the other");
	assert_string_equal(host->interface, "eth1");
	assert_true(host->interval == 2 && host->count == 7 && host->dscp == 46 && host->ttl == 9 &&
		    host->all_addresses);
	config_free(&config);
}

static void test_wrong(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"ping\": {\n\"hosts\": [\"a\",\n\"b\",\n\"a\"]}}",
		  "line 4: ping.hosts[2]: a is there already: give one of the two a \"name\" of its own" },
		{ "{\"ping\": {\"hosts\": [\"a b\"]}}", "line 1: ping.hosts[0]: \"a b\"" HOST },
		{ "{\"ping\": {\"hosts\": [7]}}", "line 1: ping.hosts[0]: 7" HOST ", or an object that has one" },
		{ "{\"ping\": {\"hosts\": [{\"name\": \"a\"}]}}",
		  "line 1: ping.hosts[0]: {\"name\": \"a\"} is not an object with a \"host\"" },
		{ "{\"ping\": {\"hosts\": [{\"host\": \"a\", \"intervall\": 1}]}}",
		  "line 1: ping.hosts[0].intervall: there is no such key: there are host, name" KEYS },
		{ "{\"ping\": {\"name\": \"a\"}}", "line 1: ping.name: there is no such key: there are hosts" KEYS },
		{ "{\"ping\": {\"ttl\": 1, \"ttl\": 2}}",
		  "line 1: ping.ttl: stands twice, first in line 1: leave one" },
		{ "{\"ping\": {\"hosts\": \"a\"}}",
		  "line 1: ping.hosts: \"a\" is not an array of hosts, such as [\"10.0.0.1\", {\"host\": \"example.org\", "
		  "\"interval\": 5}]" },
		{ "{\"ping\": {\"hosts\": [{\"host\": \"a\", \"timeout\": 11, \"interval\": 0.01}]}}",
		  "line 1: ping.hosts[0]: its timeout of 11 s is more than 1000 of its intervals of 0.01 s" },
		{ "{\"ping\": {\"hosts\": [\"a\", {\"host\": \"b\", \"size\": 15}]}}",
		  "line 1: ping.hosts[1].size: 15 is not a whole number of 16 to 65507" },
		{ "{\"ping\": []}",
		  "line 1: ping: [] is not an object in braces, such as {\"hosts\": [\"10.0.0.1\"]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		config_files_refuses(cases[i][0], cases[i][1]);
}

/* The hosts of a file that is refused go, and those that were there stay. */
static void test_read_again(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	config_files_must_read(&config, "{\"ping\": {\"hosts\": [\"a\"]}}");
	config_files_write_text(CONFIG_FILES_NAME, "{\"ping\": {\"hosts\": [\"b\", \"c\"]}, \"max_flows\": 0}");
	assert_int_not_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	assert_string_equal(config.ping_hosts[0].host, "a");
	config_files_write_text(CONFIG_FILES_NAME, "{\"ping\": {\"hosts\": [\"b\", \"c\"]}}");
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	assert_int_equal(config.ping_host_count, 2);
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_none),
		CONFIG_FILES_TEST(test_defaults_and_own),
		CONFIG_FILES_TEST(test_wrong),
		CONFIG_FILES_TEST(test_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
