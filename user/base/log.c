/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the log is read by people in a terminal and by journals that split at newlines, and some of its words come
 * from outside. So what is not a printable character is escaped: no line can be forged, and none can steer a terminal.
 * A line goes out in one write() no longer than PIPE_BUF, so lines of several processes on one pipe do not mix.
 * The settings are the one object of the process that lives here: who logs should not have to be handed a logger.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/text.h"
#include "base/utf8.h"

#define PROGRAM_SIZE 64
#define CUT_SHORT "..."
#define MESSAGE_SIZE (PIPE_BUF - PROGRAM_SIZE - TIME_TEXT_SIZE - sizeof(": \n"))

struct log {
	char program[PROGRAM_SIZE];
	enum log_level level;
	bool timestamps;
	log_sink sink;
	void *context;
};

static struct log *log_settings(void)
{
	static struct log settings = { .program = "flowgauge", .level = LOG_LEVEL_INFO };

	return &settings;
}

void log_set_program(const char *name)
{
	snprintf(log_settings()->program, PROGRAM_SIZE, "%s", name);
}

void log_set_level(enum log_level level)
{
	log_settings()->level = level;
}

void log_set_timestamps(bool on)
{
	log_settings()->timestamps = on;
}

void log_set_sink(log_sink sink, void *context)
{
	log_settings()->sink = sink;
	log_settings()->context = context;
}

/* Whole characters only. The C1 controls, U+0080 to U+009F, steer terminals as the escape character does. */
static unsigned int printable_length(const char *string)
{
	const unsigned char *byte = (const unsigned char *)string;
	unsigned int length = utf8_length(string);
	bool control = length == 1 && (byte[0] < ' ' || byte[0] == 0x7f);
	bool control_c1 = length == 2 && byte[0] == 0xc2 && byte[1] < 0xa0;

	return control || control_c1 ? 0 : length;
}

static unsigned int escape(char c, char out[sizeof("\\x00")])
{
	static const char names[] = "\n\r\t", letters[] = "nrt";
	const char *name = strchr(names, c);

	if (name)
		return (unsigned int)snprintf(out, sizeof("\\x00"), "\\%c", letters[name - names]);
	return (unsigned int)snprintf(out, sizeof("\\x00"), "\\x%02x", (unsigned char)c);
}

static void make_printable(const char *message, char out[MESSAGE_SIZE])
{
	const size_t room = MESSAGE_SIZE - sizeof(CUT_SHORT);
	char escaped[sizeof("\\x00")];
	size_t used = 0;

	while (*message) {
		unsigned int taken = printable_length(message), given = taken;
		const char *bytes = message;

		if (!taken) {
			taken = 1;
			given = escape(*message, escaped);
			bytes = escaped;
		}
		if (used + given > room) {
			memcpy(out + used, CUT_SHORT, sizeof(CUT_SHORT));
			return;
		}
		memcpy(out + used, bytes, given);
		used += given;
		message += taken;
	}
	out[used] = '\0';
}

/* What cannot be written to standard error has nowhere else to go. */
static void write_line(const struct log *log, const char *message)
{
	char line[PIPE_BUF], time[TIME_TEXT_SIZE] = "";
	int length;

	if (log->timestamps)
		time_format(clock_realtime_ns(), time);
	length = snprintf(line, sizeof(line), "%s%s%s: %s\n", time, *time ? " " : "", log->program, message);
	if (length <= 0)
		return;
	while (write(STDERR_FILENO, line, (size_t)length) < 0 && errno == EINTR)
		continue;
}

static void emit(enum log_level level, const char *format, va_list arguments)
{
	const struct log *log = log_settings();
	char raw[PIPE_BUF], message[MESSAGE_SIZE];
	int saved = errno;
	size_t length;

	if (level > log->level)
		return;
	if (vsnprintf(raw, sizeof(raw), format, arguments) < 0)
		snprintf(raw, sizeof(raw), "%s", format);
	length = strlen(raw);
	while (length && raw[length - 1] == '\n')
		raw[--length] = '\0';
	make_printable(raw, message);
	if (log->sink)
		log->sink(log->context, level, message);
	else
		write_line(log, message);
	errno = saved;
}

void log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(LOG_LEVEL_ERROR, format, arguments);
	va_end(arguments);
}

void log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(LOG_LEVEL_WARNING, format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(LOG_LEVEL_INFO, format, arguments);
	va_end(arguments);
}

void log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	emit(LOG_LEVEL_DEBUG, format, arguments);
	va_end(arguments);
}
