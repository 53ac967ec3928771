/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request's headers ask for and whom they name: pure functions of their text. A header may be NULL: it is absent. */
#ifndef FLOWGAUGE_HTTP_NEGOTIATE_H
#define FLOWGAUGE_HTTP_NEGOTIATE_H

#include <stdbool.h>

bool accepts_gzip(const char *accept_encoding);
/* OpenMetrics 1.0 is named, and no less wanted than the older text format. */
bool prefers_openmetrics(const char *accept);
/* The Host header names this machine's loopback: localhost, 127.0.0.0/8 or [::1], with any port or none. */
bool host_is_loopback(const char *host);
/* The Origin header names the same host and port as the Host header. */
bool origin_is_host(const char *origin, const char *host);

#endif
