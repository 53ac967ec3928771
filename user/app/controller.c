/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor_controller's words. `start` hands on every word it does not know itself to flowgauge. */
#include "app/controller.h"
#include "app/options.h"

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
	{ "flows", controller_flows, "[--top N] [--offset N] [--sort KEY] [--match RULE] [--json]",
	  "the flows of the last tick, the fastest first", false },
	{ "probes", controller_probes, "[--json]", "what is pinged, and its round-trip times", false },
	{ "rtt", controller_rtt, "[--top N] [--json]", "round-trip times of the traffic, by pair and method", false },
	{ "rates", controller_rates, "[--json]", "the rate of each interface, its overload risk and alarms", false },
	{ "set", controller_set, "KEY=VALUE...", "re-tune the rate monitor while it runs", false },
	{ "pause", controller_pause, "", "pause the rate monitor", false },
	{ "resume", controller_resume, "", "let it go on, with fresh estimates", false },
	{ "logs", controller_logs, "[--lines N]", "the log of a monitor started with --detached", false },
};
#define COMMAND_NAMES "start, stop, status, reload, flows, probes, rtt, rates, set, pause, resume and logs"
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	printf("usage: monitor_controller COMMAND [--control PATH] [--config FILE] [words]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %s%s%s\n          %s\n", commands[i].name, *commands[i].words ? " " : "", commands[i].words,
		       commands[i].help);
	printf("\n  --control PATH   the monitor's control socket (by the configuration, else %s)\n",
	       CONTROL_SOCKET_DEFAULT);
	printf("  --config FILE    the configuration that names it (config.json beside the program, else %s)\n",
	       CONFIG_SYSTEM_PATH);
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

/* As flowgauge spells it: -c FILE, -cFILE, -conf FILE, --config FILE. Of `start` the word stays for flowgauge to judge. */
static const char *config_value(const struct controller *controller, int *at, bool hands_on)
{
	const char *word = controller->argv[*at], *value = flag_value(controller, at, "--config");

	if (value || !word || word[0] != '-' || word[1] != 'c')
		return value;
	if (!strcmp(word, "-c") || (hands_on && !strcmp(word, "-conf")))
		return *at + 1 < controller->argc ? controller->argv[++*at] : "";
	return word + 2;
}

static int number_of(const char *flag, const char *text, uint64_t low, long *out)
{
	uint64_t value;

	if (number_parse_u64(text, low, 1000000000, &value))
		return wrong(flag, *text ? text : "(nothing)",
			     low ? "a number from 1 on is right" : "a number from 0 on is right");
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
		value = config_value(controller, &i, hands_on);
		if (value && !*value && !hands_on)
			return wrong("--config", "(nothing)", "the path of a file is right");
		if (value)
			controller->config_path = value;
		if (value || hands_on)
			continue;
		if (!strcmp(word, "--json")) {
			controller->json = true;
		} else if ((value = flag_value(controller, &i, "--top"))) {
			if (number_of("--top", value, 1, &controller->top))
				return EXIT_WRONG_WORDS;
		} else if ((value = flag_value(controller, &i, "--offset"))) {
			if (number_of("--offset", value, 0, &controller->offset))
				return EXIT_WRONG_WORDS;
		} else if ((value = flag_value(controller, &i, "--sort"))) {
			controller->sort = value;
		} else if ((value = flag_value(controller, &i, "--match"))) {
			controller->match = value;
		} else if ((value = flag_value(controller, &i, "--lines"))) {
			if (number_of("--lines", value, 1, &controller->lines) || controller->lines > 1000000)
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

/* Of `start`, the monitor itself says what is wrong with its configuration. */
static int find_socket(struct controller *controller, char socket[CONTROLLER_SOCKET_SIZE], bool hands_on)
{
	char error[CONTROLLER_CONFIG_ERROR_SIZE];

	if (controller->socket_path)
		return EXIT_DONE;
	controller->socket_path = socket;
	if (!controller_find_socket(controller, socket, error))
		return EXIT_DONE;
	if (!hands_on) {
		log_error("%s", error);
		return EXIT_WRONG_WORDS;
	}
	snprintf(socket, CONTROLLER_SOCKET_SIZE, "%s", CONTROL_SOCKET_DEFAULT);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct controller controller = {
		.lines = LOG_LINES_DEFAULT,
		.argc = argc - 2,
		.argv = argv + 2,
	};

	char socket[CONTROLLER_SOCKET_SIZE];

	log_set_program("monitor_controller");
	if (argc < 2) {
		log_error("no command: there are " COMMAND_NAMES);
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
		if (parse_words(&controller, commands[i].hands_on) ||
		    find_socket(&controller, socket, commands[i].hands_on))
			return EXIT_WRONG_WORDS;
		return commands[i].run(&controller);
	}
	return wrong("unknown command", argv[1], "there are " COMMAND_NAMES);
}
