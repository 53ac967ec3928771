/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor_controller's words. `start` hands on every word it does not know itself to flowgauge. */
#include "app/controller.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "control_protocol.h"

#define LOG_LINES_DEFAULT 100

static const struct {
	const char *name;
	int (*run)(const struct controller *controller);
	const char *words;
	const char *help;
	bool hands_on; /* its words are flowgauge's */
} commands[] = {
	{ "start", controller_start, "[--detached] [flowgauge flags]", "start the monitor, here or in the background",
	  true },
	{ "stop", controller_stop, "", "end it in order, and wait until it has ended", false },
	{ "status", controller_status, "[--json]", "is it running, since when, on which interfaces, by which hook",
	  false },
	{ "reload", controller_reload, "", "read the configuration anew; packets go on being counted", false },
	{ "flows", controller_flows, "[--top N] [--json]", "the flows of the last tick, the fastest first", false },
	{ "rates", controller_rates, "[--json]", "the rate of each interface, its overload risk and alarms", false },
	{ "set", controller_set, "KEY=VALUE...", "re-tune the rate monitor while it runs", false },
	{ "pause", controller_pause, "", "pause the rate monitor", false },
	{ "resume", controller_resume, "", "let it go on, with fresh estimates", false },
	{ "logs", controller_logs, "[--lines N]", "the log of a monitor started with --detached", false },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	printf("usage: monitor_controller COMMAND [--control PATH] [words]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-7s %-31s %s\n", commands[i].name, commands[i].words, commands[i].help);
	printf("\n  --control PATH   the monitor's control socket (%s)\n", CONTROL_SOCKET_DEFAULT);
	printf("\nExit status: 0 done; 1 failed; 2 wrong words; status of a monitor that does not run: 3.\n");
}

static int wrong(const char *what, const char *word, const char *right)
{
	log_error("%s %s: %s", what, word, right);
	return EXIT_WRONG_WORDS;
}

/* The value of a flag, in "--flag VALUE" or "--flag=VALUE"; NULL if the word is another one. Moves *at on. */
static const char *flag_value(const struct controller *controller, int *at, const char *flag)
{
	const char *word = controller->argv[*at];
	size_t length = strlen(flag);

	if (!word || strncmp(word, flag, length) != 0 || (word[length] && word[length] != '='))
		return NULL;
	if (word[length] == '=')
		return word + length + 1;
	if (*at + 1 >= controller->argc)
		return "";
	return controller->argv[++*at];
}

static int number_of(const char *flag, const char *text, long *out)
{
	uint64_t value;

	if (number_parse_u64(text, 1, 1000000000, &value))
		return wrong(flag, *text ? text : "(nothing)", "a number from 1 on is right");
	*out = (long)value;
	return EXIT_DONE;
}

static int parse_words(struct controller *controller, bool hands_on)
{
	for (int i = 0; i < controller->argc; i++) {
		const char *word = controller->argv[i], *value;

		value = flag_value(controller, &i, "--control");
		if (value && !*value)
			return wrong("--control", "(nothing)", "the path of a socket is right");
		if (value) {
			controller->socket_path = value;
			continue;
		}
		if (hands_on)
			continue;
		if (!strcmp(word, "--json")) {
			controller->json = true;
		} else if ((value = flag_value(controller, &i, "--top"))) {
			if (number_of("--top", value, &controller->top))
				return EXIT_WRONG_WORDS;
		} else if ((value = flag_value(controller, &i, "--lines"))) {
			if (number_of("--lines", value, &controller->lines) || controller->lines > 1000000)
				return EXIT_WRONG_WORDS;
		} else if (controller->takes_values && strchr(word, '=')) {
			if (controller_add_value(controller, word))
				return wrong("set", word, "KEY=VALUE is right");
		} else {
			return wrong("unknown word", word, "see monitor_controller --help");
		}
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct controller controller = {
		.socket_path = CONTROL_SOCKET_DEFAULT,
		.lines = LOG_LINES_DEFAULT,
		.argc = argc - 2,
		.argv = argv + 2,
	};

	log_set_program("monitor_controller");
	if (argc < 2) {
		log_error(
			"no command: there are start, stop, status, reload, flows, rates, set, pause, resume and logs");
		return EXIT_WRONG_WORDS;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help();
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("monitor_controller %s\n", FLOWGAUGE_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		controller.takes_values = commands[i].run == controller_set;
		if (parse_words(&controller, commands[i].hands_on))
			return EXIT_WRONG_WORDS;
		return commands[i].run(&controller);
	}
	return wrong("unknown command", argv[1],
		     "there are start, stop, status, reload, flows, rates, set, pause, resume and logs");
}
