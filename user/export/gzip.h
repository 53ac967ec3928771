/* SPDX-License-Identifier: BSD-2-Clause */
/* One buffer in, one gzip member (RFC 1952) out, at the fastest level: the text of a scrape shrinks twentyfold even so. */
#ifndef FLOWGAUGE_GZIP_H
#define FLOWGAUGE_GZIP_H

#include <stddef.h>

/* 0, and *out is to be freed by the caller; -ENOMEM, and both are untouched. */
int gzip_compress(const void *bytes, size_t length, char **out, size_t *out_length);

#endif
