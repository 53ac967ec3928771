/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of what a client takes, with weights (RFC 9110, 12.4.2), and the names of hosts. The two questions about hosts
 * stand between the monitor and a web page that a user of this machine happens to visit: the page's own name may be
 * made to resolve to 127.0.0.1, and any page may send a POST anywhere.
 */
#include "export/http_negotiate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t"
#define QUALITY_MAX 1000 /* q=1, in thousandths */

struct span {
	const char *start;
	size_t length;
};

/* One element of a list: `name;parameter=value;q=0.5`. */
struct element {
	struct span name;
	struct span parameters; /* with the semicolon before each */
};

static struct span trim(struct span span)
{
	while (span.length && strchr(SPACE, span.start[0])) {
		span.start++;
		span.length--;
	}
	while (span.length && strchr(SPACE, span.start[span.length - 1]))
		span.length--;
	return span;
}

static bool span_is(struct span span, const char *text)
{
	return span.length == strlen(text) && !strncasecmp(span.start, text, span.length);
}

static bool next_element(const char **list, struct element *out)
{
	struct span whole;
	const char *semicolon;

	if (!*list || !**list)
		return false;
	whole = (struct span){ *list, strcspn(*list, ",") };
	*list += whole.length + (*list)[whole.length] / ',';
	semicolon = memchr(whole.start, ';', whole.length);
	out->name = whole;
	out->parameters = (struct span){ whole.start, 0 };
	if (semicolon) {
		out->name.length = (size_t)(semicolon - whole.start);
		out->parameters = (struct span){ semicolon, whole.length - out->name.length };
	}
	out->name = trim(out->name);
	return true;
}

/* The parameter's value without quotes; start NULL if there is none. */
static struct span parameter(const struct element *element, const char *name)
{
	struct span rest = element->parameters;

	while (rest.length) {
		const char *next = memchr(rest.start + 1, ';', rest.length - 1), *equals;
		struct span one = { rest.start + 1, next ? (size_t)(next - rest.start - 1) : rest.length - 1 };
		struct span key, value;

		rest = (struct span){ one.start + one.length, rest.length - one.length - 1 };
		equals = memchr(one.start, '=', one.length);
		if (!equals)
			continue;
		key = trim((struct span){ one.start, (size_t)(equals - one.start) });
		value = trim((struct span){ equals + 1, one.length - (size_t)(equals + 1 - one.start) });
		if (value.length >= 2 && value.start[0] == '"' && value.start[value.length - 1] == '"')
			value = (struct span){ value.start + 1, value.length - 2 };
		if (span_is(key, name))
			return value;
	}
	return (struct span){ NULL, 0 };
}

/* In thousandths; what is no weight counts as 0. */
static int quality(const struct element *element)
{
	struct span q = parameter(element, "q");
	int value = 0, unit = QUALITY_MAX;

	if (!q.start)
		return QUALITY_MAX;
	for (size_t i = 0; i < q.length; i++) {
		if (i == 1 && q.start[i] == '.')
			continue;
		if (!isdigit((unsigned char)q.start[i]) || unit == 0 || (i == 0 && q.start[i] > '1'))
			return 0;
		value += (q.start[i] - '0') * unit;
		unit /= 10;
	}
	return value > QUALITY_MAX ? QUALITY_MAX : value;
}

bool accepts_gzip(const char *accept_encoding)
{
	int named = -1, any = 0;
	struct element element;

	while (next_element(&accept_encoding, &element)) {
		if (span_is(element.name, "gzip") || span_is(element.name, "x-gzip"))
			named = quality(&element) > named ? quality(&element) : named;
		else if (span_is(element.name, "*"))
			any = quality(&element);
	}
	return (named < 0 ? any : named) > 0;
}

bool prefers_openmetrics(const char *accept)
{
	int openmetrics = 0, text = 0, range = 0;
	struct element element;

	while (next_element(&accept, &element)) {
		struct span version = parameter(&element, "version");
		int weight = quality(&element);

		if (span_is(element.name, "application/openmetrics-text")) {
			if ((!version.start || span_is(version, "1.0.0")) && weight > openmetrics)
				openmetrics = weight;
		} else if (span_is(element.name, "text/plain")) {
			if ((!version.start || span_is(version, "0.0.4")) && weight > text)
				text = weight;
		} else if ((span_is(element.name, "text/*") || span_is(element.name, "*/*")) && weight > range) {
			range = weight;
		}
	}
	return openmetrics > 0 && openmetrics >= (text ? text : range);
}

/* Takes ":80" off the end; false if what follows the colon is no port. */
static bool strip_port(struct span *host)
{
	const char *colon = memrchr(host->start, ':', host->length);
	const char *bracket = memrchr(host->start, ']', host->length);

	if (!colon || (bracket && colon < bracket))
		return true;
	for (const char *c = colon + 1; c < host->start + host->length; c++)
		if (!isdigit((unsigned char)*c))
			return false;
	host->length = (size_t)(colon - host->start);
	return true;
}

bool host_is_loopback(const char *host)
{
	struct span name = trim((struct span){ host ? host : "", host ? strlen(host) : 0 });
	char text[INET_ADDRSTRLEN];
	struct in_addr address;

	if (!strip_port(&name))
		return false;
	if (span_is(name, "localhost") || span_is(name, "[::1]"))
		return true;
	if (name.length >= sizeof(text))
		return false;
	memcpy(text, name.start, name.length);
	text[name.length] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool origin_is_host(const char *origin, const char *host)
{
	const char *authority = origin ? strstr(origin, "://") : NULL;

	return authority && host && *host && !strcasecmp(authority + strlen("://"), host);
}
