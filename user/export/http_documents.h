/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Documents made of a report: each is rendered when it is first asked for, kept until the next report, and lives on
 * for as long as a slow client is still reading it.
 */
#ifndef FLOWGAUGE_HTTP_DOCUMENTS_H
#define FLOWGAUGE_HTTP_DOCUMENTS_H

#include <microhttpd.h>

#include "export/flows_page.h"
#include "export/prometheus.h"

enum document {
	DOCUMENT_METRICS,
	DOCUMENT_OPENMETRICS,
	DOCUMENT_FLOWS,
	DOCUMENT_TOTALS,
	DOCUMENT_GROUPS,
	DOCUMENT_PROBES,
	DOCUMENT_RATES,
	DOCUMENT_RTT,
	DOCUMENTS
};
enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODINGS };

struct kept_document {
	struct MHD_Response *response; /* NULL: not made yet */
	const char *bytes;             /* the response's own */
	size_t length;
};

struct documents {
	struct report *report; /* a reference; NULL: none was shown yet */
	struct prometheus_config prometheus;
	struct kept_document kept[DOCUMENTS][ENCODINGS];
	size_t flows_top; /* of the kept document of flows */
	size_t bytes;     /* of all documents, those still being read too */
};

void documents_show(struct documents *documents, struct report *report);
void documents_configure(struct documents *documents, const struct prometheus_config *config);
/* No response may be in use any more. */
void documents_close(struct documents *documents);

/*
 * `top`: how many flows DOCUMENT_FLOWS holds. The response stays the documents': the caller queues it, and no more.
 * -ENODATA: there is no report yet; -EBUSY: slow clients hold too much; -ENOMEM.
 */
int documents_get(struct documents *documents, enum document document, size_t top, enum encoding encoding,
		  struct MHD_Response **out);

/*
 * A page of flows that is not kept, as there are more of them than anybody could keep; as long as it is read it counts
 * like those that are. The caller queues and destroys the response. As above, and -EINVAL with one line: a bad rule.
 */
int documents_page(struct documents *documents, const struct flows_query *query, const struct flows_match *match,
		   enum encoding encoding, struct MHD_Response **out, struct text *error);

/* Headers of every answer: nothing is stored, sniffed, or shown to other sites. */
enum MHD_Result response_headers(struct MHD_Response *response, const char *content_type);

#endif
