/* SPDX-License-Identifier: BSD-2-Clause */
/* probes: what is pinged, a line an address, as ping(8) sums it up. */
#include <stdio.h>

#include "app/controller.h"
#include "base/log.h"
#include "control_protocol.h"

#define CELL_SIZE 24
#define MS_PER_SECOND 1e3

static const char *string_of(const cJSON *object, const char *key, const char *otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : otherwise;
}

/* A number as `format` has it, times `factor`; "-" if it is not known. */
__attribute__((format(printf, 3, 0))) static const char *cell(const cJSON *object, const char *key, const char *format,
							      double factor, char out[CELL_SIZE])
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (cJSON_IsNumber(item))
		snprintf(out, CELL_SIZE, format, item->valuedouble * factor);
	else
		snprintf(out, CELL_SIZE, "-");
	return out;
}

static void print_probe(const cJSON *ping)
{
	const cJSON *round = cJSON_GetObjectItemCaseSensitive(ping, "round");
	const cJSON *up = cJSON_GetObjectItemCaseSensitive(ping, "up");
	char sent[CELL_SIZE], received[CELL_SIZE], loss[CELL_SIZE], last[CELL_SIZE];
	char min[CELL_SIZE], mean[CELL_SIZE], max[CELL_SIZE], stddev[CELL_SIZE];

	printf("%-30s %-39s %-4s %10s %10s %6s %9s %9s %9s %9s %9s\n", string_of(ping, "dest", "?"),
	       string_of(ping, "address", "-"), cJSON_IsBool(up) ? (cJSON_IsTrue(up) ? "up" : "down") : "-",
	       cell(ping, "sent", "%.0f", 1, sent), cell(ping, "received", "%.0f", 1, received),
	       cell(round, "loss_ratio", "%.0f%%", 100, loss),
	       cell(ping, "last_rtt_seconds", "%.3f", MS_PER_SECOND, last),
	       cell(round, "min_seconds", "%.3f", MS_PER_SECOND, min),
	       cell(round, "mean_seconds", "%.3f", MS_PER_SECOND, mean),
	       cell(round, "max_seconds", "%.3f", MS_PER_SECOND, max),
	       cell(round, "stddev_seconds", "%.3f", MS_PER_SECOND, stddev));
}

static int print_json(const cJSON *report)
{
	char *text = cJSON_Print(report);

	if (!text) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	puts(text);
	cJSON_free(text);
	return EXIT_DONE;
}

static int print_probes(const cJSON *report)
{
	const cJSON *pings = cJSON_GetObjectItemCaseSensitive(report, "pings"), *ping;

	if (!cJSON_GetArraySize(pings)) {
		puts("nothing is pinged: ping.hosts in the configuration names the hosts");
		return EXIT_DONE;
	}
	printf("%-30s %-39s %-4s %10s %10s %6s %9s %9s %9s %9s %9s\n", "DEST", "ADDRESS", "UP", "SENT", "RECEIVED",
	       "LOSS", "LAST(ms)", "MIN", "MEAN", "MAX", "STDDEV");
	cJSON_ArrayForEach (ping, pings)
		print_probe(ping);
	return EXIT_DONE;
}

int controller_probes(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, "probes", NULL, error);
	const cJSON *report = cJSON_GetObjectItemCaseSensitive(answer, "report");
	int status;

	if (!answer) {
		log_error("%s", error);
		return EXIT_FAILED;
	}
	status = controller->json ? print_json(report) : print_probes(report);
	cJSON_Delete(answer);
	return status;
}
