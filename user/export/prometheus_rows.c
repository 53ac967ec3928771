/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of rows is shown as one family after the other, each with a sample of each row. Labels cost more than values, so
 * they are rendered once. They lie in one text, which moves as it grows: hence offsets, and no pointers.
 */
#include <errno.h>
#include <stdlib.h>

#include "export/prometheus_internal.h"

int row_labels_make(struct row_labels *labels, size_t rows, const void *table,
		    void (*append)(const void *table, size_t row, struct text *text, size_t start))
{
	*labels = (struct row_labels){ .text = TEXT_EMPTY, .starts = calloc(rows + 1, sizeof(*labels->starts)) };
	if (!labels->starts)
		return -ENOMEM;
	for (size_t row = 0; row < rows; row++) {
		append(table, row, &labels->text, labels->starts[row]);
		labels->starts[row + 1] = labels->text.length;
	}
	return labels->text.failed ? -ENOMEM : 0;
}

struct labels row_labels_of(const struct row_labels *labels, size_t row)
{
	return (struct labels){ labels->text.bytes + labels->starts[row],
				labels->starts[row + 1] - labels->starts[row] };
}

void row_labels_free(struct row_labels *labels)
{
	text_free(&labels->text);
	free(labels->starts);
	labels->starts = NULL;
}
