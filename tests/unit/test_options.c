/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, old words and new, alone and over a file. Errors are compared whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/options.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WORDS_MAX 80

struct place {
	char directory[32];
	char before[4096];
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int enter(void **state)
{
	struct place *place = test_calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/options_test.XXXXXX");
	assert_non_null(getcwd(place->before, sizeof(place->before)));
	assert_non_null(mkdtemp(place->directory));
	assert_int_equal(chdir(place->directory), 0);
	write_file("e.json", "{}");
	*state = place;
	return 0;
}

static int leave(void **state)
{
	static const char *const files[] = { "e.json", "f.json", "-conf", "-j.json", "onf", "out" };
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	assert_int_equal(chdir(place->before), 0);
	assert_int_equal(rmdir(place->directory), 0);
	test_free(place);
	return 0;
}

/* The words of `line`, separated by single spaces; "''" is the empty word. The words are checked to be left alone. */
static enum options_result load(const char *line, struct config *config, char error[CONFIG_ERROR_SIZE])
{
	char text[1024], *words[WORDS_MAX] = { "flowgauge" }, *given[WORDS_MAX], *rest = text, *word;
	struct options options = { .argc = 1, .argv = words };
	enum options_result result;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	while ((word = strsep(&rest, " ")) != NULL) {
		assert_true(options.argc < WORDS_MAX - 1);
		words[options.argc++] = strcmp(word, "''") ? word : "";
	}
	memcpy(given, words, sizeof(given));
	error[0] = '\0';
	result = options_load(&options, config, error);
	assert_memory_equal(given, words, sizeof(given));
	return result;
}

static void must_load(const char *line, struct config *config)
{
	char error[CONFIG_ERROR_SIZE];

	if (load(line, config, error) != OPTIONS_RUN)
		fail_msg("%s\n%s", line, error);
}

/* Field by field: the bytes between the fields may hold anything. */
static void assert_is_default(const struct config *config)
{
	struct config defaults;

	config_defaults(&defaults);
	assert_null(config->rules);
	assert_memory_equal(&config->constants, &defaults.constants, sizeof(defaults.constants));
	assert_true(config->show_throughput && config->show_goodput && config->show_jitter && !config->show_sequence);
	assert_int_equal(config->interface_count, 0);
	assert_int_equal(config->hook, defaults.hook);
	assert_memory_equal(config->direction, defaults.direction, sizeof(defaults.direction));
	assert_int_equal(config->max_flows, defaults.max_flows);
	assert_true(config->idle_timeout_seconds == defaults.idle_timeout_seconds);
	assert_true(config->interval_seconds == defaults.interval_seconds);
	assert_false(config->bits || config->json || config->quiet || config->check_only);
	assert_true(config->nominal_gap_ms == 0 && config->duration_seconds == 0);
	assert_true(config->http_enabled && !config->http_allow_unauthenticated);
	assert_string_equal(config->http_address, defaults.http_address);
	assert_int_equal(config->http_port, defaults.http_port);
	assert_int_equal(config->metrics_max_flows, defaults.metrics_max_flows);
	assert_false(config->metrics_bpf_run_time || config->legacy_metrics);
	assert_string_equal(config->control_path, defaults.control_path);
}

static void test_every_flag(void **state)
{
	static const char *const lines[] = {
		"-i eth0,wlan* -i lo -c e.json -t 0.5 -b -j 20 --packet-loss --listen [::1]:9000 --hook clsact "
		"--direction in --max-flows 7 --json -q --duration 2.5 --control /tmp/s --check-config",
		"--interface=eth0,wlan* --interface=lo --config=e.json --interval=0.5 --bits --nominal-gap=20 --packet-loss "
		"--listen=[::1]:9000 --hook=clsact --direction=in --max-flows=7 --json --quiet --duration=2.5 "
		"--control=/tmp/s --check-config",
		"-bqieth0,wlan* -i lo -ce.json -t0.5 -j20 -packet_loss --listen [::1]:9000 --hook clsact --direction in "
		"--max-flows 7 --json --duration 2.5 --control /tmp/s --check-config",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct config config;

		must_load(lines[i], &config);
		assert_int_equal(config.interface_count, 3);
		assert_string_equal(config.interfaces[0], "eth0");
		assert_string_equal(config.interfaces[1], "wlan*");
		assert_string_equal(config.interfaces[2], "lo");
		assert_string_equal(config.path, "e.json");
		assert_true(config.interval_seconds == 0.5);
		assert_true(config.bits && config.json && config.quiet && config.check_only && config.show_sequence);
		assert_true(config.nominal_gap_ms == 20);
		assert_true(config.http_enabled);
		assert_string_equal(config.http_address, "::1");
		assert_int_equal(config.http_port, 9000);
		assert_int_equal(config.hook, HOOK_CLSACT);
		assert_true(config.direction[DIRECTION_INGRESS] && !config.direction[DIRECTION_EGRESS]);
		assert_int_equal(config.max_flows, 7);
		assert_true(config.duration_seconds == 2.5);
		assert_string_equal(config.control_path, "/tmp/s");
		config_free(&config);
	}
}

static void test_none(void **state)
{
	struct config config;

	(void)state;
	must_load("-c e.json", &config);
	assert_string_equal(config.path, "e.json");
	assert_is_default(&config);
}

static void test_old_words(void **state)
{
	struct config config;

	(void)state;
	write_file("f.json", "{\"max_flows\": 11}");
	must_load("-conf f.json -server_port 9 -packet_loss", &config);
	assert_string_equal(config.path, "f.json");
	assert_int_equal(config.max_flows, 11);
	assert_string_equal(config.http_address, "127.0.0.1");
	assert_int_equal(config.http_port, 9);
	assert_true(config.show_sequence);

	/* A word that is another flag's argument stays what it is. */
	write_file("-conf", "{\"max_flows\": 12}");
	must_load("-c -conf", &config);
	assert_int_equal(config.max_flows, 12);
	must_load("-bc -conf", &config);
	assert_int_equal(config.max_flows, 12);
	must_load("--config -conf -packet_loss", &config);
	assert_int_equal(config.max_flows, 12);
	assert_true(config.show_sequence);
	must_load("-conf -conf", &config);
	assert_int_equal(config.max_flows, 12);

	/* Neither do longer words become something else: this is -c with a file's name. */
	write_file("onf", "{\"max_flows\": 13}");
	write_file("-j.json", "{\"max_flows\": 14}");
	must_load("-c onf", &config);
	assert_int_equal(config.max_flows, 13);
	must_load("-c -j.json -b", &config);
	assert_int_equal(config.max_flows, 14);
	assert_true(config.bits);
}

static void test_flags_over_file(void **state)
{
	struct config config;

	(void)state;
	write_file("f.json",
		   "{\"RULES\": [\"- - - - TCP\"], \"interfaces\": [\"a\", \"b\"], \"hook\": \"tc\",\n"
		   "\"direction\": \"out\", \"max_flows\": 5, \"interval_seconds\": 9, \"DISPLAY\": "
		   "{\"SEQ_ERRORS\": \"False\"},\n"
		   "\"http\": {\"enabled\": false, \"listen\": \"127.0.0.1:81\"}, \"control\": {\"socket\": \"/a\"}}");
	must_load("-c f.json", &config);
	assert_int_equal(config.rule_count, 1);
	assert_int_equal(config.interface_count, 2);
	assert_false(config.http_enabled);
	assert_int_equal(config.http_port, 81);
	assert_string_equal(config.control_path, "/a");
	config_free(&config);

	must_load("-c f.json -i c -t 2 --hook xdp --direction in --max-flows 6 --packet-loss --listen :82 --control b",
		  &config);
	assert_int_equal(config.rule_count, 1);
	assert_int_equal(config.interface_count, 1);
	assert_string_equal(config.interfaces[0], "c");
	assert_string_equal(config.interfaces[1], "");
	assert_true(config.interval_seconds == 2);
	assert_int_equal(config.hook, HOOK_XDP);
	assert_true(config.direction[DIRECTION_INGRESS] && !config.direction[DIRECTION_EGRESS]);
	assert_int_equal(config.max_flows, 6);
	assert_true(config.show_sequence && config.http_enabled);
	assert_string_equal(config.http_address, "127.0.0.1");
	assert_int_equal(config.http_port, 82);
	assert_string_equal(config.control_path, "b");
	config_free(&config);

	write_file("f.json", "{\"http\": {\"allow_unauthenticated\": true}}");
	must_load("-c f.json --listen 0.0.0.0:83", &config);
	assert_string_equal(config.http_address, "0.0.0.0");
	must_load("-c f.json --listen off", &config);
	assert_false(config.http_enabled);
}

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

