/* SPDX-License-Identifier: BSD-2-Clause */
/* Documents for Keystone, Gnocchi and Ceilometer, what is read from their answers, and the queue between. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/openstack_config.h"
#include "export/openstack_internal.h"

#define NOW 1700000000000000000ULL

static const struct openstack_config settings = {
	.api = OPENSTACK_GNOCCHI,
	.auth_url = "http://a:5000",
	.url = "http://g:8041",
	.username = "mon\"itor",
	.user_domain = "Default",
	.project = "admin",
	.project_domain = "Other",
	.password_file = "",
	.password_environment = "",
	.resource_id = "gw",
	.project_id = "p1",
	.user_id = "",
	.meter_name = "rate",
	.archive_policy = "",
	.ca_file = "",
};

static void assert_text(struct text *text, const char *expected)
{
	assert_false(text->failed);
	assert_string_equal(text->bytes, expected);
	text_free(text);
}

static void token_requests(void **state)
{
	struct openstack_config v2 = settings;
	struct text text = TEXT_EMPTY;

	(void)state;
	keystone_url(&settings, &text);
	assert_text(&text, "http://a:5000/v3/auth/tokens");
	keystone_document(&settings, "p\\w\"\n", &text);
	assert_text(&text, "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"name\":"
			   "\"mon\\\"itor\",\"domain\":{\"name\":\"Default\"},\"password\":\"p\\\\w\\\"\\n\"}}},"
			   "\"scope\":{\"project\":{\"name\":\"admin\",\"domain\":{\"name\":\"Other\"}}}}}");
	v2.api = OPENSTACK_CEILOMETER_V2;
	keystone_url(&v2, &text);
	assert_text(&text, "http://a:5000/v2.0/tokens");
	keystone_document(&v2, "pw", &text);
	assert_text(&text, "{\"auth\":{\"tenantName\":\"admin\",\"passwordCredentials\":{\"username\":\"mon\\\"itor\","
			   "\"password\":\"pw\"}}}");
}

static void tokens(void **state)
{
	static const struct {
		enum openstack_api api;
		const char *answer, *header, *id; /* id NULL: there is none */
		double lifetime;                  /* < 0: not known */
	} rows[] = {
		{ OPENSTACK_GNOCCHI,
		  "{\"token\":{\"issued_at\":\"2026-11-21T08:00:00.5Z\",\"expires_at\":\"2026-11-21T09:00:01.000000Z\"}}",
		  "abc", "abc", 3601 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{\"expires_at\":\"2023-11-14T22:13:30Z\"}}", "abc", "abc", 10 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{\"expires_at\":\"2023-11-14T22:13:30+01:00\"}}", "abc", "abc", -1 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{\"expires_at\":null}}", "abc", "abc", -1 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{}}", "", NULL, -1 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{}}", "a b", NULL, -1 },
		{ OPENSTACK_GNOCCHI, "{\"token\":{}}", "a\x7f", NULL, -1 },
		{ OPENSTACK_GNOCCHI, "{\"token\":[]}", "abc", NULL, -1 },
		{ OPENSTACK_GNOCCHI, "", "abc", NULL, -1 },
		{ OPENSTACK_CEILOMETER_V2,
		  "{\"access\":{\"token\":{\"id\":\"xyz\",\"expires\":\"2023-11-14T22:14:20Z\"}}}", "abc", "xyz", 60 },
		{ OPENSTACK_CEILOMETER_V2,
		  "{\"access\":{\"token\":{\"id\":\"x\",\"issued_at\":\"2014-01-30T15:30:58.819584\",\"expires\":"
		  "\"2014-01-31T15:30:58Z\"}}}",
		  "", "x", 86400 },
		{ OPENSTACK_CEILOMETER_V2, "{\"access\":{\"token\":{\"id\":\"x\\ny\"}}}", "", NULL, -1 },
		{ OPENSTACK_CEILOMETER_V2, "{\"access\":{\"token\":{\"id\":7}}}", "", NULL, -1 },
		{ OPENSTACK_CEILOMETER_V2, "{\"access\":7}", "abc", NULL, -1 },
		{ OPENSTACK_CEILOMETER_V2, "[[[[", "abc", NULL, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text answer = TEXT_EMPTY;
		static struct token token;
		int status;

		text_append(&answer, rows[i].answer);
		status = keystone_token(rows[i].api, &answer, rows[i].header, NOW, &token);
		text_free(&answer);
		if ((status == 0) != (rows[i].id != NULL))
			fail_msg("%s: status %d", rows[i].answer, status);
		if (!rows[i].id)
			continue;
		assert_string_equal(token.id, rows[i].id);
		if (rows[i].lifetime < 0)
			assert_true(isnan(token.lifetime_seconds));
		else if (token.lifetime_seconds != rows[i].lifetime)
			fail_msg("%s: %g s", rows[i].answer, token.lifetime_seconds);
	}
}

static struct record *record_of(const char *interface, uint64_t time_ns, const struct openstack_value *values,
				size_t count)
{
	struct openstack_sample sample = {
		.interface = interface, .time_ns = time_ns, .values = values, .value_count = count, .volume = 8
	};
	struct record *record = record_new(&sample);

	assert_non_null(record);
	return record;
}

static void ceilometer(void **state)
{
	const struct openstack_value values[] = { { "tx", "B/s", 1.5, false },
						  { "alarm_tx", "", 1, true },
						  { "alarm_rx", "", NAN, true } };
	struct record *record = record_of("eth0", NOW, values, 3);
	struct text text = TEXT_EMPTY;

	(void)state;
	ceilometer_url(&settings, &text);
	assert_text(&text, "http://g:8041/v2/meters/rate");
	ceilometer_document(&settings, record, &text);
	assert_text(&text,
		    "[{\"project_id\":\"p1\",\"resource_id\":\"gw\",\"user_id\":\"mon\\\"itor\",\"counter_name\":\"rate\","
		    "\"counter_type\":\"gauge\",\"counter_unit\":\"b/s\",\"counter_volume\":8,\"resource_metadata\":{"
		    "\"timestamp\":\"2023-11-14T22:13:20.000000000Z\",\"interface\":\"eth0\",\"tx\":1.5,\"alarm_tx\":true,"
		    "\"alarm_rx\":null}}]");
	free(record);
}

/* Two interfaces in turn; a value that is known late, one that never is, one twice in a record. */
static void gnocchi_batch(void **state)
{
	const struct openstack_value first[] = { { "tx", "B/s", 1, false }, { "risk", "%", NAN, false } };
	const struct openstack_value second[] = { { "risk", "%", 3, false },
						  { "tx", "B/s", 2, false },
						  { "tx", "B/s", 9, false },
						  { "never", "", INFINITY, false } };
	struct openstack_config policy = settings;
	struct record_queue queue;
	struct text text = TEXT_EMPTY;

	(void)state;
	assert_int_equal(queue_open(&queue, 4), 0);
	assert_true(queue_put(&queue, record_of("eth0", NOW, first, 2), 0));
	assert_true(queue_put(&queue, record_of("eth1", NOW, first, 2), 0));
	assert_true(queue_put(&queue, record_of("eth0", NOW + 1, second, 4), 0));
	policy.archive_policy = "low";
	gnocchi_measures_document(&policy, &queue, 3, &text);
	assert_text(&text, "{\"gw:eth0\":{\"tx\":{\"unit\":\"B/s\",\"archive_policy_name\":\"low\",\"measures\":["
			   "{\"timestamp\":\"2023-11-14T22:13:20.000000000Z\",\"value\":1},"
			   "{\"timestamp\":\"2023-11-14T22:13:20.000000001Z\",\"value\":2}]},"
			   "\"risk\":{\"unit\":\"%\",\"archive_policy_name\":\"low\",\"measures\":["
			   "{\"timestamp\":\"2023-11-14T22:13:20.000000001Z\",\"value\":3}]}},"
			   "\"gw:eth1\":{\"tx\":{\"unit\":\"B/s\",\"archive_policy_name\":\"low\",\"measures\":["
			   "{\"timestamp\":\"2023-11-14T22:13:20.000000000Z\",\"value\":1}]}}}");
	queue_close(&queue);
	gnocchi_resource_document(&settings, "eth0", &text);
	assert_text(&text, "{\"id\":\"gw:eth0\"}");
}

static void unknown_resources(void **state)
{
	static const struct {
		const char *answer;
		bool lacks;
	} rows[] = {
		{ "{\"code\":400,\"description\":{\"cause\":\"Unknown resources\",\"detail\":[{\"resource_id\":\"u\","
		  "\"original_resource_id\":\"gw:eth0\"}]},\"title\":\"Bad Request\"}",
		  true },
		{ "{\"description\":{\"cause\":\"Unknown resources\",\"detail\":[{\"original_resource_id\":\"gw:eth1\"}]}}",
		  false },
		{ "{\"description\":{\"cause\":\"Else\",\"detail\":[{\"original_resource_id\":\"gw:eth0\"}]}}", false },
		{ "{\"description\":{\"cause\":\"Unknown resources\",\"detail\":\"gw:eth0\"}}", false },
		{ "{\"description\":\"Unknown metrics: a/b\"}", false },
		{ "[1,2", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text answer = TEXT_EMPTY;

		text_append(&answer, rows[i].answer);
		if (gnocchi_lacks_resource(&settings, &answer, "eth0") != rows[i].lacks)
			fail_msg("%s", rows[i].answer);
		text_free(&answer);
	}
}

/* 10 records into a queue of 4; what is under way stays at its head. */
static void overflow(void **state)
{
	struct record_queue queue;
	size_t lost = 0;

	(void)state;
	assert_int_equal(queue_open(&queue, 4), 0);
	for (uint64_t time = 0; time < 10; time++)
		lost += !queue_put(&queue, record_of("eth0", time, NULL, 0), 2);
	assert_int_equal(lost, 6);
	assert_int_equal(queue.count, 4);
	assert_int_equal(queue_at(&queue, 0)->time_ns, 0);
	assert_int_equal(queue_at(&queue, 1)->time_ns, 1);
	assert_int_equal(queue_at(&queue, 2)->time_ns, 8);
	assert_int_equal(queue_at(&queue, 3)->time_ns, 9);
	assert_false(queue_put(&queue, record_of("eth0", 10, NULL, 0), 4)); /* all are under way: the new one goes */
	assert_int_equal(queue_at(&queue, 3)->time_ns, 9);
	queue_drop(&queue, 2);
	assert_int_equal(queue_at(&queue, 0)->time_ns, 8);
	queue_drop(&queue, 100);
	assert_int_equal(queue.count, 0);
	queue_close(&queue);
}

static void addresses_are_kept_without_versions(void **state)
{
	static const char *const rows[][2] = {
		{ "http://a:5000/v3/", "http://a:5000" },
		{ "http://a:5000/v2.0", "http://a:5000" },
		{ "https://a/identity/v3", "https://a/identity" },
		{ "http://a:5000//", "http://a:5000" },
		{ "http://v3", "http://v3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct openstack_config config = { .auth_url = rows[i][0], .url = "http://g/metric/v1" };
		struct openstack_config_copy copy;

		assert_int_equal(openstack_config_keep(&config, &copy), 0);
		assert_string_equal(copy.config.auth_url, rows[i][1]);
		assert_string_equal(copy.config.url, "http://g/metric");
		assert_string_equal(copy.config.username, "");
		openstack_config_forget(&copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_requests),
		cmocka_unit_test(tokens),
		cmocka_unit_test(ceilometer),
		cmocka_unit_test(gnocchi_batch),
		cmocka_unit_test(unknown_resources),
		cmocka_unit_test(overflow),
		cmocka_unit_test(addresses_are_kept_without_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
