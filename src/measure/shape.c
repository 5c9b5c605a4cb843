#include "measure/shape.h"

#include "tahoe/chk.h"

#include <math.h>

static const uint64_t class_end[SHAPE_CLASSES] = { 8 << 10, 64 << 10, 512 << 10,
						   4 << 20, 16 << 20, UINT64_MAX };

/* What a speed is taken to differ by from one hour to another, though its samples did not. */
static const double least_spread = 0.1, most_spread = 0.5;

void shape_add_file(struct shape *shape, uint64_t bytes)
{
	size_t i = 0;
	if (bytes <= LITERAL_SIZE_MAX) {
		shape->literals++;
		return;
	}
	while (bytes > class_end[i])
		i++;
	shape->class[i].files++;
	shape->class[i].bytes = add_saturated(shape->class[i].bytes, bytes);
}

bool shape_has_files(const struct shape *shape)
{
	for (size_t i = 0; i < SHAPE_CLASSES; i++)
		if (shape->class[i].files > 0)
			return true;
	return false;
}

uint64_t shape_size(const struct shape *shape, size_t class)
{
	const struct shape_class *of = &shape->class[class];
	return of->files ? min_u64(of->bytes / of->files, SHAPE_MEASURED_MAX) : 0;
}

uint64_t shape_children(const struct shape *shape)
{
	if (!shape->directories || !shape->children)
		return 0;
	return min_u64(SHAPE_CHILDREN_MAX, max_u64(1, shape->children / shape->directories));
}

/* The quickest step of its kind and size, or NULL. */
static const struct step *best_step(const struct results *results, const char *op, uint64_t size)
{
	const struct step *best = NULL;
	for (size_t i = 0; i < results->count; i++) {
		const struct step *step = &results->step[i];
		if (step->size == size && strcmp(step->op, op) == 0 &&
		    (!best || step->objects_per_second > best->objects_per_second))
			best = step;
	}
	return best && best->objects_per_second > 0 ? best : NULL;
}

/* Adds how long `count` objects like those of the step take. */
static bool add(struct shape_time *time, const struct step *step, double count)
{
	if (!step)
		return false;
	const double speed = step->objects_per_second;
	const double spread = fmin(most_spread, fmax(least_spread, step->spread / speed));
	time->least += count / (speed * (1 + spread));
	time->most += count / (speed * (1 - spread));
	return true;
}

bool shape_time(const struct shape *shape, const struct results *results, const char *file_op,
		const char *directory_op, struct shape_time *time)
{
	*time = (struct shape_time){ 0 };
	for (size_t i = 0; i < SHAPE_CLASSES; i++) {
		const uint64_t size = shape_size(shape, i);
		if (size && !add(time, best_step(results, file_op, size),
				 (double)shape->class[i].bytes / (double)size))
			return false;
	}
	const uint64_t children = shape_children(shape);
	return !children ||
	       add(time, best_step(results, directory_op, children), (double)shape->directories);
}
