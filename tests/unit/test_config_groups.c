/* SPDX-License-Identifier: BSD-2-Clause */
/* "groups" of the configuration: what is read, what is refused and how, and who owns it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config_files.h"

#define BY                                                                                                           \
	" is not \"src\", \"dst\", \"src/24\", \"src/24/48\" with lengths for IPv4 and IPv6, \"sport\", \"dport\", " \
	"\"protocol\", \"interface\" or \"direction\""
#define NAME " is not a name of 1 to 63 letters, digits, -, _ and ."

static const struct {
	const char *text, *error; /* without "config.json: " */
} wrong[] = {
	{ "{\"groups\": {}}",
	  "line 1: groups: {} is not an array of groups, such as [{\"name\": \"networks\", \"by\": [\"src/24\"]}]" },
	{ "{\"groups\": [7]}",
	  "line 1: groups[0]: 7 is not an object, such as {\"name\": \"networks\", \"by\": [\"src/24\"]}" },
	{ "{\"groups\": [{\"name\": \"a\"},\n{}]}",
	  "line 2: groups[1]: has no name: give it a name of 1 to 63 letters, digits, -, _ and ." },
	{ "{\"groups\": [{\"name\": \"a b\"}]}", "line 1: groups[0].name: \"a b\"" NAME },
	{ "{\"groups\": [{\"name\": \"\u00e4\"}]}", "line 1: groups[0].name: \"\xc3\xa4\"" NAME },
	{ "{\"groups\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}",
	  "line 1: groups[1]: is called a like another one: a name is right once" },
	{ "{\"groups\": [{\"name\": \"a\", \"name\": \"b\"}]}",
	  "line 1: groups[0].name: stands twice, first in line 1: leave one" },
	{ "{\"groups\": [{\"name\": \"a\", \"top\": 5}]}",
	  "line 1: groups[0].top: there is no such key: a group has name, match, by and limit" },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"src\", \"port\"]}]}", "line 1: groups[0].by[1]: \"port\"" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"src/\"]}]}", "line 1: groups[0].by[0]: \"src/\"" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"src/33\"]}]}", "line 1: groups[0].by[0]: \"src/33\"" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"src/8/8/8\"]}]}", "line 1: groups[0].by[0]: \"src/8/8/8\"" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"sport/8\"]}]}", "line 1: groups[0].by[0]: \"sport/8\"" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [1]}]}", "line 1: groups[0].by[0]: 1" BY },
	{ "{\"groups\": [{\"name\": \"a\", \"by\": [\"dst/8\",\n\"dst\"]}]}",
	  "line 2: groups[0].by[1]: \"dst\" stands twice: a part is right once" },
	{ "{\"groups\": [{\"name\": \"a\", \"limit\": 1.5}]}",
	  "line 1: groups[0].limit: 1.5 is not a whole number of 1 to 10000" },
	{ "{\"groups\": [{\"name\": \"a\", \"limit\": 1e300}]}",
	  "line 1: groups[0].limit: 1e300 is not a whole number of 1 to 10000" },
	{ "{\"groups\": [{\"name\": \"a\", \"match\": \"- - - - none\"}]}",
	  "line 1: groups[0].match: \"- - - - none\": protocol none is unknown: a name such as TCP, a number of 0 to 255 or - would "
	  "be right" },
	{ "{\"groups\": [{\"name\": \"a\", \"match\": 1}]}",
	  "line 1: groups[0].match: 1 is not a rule: a string \"SRC DST SPORT DPORT PROTO\"" },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		config_files_refuses(wrong[i].text, wrong[i].error);
}

static void test_right(void **state)
{
	struct config config;

	(void)state;
	config_files_must_read(&config,
			       "{\"groups\": ["
			       "{\"by\": [\"src/24\", \"dport\"], \"name\": \"nets\"},"
			       "{\"name\": \"hosts\", \"by\": [\"dst\", \"src/0/128\", \"sport\", \"protocol\","
			       " \"interface\", \"direction\"], \"limit\": 10000, \"match\": \"- - - 443 TCP\"},"
			       "{\"name\": \"all\"}]}");
	assert_int_equal(config.group_count, 3);
	assert_string_equal(config.groups[0].name, "nets");
	assert_int_equal(config.groups[0].parts, GROUP_BY_SRC | GROUP_BY_DPORT);
	assert_int_equal(config.groups[0].src_prefix[GROUP_IPV4], 24);
	assert_int_equal(config.groups[0].src_prefix[GROUP_IPV6], 64);
	assert_int_equal(config.groups[0].limit, 100);
	assert_null(config.groups[0].match);
	assert_int_equal(config.groups[1].parts, GROUP_BY_DST | GROUP_BY_SRC | GROUP_BY_SPORT | GROUP_BY_PROTOCOL |
							 GROUP_BY_INTERFACE | GROUP_BY_DIRECTION);
	assert_int_equal(config.groups[1].src_prefix[GROUP_IPV4], 0);
	assert_int_equal(config.groups[1].src_prefix[GROUP_IPV6], 128);
	assert_int_equal(config.groups[1].dst_prefix[GROUP_IPV4], 32);
	assert_int_equal(config.groups[1].dst_prefix[GROUP_IPV6], 128);
	assert_int_equal(config.groups[1].limit, 10000);
	assert_string_equal(config.groups[1].match, "- - - 443 TCP");
	assert_int_equal(((const struct rule *)config.groups[1].rule)->ports[RULE_DESTINATION][0].low, 443);
	assert_int_equal(config.groups[2].parts, 0);
	config_free(&config);
	assert_int_equal(config.group_count, 0);
}

/* A file that has groups, then one that has others, one that has none, and one with a mistake behind its groups. */
static void test_again(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	config_files_must_read(&config, "{\"groups\": [{\"name\": \"a\", \"match\": \"- - - - UDP\"}]}");
	config_files_write_text(CONFIG_FILES_NAME, "{\"groups\": [{\"name\": \"b\"}, {\"name\": \"c\"}]}");
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	assert_int_equal(config.group_count, 2);
	assert_string_equal(config.groups[0].name, "b");
	config_files_write_text(CONFIG_FILES_NAME,
				"{\"groups\": [{\"name\": \"d\", \"match\": \"- - - - -\"}], \"hook\": 1}");
	assert_true(config_read(&config, CONFIG_FILES_NAME, error) < 0);
	assert_int_equal(config.group_count, 2);
	config_files_write_text(CONFIG_FILES_NAME, "{\"RULES\": [\"- - - - -\"]}");
	assert_int_equal(config_read(&config, CONFIG_FILES_NAME, error), 0);
	assert_int_equal(config.group_count, 2);
	assert_int_equal(config.rule_count, 1);
	assert_string_equal(config.groups[1].name, "c");
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_FILES_TEST(test_wrong),
		CONFIG_FILES_TEST(test_right),
		CONFIG_FILES_TEST(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
