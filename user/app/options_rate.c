/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letters mean here what they meant in that tool, which for some is not what they mean without `rate`; so these flags have
 * a table of their own. As there, the words are walked twice, before and after the file is read.
 */
#include "app/options_rate.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_values.h"
#include "app/options_rate_mode.h"
#include "base/number.h"

#define RATE_FLAGS_MAX 32
#define LONG_ONLY 256 /* getopt's value of a long flag: LONG_ONLY + its row */
#define RATE_PORT_STANDARD 54736

struct rate_flag {
	char letter;
	const char *name;
	const char *argument;
	const char *help;
	int (*apply)(struct rate_walk *walk, const char *given, const char *value);
	const char *setting;   /* of rate_setting_table: what apply_setting sets */
	const char *openstack; /* key: what apply_openstack sets */
};

static int refuse(struct rate_walk *walk, const char *given, const char *value, const char *right)
{
	snprintf(walk->error, CONFIG_ERROR_SIZE, "%s: \"%.100s\" is not %s", given, value, right);
	return -EINVAL;
}

static int apply_interface(struct rate_walk *walk, const char *given, const char *value)
{
	const char *end;

	walk->config->interface_count = 0;
	memset(walk->config->interfaces, 0, sizeof(walk->config->interfaces));
	for (const char *name = value;; name = end + 1) {
		end = strchrnul(name, ',');
		if (value_interface(name, (size_t)(end - name), walk->config))
			return refuse(walk, given, value, INTERFACE_RIGHT);
		if (!*end)
			return 0;
	}
}

static int apply_file(struct rate_walk *walk, const char *given, const char *value)
{
	return value_rate_file(value, walk->config) ? refuse(walk, given, value, "the path of a file") : 0;
}

static int apply_port(struct rate_walk *walk, const char *given, const char *value)
{
	return number_parse_u64(value, 1, UINT16_MAX, &walk->port) ?
		       refuse(walk, given, value, "a port of 1 to 65535") :
		       0;
}

static int apply_host(struct rate_walk *walk, const char *given, const char *value)
{
	size_t length = strlen(value);

	if (!length || length >= sizeof(walk->config->rate_tcp_host))
		return refuse(walk, given, value, "the name or address of a host");
	walk->host = value;
	return 0;
}

static int apply_display(struct rate_walk *walk, const char *given, const char *value)
{
	(void)given;
	(void)value;
	walk->display = true;
	return 0;
}

static int apply_rate_port(struct rate_walk *walk, const char *given, const char *value)
{
	uint64_t port;

	if (number_parse_u64(value, 0, UINT16_MAX, &port))
		return refuse(walk, given, value, "a port of 1 to 65535, or 0 for none");
	walk->config->rate_port = (uint16_t)port;
	return 0;
}

static int apply_listen(struct rate_walk *walk, const char *given, const char *value)
{
	if (value_listen(value, walk->config))
		return refuse(walk, given, value, LISTEN_RIGHT);
	walk->listen = true;
	return 0;
}

static int apply_control(struct rate_walk *walk, const char *given, const char *value)
{
	return value_control(value, walk->config) ? refuse(walk, given, value, CONTROL_RIGHT) : 0;
}

static int apply_config(struct rate_walk *walk, const char *given, const char *value)
{
	if (!*value)
		return refuse(walk, given, value, "the path of a file");
	walk->config_path = value;
	return 0;
}

static int apply_hook(struct rate_walk *walk, const char *given, const char *value)
{
	return value_hook(value, &walk->config->hook) ? refuse(walk, given, value, HOOK_RIGHT) : 0;
}

static int apply_duration(struct rate_walk *walk, const char *given, const char *value)
{
	return number_parse_double(value, INTERVAL_LOW, 31536000, &walk->config->duration_seconds) ?
		       refuse(walk, given, value, "a number of seconds from 0.1 to 31536000") :
		       0;
}

/* Anybody on the machine could read it. */
static int apply_password(struct rate_walk *walk, const char *given, const char *value)
{
	(void)value;
	snprintf(walk->error, CONFIG_ERROR_SIZE,
		 "%s: a password is not given as a flag, where everybody could read it: give it in the environment, as "
		 "OS_PASSWORD, or in the file that the configuration's openstack.password_file names",
		 given);
	return -EINVAL;
}

static int apply_openstack_api(struct rate_walk *walk, const char *given, const char *value)
{
	bool gnocchi = !strcmp(value, "gnocchi");

	if (!gnocchi && strcmp(value, "ceilometer-v2") != 0)
		return refuse(walk, given, value, "\"gnocchi\" or \"ceilometer-v2\"");
	walk->config->openstack.api = gnocchi ? OPENSTACK_GNOCCHI : OPENSTACK_CEILOMETER_V2;
	walk->openstack = true;
	return 0;
}

static int apply_openstack(struct rate_walk *walk, const struct rate_flag *flag, const char *given, const char *value)
{
	struct config_openstack *openstack = &walk->config->openstack;
	const char *right;

	if (config_put_openstack(walk->config, flag->openstack, value, &right))
		return refuse(walk, given, value, right);
	if (flag->letter == 'c') /* and not where the file's is, or its addresses are */
		openstack->auth_url[0] = openstack->url[0] = '\0';
	walk->openstack = true;
	return 0;
}

