/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Pushgateway takes a group's labels from the path, segment by segment. An escaped '/' would be a '/' again before it
 * splits the path, and "." or ".." would be taken out by any proxy between; those values have the base64 form, whose
 * padding also stands for an empty value.
 */
#include "export/push_path.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/number.h"

#define PORT_HTTP 80
#define PORT_HTTPS 443
#define LABELS_MAX 64 /* in a path; more are a mistake of the caller */

/* Labels of what is pushed: the Pushgateway would write the group's over them, and refuse the series that then are one. */
static const char *const taken[] = {
	"job",       "instance", "interface", "direction", "outcome",   "method",         "src",     "dst",
	"source_ip", "dest",     "address",   "ifname",    "le",        "quantile",       "window",  "adminstate",
	"operstate", "kind",     "type",      "code",      "Source_IP", "Destination_IP", "version", "hop",
	"host",      "reason",
};

static int host_parse(const char *text, size_t length, struct push_url *out, const char **rest)
{
	const char *end = text + length;
	const char *close = *text == '[' ? memchr(text, ']', length) : NULL;
	const char *stop = close ? close + 1 : memchr(text, ':', length);

	if (*text == '[' && !close)
		return -EINVAL;
	if (!stop)
		stop = end;
	if (stop == text || (close && close == text + 1) || stop - text >= PUSH_HOST_SIZE)
		return -EINVAL;
	for (const char *c = text; c < stop; c++)
		if (!isalnum((unsigned char)*c) && !strchr(close ? ":.[]" : ".-_", *c))
			return -EINVAL;
	memcpy(out->host, text, (size_t)(stop - text));
	out->host[stop - text] = '\0';
	*rest = stop;
	return 0;
}

int push_url_parse(const char *text, struct push_url *out)
{
	static const char plain[] = "http://", secure[] = "https://";
	struct push_url url = { .tls = !strncmp(text, secure, sizeof(secure) - 1) };
	const char *authority = text + (url.tls ? sizeof(secure) : sizeof(plain)) - 1, *rest;
	char port_text[8];
	size_t length;
	uint64_t port;

	if (!url.tls && strncmp(text, plain, sizeof(plain) - 1) != 0)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("?#\"<>\\^`{|}", *c))
			return -EINVAL;
	length = strcspn(authority, "/");
	url.path = authority + length;
	if (host_parse(authority, length, &url, &rest))
		return -EINVAL;
	url.port = url.tls ? PORT_HTTPS : PORT_HTTP;
	if (rest != url.path) {
		size_t digits = (size_t)(url.path - rest) - 1;

		if (*rest != ':' || digits >= sizeof(port_text))
			return -EINVAL;
		memcpy(port_text, rest + 1, digits);
		port_text[digits] = '\0';
		if (number_parse_u64(port_text, 1, UINT16_MAX, &port))
			return -EINVAL;
		url.port = (uint16_t)port;
	}
	*out = url;
	return 0;
}

bool push_label_is_right(const char *name)
{
	if (!*name || isdigit((unsigned char)*name) || !strncmp(name, "__", 2))
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c >= 0x80 || (!isalnum((unsigned char)*c) && *c != '_'))
			return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (!strcmp(taken[i], name))
			return false;
	return true;
}

static void append_base64(struct text *out, const char *value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *bytes = (const unsigned char *)value;
	size_t length = strlen(value);

	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
				(left > 2 ? bytes[i + 2] : 0);

		text_append_char(out, digits[word >> 18]);
		text_append_char(out, digits[word >> 12 & 63]);
		text_append_char(out, left > 1 ? digits[word >> 6 & 63] : '=');
		text_append_char(out, left > 2 ? digits[word & 63] : '=');
	}
	if (!length)
		text_append_char(out, '=');
}

/* What RFC 3986 calls unreserved stays. */
static void append_percent(struct text *out, const char *value)
{
	for (const char *c = value; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte)))
			text_append_char(out, *c);
		else
			text_appendf(out, "%%%02X", byte);
	}
}

static void append_label(struct text *out, const char *name, const char *value)
{
	bool base64 = !*value || strchr(value, '/') || !strcmp(value, ".") || !strcmp(value, "..");

	text_appendf(out, "/%s%s/", name, base64 ? "@base64" : "");
	if (base64)
		append_base64(out, value);
	else
		append_percent(out, value);
}

void push_path_append(struct text *out, const char *job, const struct push_label *labels, size_t count)
{
	const struct push_label *sorted[LABELS_MAX] = { NULL };
	size_t kept = 0;

	for (size_t i = 0; i < count && kept < LABELS_MAX; i++) {
		size_t place = kept++;

		for (; place && strcmp(sorted[place - 1]->name, labels[i].name) > 0; place--)
			sorted[place] = sorted[place - 1];
		sorted[place] = &labels[i];
	}
	text_append(out, "/metrics");
	append_label(out, "job", job);
	for (size_t i = 0; i < kept; i++)
		append_label(out, sorted[i]->name, sorted[i]->value);
}
