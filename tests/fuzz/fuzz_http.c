/* SPDX-License-Identifier: BSD-2-Clause */
/* The headers of HTTP requests: any text is judged, and a page elsewhere is never taken for one of this machine. */
#include <string.h>

#include "base/number.h"
#include "export/http_negotiate.h"
#include "target.h"

/* The input's two lines, as two strings of their very sizes. */
static char *copy(const uint8_t *from, size_t length)
{
	char *text = malloc(length + 1);

	HOLD(text);
	if (length)
		memcpy(text, from, length);
	text[length] = '\0';
	return text;
}

/* White space around it aside: localhost, 127 and three more numbers, or [::1]; then a port, or nothing. */
static void check_host(const char *host)
{
	if (!host_is_loopback(host))
		return;
	host += strspn(host, " \t");
	if (!strncasecmp(host, "localhost", 9))
		host += 9;
	else if (!strncmp(host, "[::1]", 5))
		host += 5;
	else
		HOLD(!strncmp(host, "127.", 4));
	HOLD(strspn(host, ".:0123456789 \t") == strlen(host));
}

static void check_number(const char *text)
{
	uint64_t number = 0;

	if (!number_parse_u64(text, 1, 100, &number))
		HOLD(number >= 1 && number <= 100 && strspn(text, "+0123456789") == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const uint8_t *line = size ? memchr(input, '\n', size) : NULL;
	size_t first = line ? (size_t)(line - input) : size;
	char *a = copy(input, first), *b = line ? copy(line + 1, size - first - 1) : NULL;

	accepts_gzip(a);
	prefers_openmetrics(a);
	check_host(a);
	check_number(a);
	if (b && origin_is_host(a, b))
		HOLD(*b && strcasestr(a, b));
	free(a);
	free(b);
	return 0;
}
