/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start and stop. In the foreground `start` becomes the monitor; with --detached it waits until the monitor answers,
 * so that what goes wrong at the start is seen by who started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/controller.h"
#include "base/log.h"
#include "control_protocol.h"

#define START_SECONDS 60 /* the verifier of a slow machine may take its time */
#define STOP_SECONDS 15
#define POLL_MILLISECONDS 50

/* flowgauge beside this program, else the one in PATH. */
static void monitor_path(char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length > 0) {
		self[length] = '\0';
		snprintf(out, size, "%s/flowgauge", dirname(self));
		if (!access(out, X_OK))
			return;
	}
	snprintf(out, size, "flowgauge");
}

/* flowgauge's words: all but --detached; `extra` in front of them may be NULL. To be freed. */
static char **monitor_words(const struct controller *controller, char *path, char *extra)
{
	char **words = calloc((size_t)controller->argc + 3, sizeof(*words));
	size_t count = 0;

	if (!words)
		return NULL;
	words[count++] = path;
	if (extra)
		words[count++] = extra;
	for (int i = 0; i < controller->argc; i++)
		if (strcmp(controller->argv[i], "--detached") != 0)
			words[count++] = controller->argv[i];
	return words;
}

static int run_here(const struct controller *controller)
{
	char path[PATH_MAX];
	char **words;

	monitor_path(path, sizeof(path));
	words = monitor_words(controller, path, NULL);
	if (!words) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	execvp(path, words);
	log_error("cannot run %s: %s", path, strerror(errno));
	free(words);
	return EXIT_FAILED;
}

static void become_monitor(const struct controller *controller, int log_fd)
{
	static char quiet[] = "--quiet";
	char path[PATH_MAX];
	char **words;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	monitor_path(path, sizeof(path));
	words = monitor_words(controller, path, quiet);
	if (!words || null < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
	    dup2(log_fd, STDERR_FILENO) < 0)
		_exit(EXIT_FAILED);
	execvp(path, words);
	log_error("cannot run %s: %s", path, strerror(errno));
	_exit(EXIT_FAILED);
}

/* Copies what the monitor has logged since `from` to standard error. */
static void show_log(int log_fd, off_t from)
{
	char chunk[4096];
	ssize_t got;

	while ((got = pread(log_fd, chunk, sizeof(chunk), from)) > 0) {
		if (write(STDERR_FILENO, chunk, (size_t)got) != got)
			return;
		from += got;
	}
}

static void pause_briefly(void)
{
	struct timespec pause = { .tv_nsec = POLL_MILLISECONDS * 1000000L };

	nanosleep(&pause, NULL);
}

/* Until it answers for itself, or ends, or takes too long. */
static int wait_until_up(const struct controller *controller, pid_t child, int log_fd, off_t log_start)
{
	for (int waited = 0; waited < START_SECONDS * 1000; waited += POLL_MILLISECONDS) {
		char error[CONTROLLER_ERROR_SIZE];
		pid_t pid = 0;
		int status;
		cJSON *answer;

		if (waitpid(child, &status, WNOHANG) == child) {
			show_log(log_fd, log_start);
			return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
		}
		answer = controller_ask(controller, "status", &pid, error);
		cJSON_Delete(answer);
		if (answer && pid == child) {
			printf("flowgauge is running, pid %ld\n", (long)child);
			return EXIT_DONE;
		}
		pause_briefly();
	}
	log_error("the monitor, pid %ld, does not answer after %d s: see monitor_controller logs", (long)child,
		  START_SECONDS);
	return EXIT_FAILED;
}

static int run_detached(const struct controller *controller)
{
	char path[PATH_MAX];
	int log_fd, status;
	off_t log_start;
	pid_t child;

	controller_log_path(controller, path, sizeof(path));
	log_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	log_start = log_fd < 0 ? -1 : lseek(log_fd, 0, SEEK_END);
	if (log_start < 0) {
		log_error("cannot open the log %s: %s: start it as root, or with --control in a directory of yours",
			  path, strerror(errno));
		if (log_fd >= 0)
			close(log_fd);
		return EXIT_FAILED;
	}
	child = fork();
	if (!child)
		become_monitor(controller, log_fd);
	if (child < 0) {
		log_error("cannot start another process: %s", strerror(errno));
		status = EXIT_FAILED;
	} else {
		status = wait_until_up(controller, child, log_fd, log_start);
	}
	close(log_fd);
	return status;
}

int controller_start(const struct controller *controller)
{
	bool detached = false;

	for (int i = 0; i < controller->argc; i++)
		detached |= !strcmp(controller->argv[i], "--detached");
	return detached ? run_detached(controller) : run_here(controller);
}

/* 0 when the process has ended, -ETIMEDOUT when it has not within the time. */
static int wait_for_end(int process)
{
	struct pollfd end = { .fd = process, .events = POLLIN };
	int ready = poll(&end, 1, STOP_SECONDS * 1000);

	return ready > 0 ? 0 : ready < 0 ? -errno : -ETIMEDOUT;
}

static int no_monitor(const char *error)
{
	log_error("%s", error);
	return EXIT_FAILED;
}

int controller_stop(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	pid_t pid = 0;
	cJSON *answer = controller_ask(controller, "status", &pid, error);
	int process, result;

	if (!answer)
		return no_monitor(error);
	cJSON_Delete(answer);
	/* The descriptor is taken before the monitor is asked to end, so that it means this very process. */
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0) {
		log_error("cannot watch the monitor's process, pid %ld: %s", (long)pid, strerror(errno));
		return EXIT_FAILED;
	}
	answer = controller_ask(controller, "stop", NULL, error);
	result = answer ? wait_for_end(process) : 0;
	close(process);
	if (!answer)
		return no_monitor(error);
	cJSON_Delete(answer);
	if (result) {
		log_error("gave up waiting for the monitor, pid %ld, to end: it was asked to %d s ago", (long)pid,
			  STOP_SECONDS);
		return EXIT_FAILED;
	}
	printf("flowgauge has ended, pid %ld\n", (long)pid);
	return EXIT_DONE;
}
