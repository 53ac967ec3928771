/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every event (a report, keys, another size, a log line) leads to one drawing at most. Several times a second it is
 * looked whether the window has another size or something waits to be drawn: a SIGWINCH would have to be taken from
 * the whole process for the sake of one way out, and a log line may come from the midst of a drawing.
 */
#include "export/screen.h"

#include <errno.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "export/grid.h"
#include "export/table.h"
#include "export/terminal.h"

#define PULSE_NS 250000000 /* a quarter of a second */
#define LOG_LINE_SIZE 512
#define LOG_LINES_KEPT 8
#define BOTTOM_ROWS 2       /* banner, and help or log */
#define NARROW_ELLIPSIS '~' /* where the terminal does not speak UTF-8 */
#define HELP                                                                                               \
	"order: t throughput  g goodput  p packets  b bytes  j jitter  a age   arrows PgUp PgDn scroll   " \
	"space freeze   h help/log   q quit"

struct log_line {
	enum log_level level;
	char text[LOG_LINE_SIZE];
};

struct screen {
	struct terminal *terminal;
	struct loop_source keys;
	struct loop_timer pulse;
	struct console_config config;
	char *banner;
	void (*quit)(void *context);
	void *context;
	struct report *shown, *latest; /* `latest` differs while frozen */
	size_t first;                  /* place of the flow on top */
	size_t page;                   /* flows that the window holds */
	bool frozen, dirty;
	bool show_log; /* the last log line stands in the place of the help */
	struct log_line last, kept[LOG_LINES_KEPT];
	size_t kept_count; /* ever; kept[i % LOG_LINES_KEPT] */
};

static void draw_text(const struct screen *screen, int row, const char *bytes, size_t length)
{
	const size_t ellipsis = strlen(GRID_ELLIPSIS);
	int column = 0;

	for (size_t i = 0; i < length && column < COLS; column++) {
		if (length - i >= ellipsis && !memcmp(bytes + i, GRID_ELLIPSIS, ellipsis)) {
			if (terminal_is_utf8(screen->terminal))
				mvaddnstr(row, column, GRID_ELLIPSIS, (int)ellipsis);
			else
				mvaddch(row, column, NARROW_ELLIPSIS);
			i += ellipsis;
		} else {
			/* What others wrote may hold anything; a terminal obeys what it is sent. */
			mvaddch(row, column, bytes[i] >= ' ' && bytes[i] <= '~' ? (chtype)bytes[i] : '?');
			i++;
		}
	}
}

static void draw_line(const struct screen *screen, int row, const struct table *table, size_t index)
{
	static const attr_t attributes[] = {
		[TABLE_PLAIN] = A_NORMAL,
		[TABLE_TITLES] = A_REVERSE,
		[TABLE_ALARM] = A_BOLD | A_REVERSE,
	};
	const struct table_line *line = &table->lines[index];

	draw_text(screen, row, table->text.bytes + line->start, line->length);
	mvchgat(row, 0, -1, attributes[line->style], 0, NULL);
}

static void draw_bottom(struct screen *screen)
{
	const char *text = screen->show_log ? screen->last.text : HELP;
	size_t count = screen->shown ? screen->shown->flow_count : 0;
	char place[64];
	int length;

	draw_text(screen, LINES - 2, screen->banner, strlen(screen->banner));
	if (count > screen->page) {
		length = snprintf(place, sizeof(place), "  flows %zu-%zu of %zu", screen->first + 1,
				  screen->first + screen->page < count ? screen->first + screen->page : count, count);
		if (length > 0 && length < COLS)
			mvaddstr(LINES - 2, COLS - length, place);
	}
	draw_text(screen, LINES - 1, text, strlen(text));
	if (screen->show_log && screen->last.level == LOG_LEVEL_ERROR)
		mvchgat(LINES - 1, 0, -1, A_BOLD, 0, NULL);
}

static int least(int a, size_t b)
{
	return (size_t)a < b ? a : (int)b;
}

/* Head at the top, foot above the two lines at the bottom, and the flows have what is left, at least half of it. */
static void draw_table(struct screen *screen, const struct table *table)
{
	size_t flows_start = table->part_end[TABLE_HEAD], foot_start = table->part_end[TABLE_FLOWS];
	int room = LINES > BOTTOM_ROWS ? LINES - BOTTOM_ROWS : 0;
	int head = least(room, flows_start);
	int foot = least((room - head) / 2, table->count - foot_start);
	int flows = least(room - head - foot, table->rows);

	screen->page = (size_t)(room - head - foot);
	for (int i = 0; i < head; i++)
		draw_line(screen, i, table, (size_t)i);
	for (int i = 0; i < flows; i++)
		draw_line(screen, head + i, table, flows_start + (size_t)i);
	for (int i = 0; i < foot; i++)
		draw_line(screen, room - foot + i, table, foot_start + (size_t)i);
}

static void clamp_place(struct screen *screen)
{
	size_t count = screen->shown ? screen->shown->flow_count : 0;
	size_t last = count > screen->page ? count - screen->page : 0;

	if (screen->first > last)
		screen->first = last;
}

static void draw(struct screen *screen)
{
	struct table table cleanup(table_free) = TABLE_EMPTY;

	screen->dirty = true;
	if (!terminal_is_ready(screen->terminal))
		return;
	terminal_fit(screen->terminal);
	erase();
	clamp_place(screen);
	if (screen->shown) {
		screen->config.width = (unsigned int)COLS;
		screen->config.max_rows = (size_t)LINES;
		table_build(&table, &screen->config, screen->shown, screen->first, screen->frozen ? "FROZEN" : "");
		if (table.failed)
			return;
		draw_table(screen, &table);
	}
	draw_bottom(screen);
	screen->dirty = false;
	terminal_update(screen->terminal);
}

