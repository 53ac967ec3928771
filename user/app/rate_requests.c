/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rate monitor re-tuned while it runs, whoever asks: monitor_controller by the control socket, or a client of
 * control.rate_port. Everything that is asked for at once is checked before anything is changed.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_values.h"
#include "app/daemon_internal.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/number.h"

#define BYTES_PER_MBIT (1e6 / 8)

static const char rates_off[] = "the rate monitor is off: rate.enabled turns it on";

/* A number, or text that is one: clients in scripts have their values from a command line. */
static bool number_of(const cJSON *node, double *out)
{
	if (cJSON_IsNumber(node)) {
		*out = node->valuedouble;
		return true;
	}
	return cJSON_IsString(node) && !number_parse_double(node->valuestring, -1e300, 1e300, out);
}

static int read_interface(const cJSON *node, struct config *wanted, struct text *error)
{
	const char *name = cJSON_IsString(node) ? node->valuestring : "", *end;

	for (;; name = end + 1) {
		end = strchrnul(name, ',');
		if (value_interface(name, (size_t)(end - name), wanted)) {
			text_appendf(error, "interface: %.40s is not %s",
				     cJSON_IsString(node) ? node->valuestring : "it", INTERFACE_RIGHT);
			return -EINVAL;
		}
		if (!*end)
			return 0;
	}
}

static int read_setting(const cJSON *node, struct rate_settings *settings, struct text *error)
{
	const struct rate_setting *setting = rate_setting_find(node->string);
	char right[RATE_RIGHT_SIZE];
	double value;

	if (!setting) {
		text_appendf(error, "%.40s: there is no such setting: there are interface", node->string);
		for (size_t i = 0; i < rate_setting_count; i++)
			text_appendf(error, "%s%s", i + 1 < rate_setting_count ? ", " : " and ",
				     rate_setting_table[i].name);
		return -EINVAL;
	}
	if (number_of(node, &value) && !rate_setting_put(setting, settings, value))
		return 0;
	/* The one that is off by default can be turned off again. */
	if (setting->field == offsetof(struct rate_settings, alarm_measured_trigger) &&
	    (cJSON_IsNull(node) || (cJSON_IsString(node) && !strcmp(node->valuestring, "off")))) {
		settings->alarm_measured_trigger = NAN;
		return 0;
	}
	rate_setting_right(setting, right);
	if (cJSON_IsString(node))
		text_appendf(error, "%s: %.40s is not %s", node->string, node->valuestring, right);
	else if (cJSON_IsNumber(node))
		text_appendf(error, "%s: %.10g is not %s", node->string, node->valuedouble, right);
	else
		text_appendf(error, "%s: it is not %s", node->string, right);
	return -EINVAL;
}

static int read_values(const cJSON *values, struct config *wanted, struct text *error)
{
	const char *conflict;
	const cJSON *node;
	int result;

	if (!cJSON_IsObject(values) || !values->child) {
		text_append(error, "nothing to set: cutoff=90 would be something");
		return -EINVAL;
	}
	cJSON_ArrayForEach (node, values) {
		if (!strcmp(node->string, "interface"))
			result = read_interface(node, wanted, error);
		else
			result = read_setting(node, &wanted->rate, error);
		if (result)
			return result;
	}
	conflict = rate_settings_conflict(&wanted->rate);
	if (conflict)
		text_append(error, conflict);
	return conflict ? -EINVAL : 0;
}

static int apply(struct daemon *daemon, const struct config *wanted, struct text *error)
{
	char line[RATE_MONITOR_ERROR_SIZE] = "", ignored[MONITOR_ERROR_SIZE];
	struct config *config = daemon->config;
	int result = 0;

	if (wanted->interface_count)
		result = watch_choose(daemon->watch, wanted, line);
	if (!result) {
		result = rate_monitor_set(daemon->rates, &wanted->rate, line);
		if (result && wanted->interface_count)
			watch_choose(daemon->watch, config, ignored);
	}
	if (result) {
		text_append(error, line);
		return result;
	}
	config->rate = wanted->rate;
	if (!wanted->interface_count)
		return 0;
	memcpy(config->interfaces, wanted->interfaces, sizeof(config->interfaces));
	config->interface_count = wanted->interface_count;
	return 0;
}

int daemon_rate_set(struct daemon *daemon, const cJSON *values, struct text *error)
{
	struct config *wanted;
	int result;

	if (!daemon->rates) {
		text_append(error, rates_off);
		return -EOPNOTSUPP;
	}
	wanted = calloc(1, sizeof(*wanted)); /* only its interfaces and its rates are looked at */
	if (!wanted)
		return -ENOMEM;
	wanted->rate = daemon->config->rate;
	result = read_values(values, wanted, error);
	if (!result)
		result = apply(daemon, wanted, error);
	free(wanted);
	return result;
}

