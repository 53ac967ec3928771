/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP replies and errors as they come from the network: any bytes are read or refused, and whatever numbers they claim,
 * the counts of a target stay in balance. The input is a script: a byte that says what happens, and what it needs.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "probe/echo.h"
#include "probe/target.h"
#include "target.h"

#define STEP_NS 7000000ULL
#define START_NS 1000000000ULL
#define TRAITS 3

static const struct echo_key key = { { 0x0123456789abcdefULL, 0xfedcba9876543210ULL } };

struct script {
	const uint8_t *at;
	size_t left;
};

static unsigned int next(struct script *script)
{
	if (!script->left)
		return 0;
	script->left--;
	return *script->at++;
}

/* Messages as bytes: nothing of what is read lies outside of them, which the copy's very size lets the sanitizer see. */
static void read_bytes(const uint8_t *input, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	HOLD(copy);
	if (size)
		memcpy(copy, input, size);
	HOLD(echo_after_ip(copy, size) <= size);
	for (int family = 4; family <= 6; family += 2)
		for (int kind = ECHO_REQUEST; kind <= ECHO_REPLY; kind++) {
			struct echo echo;

			if (!echo_read(&key, family, (enum echo_kind)kind, copy, size, &echo))
				continue;
			HOLD(size >= ECHO_HEADER);
			HOLD(!echo.tagged || (size >= ECHO_LEAST && echo.sequence == (uint16_t)echo.number));
		}
	free(copy);
}

/* What we write is what we read, and not after a byte of it has changed. */
static void write_and_read(struct script *script)
{
	struct echo out,
		in = { .identifier = (uint16_t)next(script), .target = next(script), .number = next(script) << 13 };
	int family = next(script) & 1 ? 6 : 4;
	uint8_t bytes[ECHO_LEAST];
	unsigned int place = 8 + next(script) % 16, change = next(script);

	in.sequence = (uint16_t)in.number;
	echo_write(&key, family, &in, bytes);
	HOLD(echo_read(&key, family, ECHO_REQUEST, bytes, sizeof(bytes), &out));
	HOLD(out.tagged && out.identifier == in.identifier && out.target == in.target && out.number == in.number);
	bytes[place] ^= change;
	HOLD(echo_read(&key, family, ECHO_REQUEST, bytes, sizeof(bytes), &out) && out.tagged == !change);
}

static void check(const struct target_state *state, const struct target_config *config, uint64_t in_time)
{
	struct ping_report report;

	target_report(state, config, &report);
	HOLD(report.received == in_time && report.received <= report.sent);
	HOLD(report.histogram.count == report.received);
	HOLD(report.reordered <= report.received);
	HOLD(!report.round_known || (report.round.sent == config->round && report.round.received <= report.round.sent));
	HOLD(isnan(report.last_rtt) || report.last_rtt >= 0);
}

static void run_target(struct script *script)
{
	struct target_config config = {
		.timeout_ns = (1 + next(script)) * STEP_NS,
		.round = 1 + next(script) % 20,
	};
	uint64_t now = START_NS, sent = 0, in_time = 0;
	struct target_state state;
	uint32_t first;

	config.memory = (uint32_t)(config.timeout_ns / STEP_NS) + 4;
	first = UINT32_MAX - next(script);
	HOLD(!target_init(&state, &config, first));
	while (script->left) {
		unsigned int what = next(script), number = first + next(script);
		struct target_round_trip trip = { .seconds = -1 };
		uint8_t from[16] = { (uint8_t)number };

		switch (what % 6) {
		case 0:
			while (target_settle(&state, &config, now) >= 0)
				;
			HOLD(target_send(&state, now, now) == (uint32_t)(first + sent));
			sent++;
			now += STEP_NS;
			break;
		case 1:
			target_stamp(&state, number, now - next(script) * (STEP_NS / 8));
			break;
		case 2:
			if (target_reply(&state, &config, number, now + next(script) * STEP_NS - STEP_NS * 64, now,
					 &trip) == ANSWER_IN_TIME) {
				HOLD(trip.seconds >= 0 && trip.seconds <= (double)(now - START_NS) * 1e-9);
				in_time++;
			}
			break;
		case 3:
			target_error(&state, (enum ping_error_kind)(what / 6 % PING_ERROR_KINDS),
				     (const int[]){ 0, 4, 6 }[what % TRAITS], from);
			break;
		case 4:
			now += next(script) * STEP_NS;
			break;
		default:
			HOLD(!target_awaits(&state, (uint16_t)number) || sent > 0);
		}
		check(&state, &config, in_time);
	}
	target_free(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct script script = { input, size };

	read_bytes(input, size);
	write_and_read(&script);
	run_target(&script);
	return 0;
}
