/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "export/http_negotiate.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PROMETHEUS_2                                                                                    \
	"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," \
	"text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
#define PROMETHEUS_3                                                                                            \
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"                                \
	"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," \
	"text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

static void test_gzip(void **state)
{
	static const struct {
		const char *header;
		bool accepts;
	} rows[] = {
		{ NULL, false },          { "", false },
		{ "gzip", true },         { "GZip", true },
		{ "x-gzip", true },       { "deflate, gzip;q=1.0, *;q=0.5", true },
		{ "gzip;q=0", false },    { "gzip; q=0.000", false },
		{ "gzip;q=0.001", true }, { "gzip ; q=0.5", true },
		{ "gzip;Q=0", false },    { "*", true },
		{ "*;q=0", false },       { "gzip;q=0, *", false },
		{ "*;q=0, gzip", true },  { "identity", false },
		{ "br, zstd", false },    { "notgzip", false },
		{ "gzipped", false },     { ",,gzip", true },
		{ "gzip;q=much", false }, { "gzip;q=0.0001", false },
		{ ";;;,;q=1,=", false },
	};
	(void)state;

	for (size_t i = 0; i < ROWS(rows); i++)
		if (accepts_gzip(rows[i].header) != rows[i].accepts)
			fail_msg("Accept-Encoding: %s", rows[i].header ? rows[i].header : "(none)");
}

static void test_openmetrics(void **state)
{
	static const struct {
		const char *header;
		bool prefers;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", false },
		{ "text/plain", false },
		{ "application/openmetrics-text", true },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8", true },
		{ "application/openmetrics-text; version=\"1.0.0\"", true },
		{ "Application/OpenMetrics-Text;Version=1.0.0", true },
		{ "application/openmetrics-text;version=0.0.1", false },
		{ "application/openmetrics-text;version=2.0.0,text/plain", false },
		{ "application/openmetrics-text;q=0", false },
		{ "application/openmetrics-text;q=0.4,text/plain;version=0.0.4;q=0.5", false },
		{ "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.5", true },
		{ "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=1.0.0;q=0.9", true },
		{ "application/openmetrics-text;q=0.1,*/*;q=0.9", false },
		{ "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false },
		{ PROMETHEUS_2, true },
		{ PROMETHEUS_3, true },
	};
	(void)state;

	for (size_t i = 0; i < ROWS(rows); i++)
		if (prefers_openmetrics(rows[i].header) != rows[i].prefers)
			fail_msg("Accept: %s", rows[i].header ? rows[i].header : "(none)");
}

static void test_host(void **state)
{
	static const struct {
		const char *host;
		bool loopback;
	} rows[] = {
		{ "localhost", true },
		{ "localhost:8080", true },
		{ "LocalHost:1", true },
		{ "127.0.0.1", true },
		{ "127.0.0.1:8080", true },
		{ "127.1.2.3:80", true },
		{ "[::1]", true },
		{ "[::1]:8080", true },
		{ NULL, false },
		{ "", false },
		{ ":8080", false },
		{ "::1", false },
		{ "localhost.evil.org", false },
		{ "evil.org", false },
		{ "evil.org:8080", false },
		{ "127.0.0.1.evil.org", false },
		{ "127.0.0.1:80:80", false },
		{ "localhost:evil", false },
		{ "localhost@evil.org", false },
		{ "10.0.0.1", false },
		{ "[::2]", false },
		{ "[::1]evil", false },
		{ "[::1].evil:80", false },
		{ "0x7f.1", false },
	};
	(void)state;

	for (size_t i = 0; i < ROWS(rows); i++)
		if (host_is_loopback(rows[i].host) != rows[i].loopback)
			fail_msg("Host: %s", rows[i].host ? rows[i].host : "(none)");
}

static void test_origin(void **state)
{
	static const struct {
		const char *origin, *host;
		bool same;
	} rows[] = {
		{ "http://localhost:8080", "localhost:8080", true },
		{ "https://Localhost:8080", "localhost:8080", true },
		{ "http://[::1]:8080", "[::1]:8080", true },
		{ "http://localhost:8081", "localhost:8080", false },
		{ "http://evil.org", "localhost:8080", false },
		{ "http://localhost:8080.evil.org", "localhost:8080", false },
		{ "null", "localhost:8080", false },
		{ "localhost:8080", "localhost:8080", false },
		{ "", "", false },
		{ "://", "", false },
		{ "http://localhost", NULL, false },
		{ NULL, "localhost", false },
	};
	(void)state;

	for (size_t i = 0; i < ROWS(rows); i++)
		if (origin_is_host(rows[i].origin, rows[i].host) != rows[i].same)
			fail_msg("Origin: %s, Host: %s", rows[i].origin, rows[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
