/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guardian is the monitor's fork without anything of the monitor's: no descriptor but the socket and the lock (it
 * would keep links and listeners alive), no terminal, no signals. It sleeps in recv until there is something to note or
 * the monitor is no more.
 */
#include "kernel/clsact_guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/clsact_filter.h"

#define FILTERS_MAX (DIRECTIONS * INTERFACES_MAX)

/* The guardian's descriptors. */
enum { GUARDIAN_SOCKET = 3, GUARDIAN_LOCK, GUARDIAN_FDS };

struct guardian_message {
	struct clsact_filter filter;
	bool removed;
};

struct guarded {
	struct clsact_filter filters[FILTERS_MAX];
	unsigned int count;
};

static void guarded_forget(struct guarded *guarded, const struct clsact_filter *filter)
{
	for (unsigned int i = 0; i < guarded->count; i++) {
		if (guarded->filters[i].ifindex != filter->ifindex ||
		    guarded->filters[i].direction != filter->direction)
			continue;
		guarded->count--;
		memmove(&guarded->filters[i], &guarded->filters[i + 1], (guarded->count - i) * sizeof(*filter));
		return;
	}
}

static void guarded_note(struct guarded *guarded, const struct guardian_message *message)
{
	guarded_forget(guarded, &message->filter);
	if (!message->removed && guarded->count < FILTERS_MAX)
		guarded->filters[guarded->count++] = message->filter;
}

/* The two that stay go to fixed places, by way of places above them; then everything else is closed. */
static int descriptors_keep(int socket, int lock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, GUARDIAN_FDS);
	int high_lock = fcntl(lock, F_DUPFD_CLOEXEC, GUARDIAN_FDS);

	if (null < 0 || high_socket < 0 || high_lock < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	if (dup2(high_socket, GUARDIAN_SOCKET) < 0 || dup2(high_lock, GUARDIAN_LOCK) < 0)
		return -errno;
	return close_range(GUARDIAN_FDS, ~0U, 0) ? -errno : 0;
}

static int guardian_run(int socket, int lock)
{
	struct guarded guarded = { .count = 0 };
	struct guardian_message message;
	ssize_t length;
	int err;

	if (setsid() < 0)
		return -errno;
	(void)prctl(PR_SET_NAME, "flowgauge-guard");
	err = descriptors_keep(socket, lock);
	if (err)
		return err;
	do {
		length = recv(GUARDIAN_SOCKET, &message, sizeof(message), 0);
		if (length == (ssize_t)sizeof(message))
			guarded_note(&guarded, &message);
	} while (length > 0 || (length < 0 && errno == EINTR));
	while (guarded.count)
		clsact_filter_remove(&guarded.filters[--guarded.count]);
	return 0;
}

int guardian_start(struct clsact *clsact)
{
	int ends[2], err;
	sigset_t all, before;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	/* Blocked before there is a guardian: none may end it while it is not yet ready for them. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	err = -errno;
	if (pid)
		sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (!pid)
		_exit(guardian_run(ends[1], clsact->lock_fd) ? 1 : 0);
	close(ends[1]);
	clsact->guardian_fd = ends[0];
	clsact->guardian = pid;
	return 0;
}

int guardian_tell(const struct clsact *clsact, const struct clsact_filter *filter, bool removed)
{
	struct guardian_message message;

	memset(&message, 0, sizeof(message));
	message.filter = *filter;
	message.removed = removed;
	if (send(clsact->guardian_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

void guardian_end(struct clsact *clsact)
{
	if (clsact->guardian_fd < 0)
		return;
	close(clsact->guardian_fd);
	clsact->guardian_fd = -1;
	while (waitpid(clsact->guardian, NULL, 0) < 0 && errno == EINTR)
		;
}
