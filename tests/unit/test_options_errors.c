/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines that are wrong. Errors are compared whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config_files.h"
#include "options_words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LISTED ": flowgauge --help lists them"
#define NAMES " is not an interface's name or a glob of 1 to 15 characters, without spaces, commas, colons and slashes"
#define PORT " is not ADDRESS:PORT with a port of 1 to 65535, or off"
#define SECONDS " is not a number of seconds from 0.1 to 3600"

static const struct {
	const char *line, *error;
} wrong[] = {
	{ "-x", "-x: there is no such flag" LISTED },
	{ "-bx", "-x: there is no such flag" LISTED },
	{ "--bitz", "--bitz: there is no such flag, or more than one" LISTED },
	{ "--con e.json", "--con: there is no such flag, or more than one" LISTED },
	{ "-z file", "-z: there is no such flag" LISTED },
	{ "-confx e.json", "\"e.json\" belongs to no flag" LISTED },
	{ "-c e.json eth0", "\"eth0\" belongs to no flag" LISTED },
	{ "-- eth0", "\"eth0\" belongs to no flag" LISTED },
	{ "-- -conf e.json", "\"-conf\" belongs to no flag" LISTED },
	{ "''", "\"\" belongs to no flag" LISTED },
	{ "-t", "-t: its argument S is missing: flowgauge --help tells more" },
	{ "-b --interval", "--interval: its argument S is missing: flowgauge --help tells more" },
	{ "-conf", "--config: its argument FILE is missing: flowgauge --help tells more" },
	{ "--bits=1", "--bits: \"--bits=1\" gives it an argument, but it takes none" },
	{ "-c ''", "-c: \"\" is not the path of a file" },
	{ "-c none.json", "none.json: cannot be read: No such file or directory: give a file that can" },
	{ "-t 0", "-t: \"0\"" SECONDS },
	{ "-t 3601", "-t: \"3601\"" SECONDS },
	{ "--interval 1s", "--interval: \"1s\"" SECONDS },
	{ "-t ''", "-t: \"\"" SECONDS },
	{ "-t nan", "-t: \"nan\"" SECONDS },
	{ "-j -1", "-j: \"-1\" is not a number of milliseconds from 0 to 3600000" },
	{ "--duration 0", "--duration: \"0\" is not a number of seconds from 0.1 to 31536000" },
	{ "-i ''", "-i: \"\"" NAMES },
	{ "-i eth0,", "-i: \"\"" NAMES },
	{ "-i eth0,,eth1", "-i: \"\"" NAMES },
	{ "-i eth0/1", "-i: \"eth0/1\"" NAMES },
	{ "-i a,sixteencharacter,b", "-i: \"sixteencharacter\"" NAMES },
	{ "--read x.pcap -i eth0", "-i: it is for live interfaces, and --read reads a capture: leave one of them out" },
	{ "-t 5 --hook tc -r -", "-t: it is for live interfaces, and --read reads a capture: leave one of them out" },
	{ "-server_port 80 -r -",
	  "--server_port: it is for live interfaces, and --read reads a capture: leave one of them out" },
	{ "--hook xpd", "--hook: \"xpd\" is not auto, xdp, xdp-generic, tc or clsact" },
	{ "--direction up", "--direction: \"up\" is not in, out or both" },
	{ "--max-flows 0", "--max-flows: \"0\" is not a whole number of 1 to 16777216" },
	{ "--max-flows 1e3", "--max-flows: \"1e3\" is not a whole number of 1 to 16777216" },
	{ "--listen 8080", "--listen: \"8080\"" PORT },
	{ "--listen 127.0.0.1:99999", "--listen: \"127.0.0.1:99999\"" PORT },
	{ "--listen [::1", "--listen: \"[::1\"" PORT },
	{ "-server_port 0", "--server_port: \"0\" is not a port of 1 to 65535" },
	{ "--control ''", "--control: \"\" is not the path of a socket, of 1 to 107 bytes" },
	{ "-c e.json --listen 192.0.2.1:80",
	  "--listen: \"192.0.2.1:80\" would let other machines in without a password: choose a loopback address such as "
	  "127.0.0.1:8080, or set http.allow_unauthenticated to true" },
};

static void test_wrong_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char error[CONFIG_ERROR_SIZE];
		struct config config;

		assert_int_equal(options_words_load(wrong[i].line, &config, error), OPTIONS_WRONG);
		assert_string_equal(error, wrong[i].error);
		options_words_must_be_default(&config);
	}
}

static void test_wrong_file(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	config_files_write_text("f.json", "{\n\"max_flows\": 0}");
	assert_int_equal(options_words_load("-c f.json -b", &config, error), OPTIONS_WRONG);
	assert_string_equal(error, "f.json: line 2: max_flows: 0 is not a whole number of 1 to 16777216");
}

static void test_too_many_interfaces(void **state)
{
	char line[1024] = "-c e.json -i i0", error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	for (int i = 1; i < INTERFACE_PATTERNS_MAX; i++)
		sprintf(line + strlen(line), ",i%d", i);
	options_words_must_load(line, &config);
	assert_int_equal(config.interface_count, INTERFACE_PATTERNS_MAX);
	strcat(line, " -i more");
	assert_int_equal(options_words_load(line, &config, error), OPTIONS_WRONG);
	assert_string_equal(error, "-i: more than 64 names or globs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTIONS_WORDS_TEST(test_wrong_words),
		OPTIONS_WORDS_TEST(test_wrong_file),
		OPTIONS_WORDS_TEST(test_too_many_interfaces),
	};

	return cmocka_run_group_tests_name("options_errors", tests, NULL, NULL);
}
