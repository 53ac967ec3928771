/* SPDX-License-Identifier: BSD-2-Clause */
/* A tick is one block of lines, and an empty line ends it: with a record separator of "" awk reads tick by tick. */
#include "export/console.h"

#include "export/table.h"

void console_render(const struct console_config *config, const struct report *report, struct text *out)
{
	struct table table cleanup(table_free) = TABLE_EMPTY;

	table_build(&table, config, report, 0, "");
	if (table.failed) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < table.count; i++) {
		text_append_bytes(out, table.text.bytes + table.lines[i].start, table.lines[i].length);
		text_append_char(out, '\n');
	}
	text_append_char(out, '\n');
}
