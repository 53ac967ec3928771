/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor_controller: a table of subcommands, one function each. They speak to the monitor over its control socket. */
#ifndef FLOWGAUGE_CONTROLLER_H
#define FLOWGAUGE_CONTROLLER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

/* What the words of a command say. */
struct controller {
	const char *socket_path;
	bool json;
	long top;   /* 0: not given */
	long lines; /* of the log */
	bool takes_values;
	cJSON *set; /* of the words KEY=VALUE; NULL: none */
	int argc;   /* the words after the subcommand */
	char **argv;
};

#define CONTROLLER_ERROR_SIZE 256

/*
 * Sends {"command":command, "top":top, "set":set} and returns the answer, to be freed with cJSON_Delete; NULL with one line in
 * `error` if there is none or it says that the command failed. `pid`, if not NULL, is the monitor's. errno is
 * ENOENT or ECONNREFUSED when no monitor listens there.
 */
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
/* "KEY=VALUE": adds the value to controller->set. -EINVAL: there is no key. */
int controller_add_value(struct controller *controller, const char *word);
int controller_set(const struct controller *controller);
int controller_pause(const struct controller *controller);
int controller_resume(const struct controller *controller);
int controller_rates(const struct controller *controller);
int controller_logs(const struct controller *controller);

#endif
