/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of Keystone and Gnocchi: whatever comes, a token is one that fits a header, or there is none. */
#include <string.h>

#include "export/openstack_internal.h"
#include "target.h"

static void check_token(enum openstack_api api, const struct text *answer, const char *header)
{
	static struct token token;
	size_t length;

	if (keystone_token(api, answer, header, 1700000000000000000ULL, &token))
		return;
	HOLD(memchr(token.id, '\0', sizeof(token.id)));
	length = strlen(token.id);
	HOLD(length > 0);
	for (size_t i = 0; i < length; i++)
		HOLD(token.id[i] > ' ' && token.id[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const struct openstack_config config = { .resource_id = "gw" };
	struct text answer = TEXT_EMPTY;
	char header[64] = "";

	if (size > ANSWER_MAX)
		return 0;
	memcpy(header, input, size < sizeof(header) - 1 ? size : sizeof(header) - 1);
	text_append_bytes(&answer, input, size);
	check_token(OPENSTACK_GNOCCHI, &answer, header);
	check_token(OPENSTACK_GNOCCHI, &answer, "abc");
	check_token(OPENSTACK_CEILOMETER_V2, &answer, "");
	(void)gnocchi_lacks_resource(&config, &answer, "eth0");
	text_free(&answer);
	return 0;
}
