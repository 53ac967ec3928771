/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ncurses writes to its descriptor until all is written: a stalled remote login would stall the monitor with it. So
 * ncurses writes into a file in memory, and what it wrote goes to the terminal through a stream, which never blocks;
 * until a frame has left, no other one is drawn. As ncurses sees no terminal there, its modes are set here: keys come
 * one by one and unseen; Ctrl-S cannot stop the output nor Ctrl-Z the measuring; Ctrl-C goes on being a signal.
 *
 * Signals are the loop's business, so the handlers that ncurses brings along are taken out again.
 */
#include "export/terminal.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "export/stream.h"

#define ESCAPE_DELAY_MS 25       /* a lone Esc is told from a key's sequence after this */
#define CLOSE_PATIENCE_SECONDS 1 /* for the last bytes, which put the terminal back */

struct terminal {
	struct termios before;
	bool modes_set;
	FILE *frames; /* what ncurses writes, in memory */
	SCREEN *screen;
	WINDOW *keys; /* a pad: reading a key from one does not refresh the screen */
	struct stream *stream;
	struct text frame;
	bool utf8;
};

static const int ncurses_signals[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };
#define NCURSES_SIGNALS (sizeof(ncurses_signals) / sizeof(*ncurses_signals))

static SCREEN *new_screen(FILE *frames)
{
	struct sigaction before[NCURSES_SIGNALS];
	SCREEN *screen;

	for (size_t i = 0; i < NCURSES_SIGNALS; i++)
		if (sigaction(ncurses_signals[i], NULL, &before[i]))
			return NULL;
	screen = newterm(NULL, frames, stdin);
	for (size_t i = 0; i < NCURSES_SIGNALS; i++)
		if (sigaction(ncurses_signals[i], &before[i], NULL))
			break;
	return screen;
}

static int set_modes(struct terminal *terminal)
{
	struct termios modes;

	if (tcgetattr(STDIN_FILENO, &terminal->before))
		return -errno;
	modes = terminal->before;
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL);
	modes.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | IGNCR);
	modes.c_oflag &= ~(tcflag_t)OPOST; /* ncurses counts on a newline being nothing but that */
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	modes.c_cc[VSUSP] = _POSIX_VDISABLE;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &modes))
		return -errno;
	terminal->modes_set = true;
	return 0;
}

static int start_ncurses(struct terminal *terminal)
{
	int fd = memfd_create("flowgauge-screen", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	terminal->frames = fdopen(fd, "w");
	if (!terminal->frames) {
		close(fd);
		return -ENOMEM;
	}
	terminal->utf8 = setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
	terminal->screen = new_screen(terminal->frames);
	if (!terminal->screen || !tigetstr("cup"))
		return -EOPNOTSUPP;
	terminal->keys = newpad(1, 1);
	if (!terminal->keys)
		return -ENOMEM;
	set_escdelay(ESCAPE_DELAY_MS);
	keypad(terminal->keys, TRUE);
	nodelay(terminal->keys, TRUE);
	curs_set(0);
	return 0;
}

int terminal_open(struct loop *loop, void (*closed)(void *context), void *context, struct terminal **out)
{
	struct terminal *terminal;
	int error;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	terminal = calloc(1, sizeof(*terminal));
	if (!terminal)
		return -ENOMEM;
	error = start_ncurses(terminal);
	if (!error)
		error = stream_open(loop, STDOUT_FILENO, closed, context, &terminal->stream);
	if (!error)
		error = set_modes(terminal);
	if (error) {
		terminal_close(terminal);
		return error;
	}
	terminal_fit(terminal);
	*out = terminal;
	return 0;
}

/* What ncurses wrote since the last time leaves the file and enters the stream. */
static void forward(struct terminal *terminal)
{
	int fd = fileno(terminal->frames);
	off_t left = lseek(fd, 0, SEEK_CUR), place = 0;
	char piece[4096];

	while (left > 0) {
		ssize_t got = pread(fd, piece, left < (off_t)sizeof(piece) ? (size_t)left : sizeof(piece), place);

		if (got <= 0)
			break;
		text_append_bytes(&terminal->frame, piece, (size_t)got);
		place += got;
		left -= got;
	}
	if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
		terminal->frame.failed = true;
	if (terminal->frame.failed) {
		text_free(&terminal->frame);
		terminal->frame = TEXT_EMPTY;
		clearok(curscr, TRUE); /* the next frame is drawn whole */
	}
	if (!stream_waits(terminal->stream) && terminal->frame.length)
		stream_offer(terminal->stream, &terminal->frame);
}

bool terminal_is_ready(const struct terminal *terminal)
{
	return !stream_waits(terminal->stream);
}

bool terminal_fit(struct terminal *terminal)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col ||
	    (size.ws_row == LINES && size.ws_col == COLS))
		return false;
	resizeterm(size.ws_row, size.ws_col);
	forward(terminal);
	return true;
}

void terminal_update(struct terminal *terminal)
{
	wnoutrefresh(stdscr);
	doupdate();
	forward(terminal);
}

int terminal_key(struct terminal *terminal)
{
	return wgetch(terminal->keys);
}

bool terminal_is_utf8(const struct terminal *terminal)
{
	return terminal->utf8;
}

struct terminal *terminal_close(struct terminal *terminal)
{
	if (!terminal)
		return NULL;
	if (terminal->screen) {
		endwin();
		if (terminal->stream) {
			stream_flush(terminal->stream, CLOSE_PATIENCE_SECONDS);
			forward(terminal);
		}
		terminal->stream = stream_close(terminal->stream, CLOSE_PATIENCE_SECONDS);
		if (terminal->keys)
			delwin(terminal->keys);
		delscreen(terminal->screen);
	}
	if (terminal->modes_set)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
	if (terminal->frames)
		fclose(terminal->frames);
	text_free(&terminal->frame);
	free(terminal);
	return NULL;
}
