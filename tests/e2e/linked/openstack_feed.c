/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to OpenStack as the monitor runs it, fed by a test instead of by a rate monitor. Settings are key=value words;
 * standard input takes one order a line, and each "report" is answered by one line of JSON:
 *
 *   sample INTERFACE TIME_NS VOLUME [NAME=VALUE[:UNIT] | NAME?0|1 | NAME=nan]…
 *   life WORD TIME_NS
 *   report
 *   end SECONDS            (so does the end of input, with 0)
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "export/openstack.h"

#define LINE_SIZE 65536

struct feed {
	struct loop_source source; /* first: callbacks get it */
	struct loop *loop;
	struct openstack *openstack;
	char line[LINE_SIZE];
	size_t length;
	double patience;
};

struct kept {
	struct kept *next;
	char string[];
};

/* Names and units are static to the module: those of a test are kept as long as it runs. */
static char *forever(const char *string)
{
	static struct kept *all;
	size_t size = strlen(string) + 1;
	struct kept *kept = malloc(sizeof(*kept) + size);

	if (!kept)
		abort();
	memcpy(kept->string, string, size);
	kept->next = all;
	all = kept;
	return kept->string;
}

static bool read_value(char *word, struct openstack_value *value)
{
	char *mark = strpbrk(word, "=?"), *end;

	if (!mark)
		return false;
	value->truth = *mark == '?';
	*mark = '\0';
	value->value = strtod(mark + 1, &end);
	value->name = forever(word);
	value->unit = *end == ':' ? forever(end + 1) : "";
	return true;
}

static void take_sample(struct feed *feed, char *words)
{
	struct openstack_value values[OPENSTACK_VALUES_MAX];
	struct openstack_sample sample = { .values = values };
	char *rest = NULL, *word;

	sample.interface = strtok_r(words, " ", &rest);
	word = strtok_r(NULL, " ", &rest);
	sample.time_ns = word ? strtoull(word, NULL, 10) : 0;
	word = strtok_r(NULL, " ", &rest);
	sample.volume = word ? strtod(word, NULL) : NAN;
	while ((word = strtok_r(NULL, " ", &rest)) && sample.value_count < OPENSTACK_VALUES_MAX)
		if (read_value(word, &values[sample.value_count]))
			sample.value_count++;
	openstack_offer(feed->openstack, &sample);
}

static void take_life(const struct feed *feed, char *words)
{
	char *rest = NULL;
	const char *word = strtok_r(words, " ", &rest), *time = strtok_r(NULL, " ", &rest);

	if (word && time)
		openstack_offer_life(feed->openstack, forever(word), strtoull(time, NULL, 10));
}

static void print_report(const struct feed *feed)
{
	struct openstack_report report = openstack_report(feed->openstack);
	struct text line = TEXT_EMPTY;
	struct json_writer json;

	json_begin(&json, &line);
	json_object_open(&json, NULL);
	json_bool(&json, "answered", report.answered);
	json_u64(&json, "sent", report.sent);
	json_u64(&json, "refused", report.refused);
	json_u64(&json, "lost", report.lost);
	json_u64(&json, "tokens", report.tokens);
	json_u64(&json, "failures", report.failures);
	json_u64(&json, "queued", report.queued);
	json_u64(&json, "queue_limit", report.queue_limit);
	json_object_close(&json);
	if (line.failed || puts(line.bytes) < 0 || fflush(stdout))
		abort();
	text_free(&line);
}

static void take_line(struct feed *feed, char *line)
{
	if (!strncmp(line, "sample ", 7))
		take_sample(feed, line + 7);
	else if (!strncmp(line, "life ", 5))
		take_life(feed, line + 5);
	else if (!strcmp(line, "report"))
		print_report(feed);
	else if (!strncmp(line, "end ", 4)) {
		feed->patience = strtod(line + 4, NULL);
		loop_stop(feed->loop);
	} else {
		fprintf(stderr, "openstack_feed: no such order: %s\n", line);
		abort();
	}
}

static void input_ready(struct loop_source *source, uint32_t epoll_events)
{
	struct feed *feed = (struct feed *)source;
	ssize_t count = read(source->fd, feed->line + feed->length, LINE_SIZE - feed->length - 1);
	char *end;

	(void)epoll_events;
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		loop_stop(feed->loop);
		return;
	}
	feed->length += (size_t)count;
	while ((end = memchr(feed->line, '\n', feed->length))) {
		size_t used = (size_t)(end + 1 - feed->line);

		*end = '\0';
		take_line(feed, feed->line);
		feed->length -= used;
		memmove(feed->line, end + 1, feed->length);
	}
}

static bool read_word(struct openstack_config *config, char *word)
{
	struct {
		const char *key;
		const char **string;
	} strings[] = {
		{ "auth_url", &config->auth_url },
		{ "url", &config->url },
		{ "username", &config->username },
		{ "user_domain", &config->user_domain },
		{ "project", &config->project },
		{ "project_domain", &config->project_domain },
		{ "password_file", &config->password_file },
		{ "password_environment", &config->password_environment },
		{ "resource_id", &config->resource_id },
		{ "project_id", &config->project_id },
		{ "user_id", &config->user_id },
		{ "meter_name", &config->meter_name },
		{ "archive_policy", &config->archive_policy },
		{ "ca_file", &config->ca_file },
	};
	char *value = strchr(word, '=');

	if (!value)
		return false;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		if (strcmp(strings[i].key, word) != 0)
			continue;
		*strings[i].string = value;
		return true;
	}
	if (!strcmp(word, "api"))
		config->api = !strcmp(value, "gnocchi") ? OPENSTACK_GNOCCHI : OPENSTACK_CEILOMETER_V2;
	else if (!strcmp(word, "queue"))
		config->queue_limit = strtoull(value, NULL, 10);
	else if (!strcmp(word, "timeout"))
		config->timeout_seconds = strtod(value, NULL);
	else
		return false;
	return true;
}

static int run(struct feed *feed, const struct openstack_config *config)
{
	char error[OPENSTACK_ERROR_SIZE];

	if (loop_new(&feed->loop))
		return 1;
	if (openstack_open(feed->loop, config, &feed->openstack, error)) {
		fprintf(stderr, "openstack_feed: %s\n", error);
		loop_free(feed->loop);
		return 1;
	}
	feed->source = (struct loop_source){ .fd = -1, .ready = input_ready };
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) || loop_add(feed->loop, &feed->source, STDIN_FILENO, EPOLLIN) ||
	    loop_run(feed->loop))
		abort();
	loop_remove(&feed->source);
	feed->openstack = openstack_close(feed->openstack, feed->patience);
	feed->loop = loop_free(feed->loop);
	return 0;
}

int main(int count, char **words)
{
	static struct feed feed;
	struct openstack_config config = {
		.user_domain = "Default",
		.project_domain = "Default",
		.queue_limit = 1000,
		.timeout_seconds = 10,
		.retry_first_seconds = 0.1,
		.retry_most_seconds = 1,
	};

	for (int i = 1; i < count; i++) {
		if (!read_word(&config, words[i])) {
			fprintf(stderr, "openstack_feed: no such setting: %s\n", words[i]);
			return 2;
		}
	}
	return run(&feed, &config);
}
