/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records appended to a file, each line whole or not at all. A record that cannot be written is lost and counted, and
 * the next one is tried again: a disk that was full and has room, or a directory that was not there, needs no restart.
 */
#ifndef FLOWGAUGE_RATE_FILE_H
#define FLOWGAUGE_RATE_FILE_H

#include "base/text.h"
#include "measure/report.h"

struct rate_file;

/* Opens nothing yet. NULL: no memory. */
struct rate_file *rate_file_new(const char *path);
struct rate_file *rate_file_free(struct rate_file *file);
/* One line, newline included. */
void rate_file_append(struct rate_file *file, const char *line, size_t length);
/* The next record goes to whatever then has the name: after the file was renamed. */
void rate_file_reopen(struct rate_file *file);
void rate_file_report(const struct rate_file *file, struct rate_sink_report *out);

#endif