		assert_int_equal(load(wrong[i].line, &config, error), OPTIONS_WRONG);
		assert_string_equal(error, wrong[i].error);
		assert_is_default(&config);
	}
}

static void test_wrong_file(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	write_file("f.json", "{\n\"max_flows\": 0}");
	assert_int_equal(load("-c f.json -b", &config, error), OPTIONS_WRONG);
	assert_string_equal(error, "f.json: line 2: max_flows: 0 is not a whole number of 1 to 16777216");
}

static void test_too_many_interfaces(void **state)
{
	char line[1024] = "-c e.json -i i0", error[CONFIG_ERROR_SIZE];
	struct config config;

	(void)state;
	for (int i = 1; i < INTERFACE_PATTERNS_MAX; i++)
		sprintf(line + strlen(line), ",i%d", i);
	must_load(line, &config);
	assert_int_equal(config.interface_count, INTERFACE_PATTERNS_MAX);
	strcat(line, " -i more");
	assert_int_equal(load(line, &config, error), OPTIONS_WRONG);
	assert_string_equal(error, "-i: more than 64 names or globs");
}

/* What loading these words prints on standard output. The caller frees. */
static char *printed(const char *line)
{
	char error[CONFIG_ERROR_SIZE], *text = NULL;
	size_t size = 0;
	struct config config;
	enum options_result result;
	int saved;
	FILE *out;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0);
	assert_non_null(freopen("out", "w", stdout));
	result = load(line, &config, error);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	assert_int_equal(result, OPTIONS_DONE);
	out = fopen("out", "r");
	assert_non_null(out);
	assert_true(getdelim(&text, &size, '\0', out) > 0);
	fclose(out);
	return text;
}

