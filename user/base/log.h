/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line an event, on standard error: "flowgauge: what: where, and what would be right".
 * A sink can take the lines instead (the screen does, while it owns the terminal): what was logged, without the
 * program's name, the time and the newline. What is not printable is escaped; errno is left as it was.
 */
#ifndef FLOWGAUGE_LOG_H
#define FLOWGAUGE_LOG_H

#include <stdbool.h>
#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

typedef void (*log_sink)(void *context, enum log_level level, const char *line);

void log_set_program(const char *name);          /* default "flowgauge" */
void log_set_level(enum log_level level);        /* default INFO */
void log_set_timestamps(bool on);                /* RFC 3339 in front of the line; for log files; default off */
void log_set_sink(log_sink sink, void *context); /* NULL: standard error again */

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
