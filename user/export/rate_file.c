/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/rate_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct rate_file {
	char *path;
	int fd;                              /* -1: not open */
	int failure;                         /* the last error said; 0: none */
	bool cut;                            /* part of a line stands at the end, and could not be taken off */
	uint64_t written, lost, lost_before; /* lost_before: when all went well last */
};

struct rate_file *rate_file_new(const char *path)
{
	struct rate_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->fd = -1;
	file->path = strdup(path);
	if (!file->path)
		return rate_file_free(file);
	return file;
}

static void file_close(struct rate_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->cut = false;
}

struct rate_file *rate_file_free(struct rate_file *file)
{
	if (!file)
		return NULL;
	file_close(file);
	free(file->path);
	free(file);
	return NULL;
}

/* Not blocking: a named pipe that nobody reads is a file that cannot be written, and no more. */
static int file_open(struct rate_file *file)
{
	if (file->fd >= 0)
		return 0;
	file->fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	return file->fd < 0 ? -errno : 0;
}

/* Takes the part of a line off again that a disk had room for, if nobody else wrote behind it. */
static void take_off(struct rate_file *file, off_t size_before, ssize_t written)
{
	struct stat status;

	if (!written)
		return;
	file->cut = fstat(file->fd, &status) || !S_ISREG(status.st_mode) || status.st_size != size_before + written ||
		    ftruncate(file->fd, size_before);
}

static int line_write(struct rate_file *file, const char *line, size_t length)
{
	struct stat status;
	ssize_t written;
	int error = file_open(file);

	if (error)
		return error;
	if (fstat(file->fd, &status))
		return -errno;
	if (file->cut) {
		if (write(file->fd, "\n", 1) != 1)
			return -ENOSPC;
		file->cut = false;
		status.st_size++;
	}
	do
		written = write(file->fd, line, length);
	while (written < 0 && errno == EINTR);
	if (written == (ssize_t)length)
		return 0;
	error = written < 0 ? -errno : -ENOSPC;
	if (written > 0)
		take_off(file, status.st_size, written);
	return error;
}

void rate_file_append(struct rate_file *file, const char *line, size_t length)
{
	int error = line_write(file, line, length);

	if (!error) {
		file->written++;
		if (file->failure)
			log_info("rate.file: %s is written again; records lost: %llu", file->path,
				 (unsigned long long)(file->lost - file->lost_before));
		file->failure = 0;
		file->lost_before = file->lost;
		return;
	}
	file->lost++;
	if (error != file->failure)
		log_warning("rate.file: cannot write %s: %s: records are lost until it can be", file->path,
			    strerror(-error));
	file->failure = error;
	if (file->fd >= 0 && !file->cut)
		file_close(file); /* what stands behind the name may be right by then */
}

void rate_file_reopen(struct rate_file *file)
{
	file_close(file);
}

void rate_file_report(const struct rate_file *file, struct rate_sink_report *out)
{
	*out = (struct rate_sink_report){ .set = true, .written = file->written, .lost = file->lost };
}
