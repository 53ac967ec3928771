/* SPDX-License-Identifier: BSD-2-Clause */
/* What pushing is made of, without a server: URLs, the path of a group, when a push is due, and the password's file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "export/prometheus.h"
#include "export/push_password.h"
#include "export/push_path.h"
#include "export/push_schedule.h"
#include "table_sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND 1000000000ULL

static void test_urls(void **state)
{
	static const struct {
		const char *text, *host, *path;
		bool tls;
		uint16_t port;
	} right[] = {
		{ "http://127.0.0.1:9091", "127.0.0.1", "", false, 9091 },
		{ "https://push.example.org", "push.example.org", "", true, 443 },
		{ "http://push", "push", "", false, 80 },
		{ "http://[::1]:9091/a/b/", "[::1]", "/a/b/", false, 9091 },
		{ "https://[2001:db8::1]/", "[2001:db8::1]", "/", true, 443 },
	};
	static const char *const wrong[] = {
		"",
		"127.0.0.1:9091",
		"ftp://a/",
		"file:///etc/passwd",
		"http://",
		"http:///path",
		"http://:9091",
		"http://a:0",
		"http://a:65536",
		"http://a:",
		"http://a:123456789",
		"http://a:b",
		"http://a:1:2",
		"http://u:p@a/",
		"http://u@a",
		"http://a?x",
		"http://a/#x",
		"http://a b",
		"http://a/\n",
		"http://\xc3\xa9/",
		"http://[::1",
		"http://[]",
		"http://[::1]x",
		"http://a/<",
	};
	struct push_url url;

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++) {
		assert_int_equal(push_url_parse(right[i].text, &url), 0);
		assert_string_equal(url.host, right[i].host);
		assert_string_equal(url.path, right[i].path);
		assert_int_equal(url.tls, right[i].tls);
		assert_int_equal(url.port, right[i].port);
	}
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (push_url_parse(wrong[i], &url) != -EINVAL)
			fail_msg("%s is taken for a URL", wrong[i]);
}

static void test_long_host(void **state)
{
	char text[PUSH_HOST_SIZE + 16] = "http://";
	struct push_url url;

	(void)state;
	memset(text + 7, 'a', PUSH_HOST_SIZE - 1);
	assert_int_equal(push_url_parse(text, &url), 0);
	text[7 + PUSH_HOST_SIZE - 1] = 'a';
	assert_int_equal(push_url_parse(text, &url), -EINVAL);
}

static void assert_path(const char *job, const struct push_label *labels, size_t count, const char *expected)
{
	struct text text = TEXT_EMPTY;

	push_path_append(&text, job, labels, count);
	assert_string_equal(text.bytes, expected);
	text_free(&text);
}

static void test_paths(void **state)
{
	static const struct {
		const char *value, *expected;
	} rows[] = {
		{ "plain-1.2_3~", "k/plain-1.2_3~" },
		{ "a b+c", "k/a%20b%2Bc" },
		{ "\xc3\xbc?#%&=", "k/%C3%BC%3F%23%25%26%3D" },
		{ "", "k@base64/=" },
		{ "/", "k@base64/Lw==" },
		{ "/var/tmp", "k@base64/L3Zhci90bXA=" },
		{ "a/b", "k@base64/YS9i" },
		{ "\xff\xff/\xfe", "k@base64/__8v_g==" },
		{ ".", "k@base64/Lg==" },
		{ "..", "k@base64/Li4=" },
		{ "...", "k/..." },
	};
	static const struct push_label unsorted[] = { { "zone", "z" }, { "a", "1" }, { "instance", "h" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct push_label label = { "k", rows[i].value };
		char expected[128];

		snprintf(expected, sizeof(expected), "/metrics/job/j/%s", rows[i].expected);
		assert_path("j", &label, 1, expected);
	}
	assert_path("a/b", NULL, 0, "/metrics/job@base64/YS9i");
	assert_path("j", unsorted, 3, "/metrics/job/j/a/1/instance/h/zone/z");
}

static void test_names_of_labels(void **state)
{
	static const char *const right[] = { "site", "_x", "a1", "Zone_2" };
	static const char *const wrong[] = { "",          "1a",       "a-b",      "a b",      "__name__",
					     "__",        "a@base64", "\xc3\xbc", "job",      "instance",
					     "interface", "le",       "outcome",  "Source_IP" };

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		assert_true(push_label_is_right(right[i]));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(push_label_is_right(wrong[i]));
}

static void test_schedule(void **state)
{
	static const uint64_t waits[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct push_schedule schedule = { .interval_ns = 10 * SECOND };
	uint64_t now = 1000 * SECOND;

	(void)state;
	assert_true(push_schedule_is_due(&schedule, now));
	push_schedule_begun(&schedule, now);
	push_schedule_succeeded(&schedule);
	assert_false(push_schedule_is_due(&schedule, now + 9 * SECOND));
	now += 10 * SECOND - 1000; /* a tick that came a microsecond early */
	assert_true(push_schedule_is_due(&schedule, now));
	push_schedule_begun(&schedule, now);
	assert_int_equal(schedule.due_ns, 1020 * SECOND); /* the rhythm stays */
	for (size_t i = 0; i < COUNT(waits); i++) {
		push_schedule_failed(&schedule, now);
		assert_int_equal(schedule.due_ns, now + waits[i] * SECOND);
		now = schedule.due_ns;
		assert_true(push_schedule_is_due(&schedule, now));
		push_schedule_begun(&schedule, now);
	}
	push_schedule_succeeded(&schedule);
	assert_int_equal(schedule.due_ns, now + 10 * SECOND);
	now += 1000 * SECOND; /* the machine slept: not a hundred pushes at once */
	push_schedule_begun(&schedule, now);
	assert_int_equal(schedule.due_ns, now + 10 * SECOND);
	push_schedule_failed(&schedule, now);
	assert_int_equal(schedule.due_ns, now + SECOND); /* it had succeeded meanwhile */
}