int daemon_rate_pause(struct daemon *daemon, bool pause, struct text *error)
{
	if (!daemon->rates) {
		text_append(error, rates_off);
		return -EOPNOTSUPP;
	}
	if (pause)
		rate_monitor_pause(daemon->rates);
	else
		rate_monitor_resume(daemon->rates);
	return 0;
}

/* --- the protocol of control.rate_port --- */

struct asked {
	bool resume, pause, status, exit;
	bool unknown;
	cJSON *values; /* settings; owned */
};

static int take_member(struct asked *asked, const cJSON *node, struct text *error)
{
	const struct {
		const char *name;
		bool *flag;
	} commands[] = {
		{ "resume", &asked->resume },
		{ "pause", &asked->pause },
		{ "status", &asked->status },
		{ "exit", &asked->exit },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(node->string, commands[i].name) != 0)
			continue;
		if (!cJSON_IsBool(node)) {
			text_appendf(error, "%s: it is not true or false", node->string);
			return -EINVAL;
		}
		*commands[i].flag = cJSON_IsTrue(node);
		return 0;
	}
	if (strcmp(node->string, "interface") != 0 && !rate_setting_find(node->string)) {
		asked->unknown = true;
		return 0;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(asked->values, node->string); /* of two, the last one counts */
	return cJSON_AddItemToObject(asked->values, node->string, cJSON_Duplicate(node, true)) ? 0 : -ENOMEM;
}

static int take_request(struct asked *asked, const cJSON *request, struct text *error)
{
	const cJSON *node;
	int result;

	asked->values = cJSON_CreateObject();
	if (!asked->values)
		return -ENOMEM;
	cJSON_ArrayForEach (node, request) {
		result = take_member(asked, node, error);
		if (result)
			return result;
	}
	if (asked->pause && asked->resume) {
		text_append(error, "pause and resume do not go together: send one of them");
		return -EINVAL;
	}
	return 0;
}

static void return_value(struct json_writer *json, const struct rate_settings *settings, const cJSON *node)
{
	const struct rate_setting *setting = rate_setting_find(node->string);

	if (!setting)
		json_string(json, node->string, node->valuestring);
	else if (!strcmp(setting->name, "link_speed"))
		json_double(json, "linerate", settings->link_speed > 0 ? settings->link_speed * BYTES_PER_MBIT : NAN);
	else if (!strcmp(setting->name, "cutoff"))
		json_double(json, setting->name, settings->cutoff / 100);
	else
		json_double(json, setting->name, *rate_setting_value(setting, (struct rate_settings *)settings));
}

static void return_done(struct daemon *daemon, const struct asked *asked, struct text *out)
{
	const struct rate_settings *settings = rate_monitor_settings(daemon->rates);
	struct json_writer json;
	const cJSON *node;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_object_open(&json, "return");
	cJSON_ArrayForEach (node, asked->values)
		return_value(&json, settings, node);
	if (asked->resume)
		json_string(&json, "resumed", "ok");
	if (asked->pause)
		json_string(&json, "paused", "ok");
	if (asked->status)
		json_string(&json, "status", rate_monitor_is_paused(daemon->rates) ? "paused" : "running");
	if (asked->exit)
		json_string(&json, "exit", "ok");
	json_object_close(&json);
	json_object_close(&json);
}

static void return_error(const struct text *error, int result, struct text *out)
{
	struct json_writer json;

	json_begin(&json, out);
	json_object_open(&json, NULL);
	json_object_open(&json, "return");
	json_string(&json, "error", error->length ? error->bytes : strerror(-result));
	json_object_close(&json);
	json_object_close(&json);
}

static void return_unknown(const cJSON *request, struct text *out)
{
	char *text = cJSON_PrintUnformatted(request);

	if (!text) {
		out->failed = true;
		return;
	}
	text_append(out, "{\"return\":{\"unknown option(s)\":");
	text_append(out, text);
	text_append(out, "}}");
	cJSON_free(text);
}

void daemon_rate_answer(void *context, const cJSON *request, struct text *answer)
{
	struct daemon *daemon = context;
	struct asked asked = { 0 };
	struct text error = TEXT_EMPTY;
	int result = take_request(&asked, request, &error);
	bool nothing = !asked.resume && !asked.pause && !asked.status && !asked.exit &&
		       (!asked.values || !asked.values->child);

	if (!result && (asked.unknown || nothing)) {
		return_unknown(request, answer);
		goto out;
	}
	if (!result && asked.values->child)
		result = daemon_rate_set(daemon, asked.values, &error);
	if (!result && (asked.pause || asked.resume))
		result = daemon_rate_pause(daemon, asked.pause, &error);
	if (result)
		return_error(&error, result, answer);
	else
		return_done(daemon, &asked, answer);
	if (!result && asked.exit)
		loop_stop(daemon->loop);
out:
	cJSON_Delete(asked.values);
	text_free(&error);
}