static int apply_version(struct rate_walk *walk, const char *given, const char *value)
{
	(void)given;
	(void)value;
	walk->version = true;
	return 0;
}

static int apply_help(struct rate_walk *walk, const char *given, const char *value)
{
	(void)given;
	(void)value;
	walk->help = true;
	return 0;
}

static const struct rate_flag rate_flags[] = {
	{ 'i', "interface", "IF[,IF...]", "interfaces to watch [eth0]", apply_interface, NULL, NULL },
	{ 's', "sample-rate", "N", "samples a second, 10 to 10000 [1000]", NULL, "sample_rate", NULL },
	{ 'e', "estimation-interval", "S", "seconds that an estimate is made of [10]", NULL, "estimation_interval",
	  NULL },
	{ 'm', "meter-interval", "S", "seconds between two records [30]", NULL, "meter_interval", NULL },
	{ 'k', "link-speed", "MBIT", "capacity in Mbit/s [what the interface says]", NULL, "link_speed", NULL },
	{ 'a', "alarm-trigger", "PERCENT", "an overload risk over it raises the alarm [95]", NULL, "alarm_trigger",
	  NULL },
	{ 'o', "cutoff", "PERCENT", "share of the capacity whose excess is an overload [99]", NULL, "cutoff", NULL },
	{ 0, "alarm-measured-trigger", "PERCENT", "a measured share over it raises an alarm [off]", NULL,
	  "alarm_measured_trigger", NULL },
	{ 'f', "file", "FILE", "append records to a file", apply_file, NULL, NULL },
	{ 'b', "port", "PORT", "send records to a TCP port", apply_port, NULL, NULL },
	{ 'g', "host", "HOST", "of this host [127.0.0.1]", apply_host, NULL, NULL },
	{ 'd', "display", NULL, "records on standard output [only if they go nowhere else]", apply_display, NULL,
	  NULL },
	{ 0, "rate-port", "PORT", "control by JSON on this port of 127.0.0.1, 0 for none [54736]", apply_rate_port,
	  NULL, NULL },
	{ 0, "listen", "[ADDR]:PORT", "metrics and records by HTTP [off]", apply_listen, NULL, NULL },
	{ 0, "control", "PATH", "control socket, for monitor_controller", apply_control, NULL, NULL },
	{ 0, "config", "FILE", "configuration, which these flags come before", apply_config, NULL, NULL },
	{ 0, "hook", "HOOK", "where ingress is watched: auto, xdp, xdp-generic, tc, clsact [auto]", apply_hook, NULL,
	  NULL },
	{ 0, "duration", "S", "end after S seconds [run on]", apply_duration, NULL, NULL },
	{ 'c', "openstack-controller", "HOST", "send records to OpenStack: its controller", NULL, NULL,
	  "openstack.controller" },
	{ 'u', "openstack-user", "NAME", "its user, whose password is in the environment, as OS_PASSWORD", NULL, NULL,
	  "openstack.username" },
	{ 't', "openstack-tenant", "NAME", "the user's tenant (today: project)", NULL, NULL, "openstack.project" },
	{ 'n', "openstack-name", "METER", "name of the samples [flowgauge.rate]", NULL, NULL, "openstack.meter" },
	{ 'r', "openstack-resource", "ID", "of the samples [this host's name]", NULL, NULL, "openstack.resource_id" },
	{ 'p', "openstack-project", "ID", "of the samples", NULL, NULL, "openstack.project_id" },
	{ 0, "openstack-api", "API", "gnocchi or ceilometer-v2 [ceilometer-v2]", apply_openstack_api, NULL, NULL },
	{ 'V', "version", NULL, "print the version and end", apply_version, NULL, NULL },
	{ 'h', "help", NULL, "print this and end", apply_help, NULL, NULL },
	{ 'w', "openstack-password", "-", NULL, apply_password, NULL, NULL }, /* named, so that an error can say why */
};
#define RATE_FLAGS (sizeof(rate_flags) / sizeof(rate_flags[0]))
_Static_assert(RATE_FLAGS <= RATE_FLAGS_MAX, "getopt's copies have room for the table");

struct getopt_tables {
	char letters[2 + 2 * RATE_FLAGS_MAX];
	struct option names[RATE_FLAGS_MAX + 1];
};

static void tables_fill(struct getopt_tables *tables)
{
	char *letter = tables->letters;

	*letter++ = ':';
	for (size_t i = 0; i < RATE_FLAGS; i++) {
		const struct rate_flag *flag = &rate_flags[i];

		tables->names[i] = (struct option){ .name = flag->name,
						    .has_arg = flag->argument ? required_argument : no_argument,
						    .val = LONG_ONLY + (int)i };
		if (!flag->letter)
			continue;
		*letter++ = flag->letter;
		if (flag->argument)
			*letter++ = ':';
	}
}

