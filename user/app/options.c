/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line is walked twice: once into a scratch configuration, to find every mistake in it and the name of the
 * file; then, after the file is read, once more over what the file said. So flags win, and --help works beside a
 * broken file.
 */
#include "app/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_values.h"
#include "app/options_rate.h"
#include "app/options_table.h"

#define LONG_ONLY 256 /* getopt's value of a long flag: LONG_ONLY + its row */

struct getopt_tables {
	char letters[2 + 2 * FLAGS_MAX];
	struct option names[FLAGS_MAX + 1];
};

static void tables_fill(struct getopt_tables *tables)
{
	char *letter = tables->letters;

	*letter++ = ':';
	for (unsigned int i = 0; i < flag_count; i++) {
		const struct flag *flag = &flag_table[i];

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

static const struct flag *flag_of(int value)
{
	if (value >= LONG_ONLY)
		return &flag_table[value - LONG_ONLY];
	for (unsigned int i = 0; i < flag_count; i++)
		if (value && flag_table[i].letter == value)
			return &flag_table[i];
	return NULL;
}

/* The word is a flag, or letters the last of which is a flag, whose argument is the next word. */
static bool takes_next_word(const char *word)
{
	if (word[0] != '-' || !word[1])
		return false;
	if (word[1] == '-') {
		for (unsigned int i = 0; i < flag_count; i++)
			if (!strcmp(word + 2, flag_table[i].name))
				return flag_table[i].argument != NULL;
		return false;
	}
	for (word++; *word; word++) {
		const struct flag *flag = flag_of(*word);

		if (!flag)
			return false;
		if (flag->argument)
			return !word[1];
	}
	return false;
}

/* Long names with a single dash, from before; getopt would take them for a row of letters. */
static char *modern_word(char *word)
{
	static char config[] = "--config", packet_loss[] = "--packet-loss", server_port[] = "--server_port";

	if (!strcmp(word, "-conf"))
		return config;
	if (!strcmp(word, "-packet_loss"))
		return packet_loss;
	if (!strcmp(word, "-server_port"))
		return server_port;
	return word;
}

/* A copy, because getopt puts words in another order. NULL: no memory. */
static char **modern_words(const struct options *options)
{
	char **words = calloc(options->argc + 1, sizeof(*words));
	bool is_argument = false, is_end = false;

	for (int i = 0; words && i < options->argc; i++) {
		words[i] = i && !is_argument && !is_end ? modern_word(options->argv[i]) : options->argv[i];
		is_end = is_end || (i && !is_argument && !strcmp(words[i], "--"));
		is_argument = i && !is_argument && !is_end && takes_next_word(words[i]);
	}
	return words;
}

/* As users write it: "-t" or "--interval", whichever they gave. */
static void given_name(int value, char out[40])
{
	if (value >= LONG_ONLY)
		snprintf(out, 40, "--%s", flag_of(value)->name);
	else
		snprintf(out, 40, "-%c", value);
}

static int refuse_word(struct flags *flags, int result, int value, const char *word)
{
	const struct flag *flag = flag_of(value);
	char given[40];

	if (!flag && value) {
		snprintf(flags->error, CONFIG_ERROR_SIZE, "-%c: there is no such flag: flowgauge --help lists them",
			 value);
		return -EINVAL;
	}
	if (!flag) {
		snprintf(flags->error, CONFIG_ERROR_SIZE,
			 "%.100s: there is no such flag, or more than one: flowgauge --help lists them", word);
		return -EINVAL;
	}
	given_name(value, given);
	if (result == ':')
		snprintf(flags->error, CONFIG_ERROR_SIZE, "%s: its argument %s is missing: flowgauge --help tells more",
			 given, flag->argument);
	else
		snprintf(flags->error, CONFIG_ERROR_SIZE, "%s: \"%.100s\" gives it an argument, but it takes none",
			 given, word);
	return -EINVAL;
}

static int refuse_live(struct flags *flags)
{
	if (!*flags->config->read_path || !*flags->live)
		return 0;
	snprintf(flags->error, CONFIG_ERROR_SIZE,
		 "%s: it is for live interfaces, and --read reads a capture: leave one of them out", flags->live);
	return -EINVAL;
}

static int walk(int argc, char **words, struct flags *flags)
{
	struct getopt_tables tables = { 0 };
	int value;

	tables_fill(&tables);
	opterr = 0;
	optind = 0; /* glibc: start anew, also after an earlier walk */
	while ((value = getopt_long(argc, words, tables.letters, tables.names, NULL)) != -1) {
		char given[40];
		int status;

		if (value == '?' || value == ':')
			return refuse_word(flags, value, optopt, words[optind > 1 ? optind - 1 : 1]);
		given_name(value, given);
		status = flag_of(value)->apply(flags, given, optarg);
		if (status)
			return status;
		if (flag_of(value)->scope == LIVE_ONLY && !*flags->live)
			memcpy(flags->live, given, sizeof(flags->live));
	}
	if (optind == argc)
		return refuse_live(flags);
	snprintf(flags->error, CONFIG_ERROR_SIZE, "\"%.100s\" belongs to no flag: flowgauge --help lists them",
		 words[optind]);
	return -EINVAL;
}

int options_read_file(const char *given, struct config *config, char error[CONFIG_ERROR_SIZE])
{
	char program[CONFIG_PATH_SIZE] = "", path[CONFIG_PATH_SIZE];

	if (given)
		return config_read(config, given, error);
	/* Without /proc only the system's file is looked for. */
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		program[0] = '\0';
	if (!options_find_config(program, CONFIG_SYSTEM_PATH, path))
		return 0;
	return config_read(config, path, error);
}

static int load(int argc, char **words, const struct flags *scratch, struct config *config,
		char error[CONFIG_ERROR_SIZE])
{
	struct flags flags = { .config = config, .error = error };
	int status = options_read_file(scratch->config_path, config, error);

	if (!status)
		status = walk(argc, words, &flags);
	if (!status && config_is_exposed(config)) {
		snprintf(error, CONFIG_ERROR_SIZE, "--listen: \"%.100s\" " EXPOSED_RIGHT,
			 flags.listen ? flags.listen : config->http_address);
		status = -EINVAL;
	}
	return status;
}

enum options_result options_load(const struct options *options, struct config *config, char error[CONFIG_ERROR_SIZE])
{
	struct config ignored;
	struct flags scratch = { .config = &ignored, .error = error };
	enum options_result result = OPTIONS_WRONG;
	char **words;

	if (options_are_rate(options))
		return options_load_rate(options, config, error);
	words = modern_words(options);
	config_defaults(config);
	config_defaults(&ignored);
	if (!words) {
		snprintf(error, CONFIG_ERROR_SIZE, "no memory for the command line");
	} else if (!walk(options->argc, words, &scratch)) {
		if (scratch.help)
			options_print_help();
		else if (scratch.version)
			printf("flowgauge %s\n", FLOWGAUGE_VERSION);
		if (scratch.help || scratch.version)
			result = OPTIONS_DONE;
		else if (!load(options->argc, words, &scratch, config, error))
			result = OPTIONS_RUN;
	}
	if (result != OPTIONS_RUN) {
		config_free(config);
		config_defaults(config);
	}
	free(words);
	return result;
}

/* "  -t, --interval S" */
static int flag_head(const struct flag *flag, char *out, size_t size)
{
	char letter[5] = "    ";

	if (flag->letter)
		snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
	return snprintf(out, size, "  %s--%s%s%s", letter, flag->name, flag->argument ? " " : "",
			flag->argument ? flag->argument : "");
}

void options_print_help(void)
{
	char head[80];
	int width = 0;

	for (unsigned int i = 0; i < flag_count; i++)
		if (flag_table[i].help && flag_head(&flag_table[i], head, sizeof(head)) > width)
			width = (int)strlen(head);
	printf("usage: flowgauge [flags]\n"
	       "       flowgauge rate [flags]   the rate monitor alone; see flowgauge rate --help\n"
	       "Shows throughput, goodput, jitter and packet loss of every flow on live interfaces.\n"
	       "Defaults stand in brackets.\n\n");
	for (unsigned int i = 0; i < flag_count; i++) {
		const struct flag *flag = &flag_table[i];

		if (!flag->help)
			continue;
		flag_head(flag, head, sizeof(head));
		printf("%-*s  %s", width, head, flag->help);
		if (flag->standard)
			printf(" [%s]", flag->standard);
		putchar('\n');
	}
	printf("\nOld words are understood: -conf FILE, -packet_loss, -server_port PORT (= --listen 127.0.0.1:PORT).\n"
	       "flowgauge(8) and flowgauge.json(5) tell more.\n");
}
