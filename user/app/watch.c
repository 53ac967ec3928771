/* SPDX-License-Identifier: BSD-2-Clause */
#include "app/watch.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/text.h"

/* The first place in the ledger belongs to no interface. */
#define WATCHED_MAX (INTERFACES_MAX - 1)

struct watched {
	struct link_info link;
	struct attachment attachment;
	bool attached;
	char refused[MONITOR_ERROR_SIZE]; /* why not attached */
};

struct watch {
	struct loop_source source;
	struct monitor *monitor;
	struct links *links;
	struct watch_hooks hooks;
	const struct config *config; /* borrowed: the daemon's own, which outlives this */
	struct watched interfaces[WATCHED_MAX];
	size_t count;
	struct interface_report reports[WATCHED_MAX];
	bool starting;
	bool changed;
	char error[MONITOR_ERROR_SIZE]; /* the first failure of an interface asked for by name, while starting */
};

enum match { MATCH_NONE, MATCH_GLOB, MATCH_NAME };

static enum match matches(const struct config *config, const struct link_info *link)
{
	enum match best = MATCH_NONE;

	if (!config->interface_count)
		return link->up && !link->loopback ? MATCH_GLOB : MATCH_NONE;
	for (size_t i = 0; i < config->interface_count; i++) {
		if (!strcmp(config->interfaces[i], link->name))
			return MATCH_NAME;
		if (!fnmatch(config->interfaces[i], link->name, 0))
			best = MATCH_GLOB;
	}
	return best;
}

static struct watched *find(struct watch *watch, unsigned int ifindex)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->interfaces[i].link.ifindex == ifindex)
			return &watch->interfaces[i];
	return NULL;
}

static void describe(const struct watched *watched, struct interface_report *report)
{
	memset(report, 0, sizeof(*report));
	snprintf(report->name, sizeof(report->name), "%s", watched->link.name);
	report->ifindex = watched->link.ifindex;
	report->attached = watched->attached;
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		report->hook[direction] = hook_name(watched->attached ? watched->attachment.hook[direction] :
									HOOK_NONE);
		snprintf(report->reason[direction], sizeof(report->reason[direction]), "%.255s",
			 watched->attached ? watched->attachment.reason[direction] : watched->refused);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct interface_report *)a)->name, ((const struct interface_report *)b)->name);
}

static void describe_all(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		describe(&watch->interfaces[i], &watch->reports[i]);
	qsort(watch->reports, watch->count, sizeof(watch->reports[0]), by_name);
}

static void log_attached(const struct watched *watched)
{
	const struct attachment *attachment = &watched->attachment;

	for (int direction = 0; direction < DIRECTIONS; direction++) {
		const char *reason = attachment->reason[direction];

		if (attachment->hook[direction] != HOOK_NONE)
			log_info("watching %s %s by %s%s%s", watched->link.name,
				 direction == DIRECTION_INGRESS ? "ingress" : "egress",
				 hook_name(attachment->hook[direction]), *reason ? ": " : "", reason);
	}
}

static void pick_up(struct watch *watch, const struct link_info *link, enum match match)
{
	struct watched *watched;
	int error;

	if (watch->count == WATCHED_MAX) {
		log_warning("%s is not watched: %d interfaces are watched already; name the ones you need with -i",
			    link->name, WATCHED_MAX);
		return;
	}
	watched = &watch->interfaces[watch->count++];
	memset(watched, 0, sizeof(*watched));
	watched->link = *link;
	error = monitor_attach(watch->monitor, link->ifindex, link->name, &watched->attachment, watched->refused);
	watched->attached = !error;
	watch->changed = true;
	if (!error)
		log_attached(watched);
	else if (watch->starting && match == MATCH_NAME && !*watch->error)
		snprintf(watch->error, sizeof(watch->error), "%s", watched->refused);
	else
		log_warning("%s", watched->refused);
}

static void let_go(struct watch *watch, struct watched *watched, const char *why)
{
	log_info("no longer watching %s: %s", watched->link.name, why);
	monitor_detach(watch->monitor, watched->link.ifindex);
	*watched = watch->interfaces[--watch->count];
	watch->changed = true;
}

static void link_changed(void *context, const struct link_info *link, bool gone)
{
	struct watch *watch = context;
	struct watched *watched = find(watch, link->ifindex);
	enum match match = matches(watch->config, link);

	if (gone) {
		if (watched)
			let_go(watch, watched, "it is gone");
		return;
	}
	if (!watched) {
		if (match != MATCH_NONE)
			pick_up(watch, link, match);
		return;
	}
	if (strcmp(watched->link.name, link->name) != 0) {
		if (match == MATCH_NONE && watch->config->interface_count) {
			let_go(watch, watched, "its new name is not asked for");
			return;
		}
		log_info("%s is now called %s", watched->link.name, link->name);
		watch->changed = true;
	}
	watched->link = *link; /* one that goes down stays watched: nothing is lost when it comes up again */
}

static void tell(struct watch *watch)
{
	if (!watch->changed)
		return;
	watch->changed = false;
	describe_all(watch);
	if (watch->hooks.changed)
		watch->hooks.changed(watch->hooks.context);
}

static void links_ready(struct loop_source *source, uint32_t events)
{
	struct watch *watch = (struct watch *)source;
	int error = links_dispatch(watch->links, link_changed, watch);

	(void)events;
	if (error)
		log_warning("cannot follow changes of interfaces: %s", strerror(-error));
	tell(watch);
}

