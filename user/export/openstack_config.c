/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/openstack_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Empty, so that nobody has to ask, where there is no memory; the caller learns of it all the same. */
static int keep(struct openstack_config_copy *copy, const char **string)
{
	char *own = strdup(*string ? *string : "");

	*string = own ? own : "";
	if (!own)
		return -ENOMEM;
	copy->strings[copy->count++] = own;
	return 0;
}

static void cut_end(char *string, const char *end)
{
	size_t length = strlen(string), cut = strlen(end);

	/* Behind a slash it is no version, but a host of that name: http://v3. */
	if (length > cut && string[length - cut - 1] != '/' && !strcmp(string + length - cut, end))
		string[length - cut] = '\0';
}

/* People give Keystone's address as OS_AUTH_URL has it, with the version, and with or without a slash at the end. */
static void cut_version(char *url)
{
	static const char *const versions[] = { "/v3", "/v2.0", "/v2", "/v1" };

	while (*url && url[strlen(url) - 1] == '/')
		url[strlen(url) - 1] = '\0';
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		cut_end(url, versions[i]);
}

int openstack_config_keep(const struct openstack_config *config, struct openstack_config_copy *out)
{
	struct openstack_config *mine = &out->config;
	const char **strings[] = {
		&mine->auth_url,       &mine->url, /* the first two are addresses */
		&mine->username,       &mine->user_domain,
		&mine->project,        &mine->project_domain,
		&mine->password_file,  &mine->password_environment,
		&mine->resource_id,    &mine->project_id,
		&mine->user_id,        &mine->meter_name,
		&mine->archive_policy, &mine->ca_file,
	};
	int error = 0;

	*out = (struct openstack_config_copy){ .config = *config };
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		error = keep(out, strings[i]) ? -ENOMEM : error;
	if (error)
		return error;
	cut_version(out->strings[0]);
	cut_version(out->strings[1]);
	return 0;
}

void openstack_config_forget(struct openstack_config_copy *copy)
{
	while (copy->count)
		free(copy->strings[--copy->count]);
}
