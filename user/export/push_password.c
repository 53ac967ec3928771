/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/push_password.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(int error, const char *what, const char **why)
{
	*why = what;
	return error;
}

/* Not a FIFO or a device: reading one could wait. */
static int file_read(int fd, char out[PUSH_PASSWORD_SIZE], const char **why)
{
	struct stat information;
	ssize_t length;

	if (fstat(fd, &information))
		return fail(-errno, strerror(errno), why);
	if (!S_ISREG(information.st_mode))
		return fail(-EINVAL, "not a file", why);
	length = read(fd, out, PUSH_PASSWORD_SIZE);
	if (length < 0)
		return fail(-errno, strerror(errno), why);
	if (length == PUSH_PASSWORD_SIZE)
		return fail(-E2BIG, "longer than 1023 bytes", why);
	out[length] = '\0';
	if (memchr(out, '\0', (size_t)length))
		return fail(-EINVAL, "it holds a zero byte", why);
	out[strcspn(out, "\r\n")] = '\0';
	return *out ? 0 : fail(-EINVAL, "its first line is empty", why);
}

int push_password_read(const char *path, char out[PUSH_PASSWORD_SIZE], const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error;

	if (fd < 0)
		return fail(-errno, strerror(errno), why);
	error = file_read(fd, out, why);
	close(fd);
	return error;
}