static const struct rate_flag *flag_of(int value)
{
	if (value >= LONG_ONLY)
		return &rate_flags[value - LONG_ONLY];
	for (size_t i = 0; i < RATE_FLAGS; i++)
		if (value && rate_flags[i].letter == value)
			return &rate_flags[i];
	return NULL;
}

static void given_name(int value, char out[40])
{
	if (value >= LONG_ONLY)
		snprintf(out, 40, "--%s", flag_of(value)->name);
	else
		snprintf(out, 40, "-%c", value);
}

static int apply_setting(struct rate_walk *walk, const struct rate_flag *flag, const char *given, const char *value)
{
	const struct rate_setting *setting = rate_setting_find(flag->setting);
	char right[RATE_RIGHT_SIZE];
	double number;

	if (!number_parse_double(value, setting->low, setting->high, &number))
		return rate_setting_put(setting, &walk->config->rate, number);
	rate_setting_right(setting, right);
	return refuse(walk, given, value, right);
}

static int walk_refuse(struct rate_walk *walk, int result, const char *word)
{
	const struct rate_flag *flag = flag_of(optopt);

	if (result == ':' && flag)
		snprintf(walk->error, CONFIG_ERROR_SIZE,
			 "%.100s: its argument %s is missing: flowgauge rate --help tells more", word, flag->argument);
	else
		snprintf(walk->error, CONFIG_ERROR_SIZE,
			 "%.100s: there is no such flag, or it takes no argument: flowgauge rate --help lists them",
			 word);
	return -EINVAL;
}

/* `words` are those from `rate` on, which stands for the program's name. */
static int walk_words(int argc, char **words, struct rate_walk *walk)
{
	struct getopt_tables tables = { 0 };
	int value, status;

	tables_fill(&tables);
	opterr = 0;
	optind = 0; /* glibc: start anew, also after an earlier walk */
	while ((value = getopt_long(argc, words, tables.letters, tables.names, NULL)) != -1) {
		const struct rate_flag *flag = flag_of(value);
		char given[40];

		if (value == '?' || value == ':')
			return walk_refuse(walk, value, words[optind > 1 ? optind - 1 : 1]);
		given_name(value, given);
		if (flag->setting)
			status = apply_setting(walk, flag, given, optarg);
		else if (flag->openstack)
			status = apply_openstack(walk, flag, given, optarg);
		else
			status = flag->apply(walk, given, optarg);
		if (status)
			return status;
	}
	if (optind == argc)
		return 0;
	snprintf(walk->error, CONFIG_ERROR_SIZE, "\"%.100s\" belongs to no flag: flowgauge rate --help lists them",
		 words[optind]);
	return -EINVAL;
}

static void print_help(void)
{
	printf("usage: flowgauge rate [flags]\n"
	       "Watches the rates of links, and says how likely they are to be over a share of their capacity.\n"
	       "Defaults stand in brackets.\n\n");
	for (size_t i = 0; i < RATE_FLAGS; i++) {
		const struct rate_flag *flag = &rate_flags[i];
		char letter[5] = "    ", head[64];

		if (!flag->help)
			continue;
		if (flag->letter)
			snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
		snprintf(head, sizeof(head), "%s--%s %s", letter, flag->name, flag->argument ? flag->argument : "");
		printf("  %-37s %s\n", head, flag->help);
	}
	printf("\nflowgauge(8) tells more.\n");
}

static int load(int argc, char **words, const struct rate_walk *scratch, struct config *config,
		char error[CONFIG_ERROR_SIZE])
{
	struct rate_walk walk = { .config = config, .error = error };
	int status = options_read_file(scratch->config_path, config, error);

	if (!status && !config->rate_port)
		config->rate_port = RATE_PORT_STANDARD;
	if (!status)
		status = walk_words(argc, words, &walk);
	return status ? status : rate_mode_settle(config, &walk, error);
}

bool options_are_rate(const struct options *options)
{
	return options->argc > 1 && !strcmp(options->argv[1], "rate");
}

enum options_result options_load_rate(const struct options *options, struct config *config,
				      char error[CONFIG_ERROR_SIZE])
{
	int argc = options->argc - 1;
	char **words = calloc((size_t)argc + 1, sizeof(char *)); /* getopt puts words in another order */
	struct config *ignored = calloc(1, sizeof(*ignored));
	struct rate_walk scratch = { .config = ignored, .error = error };
	enum options_result result = OPTIONS_WRONG;

	config_defaults(config);
	if (!words || !ignored) {
		snprintf(error, CONFIG_ERROR_SIZE, "no memory for the command line");
		goto out;
	}
	memcpy(words, options->argv + 1, (size_t)argc * sizeof(char *));
	config_defaults(ignored);
	if (walk_words(argc, words, &scratch))
		goto out;
	if (scratch.help)
		print_help();
	else if (scratch.version)
		printf("flowgauge %s\n", FLOWGAUGE_VERSION);
	if (scratch.help || scratch.version)
		result = OPTIONS_DONE;
	else if (!load(argc, words, &scratch, config, error))
		result = OPTIONS_RUN;
out:
	if (result != OPTIONS_RUN) {
		config_free(config);
		config_defaults(config);
	}
	free(ignored);
	free(words);
	return result;
}
