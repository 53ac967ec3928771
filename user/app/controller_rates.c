/* SPDX-License-Identifier: BSD-2-Clause */
/* rates, set, pause and resume: the rate monitor from the outside. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/controller.h"
#include "base/log.h"
#include "base/number.h"
#include "base/text.h"
#include "control_protocol.h"

/* Values go as numbers where they are ones: what is right, the monitor knows. */
int controller_add_value(struct controller *controller, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[64];
	double number;
	cJSON *value;

	if (equals == word || (size_t)(equals - word) >= sizeof(key))
		return -EINVAL;
	snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	if (!controller->set)
		controller->set = cJSON_CreateObject();
	value = number_parse_double(equals + 1, -1e15, 1e15, &number) ? cJSON_CreateString(equals + 1) :
									cJSON_CreateNumber(number);
	return cJSON_AddItemToObject(controller->set, key, value) ? 0 : -ENOMEM;
}

static int ask_and_say(const struct controller *controller, const char *command, const char *done)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, command, NULL, error);

	if (!answer) {
		int status = errno == EINVAL ? EXIT_WRONG_WORDS : EXIT_FAILED; /* a setting that there is not */

		log_error("%s", error);
		return status;
	}
	cJSON_Delete(answer);
	puts(done);
	return EXIT_DONE;
}

int controller_set(const struct controller *controller)
{
	int status;

	if (!controller->set) {
		log_error("set: nothing to set: cutoff=90 would be something");
		return EXIT_WRONG_WORDS;
	}
	status = ask_and_say(controller, "set", "set");
	cJSON_Delete(controller->set);
	return status;
}

int controller_pause(const struct controller *controller)
{
	return ask_and_say(controller, "pause", "paused");
}

int controller_resume(const struct controller *controller)
{
	return ask_and_say(controller, "resume", "resumed");
}

static const cJSON *member_of(const cJSON *record, const char *name, const char *side)
{
	char key[48];

	snprintf(key, sizeof(key), "%s%s%s", name, *name ? "_" : "", side);
	return cJSON_GetObjectItemCaseSensitive(record, key);
}

static void print_share(const cJSON *percent)
{
	if (cJSON_IsNumber(percent))
		printf(" %8.4g", percent->valuedouble);
	else
		printf(" %8s", "-");
}

static void print_rate(const cJSON *rate)
{
	char text[RATE_TEXT_SIZE] = "-";

	if (cJSON_IsNumber(rate))
		rate_format(rate->valuedouble, false, text);
	printf(" %12s", text);
}

static void print_side(const cJSON *record, const char *side, const char *direction)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, "interface");
	const cJSON *peaks = member_of(record, "peak", side);
	bool alarm = cJSON_IsTrue(member_of(record, "alarm", side));
	bool measured = cJSON_IsTrue(member_of(record, "alarm_measured", side));

	printf("%-15s %-8s", cJSON_IsString(name) ? name->valuestring : "?", direction);
	print_rate(member_of(record, "", side));
	print_rate(cJSON_GetObjectItemCaseSensitive(peaks, "1ms"));
	print_rate(cJSON_GetObjectItemCaseSensitive(peaks, "100ms"));
	print_rate(cJSON_GetObjectItemCaseSensitive(record, "linerate"));
	print_share(member_of(record, "overload_risk", side));
	print_share(member_of(record, "above_cutoff", side));
	printf(" %s\n", alarm && measured ? "risk, measured" : alarm ? "risk" : measured ? "measured" : "-");
}

static void print_rates(const cJSON *report)
{
	const cJSON *records = cJSON_GetObjectItemCaseSensitive(report, "rates"), *record;

	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "enabled"))) {
		puts("the rate monitor is off");
		return;
	}
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "paused")))
		puts("the rate monitor is paused");
	printf("%-15s %-8s %12s %12s %12s %12s %8s %8s %s\n", "interface", "", "mean", "peak 1 ms", "peak 100 ms",
	       "capacity", "risk %", "over %", "alarm");
	cJSON_ArrayForEach (record, records) {
		print_side(record, "rx", "ingress");
		print_side(record, "tx", "egress");
	}
}

int controller_rates(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, "rates", NULL, error);
	const cJSON *report = cJSON_GetObjectItemCaseSensitive(answer, "report");
	char *text;

	if (!answer) {
		log_error("%s", error);
		return EXIT_FAILED;
	}
	if (!controller->json) {
		print_rates(report);
	} else if ((text = cJSON_Print(report))) {
		puts(text);
		cJSON_free(text);
	}
	cJSON_Delete(answer);
	return EXIT_DONE;
}
