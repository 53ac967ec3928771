/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing string. An allocation that fails sets `failed`; later calls do nothing, and the owner checks once at the end. */
#ifndef FLOWGAUGE_TEXT_H
#define FLOWGAUGE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes; /* NUL-terminated when length > 0; owned */
	size_t length;
	size_t capacity;
	bool failed;
};

#define TEXT_EMPTY ((struct text){ 0 })

void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const void *bytes, size_t length);
void text_append_char(struct text *text, char c);
void text_append_u64(struct text *text, uint64_t value);
/* Shortest decimal that reads back to the same double; "NaN", "+Inf", "-Inf" as Prometheus writes them. */
void text_append_double(struct text *text, double value);
void text_appendf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(struct text *text); /* keeps the memory */
void text_free(struct text *text);
/* The string, to be freed by the caller; NULL if an allocation failed. The text is empty afterwards. */
char *text_steal(struct text *text);

/* RFC 3339 UTC with nanoseconds, e.g. 2026-11-21T08:00:00.123456789Z; ns since the epoch. */
#define TIME_TEXT_SIZE 40
void time_format(uint64_t realtime_ns, char out[TIME_TEXT_SIZE]);

/* An IPv4 or IPv6 address as text (RFC 5952); family 4 or 6; out holds INET6_ADDRSTRLEN bytes. */
void address_format(int family, const void *address, char *out);

/* "TCP", "UDP", "ICMP", "ICMPv6", "SCTP", or NULL for the others. */
const char *protocol_name(unsigned int protocol);
/* The reverse, any name of getprotobyname or a number 0..255; -1 if there is none. Case does not matter. */
int protocol_number(const char *name);

/* A rate for people: 4 significant digits and K/M/G/T (powers of 1000), e.g. "12.34 MB/s", "98.72 Mbit/s", "0 B/s". */
#define RATE_TEXT_SIZE 24
void rate_format(double bytes_per_second, bool bits, char out[RATE_TEXT_SIZE]);

#define cleanup(function) __attribute__((cleanup(function)))

#endif
