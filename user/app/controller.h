/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor_controller: a table of subcommands, one function each. They speak to the monitor over its control socket. */
#ifndef FLOWGAUGE_CONTROLLER_H
#define FLOWGAUGE_CONTROLLER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"

/* What the words of a command say. */
struct controller {
	const char *socket_path; /* NULL: not given */
	const char *config_path; /* likewise; of `start` it is the monitor's own flag */
	bool json;
	long top;          /* 0: not given */
	long offset;       /* 0: from the first */
	const char *sort;  /* NULL: not given */
	const char *match; /* likewise */
	long lines;        /* of the log */
	bool takes_values;
	cJSON *set; /* of the words KEY=VALUE; NULL: none */
	int argc;   /* the words after the subcommand */
	char **argv;
};

#define CONTROLLER_ERROR_SIZE 512
#define CONTROLLER_SOCKET_SIZE 108 /* sun_path */

/*
 * Where the monitor's control socket is by the configuration that the monitor would use: config_path, else config.json beside
 * the program, else the system's; the usual place if none of them names one. Nothing else of the file is judged, so
 * that a mistake in it does not keep anybody from stopping a monitor. 0, or -EINVAL with one line.
 */
#define CONTROLLER_CONFIG_ERROR_SIZE 512
int controller_find_socket(const struct controller *controller, char out[CONTROLLER_SOCKET_SIZE],
			   char error[CONTROLLER_CONFIG_ERROR_SIZE]);

/*
 * Sends the command with what the words say of flows and settings, and returns the answer, to be freed with cJSON_Delete; NULL with one
 * line in `error` if there is none or it says that the command failed. `pid`, if not NULL, is the monitor's; `text`, if
 * not NULL, is the answer as it came, to be freed in each case. errno is ENOENT or ECONNREFUSED when no monitor listens
 * there, and EINVAL when the monitor finds the words themselves wrong.
 */
cJSON *controller_ask_text(const struct controller *controller, const char *command, pid_t *pid, struct text *text,
			   char error[CONTROLLER_ERROR_SIZE]);
cJSON *controller_ask(const struct controller *controller, const char *command, pid_t *pid,
		      char error[CONTROLLER_ERROR_SIZE]);

/* The log of a monitor that was started in the background: beside the socket, unless that is the usual one. */
void controller_log_path(const struct controller *controller, char *out, size_t size);

/* Subcommands; each returns the exit status. */
int controller_start(const struct controller *controller);
int controller_stop(const struct controller *controller);
int controller_status(const struct controller *controller);
int controller_reload(const struct controller *controller);
int controller_flows(const struct controller *controller);
int controller_rtt(const struct controller *controller);
int controller_probes(const struct controller *controller);
/* "KEY=VALUE": adds the value to controller->set. -EINVAL: there is no key. */
int controller_add_value(struct controller *controller, const char *word);
int controller_set(const struct controller *controller);
int controller_pause(const struct controller *controller);
int controller_resume(const struct controller *controller);
int controller_rates(const struct controller *controller);
int controller_logs(const struct controller *controller);

#endif
