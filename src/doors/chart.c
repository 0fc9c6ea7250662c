/* Geometry of a bar chart, see chart.h. */
#include "view.h"

#include "chart.h"

#define LEFT 64
#define RIGHT 22		/* half of the last label */
#define TOP 12
#define BOTTOM 30		/* for the labels */
#define LABELS_MAX 10
#define BAR_MAX 44.0
#define STEPS 4

static int64_t highest(const struct chart_bar *bars, unsigned count)
{
	int64_t most = 0;

	for (unsigned i = 0; i < count; i++) {
		most = bars[i].back > most ? bars[i].back : most;
		most = bars[i].front > most ? bars[i].front : most;
	}
	return most;
}

/* The smallest of 1, 2, 2.5, 5 times a power of ten, a whole number, of which STEPS reach `most`. */
static int64_t step_of(int64_t most)
{
	for (int64_t power = 1;; power *= 10) {
		const int64_t steps[] = { power, 2 * power, power % 2 == 0 ? 5 * power / 2 : 0, 5 * power };

		for (unsigned i = 0; i < 4; i++)
			if (steps[i] && steps[i] * STEPS >= most)
				return steps[i];
	}
}

static void bar_put(struct view *v, const struct chart_bar *bar, double x, double width, double unit)
{
	struct view *item = view_item(v, "bars");
	double floor = CHART_HEIGHT - BOTTOM;

	view_fmt(item, "x", "%.1f", x);
	view_fmt(item, "w", "%.1f", width);
	view_fmt(item, "back_y", "%.1f", floor - (double)bar->back * unit);
	view_fmt(item, "back_h", "%.1f", (double)bar->back * unit);
	view_fmt(item, "front_y", "%.1f", floor - (double)bar->front * unit);
	view_fmt(item, "front_h", "%.1f", (double)bar->front * unit);
	view_bool(item, "has_back", bar->back > 0);
	view_bool(item, "has_front", bar->front > 0);
	view_str(item, "bar_title", bar->title);
}

static void grid_put(struct view *v, int64_t step, double unit, const char *(*y_label)(void *arg, int64_t value), void *arg)
{
	for (int64_t k = 0; k <= STEPS; k++) {
		struct view *item = view_item(v, "grid");
		double y = CHART_HEIGHT - BOTTOM - (double)(k * step) * unit;

		view_fmt(item, "y", "%.1f", y);
		view_fmt(item, "y_text", "%.1f", y + 5);
		view_str(item, "label", y_label(arg, k * step));
	}
}

void chart_put(struct view *v, const struct chart_bar *bars, unsigned count, bool binary,
	       const char *(*y_label)(void *arg, int64_t value), void *arg)
{
	int64_t most = highest(bars, count), kilo = 1, step;
	double unit, slot = (double)(CHART_WIDTH - LEFT - RIGHT) / (count ? count : 1), width = slot * 0.66 < BAR_MAX ? slot * 0.66 : BAR_MAX;
	unsigned each = (count + LABELS_MAX - 1) / LABELS_MAX;

	while (binary && most / kilo >= 1024)
		kilo *= 1024;
	step = step_of((most + kilo - 1) / kilo) * kilo;
	unit = (double)(CHART_HEIGHT - BOTTOM - TOP) / (double)(step * STEPS);
	view_int(v, "x0", LEFT);
	view_int(v, "x1", CHART_WIDTH - RIGHT);
	view_int(v, "x_text", LEFT - 10);
	grid_put(v, step, unit, y_label, arg);
	for (unsigned i = 0; i < count; i++) {
		double middle = LEFT + slot * (i + 0.5);

		bar_put(v, &bars[i], middle - width / 2, width, unit);
		/* Counted from the newest, so that today always has its name. */
		if ((count - 1 - i) % each == 0) {
			struct view *label = view_item(v, "labels");

			view_fmt(label, "label_x", "%.1f", middle);
			view_str(label, "label", bars[i].label);
		}
	}
}
