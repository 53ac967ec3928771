/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response of libmicrohttpd counts its users, so a kept document is one that nobody needs to copy: each client that
 * asks for it reads the same bytes. A client that reads slowly keeps its document alive beyond the tick. How much may
 * be alive is bounded, as otherwise a few hundred sleeping clients, each with another tick's page, would eat the memory.
 */
#include "export/http_documents.h"

#include <errno.h>
#include <stdlib.h>

#include "export/gzip.h"
#include "export/json_pings.h"
#include "export/json_records.h"
#include "export/json_rtt.h"
#include "export/rate_records.h"

#define ALIVE_BYTES_MAX ((size_t)64 << 20)

static const char *const content_types[DOCUMENTS] = {
	[DOCUMENT_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
	[DOCUMENT_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	[DOCUMENT_FLOWS] = "application/json",
	[DOCUMENT_TOTALS] = "application/json",
	[DOCUMENT_GROUPS] = "application/json",
	[DOCUMENT_PROBES] = "application/json",
	[DOCUMENT_RATES] = "application/json",
	[DOCUMENT_RTT] = "application/json",
};

/* Who is told when a document's last reader is done. */
struct body {
	struct documents *documents;
	char *bytes;
	size_t length;
};

static void body_free(void *context)
{
	struct body *body = context;

	body->documents->bytes -= body->length;
	free(body->bytes);
	free(body);
}

enum MHD_Result response_headers(struct MHD_Response *response, const char *content_type)
{
	static const char *const common[][2] = {
		{ MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
		{ MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff" },
		{ MHD_HTTP_HEADER_CROSS_ORIGIN_RESOURCE_POLICY, "same-origin" },
	};

	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) != MHD_YES)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (MHD_add_response_header(response, common[i][0], common[i][1]) != MHD_YES)
			return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result document_headers(struct MHD_Response *response, enum document document, enum encoding encoding)
{
	bool negotiated = document == DOCUMENT_METRICS || document == DOCUMENT_OPENMETRICS;

	if (response_headers(response, content_types[document]) != MHD_YES)
		return MHD_NO;
	if (encoding == ENCODING_GZIP &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip") != MHD_YES)
		return MHD_NO;
	return MHD_add_response_header(response, MHD_HTTP_HEADER_VARY,
				       negotiated ? "Accept, Accept-Encoding" : "Accept-Encoding");
}

/* Takes the bytes, also on failure. */
static struct MHD_Response *respond(struct documents *documents, enum document document, enum encoding encoding,
				    char *bytes, size_t length)
{
	struct body *body = malloc(sizeof(*body));
	struct MHD_Response *response;

	if (!body) {
		free(bytes);
		return NULL;
	}
	*body = (struct body){ documents, bytes, length };
	documents->bytes += length;
	response = MHD_create_response_from_buffer_with_free_callback_cls(length, bytes, body_free, body);
	if (!response) {
		body_free(body);
		return NULL;
	}
	if (document_headers(response, document, encoding) != MHD_YES) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

/* Takes the bytes, also on failure. */
static int keep(struct documents *documents, enum document document, enum encoding encoding, char *bytes, size_t length)
{
	struct MHD_Response *response = respond(documents, document, encoding, bytes, length);

	if (!response)
		return -ENOMEM;
	documents->kept[document][encoding] = (struct kept_document){ response, bytes, length };
	return 0;
}

static void drop(struct documents *documents, enum document document)
{
	for (int encoding = 0; encoding < ENCODINGS; encoding++) {
		struct kept_document *kept = &documents->kept[document][encoding];

		if (kept->response)
			MHD_destroy_response(kept->response);
		*kept = (struct kept_document){ 0 };
	}
}

static void drop_all(struct documents *documents)
{
	for (int document = 0; document < DOCUMENTS; document++)
		drop(documents, (enum document)document);
}

static void render(const struct documents *documents, enum document document, struct text *out)
{
	switch (document) {
	case DOCUMENT_METRICS:
		prometheus_render(&documents->prometheus, documents->report, EXPOSITION_TEXT, out);
		break;
	case DOCUMENT_OPENMETRICS:
		prometheus_render(&documents->prometheus, documents->report, EXPOSITION_OPENMETRICS, out);
		break;
	case DOCUMENT_FLOWS:
		flows_page_render(documents->report, &(struct flows_query){ .top = documents->flows_top }, NULL, out,
				  NULL);
		text_append_char(out, '\n');
		break;
	case DOCUMENT_GROUPS:
		record_groups_document(documents->report, out);
		text_append_char(out, '\n');
		break;
	case DOCUMENT_PROBES:
		record_probes_document(documents->report, out);
		text_append_char(out, '\n');
		break;
	case DOCUMENT_RTT:
		record_rtt_document(documents->report, out);
		text_append_char(out, '\n');
		break;
	case DOCUMENT_RATES:
		record_rates_document(&documents->report->rates, documents->report->time_ns, out);
		text_append_char(out, '\n');
		break;
	default:
		record_totals_document(documents->report, out);
		text_append_char(out, '\n');
	}
}

static int make_plain(struct documents *documents, enum document document)
{
	struct text text = TEXT_EMPTY;
	size_t length;
	char *bytes;

	render(documents, document, &text);
	length = text.length;
	bytes = text_steal(&text);
	return bytes ? keep(documents, document, ENCODING_IDENTITY, bytes, length) : -ENOMEM;
}

/* The plain text is kept only if somebody asked for it. */
static int make_compressed(struct documents *documents, enum document document)
{
	const struct kept_document *plain = &documents->kept[document][ENCODING_IDENTITY];
	struct text text = TEXT_EMPTY;
	size_t length;
	char *bytes;
	int error;

	if (plain->response) {
		error = gzip_compress(plain->bytes, plain->length, &bytes, &length);
	} else {
		render(documents, document, &text);
		error = text.failed ? -ENOMEM : gzip_compress(text.bytes, text.length, &bytes, &length);
		text_free(&text);
	}
	return error ? error : keep(documents, document, ENCODING_GZIP, bytes, length);
}

int documents_get(struct documents *documents, enum document document, size_t top, enum encoding encoding,
		  struct MHD_Response **out)
{
	struct kept_document *kept = &documents->kept[document][encoding];
	int error = 0;

	if (!documents->report)
		return -ENODATA;
	if (document == DOCUMENT_FLOWS && top != documents->flows_top) {
		drop(documents, document);
		documents->flows_top = top;
	}
	if (!kept->response) {
		if (documents->bytes > ALIVE_BYTES_MAX)
			return -EBUSY;
		error = encoding == ENCODING_GZIP ? make_compressed(documents, document) :
						    make_plain(documents, document);
	}
	if (!error)
		*out = kept->response;
	return error;
}

int documents_page(struct documents *documents, const struct flows_query *query, const struct flows_match *match,
		   enum encoding encoding, struct MHD_Response **out, struct text *error)
{
	struct text text cleanup(text_free) = TEXT_EMPTY;
	size_t length;
	char *bytes;
	int result;

	if (!documents->report)
		return -ENODATA;
	if (documents->bytes > ALIVE_BYTES_MAX)
		return -EBUSY;
	result = flows_page_render(documents->report, query, match, &text, error);
	if (result)
		return result;
	text_append_char(&text, '\n');
	length = text.length;
	if (encoding == ENCODING_IDENTITY || text.failed)
		bytes = text_steal(&text);
	else if (gzip_compress(text.bytes, text.length, &bytes, &length))
		bytes = NULL;
	*out = bytes ? respond(documents, DOCUMENT_FLOWS, encoding, bytes, length) : NULL;
	return *out ? 0 : -ENOMEM;
}

void documents_show(struct documents *documents, struct report *report)
{
	struct report *before = documents->report;

	drop_all(documents);
	documents->report = report ? report_reference(report) : NULL;
	report_release(before);
}

void documents_configure(struct documents *documents, const struct prometheus_config *config)
{
	drop_all(documents);
	documents->prometheus = *config;
}

void documents_close(struct documents *documents)
{
	drop_all(documents);
	documents->report = report_release(documents->report);
}
