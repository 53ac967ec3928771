/* SPDX-License-Identifier: BSD-2-Clause */
/* status, reload, flows and logs: what the monitor answers, for people or as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/controller.h"
#include "base/log.h"
#include "base/text.h"
#include "control_protocol.h"

static const char *string_of(const cJSON *object, const char *key, const char *otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : otherwise;
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static int print_json(cJSON *answer)
{
	char *text;

	cJSON_DeleteItemFromObjectCaseSensitive(answer, "ok");
	text = cJSON_Print(answer);
	if (!text) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	puts(text);
	cJSON_free(text);
	return EXIT_DONE;
}

static void print_hook(const cJSON *interface, const char *direction)
{
	const cJSON *side = cJSON_GetObjectItemCaseSensitive(interface, direction);
	const char *reason = string_of(side, "reason", NULL);

	printf("  %-15s %-8s %s%s%s\n", string_of(interface, "name", "?"), direction, string_of(side, "hook", "none"),
	       reason ? ": " : "", reason ? reason : "");
}

static void print_status(const cJSON *answer)
{
	const cJSON *interfaces = cJSON_GetObjectItemCaseSensitive(answer, "interfaces"), *interface;
	const char *address = string_of(answer, "http_address", NULL);
	const char *note = string_of(cJSON_GetObjectItemCaseSensitive(answer, "rtt"), "note", NULL);
	double rules = number_of(answer, "rules");

	printf("flowgauge %s is running, pid %.0f, since %s\n", string_of(answer, "version", "?"),
	       number_of(answer, "pid"), string_of(answer, "since", "?"));
	printf("configuration %s, %.0f rule%s\n", string_of(answer, "config", "(none: the defaults)"), rules,
	       rules == 1 ? "" : "s");
	printf("%.0f of %.0f flows, in %.1f MiB of kernel memory\n", number_of(answer, "flows"),
	       number_of(answer, "flows_limit"), number_of(answer, "table_bytes") / (1 << 20));
	if (note)
		printf("%s\n", note);
	if (address)
		printf("http on %s port %.0f\n", address, number_of(answer, "http_port"));
	printf("interfaces:%s\n", cJSON_GetArraySize(interfaces) ? "" : " none yet");
	cJSON_ArrayForEach (interface, interfaces) {
		print_hook(interface, "ingress");
		print_hook(interface, "egress");
	}
}

int controller_status(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, "status", NULL, error);
	int status = EXIT_DONE;

	if (!answer && (errno == ENOENT || errno == ECONNREFUSED)) {
		puts(controller->json ? "{\"running\":false}" : "flowgauge is not running");
		return EXIT_NOT_RUNNING;
	}
	if (!answer) {
		log_error("%s", error);
		return EXIT_FAILED;
	}
	if (controller->json)
		status = print_json(answer);
	else
		print_status(answer);
	cJSON_Delete(answer);
	return status;
}

int controller_reload(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	cJSON *answer = controller_ask(controller, "reload", NULL, error);
	const char *said = string_of(answer, "said", NULL);

	if (!answer) {
		log_error("%s", error);
		return EXIT_FAILED;
	}
	printf("reloaded%s%s\n", said ? "; " : "", said ? said : "");
	cJSON_Delete(answer);
	return EXIT_DONE;
}

static void print_end(const cJSON *flow, const char *address_key, const char *port_key, char *out, size_t size)
{
	const char *address = string_of(flow, address_key, "?");
	bool v6 = strchr(address, ':') != NULL;
	double port = number_of(flow, port_key);

	if (port > 0)
		snprintf(out, size, "%s%s%s:%.0f", v6 ? "[" : "", address, v6 ? "]" : "", port);
	else
		snprintf(out, size, "%s", address);
}

static void print_flow(const cJSON *flow)
{
	const cJSON *protocol = cJSON_GetObjectItemCaseSensitive(flow, "protocol");
	const cJSON *rtt = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(flow, "rtt"),
							    "smoothed_seconds");
	char source[80], destination[80], rate[RATE_TEXT_SIZE], number[16], round_trip[24] = "-";

	print_end(flow, "src", "sport", source, sizeof(source));
	print_end(flow, "dst", "dport", destination, sizeof(destination));
	rate_format(number_of(flow, "throughput_bytes_per_second"), false, rate);
	snprintf(number, sizeof(number), "%.0f", number_of(flow, "protocol"));
	if (cJSON_IsNumber(rtt))
		snprintf(round_trip, sizeof(round_trip), "%.3f", rtt->valuedouble * 1e3);
	printf("%-15s %-7s %-6s %-28s %-28s %12s %9s %12.0f %15.0f\n", string_of(flow, "interface", "?"),
	       string_of(flow, "direction", "?"), cJSON_IsString(protocol) ? protocol->valuestring : number, source,
	       destination, rate, round_trip, number_of(flow, "packets"), number_of(flow, "bytes"));
}

static void print_flows(const cJSON *report)
{
	const cJSON *flows = cJSON_GetObjectItemCaseSensitive(report, "flows"), *flow;
	double matched = number_of(report, "matched"), offset = number_of(report, "offset");
	double more = matched - offset - cJSON_GetArraySize(flows);

	printf("%-15s %-7s %-6s %-28s %-28s %12s %9s %12s %15s\n", "INTERFACE", "DIR", "PROTO", "SOURCE", "DESTINATION",
	       "THROUGHPUT", "RTT(ms)", "PACKETS", "BYTES");
	cJSON_ArrayForEach (flow, flows)
		print_flow(flow);
	if (more > 0)
		printf("... and %.0f more flows: --offset %.0f goes on, --top %.0f shows all\n", more, matched - more,
		       matched);
}

/* The document as it came: read and written anew, numbers over 2^53 would lose digits. */
static int print_document(const struct text *answer)
{
	static const char head[] = "{\"ok\":true,\"report\":", tail[] = "}\n";
	size_t head_length = sizeof(head) - 1, tail_length = sizeof(tail) - 1, length;

	if (answer->length < head_length + tail_length || memcmp(answer->bytes, head, head_length) != 0) {
		log_error("the monitor gave no answer that can be read: it may be of another version");
		return EXIT_FAILED;
	}
	length = answer->length - head_length - tail_length;
	if (fwrite(answer->bytes + head_length, 1, length, stdout) == length && putchar('\n') != EOF && !fflush(stdout))
		return EXIT_DONE;
	log_error("cannot write to standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

int controller_flows(const struct controller *controller)
{
	char error[CONTROLLER_ERROR_SIZE];
	struct text text cleanup(text_free) = TEXT_EMPTY;
	cJSON *answer = controller_ask_text(controller, "flows", NULL, &text, error);
	cJSON *report = cJSON_GetObjectItemCaseSensitive(answer, "report");
	int status = EXIT_DONE;

	if (!answer) {
		status = errno == EINVAL ? EXIT_WRONG_WORDS : EXIT_FAILED; /* a key or a rule that there is not */
		log_error("%s", error);
		return status;
	}
	if (controller->json)
		status = print_document(&text);
	else
		print_flows(report);
	cJSON_Delete(answer);
	return status;
}

/* The last lines of the file, by a ring of where each line starts. */
int controller_logs(const struct controller *controller)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0, wanted = (size_t)controller->lines, count = 0;
	long *starts;
	FILE *log;

	controller_log_path(controller, path, sizeof(path));
	log = fopen(path, "re");
	if (!log) {
		log_error("cannot read the log %s: %s: a monitor started with --detached writes it", path,
			  strerror(errno));
		return EXIT_FAILED;
	}
	starts = calloc(wanted, sizeof(*starts));
	if (!starts) {
		log_error("out of memory");
		fclose(log);
		return EXIT_FAILED;
	}
	for (long start = ftell(log); getline(&line, &size, log) > 0; start = ftell(log))
		starts[count++ % wanted] = start;
	if (count && !fseek(log, count > wanted ? starts[count % wanted] : starts[0], SEEK_SET))
		while (getline(&line, &size, log) > 0)
			fputs(line, stdout);
	free(line);
	free(starts);
	fclose(log);
	return EXIT_DONE;
}
