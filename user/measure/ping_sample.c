/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/ping_sample.h"

#include <stdlib.h>

const char *const ping_error_names[PING_ERROR_KINDS] = {
	[PING_NET_UNREACHABLE] = "net_unreachable",
	[PING_HOST_UNREACHABLE] = "host_unreachable",
	[PING_PROHIBITED] = "prohibited",
	[PING_TOO_BIG] = "too_big",
	[PING_TTL_EXCEEDED] = "ttl_exceeded",
	[PING_PARAMETER_PROBLEM] = "parameter_problem",
	[PING_LOCAL] = "local",
};

struct ping_sample *ping_sample_free(struct ping_sample *sample)
{
	if (!sample)
		return NULL;
	free(sample->pings);
	free(sample->rounds);
	free(sample->errors);
	free(sample->texts);
	free(sample);
	return NULL;
}
