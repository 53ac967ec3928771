/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow's two parts in the table, as one record. */
#ifndef FLOWGAUGE_SLOT_RECORD_H
#define FLOWGAUGE_SLOT_RECORD_H

#include "flow_slots.h"
#include "records.h"

/* Counts of 32 bits come as they are. `spilled` is zero: it is not in the slot. */
void slot_record(const struct flow_slot *slot, const struct flow_detail *detail, struct flow_record *out);

#endif