static void test_version(void **state)
{
	static const char *const lines[] = { "-V", "--version", "-bV -c none.json" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		char *text = printed(lines[i]);

		assert_string_equal(text, "flowgauge " FLOWGAUGE_VERSION "\n");
		free(text);
	}
}

/* Each flag stands in the help, with the default that it really has. */
static void test_help(void **state)
{
	static const char *const flags[] = {
		"-i, --interface IF[,IF...]",
		"-c, --config FILE",
		"-t, --interval S",
		"-b, --bits",
		"-j, --nominal-gap MS",
		"--packet-loss",
		"--listen [ADDR]:PORT",
		"--hook HOOK",
		"--direction DIR",
		"--max-flows N",
		"--json",
		"-q, --quiet",
		"--duration S",
		"--control PATH",
		"--check-config",
		"-V, --version",
		"-h, --help",
	};
	static const char *const with_default[] = { "--interval",  "--nominal-gap", "--listen", "--hook",
						    "--direction", "--max-flows",   "--control" };
	char *text = printed("--help --check-config"), *again = printed("-h");

	(void)state;
	assert_string_equal(text, again);
	for (size_t i = 0; i < COUNT(flags); i++)
		if (!strstr(text, flags[i]))
			fail_msg("%s is not in the help", flags[i]);
	for (size_t i = 0; i < COUNT(with_default); i++) {
		char line[160], *from = strstr(text, with_default[i]);
		struct config config;
		size_t length;

		assert_non_null(from);
		length = strcspn(from, "\n");
		assert_true(length > 1 && from[length - 1] == ']');
		for (from += length - 1, length = 0; from[-1] != '['; from--)
			length++;
		snprintf(line, sizeof(line), "-c e.json %s %.*s", with_default[i], (int)length, from);
		must_load(line, &config);
		assert_is_default(&config);
	}
	free(text);
	free(again);
}

static void make_file(const char *root, const char *path)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	write_file(whole, "{}");
}

static void test_find_config(void **state)
{
	/* Directories are made, then files; the last column is the configuration found, all below the root. */
	static const struct {
		const char *program, *beside, *system, *found;
	} rows[] = {
		{ "flowgauge", "config.json", "etc.json", "config.json" },
		{ "flowgauge", NULL, "etc.json", "etc.json" },
		{ "flowgauge", NULL, NULL, NULL },
		{ "build/flowgauge", "config.json", "etc.json", "config.json" },
		{ "build/flowgauge", "build/config.json", "etc.json", "etc.json" },
		{ "build/sanitize/flowgauge", "config.json", NULL, "config.json" },
		{ "rebuild/flowgauge", "rebuild/config.json", NULL, "rebuild/config.json" },
		{ "rebuild/flowgauge", "config.json", NULL, NULL },
	};
	static const char *const directories[] = { "build", "build/sanitize", "rebuild" };
	const struct place *place = *state;
	const char *root = place->directory;

	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(mkdir(directories[i], 0700), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char program[128], system_path[128], expected[128], found[CONFIG_PATH_SIZE];

		if (rows[i].beside)
			make_file(root, rows[i].beside);
		if (rows[i].system)
			make_file(root, rows[i].system);
		snprintf(program, sizeof(program), "%s/%s", root, rows[i].program);
		snprintf(system_path, sizeof(system_path), "%s/etc.json", root);
		assert_int_equal(options_find_config(program, system_path, found), rows[i].found != NULL);
		snprintf(expected, sizeof(expected), "%s/%s", root, rows[i].found ? rows[i].found : "");
		if (rows[i].found)
			assert_string_equal(found, expected);
		if (rows[i].beside)
			unlink(rows[i].beside);
		if (rows[i].system)
			unlink("etc.json");
	}
	for (size_t i = COUNT(directories); i > 0; i--)
		assert_int_equal(rmdir(directories[i - 1]), 0);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_every_flag),          IN_PLACE(test_none),        IN_PLACE(test_old_words),
		IN_PLACE(test_flags_over_file),     IN_PLACE(test_wrong_words), IN_PLACE(test_wrong_file),
		IN_PLACE(test_too_many_interfaces), IN_PLACE(test_version),     IN_PLACE(test_help),
		IN_PLACE(test_find_config),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
