/* SPDX-License-Identifier: BSD-2-Clause */
/* Where one character of UTF-8 (RFC 3629) ends. */
#ifndef FLOWGAUGE_UTF8_H
#define FLOWGAUGE_UTF8_H

/*
 * Bytes of the character that a NUL-terminated string starts with, 1 to 4; 0 if it is the end of the string or no
 * character at all (a stray or missing continuation, an overlong form, a surrogate, beyond U+10FFFF).
 */
unsigned int utf8_length(const char *string);

#endif
