/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that wait for the server. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/openstack_internal.h"

struct record *record_new(const struct openstack_sample *sample)
{
	size_t count = sample->value_count < OPENSTACK_VALUES_MAX ? sample->value_count : OPENSTACK_VALUES_MAX;
	struct record *record = calloc(1, sizeof(*record) + count * sizeof(record->values[0]));

	if (!record)
		return NULL;
	snprintf(record->interface, sizeof(record->interface), "%s", sample->interface ? sample->interface : "");
	record->time_ns = sample->time_ns;
	record->volume = sample->volume;
	record->value_count = count;
	if (count)
		memcpy(record->values, sample->values, count * sizeof(record->values[0]));
	return record;
}

bool record_has_numbers(const struct record *record)
{
	for (size_t i = 0; i < record->value_count; i++)
		if (isfinite(record->values[i].value))
			return true;
	return false;
}

int queue_open(struct record_queue *queue, size_t limit)
{
	*queue = (struct record_queue){ .slots = calloc(limit, sizeof(struct record *)), .limit = limit };
	return queue->slots ? 0 : -ENOMEM;
}

void queue_close(struct record_queue *queue)
{
	queue_drop(queue, queue->count);
	free(queue->slots);
	queue->slots = NULL;
}

static struct record **slot(const struct record_queue *queue, size_t index)
{
	return &queue->slots[(queue->head + index) % queue->limit];
}

struct record *queue_at(const struct record_queue *queue, size_t index)
{
	return *slot(queue, index);
}

/* The first `kept` move up by one, over the one that is dropped. */
static void drop_after(struct record_queue *queue, size_t kept)
{
	free(*slot(queue, kept));
	for (size_t i = kept; i > 0; i--)
		*slot(queue, i) = *slot(queue, i - 1);
	queue->head = (queue->head + 1) % queue->limit;
	queue->count--;
}

bool queue_put(struct record_queue *queue, struct record *record, size_t kept)
{
	bool full = queue->count == queue->limit;

	if (full && kept >= queue->count) {
		free(record);
		return false;
	}
	if (full)
		drop_after(queue, kept);
	*slot(queue, queue->count) = record;
	queue->count++;
	return !full;
}

void queue_drop(struct record_queue *queue, size_t count)
{
	for (size_t i = 0; i < count && queue->count; i++) {
		free(*slot(queue, 0));
		*slot(queue, 0) = NULL;
		queue->head = (queue->head + 1) % queue->limit;
		queue->count--;
	}
}