static void pulse_expired(struct loop_timer *timer, uint64_t expirations)
{
	struct screen *screen = (struct screen *)((char *)timer - offsetof(struct screen, pulse));

	(void)expirations;
	if (screen->dirty || (terminal_is_ready(screen->terminal) && terminal_fit(screen->terminal)))
		draw(screen);
}

static void take_log_line(void *context, enum log_level level, const char *text)
{
	struct screen *screen = context;

	screen->last.level = level;
	snprintf(screen->last.text, sizeof(screen->last.text), "%s", text);
	if (level <= LOG_LEVEL_WARNING)
		screen->kept[screen->kept_count++ % LOG_LINES_KEPT] = screen->last;
	screen->show_log = true;
	screen->dirty = true;
}

static void replace_shown(struct screen *screen)
{
	screen->shown = report_release(screen->shown);
	screen->shown = screen->latest ? report_reference(screen->latest) : NULL;
}

static void scroll_by(struct screen *screen, size_t rows, bool down)
{
	if (down)
		screen->first += rows;
	else
		screen->first -= screen->first < rows ? screen->first : rows;
	clamp_place(screen);
}

static bool take_order(struct screen *screen, int key)
{
	static const struct {
		int key;
		enum console_order order;
	} orders[] = {
		{ 't', ORDER_THROUGHPUT }, { 'g', ORDER_GOODPUT }, { 'p', ORDER_PACKETS },
		{ 'b', ORDER_BYTES },      { 'j', ORDER_JITTER },  { 'a', ORDER_AGE },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		if (orders[i].key != key)
			continue;
		screen->config.order = orders[i].order;
		screen->first = 0;
		return true;
	}
	return false;
}

static bool take_scroll(struct screen *screen, int key)
{
	switch (key) {
	case KEY_UP:
	case KEY_DOWN:
		scroll_by(screen, 1, key == KEY_DOWN);
		return true;
	case KEY_PPAGE:
	case KEY_NPAGE:
		scroll_by(screen, screen->page, key == KEY_NPAGE);
		return true;
	case KEY_HOME:
		screen->first = 0;
		return true;
	case KEY_END:
		scroll_by(screen, screen->shown ? screen->shown->flow_count : 0, true);
		return true;
	default:
		return false;
	}
}

/* True if there is something to draw. */
static bool take_key(struct screen *screen, int key)
{
	switch (key) {
	case 'q':
		screen->quit(screen->context);
		return false;
	case ' ':
		screen->frozen = !screen->frozen;
		if (!screen->frozen)
			replace_shown(screen);
		return true;
	case 'h':
		screen->show_log = !screen->show_log && *screen->last.text;
		return true;
	default:
		return take_order(screen, key) || take_scroll(screen, key);
	}
}

static void keys_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct screen *screen = (struct screen *)((char *)source - offsetof(struct screen, keys));
	bool changed = false;
	int key;

	if (epoll_events & (EPOLLHUP | EPOLLERR)) {
		loop_remove(source);
		screen->quit(screen->context);
		return;
	}
	while ((key = terminal_key(screen->terminal)) != ERR)
		changed = take_key(screen, key) || changed;
	if (changed)
		draw(screen);
}

int screen_open(struct loop *loop, const struct console_config *config, const char *banner, void (*quit)(void *context),
		void *context, struct screen **out)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	int error = -ENOMEM;

	if (!screen)
		return -ENOMEM;
	screen->config = *config;
	screen->quit = quit;
	screen->context = context;
	screen->keys = (struct loop_source){ .fd = -1, .ready = keys_ready };
	screen->pulse = (struct loop_timer){ .source.fd = -1, .expired = pulse_expired };
	screen->banner = strdup(banner);
	if (screen->banner)
		error = terminal_open(loop, quit, context, &screen->terminal);
	if (!error)
		error = loop_add(loop, &screen->keys, STDIN_FILENO, EPOLLIN);
	if (!error)
		error = loop_timer_add(loop, &screen->pulse);
	if (!error)
		error = loop_timer_set(&screen->pulse, PULSE_NS, PULSE_NS);
	if (error) {
		screen_close(screen);
		return error;
	}
	log_set_sink(take_log_line, screen);
	draw(screen);
	*out = screen;
	return 0;
}

static void log_again(const struct screen *screen)
{
	size_t first = screen->kept_count > LOG_LINES_KEPT ? screen->kept_count - LOG_LINES_KEPT : 0;

	for (size_t i = first; i < screen->kept_count; i++) {
		const struct log_line *line = &screen->kept[i % LOG_LINES_KEPT];

		if (line->level == LOG_LEVEL_ERROR)
			log_error("%s", line->text);
		else
			log_warning("%s", line->text);
	}
}

struct screen *screen_close(struct screen *screen)
{
	if (!screen)
		return NULL;
	loop_timer_remove(&screen->pulse);
	loop_remove(&screen->keys);
	if (screen->terminal)
		log_set_sink(NULL, NULL);
	screen->terminal = terminal_close(screen->terminal);
	log_again(screen);
	report_release(screen->shown);
	report_release(screen->latest);
	free(screen->banner);
	free(screen);
	return NULL;
}

void screen_configure(struct screen *screen, const struct console_config *config)
{
	enum console_order order = screen->config.order;

	screen->config = *config;
	screen->config.order = order;
	draw(screen);
}

void screen_show(struct screen *screen, struct report *report)
{
	report_release(screen->latest);
	screen->latest = report_reference(report);
	if (screen->frozen && screen->shown)
		return;
	replace_shown(screen);
	draw(screen);
}