/* A long interval is the longest wait, too. */
static void test_schedule_of_long_interval(void **state)
{
	struct push_schedule schedule = { .interval_ns = 300 * SECOND };

	(void)state;
	for (int i = 0; i < 20; i++)
		push_schedule_failed(&schedule, 0);
	assert_int_equal(schedule.due_ns, 300 * SECOND);
}

static void write_file(const char *path, const char *bytes, size_t length)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void test_password(void **state)
{
	char path[] = "/tmp/push_password.XXXXXX", password[PUSH_PASSWORD_SIZE], longest[PUSH_PASSWORD_SIZE];
	const char *why = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	memset(longest, 'x', sizeof(longest));
	write_file(path, "se cret\r\nmore\n", 14);
	assert_int_equal(push_password_read(path, password, &why), 0);
	assert_string_equal(password, "se cret");
	write_file(path, longest, sizeof(longest) - 1);
	assert_int_equal(push_password_read(path, password, &why), 0);
	assert_int_equal(strlen(password), PUSH_PASSWORD_SIZE - 1);
	write_file(path, longest, sizeof(longest));
	assert_int_equal(push_password_read(path, password, &why), -E2BIG);
	assert_string_equal(why, "longer than 1023 bytes");
	write_file(path, "\nsecond", 7);
	assert_int_equal(push_password_read(path, password, &why), -EINVAL);
	assert_string_equal(why, "its first line is empty");
	write_file(path, "a\0b", 3);
	assert_int_equal(push_password_read(path, password, &why), -EINVAL);
	assert_string_equal(why, "it holds a zero byte");
	unlink(path);
	assert_int_equal(push_password_read(path, password, &why), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0); /* it would wait for a writer */
	assert_int_equal(push_password_read(path, password, &why), -EINVAL);
	assert_string_equal(why, "not a file");
	unlink(path);
}

static void assert_has(const struct text *text, const char *part, bool has)
{
	assert_int_equal(text->length && strstr(text->bytes, part), has);
}

static void test_what_is_pushed(void **state)
{
	struct prometheus_config config = { .max_ping_histograms = 1000 };
	struct report *report = sample_mixed();
	struct text text = TEXT_EMPTY;

	(void)state;
	report->devices = calloc(1, sizeof(*report->devices));
	assert_non_null(report->devices);
	report->device_count = 1;
	strcpy(report->devices[0].name, "eth0");
	prometheus_push(PUSH_ALL, &config, report, &text);
	assert_has(&text, "flowgauge_seen_packets_total{interface=\"eth0\",direction=\"ingress\"} 51235\n", true);
	assert_has(&text, "flowgauge_interface_receive_bytes_total{interface=\"eth0\"} 0\n", true);
	assert_has(&text, "flowgauge_flow", false);
	assert_has(&text, "packets_sent", false);
	assert_has(&text, "# EOF", false);
	text_clear(&text);
	config.legacy = true;
	prometheus_push(PUSH_TOTALS, &config, report, &text);
	assert_has(&text, "# TYPE packets_sent untyped\npackets_sent{ifname=\"eth0\"} 0\n", true);
	text_clear(&text);
	prometheus_push(PUSH_RTT | PUSH_PING | PUSH_RATES, &config, report, &text);
	assert_has(&text, "flowgauge_seen", false);
	assert_has(&text, "flowgauge_rate_", false); /* the rate monitor is off */
	report->rates.enabled = true;
	report->rates.links = calloc(1, sizeof(*report->rates.links));
	assert_non_null(report->rates.links);
	report->rates.count = 1;
	strcpy(report->rates.links[0].interface, "eth0");
	report->rates.links[0].estimate[DIRECTION_INGRESS] = (struct rate_estimate){ .known = true, .mean = 1250 };
	text_clear(&text);
	prometheus_push(PUSH_RATES, &config, report, &text);
	assert_has(&text, "flowgauge_rate_mean_bytes_per_second{interface=\"eth0\",direction=\"ingress\"} 1250\n",
		   true);
	text_clear(&text);
	prometheus_push(PUSH_TOTALS, &config, report, &text);
	assert_has(&text, "flowgauge_rate_", false);
	text_free(&text);
	report_release(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),     cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_paths),    cmocka_unit_test(test_names_of_labels),
		cmocka_unit_test(test_schedule), cmocka_unit_test(test_schedule_of_long_interval),
		cmocka_unit_test(test_password), cmocka_unit_test(test_what_is_pushed),
	};

	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
