/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer wheel against a list that is searched: each timer fires in its step, and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "probe/wheel.h"

#define TIMERS 300
#define STEPS 6000

static uint64_t step_after(uint64_t ns)
{
	return (ns + WHEEL_STEP_NS - 1) / WHEEL_STEP_NS;
}

static void test_random(void **state)
{
	static struct wheel wheel;
	static struct wheel_timer timers[TIMERS];
	uint64_t due[TIMERS] = { 0 }, now = 12345678901ULL;

	(void)state;
	wheel_init(&wheel, now);
	for (int step = 0; step < STEPS; step++) {
		struct wheel_timer *timer;
		uint64_t next;
		int waiting = 0;

		for (int i = 0; i < 3; i++) {
			int which = (int)(drand48() * TIMERS);
			double turns = drand48() < 0.2 ? 3.5 : 0.2;

			if (drand48() < 0.1) {
				wheel_remove(&wheel, &timers[which]);
				due[which] = 0;
				continue;
			}
			due[which] = now + 1 + (uint64_t)(drand48() * turns * WHEEL_SLOTS * WHEEL_STEP_NS);
			wheel_set(&wheel, &timers[which], due[which]);
		}
		/* Now and then the caller is away for long. */
		now += drand48() < 0.01 ? (uint64_t)(drand48() * 2.5 * WHEEL_SLOTS * WHEEL_STEP_NS) :
					  (uint64_t)(drand48() * 3 * WHEEL_STEP_NS);
		while ((timer = wheel_take(&wheel, now))) {
			long which = timer - timers;

			assert_true(due[which] && step_after(due[which]) <= now / WHEEL_STEP_NS);
			due[which] = 0;
		}
		for (int i = 0; i < TIMERS; i++) {
			assert_true(!due[i] || step_after(due[i]) > now / WHEEL_STEP_NS);
			waiting += due[i] != 0;
		}
		assert_int_equal(wheel_next(&wheel, &next), waiting != 0);
		for (int i = 0; i < TIMERS && waiting; i++)
			assert_true(!due[i] || next <= step_after(due[i]) * WHEEL_STEP_NS);
	}
}

static void test_what_is_past_is_next(void **state)
{
	static struct wheel wheel;
	struct wheel_timer timer = { 0 };
	uint64_t next;

	(void)state;
	wheel_init(&wheel, 5 * WHEEL_STEP_NS);
	wheel_set(&wheel, &timer, 0);
	assert_true(wheel_next(&wheel, &next) && next == 6 * WHEEL_STEP_NS);
	assert_null(wheel_take(&wheel, 6 * WHEEL_STEP_NS - 1));
	assert_ptr_equal(wheel_take(&wheel, 6 * WHEEL_STEP_NS), &timer);
	assert_null(wheel_take(&wheel, 6 * WHEEL_STEP_NS));
	assert_false(wheel_next(&wheel, &next));
	wheel_remove(&wheel, &timer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_what_is_past_is_next),
	};
	long seed = time(NULL);

	print_message("seed %ld\n", seed);
	srand48(seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
