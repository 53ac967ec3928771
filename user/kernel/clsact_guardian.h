/* SPDX-License-Identifier: BSD-2-Clause */
/* The guardian of clsact filters, see clsact.h. Functions return 0 or -errno. */
#ifndef FLOWGAUGE_CLSACT_GUARDIAN_H
#define FLOWGAUGE_CLSACT_GUARDIAN_H

#include "kernel/clsact.h"

int guardian_start(struct clsact *clsact);
/* Tells of a filter that is about to be made, of one that now has its qdisc from us, or of one that was removed. */
int guardian_tell(const struct clsact *clsact, const struct clsact_filter *filter, bool removed);
void guardian_end(struct clsact *clsact); /* waits until it has ended */

#endif
