/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_SIZE 2048

/* The process has one log; this is its state. */
static struct {
	const char *program;
	enum log_level level;
	bool timestamps;
	log_sink sink;
	void *context;
} log_state = { .program = "flowgauge", .level = LOG_LEVEL_INFO };

void log_set_program(const char *name)
{
	log_state.program = name;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

void log_set_timestamps(bool on)
{
	log_state.timestamps = on;
}

void log_set_sink(log_sink sink, void *context)
{
	log_state.sink = sink;
	log_state.context = context;
}

/* What comes from outside, a file name say, must not move the cursor or start a line of its own. */
static void escape_controls(const char *in, char *out, size_t size)
{
	size_t length = 0;

	for (; *in && length + 5 < size; in++) {
		unsigned char c = (unsigned char)*in;

		if (c >= 0x20 && c != 0x7f)
			out[length++] = (char)c;
		else
			length += (size_t)snprintf(out + length, size - length, "\\x%02x", c);
	}
	out[length] = '\0';
}

static void write_line(const char *line)
{
	char out[LINE_SIZE + 128], when[TIME_TEXT_SIZE] = "";
	struct timespec now;
	int length;

	if (log_state.timestamps && !clock_gettime(CLOCK_REALTIME, &now))
		time_format((uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec, when);
	length = snprintf(out, sizeof(out), "%s%s%s: %s\n", when, *when ? " " : "", log_state.program, line);
	while (write(STDERR_FILENO, out, (size_t)length) < 0 && errno == EINTR)
		;
}

__attribute__((format(printf, 2, 0))) static void log_at(enum log_level level, const char *format, va_list arguments)
{
	char raw[LINE_SIZE], line[LINE_SIZE];

	if (level > log_state.level)
		return;
	vsnprintf(raw, sizeof(raw), format, arguments);
	escape_controls(raw, line, sizeof(line));
	if (log_state.sink)
		log_state.sink(log_state.context, level, line);
	else
		write_line(line);
}

#define LOG_BODY(level)                    \
	do {                               \
		va_list arguments;         \
		va_start(arguments, format); \
		log_at(level, format, arguments); \
		va_end(arguments);         \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_BODY(LOG_LEVEL_ERROR);
}

void log_warning(const char *format, ...)
{
	LOG_BODY(LOG_LEVEL_WARNING);
}

void log_info(const char *format, ...)
{
	LOG_BODY(LOG_LEVEL_INFO);
}

void log_debug(const char *format, ...)
{
	LOG_BODY(LOG_LEVEL_DEBUG);
}
