/* SPDX-License-Identifier: BSD-2-Clause */
/* What is where, and who may have it. Each answer is made at once: nothing here waits for anything. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/number.h"
#include "export/http_internal.h"
#include "export/http_negotiate.h"
#include "web_index.h"

#define BODY_MAX 65536 /* bytes of a request's body, which is read and not looked at */
#define TEXT_TYPE "text/plain; charset=utf-8"
#define READERS_METHODS "GET, HEAD"
#define RELOAD_METHODS "POST"
#define NONCE_MARK "NONCE-OF-THIS-ANSWER" /* in the page, wherever a script or a style begins */
#define NONCE_BYTES 16

struct exchange {
	struct http *http;
	struct MHD_Connection *connection;
};

struct route {
	const char *path;
	const char *methods;
	const char *what;
	enum MHD_Result (*answer)(const struct exchange *exchange);
};

static const char *request_header(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* Takes the text. One more header if `name` is not NULL. MHD_NO ends the connection: there is no memory for less. */
static enum MHD_Result reply(const struct exchange *exchange, unsigned int status, const char *type, struct text *text,
			     const char *name, const char *value)
{
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response;
	size_t length = text->length;
	char *bytes = text_steal(text);

	if (!bytes)
		return MHD_NO;
	response = MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(bytes);
		return MHD_NO;
	}
	if (response_headers(response, type) == MHD_YES &&
	    (!name || MHD_add_response_header(response, name, value) == MHD_YES))
		result = MHD_queue_response(exchange->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_line(const struct exchange *exchange, unsigned int status, const char *line)
{
	struct text text = TEXT_EMPTY;

	text_append(&text, line);
	text_append_char(&text, '\n');
	return reply(exchange, status, TEXT_TYPE, &text, NULL, NULL);
}

/* --- documents of the report --- */

static enum encoding encoding_for(const struct exchange *exchange)
{
	bool gzip = accepts_gzip(request_header(exchange, MHD_HTTP_HEADER_ACCEPT_ENCODING));

	return gzip ? ENCODING_GZIP : ENCODING_IDENTITY;
}

/* Why there is no document. */
static enum MHD_Result reply_no_document(const struct exchange *exchange, int error)
{
	struct text text = TEXT_EMPTY;

	switch (error) {
	case -ENODATA:
		text_append(&text, "there is no report yet: ask again after a tick\n");
		break;
	case -EBUSY:
		text_append(&text, "too much is still being read by slow clients: ask again in a second\n");
		break;
	default:
		return reply_line(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	return reply(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, TEXT_TYPE, &text, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

static enum MHD_Result reply_document(const struct exchange *exchange, enum document document, size_t top)
{
	struct MHD_Response *response;
	int error = documents_get(&exchange->http->documents, document, top, encoding_for(exchange), &response);

	return error ? reply_no_document(exchange, error) :
		       MHD_queue_response(exchange->connection, MHD_HTTP_OK, response);
}

static enum MHD_Result answer_metrics(const struct exchange *exchange)
{
	bool openmetrics = prefers_openmetrics(request_header(exchange, MHD_HTTP_HEADER_ACCEPT));

	return reply_document(exchange, openmetrics ? DOCUMENT_OPENMETRICS : DOCUMENT_METRICS, 0);
}

static enum MHD_Result answer_totals(const struct exchange *exchange)
{
	return reply_document(exchange, DOCUMENT_TOTALS, 0);
}

static enum MHD_Result answer_groups(const struct exchange *exchange)
{
	return reply_document(exchange, DOCUMENT_GROUPS, 0);
}

static enum MHD_Result answer_probes(const struct exchange *exchange)
{
	return reply_document(exchange, DOCUMENT_PROBES, 0);
}

static enum MHD_Result answer_rates(const struct exchange *exchange)
{
	return reply_document(exchange, DOCUMENT_RATES, 0);
}

static enum MHD_Result answer_rtt(const struct exchange *exchange)
{
	return reply_document(exchange, DOCUMENT_RTT, 0);
}

struct arguments {
	struct flows_query query;
	struct text error;
};

static enum MHD_Result take_argument(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct arguments *arguments = context;

	(void)kind;
	return flows_query_take(&arguments->query, key, value ? value : "", FLOWS_TOP_MAX, &arguments->error) ? MHD_NO :
														MHD_YES;
}

/* Takes the line. */
static enum MHD_Result reply_bad_query(const struct exchange *exchange, struct text *line)
{
	text_append_char(line, '\n');
	return reply(exchange, MHD_HTTP_BAD_REQUEST, TEXT_TYPE, line, NULL, NULL);
}

static enum MHD_Result reply_page(const struct exchange *exchange, const struct flows_query *query)
{
	struct text line = TEXT_EMPTY;
	struct MHD_Response *response;
	enum MHD_Result result;
	int error = documents_page(&exchange->http->documents, query, &exchange->http->hooks.match,
				   encoding_for(exchange), &response, &line);

	if (error == -EINVAL)
		return reply_bad_query(exchange, &line);
	if (error)
		return reply_no_document(exchange, error);
	result = MHD_queue_response(exchange->connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_flows(const struct exchange *exchange)
{
	struct arguments arguments = { 0 };
	const struct flows_query *query = &arguments.query;

	MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, take_argument, &arguments);
	if (arguments.error.length)
		return reply_bad_query(exchange, &arguments.error);
	if (!flows_query_is_plain(query))
		return reply_page(exchange, query);
	return reply_document(exchange, DOCUMENT_FLOWS, query->top ? query->top : FLOWS_TOP_DEFAULT);
}

/* --- what only the application knows --- */

static enum MHD_Result answer_status(const struct exchange *exchange)
{
	const struct http_hooks *hooks = &exchange->http->hooks;
	struct text text = TEXT_EMPTY;

	hooks->status(hooks->context, &text);
	text_append_char(&text, '\n');
	return reply(exchange, MHD_HTTP_OK, "application/json", &text, NULL, NULL);
}

static enum MHD_Result answer_healthy(const struct exchange *exchange)
{
	return reply_line(exchange, MHD_HTTP_OK, "flowgauge is healthy.");
}

static enum MHD_Result answer_ready(const struct exchange *exchange)
{
	const struct http_hooks *hooks = &exchange->http->hooks;
	struct text text = TEXT_EMPTY, why_not = TEXT_EMPTY;
	bool ready = hooks->ready(hooks->context, &why_not);

	if (ready)
		text_append(&text, "flowgauge is ready.\n");
	else
		text_appendf(&text, "flowgauge is not ready: %s\n", why_not.length ? why_not.bytes : "it is starting");
	text_free(&why_not);
	return reply(exchange, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, TEXT_TYPE, &text, NULL, NULL);
}

/* A page of another site can send a POST, but not without saying where it comes from. */
static enum MHD_Result answer_reload(const struct exchange *exchange)
{
	const struct http_hooks *hooks = &exchange->http->hooks;
	const char *origin = request_header(exchange, MHD_HTTP_HEADER_ORIGIN);
	struct text line = TEXT_EMPTY;
	int error;

	if (origin && !origin_is_host(origin, request_header(exchange, MHD_HTTP_HEADER_HOST)))
		return reply_line(exchange, MHD_HTTP_FORBIDDEN,
				  "a page of another site may not reload the configuration");
	error = hooks->reload(hooks->context, &line);
	if (!error) {
		text_free(&line);
		return reply_line(exchange, MHD_HTTP_OK, "reloaded");
	}
	if (!line.length)
		text_append(&line, strerror(-error));
	text_append_char(&line, '\n');
	return reply(exchange, error == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_INTERNAL_SERVER_ERROR, TEXT_TYPE,
		     &line, NULL, NULL);
}

/* --- the page --- */

/* No script or style runs but the page's own, which bear a number that nobody could know beforehand. */
static void append_nonce(struct text *nonce)
{
	unsigned char random[NONCE_BYTES];

	/* It does not block once the machine has booted, and this many bytes come whole. */
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
		nonce->failed = true;
		return;
	}
	for (size_t i = 0; i < sizeof(random); i++)
		text_appendf(nonce, "%02x", random[i]);
}

static void append_page(struct text *out, const struct text *nonce)
{
	const char *rest = (const char *)web_index_html, *end = rest + web_index_html_len;
	const char *mark;

	while ((mark = memmem(rest, (size_t)(end - rest), NONCE_MARK, strlen(NONCE_MARK)))) {
		text_append_bytes(out, rest, (size_t)(mark - rest));
		text_append_bytes(out, nonce->bytes, nonce->length);
		rest = mark + strlen(NONCE_MARK);
	}
	text_append_bytes(out, rest, (size_t)(end - rest));
}

static enum MHD_Result answer_page(const struct exchange *exchange)
{
	struct text nonce = TEXT_EMPTY, policy = TEXT_EMPTY, page = TEXT_EMPTY;
	enum MHD_Result result = MHD_NO;

	append_nonce(&nonce);
	if (!nonce.failed) {
		append_page(&page, &nonce);
		text_appendf(&policy,
			     "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; img-src data:; "
			     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			     nonce.bytes, nonce.bytes);
	}
	if (!nonce.failed && !policy.failed && !page.failed)
		result = reply(exchange, MHD_HTTP_OK, "text/html; charset=utf-8", &page,
			       MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY, policy.bytes);
	text_free(&page);
	text_free(&policy);
	text_free(&nonce);
	return result;
}

/* --- finding the way --- */

static const struct route routes[] = {
	{ "/", READERS_METHODS, "the live page", answer_page },
	{ "/metrics", READERS_METHODS, "for Prometheus: text 0.0.4 or OpenMetrics 1.0, gzip", answer_metrics },
	{ "/api/v1/status", READERS_METHODS, "the monitor and its interfaces", answer_status },
	{ "/api/v1/flows", READERS_METHODS, "the flows, ?top=N of them, sort=KEY, match=RULE, offset=N", answer_flows },
	{ "/api/v1/totals", READERS_METHODS, "the ledger per interface and direction", answer_totals },
	{ "/api/v1/groups", READERS_METHODS, "the configured groups of flows", answer_groups },
	{ "/api/v1/probes", READERS_METHODS, "what is pinged, and its round-trip times", answer_probes },
	{ "/api/v1/rates", READERS_METHODS, "the rate monitor per interface", answer_rates },
	{ "/api/v1/rtt", READERS_METHODS, "round-trip times of the traffic, and hops", answer_rtt },
	{ "/-/healthy", READERS_METHODS, "200 while the monitor runs", answer_healthy },
	{ "/-/ready", READERS_METHODS, "200 once all programs are attached", answer_ready },
	{ "/-/reload", RELOAD_METHODS, "reads the configuration again (POST)", answer_reload },
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

static enum MHD_Result answer_not_found(const struct exchange *exchange)
{
	struct text text = TEXT_EMPTY;

	text_append(&text, "not found; there is\n");
	for (size_t i = 0; i < ROUTES; i++)
		text_appendf(&text, "%-16s %s\n", routes[i].path, routes[i].what);
	return reply(exchange, MHD_HTTP_NOT_FOUND, TEXT_TYPE, &text, NULL, NULL);
}

/* "GET" is among "GET, HEAD". */
static bool is_allowed(const char *methods, const char *method)
{
	const char *found = strstr(methods, method);
	size_t length = strlen(method);

	return length && found && (found == methods || found[-1] == ' ') && (!found[length] || found[length] == ',');
}

static enum MHD_Result answer_wrong_method(const struct exchange *exchange, const struct route *route)
{
	struct text text = TEXT_EMPTY;

	text_appendf(&text, "%s takes %s\n", route->path, route->methods);
	return reply(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT_TYPE, &text, MHD_HTTP_HEADER_ALLOW, route->methods);
}

static enum MHD_Result answer(const struct exchange *exchange, const char *path, const char *method)
{
	const char *host = request_header(exchange, MHD_HTTP_HEADER_HOST);

	/* A page elsewhere may have its own name resolve to this machine; then that name stands here. Old clients name none. */
	if (exchange->http->loopback && host && !host_is_loopback(host))
		return reply_line(
			exchange, MHD_HTTP_FORBIDDEN,
			"this monitor listens on loopback: ask for localhost, 127.0.0.1 or [::1], not for another host");
	for (size_t i = 0; i < ROUTES; i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (!is_allowed(routes[i].methods, method))
			return answer_wrong_method(exchange, &routes[i]);
		return routes[i].answer(exchange);
	}
	return answer_not_found(exchange);
}

static bool announces_large_body(const struct exchange *exchange)
{
	const char *length = request_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t bytes;

	return length && number_parse_u64(length, 0, BODY_MAX, &bytes);
}

/*
 * Called with a request's headers, with each part of its body, and at its end, when it is to be answered. *request
 * counts: 1, and each byte of the body.
 */
enum MHD_Result http_answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
			    const char *version, const char *upload, size_t *upload_size, void **request)
{
	const struct exchange exchange = { context, connection };
	uintptr_t count = (uintptr_t)*request;

	(void)version;
	(void)upload;
	if (!count) {
		if (announces_large_body(&exchange))
			return reply_line(&exchange, MHD_HTTP_CONTENT_TOO_LARGE, "no request here needs a body");
		*request = (void *)(uintptr_t)1;
		return MHD_YES;
	}
	if (!*upload_size)
		return answer(&exchange, url, method);
	count += *upload_size;
	if (count > BODY_MAX + 1)
		return MHD_NO;
	*upload_size = 0;
	*request = (void *)count;
	return MHD_YES;
}
