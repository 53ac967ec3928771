/* SPDX-License-Identifier: BSD-2-Clause */
/* A password that stands in a file of its own, so that it is in no configuration, argument list or log. */
#ifndef FLOWGAUGE_PUSH_PASSWORD_H
#define FLOWGAUGE_PUSH_PASSWORD_H

#include <stddef.h>

#define PUSH_PASSWORD_SIZE 1024

/*
 * The first line of the file, without its end. 0, or -errno and *why says what is wrong (static, or of strerror). The
 * caller wipes `out`.
 */
int push_password_read(const char *path, char out[PUSH_PASSWORD_SIZE], const char **why);

#endif