static void list_link(void *context, const struct link_info *link, bool gone)
{
	struct text *names = context;

	if (!gone)
		text_appendf(names, "%s%s", names->length ? ", " : "", link->name);
}

static bool is_glob(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

struct name_search {
	const char *name;
	bool found;
};

static void search_link(void *context, const struct link_info *link, bool gone)
{
	struct name_search *search = context;

	search->found |= !gone && !strcmp(link->name, search->name);
}

/* Every interface asked for by name must be there; asked before anything is attached. */
static int check_names(struct watch *watch, char error[MONITOR_ERROR_SIZE])
{
	for (size_t i = 0; i < watch->config->interface_count; i++) {
		const char *name = watch->config->interfaces[i];
		struct name_search search = { .name = name, .found = is_glob(name) };
		struct text names = TEXT_EMPTY;

		if (!search.found)
			links_dump(watch->links, search_link, &search);
		if (search.found)
			continue;
		links_dump(watch->links, list_link, &names);
		snprintf(error, MONITOR_ERROR_SIZE, "unknown interface %s: there are %.300s", name,
			 names.length ? names.bytes : "none");
		text_free(&names);
		return -ENODEV;
	}
	return 0;
}

static int start(struct watch *watch, struct loop *loop, char error[MONITOR_ERROR_SIZE])
{
	int result = links_open(&watch->links);

	if (!result && check_names(watch, error))
		return -ENODEV;
	if (!result)
		result = loop_add(loop, &watch->source, links_fd(watch->links), EPOLLIN);
	if (!result) {
		watch->starting = true;
		result = links_dump(watch->links, link_changed, watch);
		watch->starting = false;
	}
	if (result) {
		snprintf(error, MONITOR_ERROR_SIZE, "cannot list the interfaces: %s", strerror(-result));
		return result;
	}
	if (*watch->error) {
		snprintf(error, MONITOR_ERROR_SIZE, "%s", watch->error);
		return -EOPNOTSUPP;
	}
	if (!watch->count)
		log_warning("no interface to watch yet: one that matches is picked up when it appears");
	return result;
}

int watch_open(struct loop *loop, struct monitor *monitor, const struct config *config, const struct watch_hooks *hooks,
	       struct watch **out, char error[MONITOR_ERROR_SIZE])
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int result;

	if (!watch) {
		snprintf(error, MONITOR_ERROR_SIZE, "out of memory");
		return -ENOMEM;
	}
	watch->source.fd = -1;
	watch->source.ready = links_ready;
	watch->monitor = monitor;
	watch->config = config;
	result = start(watch, loop, error);
	if (result) {
		watch_close(watch);
		return result;
	}
	watch->hooks = *hooks;
	watch->changed = true;
	tell(watch);
	*out = watch;
	return 0;
}

/* Lets go of every interface that was not among the first `count` when `kept` was written down. */
static void let_go_but(struct watch *watch, const unsigned int *kept, size_t count)
{
	for (size_t i = watch->count; i-- > 0;) {
		bool keep = false;

		for (size_t j = 0; j < count; j++)
			keep |= kept[j] == watch->interfaces[i].link.ifindex;
		if (!keep)
			let_go(watch, &watch->interfaces[i], "what is watched was not changed");
	}
}

static void let_go_unwanted(struct watch *watch)
{
	for (size_t i = watch->count; i-- > 0;)
		if (matches(watch->config, &watch->interfaces[i].link) == MATCH_NONE)
			let_go(watch, &watch->interfaces[i], "another interface was asked for");
}

/* The new ones come first, so that a failure leaves those that were there as they are. */
int watch_choose(struct watch *watch, const struct config *wanted, char error[MONITOR_ERROR_SIZE])
{
	const struct config *before = watch->config;
	unsigned int kept[WATCHED_MAX];
	size_t count = watch->count;
	int result;

	for (size_t i = 0; i < count; i++)
		kept[i] = watch->interfaces[i].link.ifindex;
	watch->config = wanted;
	watch->error[0] = '\0';
	result = check_names(watch, error);
	if (!result) {
		watch->starting = true;
		result = links_dump(watch->links, link_changed, watch);
		watch->starting = false;
		if (result)
			snprintf(error, MONITOR_ERROR_SIZE, "cannot list the interfaces: %s", strerror(-result));
	}
	if (!result && *watch->error) {
		snprintf(error, MONITOR_ERROR_SIZE, "%s", watch->error);
		result = -EOPNOTSUPP;
	}
	if (result)
		let_go_but(watch, kept, count);
	else
		let_go_unwanted(watch);
	watch->config = before;
	tell(watch);
	return result;
}

struct watch *watch_close(struct watch *watch)
{
	if (!watch)
		return NULL;
	loop_remove(&watch->source);
	for (size_t i = 0; i < watch->count; i++)
		if (watch->interfaces[i].attached)
			monitor_detach(watch->monitor, watch->interfaces[i].link.ifindex);
	links_close(watch->links);
	free(watch);
	return NULL;
}

const struct interface_report *watch_interfaces(const struct watch *watch, size_t *count)
{
	*count = watch->count;
	return watch->reports;
}

void watch_links(const struct watch *watch, links_callback known, void *context)
{
	links_each(watch->links, known, context);
}

uint64_t watch_links_version(const struct watch *watch)
{
	links_ask_speed(watch->links);
	return links_version(watch->links);
}

const char *watch_not_ready(const struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		if (!watch->interfaces[i].attached)
			return watch->interfaces[i].refused;
	return NULL;
}
