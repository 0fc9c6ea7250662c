/* Bar charts as figures for a template: the server makes the picture, so that it needs no script and prints as it stands. */
#ifndef PLI_CHART_H
#define PLI_CHART_H

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct view;

#define CHART_WIDTH 960
#define CHART_HEIGHT 240

struct chart_bar {
	const char *label;		/* under the bar */
	const char *title;		/* all of it in words, for who points at it */
	int64_t back, front;		/* front stands before back and is not higher; back 0: front alone */
};
/* Fills v: x0, y0 (the corner of the axes), x1; lists grid {y, y_text, label}, bars {back_x …, front_x …, w, title}, labels {x, y, label}.
 * y_label names a value of the axis, in the pool; binary: steps of the
 * axis are round in powers of 1024, for sizes. */
void chart_put(struct view *v, const struct chart_bar *bars, unsigned count, bool binary,
	       const char *(*y_label)(void *arg, int64_t value), void *arg);

#endif
