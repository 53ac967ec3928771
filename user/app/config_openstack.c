/* SPDX-License-Identifier: BSD-2-Clause */
/* "openstack": {…}: where records of the rate monitor go, as whom, and what must be there together. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/config_reading.h"
#include "app/config_values.h"

#define API_RIGHT "\"gnocchi\", \"ceilometer-v2\" or \"off\""
#define URL_RIGHT \
	"an address such as \"http://controller:5000\": http or https, without a user, a password, spaces, ? and #"
#define HOST_RIGHT "a host's name or address, such as \"10.0.0.11\" or \"[fd00::11]\""
#define NAME_RIGHT "a string of 1 to 255 bytes"
#define ID_RIGHT "a string of 1 to 200 bytes without slashes"
#define METER_RIGHT "1 to 255 letters, digits, dots, underscores and hyphens"
#define PATH_RIGHT "the path of a file, from / on, of at most 4095 bytes"

static bool is_name(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static bool is_identifier(const char *text)
{
	return is_name(text) && !strchr(text, '/');
}

static bool is_meter(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
			return false;
	return true;
}

static bool is_host(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(".-_:[]", *text))
			return false;
	return true;
}

static bool is_url(const char *text)
{
	size_t scheme = !strncmp(text, "http://", 7) ? 7 : !strncmp(text, "https://", 8) ? 8 : 0;

	if (!scheme || !text[scheme] || text[scheme] == '/')
		return false;
	for (text += scheme; *text; text++)
		if (!isgraph((unsigned char)*text) || strchr("@?#\"\\", *text))
			return false;
	return true;
}

static bool is_path(const char *text)
{
	return *text == '/' && is_name(text);
}

#define TEXT_FIELD(member) offsetof(struct config, openstack.member), sizeof(((struct config *)0)->openstack.member)

static const struct {
	const char *name;
	size_t field, size;
	size_t most; /* bytes; 0: what there is room for */
	bool (*is_right)(const char *text);
	const char *right;
} texts[] = {
	{ "openstack.controller", TEXT_FIELD(controller), 0, is_host, HOST_RIGHT },
	{ "openstack.auth_url", TEXT_FIELD(auth_url), 0, is_url, URL_RIGHT },
	{ "openstack.url", TEXT_FIELD(url), 0, is_url, URL_RIGHT },
	{ "openstack.username", TEXT_FIELD(username), 0, is_name, NAME_RIGHT },
	{ "openstack.user_domain", TEXT_FIELD(user_domain), 0, is_name, NAME_RIGHT },
	{ "openstack.project", TEXT_FIELD(project), 0, is_name, NAME_RIGHT },
	{ "openstack.project_domain", TEXT_FIELD(project_domain), 0, is_name, NAME_RIGHT },
	{ "openstack.password_file", TEXT_FIELD(password_file), 0, is_path, PATH_RIGHT },
	{ "openstack.password_environment", TEXT_FIELD(password_environment), 0, is_name, NAME_RIGHT },
	{ "openstack.resource_id", TEXT_FIELD(resource_id), 200, is_identifier, ID_RIGHT },
	{ "openstack.project_id", TEXT_FIELD(project_id), 0, is_name, NAME_RIGHT },
	{ "openstack.user_id", TEXT_FIELD(user_id), 0, is_name, NAME_RIGHT },
	{ "openstack.meter", TEXT_FIELD(meter), 0, is_meter, METER_RIGHT },
	{ "openstack.archive_policy", TEXT_FIELD(archive_policy), 0, is_name, NAME_RIGHT },
	{ "openstack.ca_file", TEXT_FIELD(ca_file), 0, is_path, PATH_RIGHT },
};

static void set(char *field, const char *value)
{
	memcpy(field, value, strlen(value) + 1);
}

void config_default_openstack(struct config_openstack *openstack)
{
	memset(openstack, 0, sizeof(*openstack));
	set(openstack->user_domain, "Default");
	set(openstack->project_domain, "Default");
	set(openstack->password_environment, "OS_PASSWORD");
	set(openstack->meter, "flowgauge.rate");
	openstack->queue = 1000;
	openstack->timeout_seconds = 10;
}

static int read_api(struct config_reading *reading, const char *key, const cJSON *node)
{
	struct config_openstack *openstack = &reading->config->openstack;
	const char *text = cJSON_IsString(node) ? node->valuestring : "";

	if (!strcmp(text, "gnocchi"))
		openstack->api = OPENSTACK_GNOCCHI;
	else if (!strcmp(text, "ceilometer-v2"))
		openstack->api = OPENSTACK_CEILOMETER_V2;
	else if (!strcmp(text, "off"))
		openstack->api = OPENSTACK_OFF;
	else
		return config_refuse_value(reading, node, key, API_RIGHT);
	return 0;
}

int config_put_openstack(struct config *config, const char *key, const char *text, const char **right)
{
	size_t i = 0, length = strlen(text);
	char *field;

	while (strcmp(texts[i].name, key) != 0)
		i++; /* each of them has a row in the table of keys, and no other key comes here */
	*right = texts[i].right;
	if (!length || length >= texts[i].size || (texts[i].most && length > texts[i].most) || !texts[i].is_right(text))
		return -EINVAL;
	field = (char *)config + texts[i].field;
	set(field, text);
	return 0;
}

int config_read_openstack(struct config_reading *reading, const char *key, const cJSON *node)
{
	const char *right;

	reading->openstack_node = node;
	if (!strcmp(key, "openstack.api")) {
		reading->openstack_api_read = true;
		return read_api(reading, key, node);
	}
	if (config_put_openstack(reading->config, key, cJSON_IsString(node) ? node->valuestring : "", &right))
		return config_refuse_value(reading, node, key, right);
	return 0;
}

bool config_same_openstack(const struct config *left, const struct config *right)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp((const char *)left + texts[i].field, (const char *)right + texts[i].field) != 0)
			return false;
	return left->openstack.api == right->openstack.api && left->openstack.queue == right->openstack.queue &&
	       left->openstack.timeout_seconds == right->openstack.timeout_seconds;
}

/* -c of the origin: a controller whose services are at their usual ports. */
static void take_controller(struct config_openstack *openstack)
{
	if (!*openstack->controller)
		return;
	if (!*openstack->auth_url)
		snprintf(openstack->auth_url, sizeof(openstack->auth_url), "http://%s:5000", openstack->controller);
	if (!*openstack->url)
		snprintf(openstack->url, sizeof(openstack->url), "http://%s:%u", openstack->controller,
			 openstack->api == OPENSTACK_GNOCCHI ? 8041U : 8777U);
}

const char *config_settle_openstack(struct config_openstack *openstack)
{
	const struct {
		const char *key, *value;
	} needed[] = {
		{ "auth_url (or openstack.controller)", openstack->auth_url },
		{ "url (or openstack.controller)", openstack->url },
		{ "username", openstack->username },
		{ "project", openstack->project },
	};

	if (openstack->api == OPENSTACK_OFF)
		return NULL;
	take_controller(openstack);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!*needed[i].value)
			return needed[i].key;
	return NULL;
}

int config_finish_openstack(struct config_reading *reading)
{
	const char *missing;

	if (!reading->openstack_node)
		return 0;
	if (!reading->openstack_api_read)
		return config_refuse_at(reading, reading->openstack_node, "openstack",
					"openstack.api is missing: " API_RIGHT);
	missing = config_settle_openstack(&reading->config->openstack);
	if (!missing)
		return 0;
	return config_refuse_at(reading, reading->openstack_node, "openstack",
				"openstack.%s is missing: records cannot be sent without it", missing);
}
