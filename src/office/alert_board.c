/* See alert_board.h. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "text.h"

#include "alert_board.h"

#define TOUCH_US (60 * SECOND_US)	/* how stale a row's `seen` may be */

static struct alert_slot *find(struct alert_board *b, enum alert_kind kind, const char *subject)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->slots[i].kind == kind && str_eq(b->slots[i].subject, subject))
			return &b->slots[i];
	return NULL;
}

/* Cut where a character begins; nothing that would break a line. */
static void words_copy(char *out, size_t max, const char *words)
{
	size_t n = strlen(words);

	if (n > max)
		for (n = max; n > 0 && ((unsigned char)words[n] & 0xc0) == 0x80; n--)
			;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)words[i] < ' ' || words[i] == 0x7f ? ' ' : words[i];
	out[n] = '\0';
}

/* Those nobody was told of, or everybody of their end. */
static void prune(struct alert_board *b)
{
	for (unsigned i = 0; i < b->count; ) {
		if (b->slots[i].on || b->slots[i].stored)
			i++;
		else
			b->slots[i] = b->slots[--b->count];
	}
}

bool alert_board_raise(struct alert_board *b, enum alert_kind kind, const char *subject, const char *detail, int64_t now_us)
{
	char name[ALERT_SUBJECT_MAX + 1];
	struct alert_slot *s;

	words_copy(name, ALERT_SUBJECT_MAX, subject);
	prune(b);
	s = find(b, kind, name);
	if (!s && b->count == ALERT_BOARD_MAX)
		return false;
	if (!s) {
		s = &b->slots[b->count++];
		*s = (struct alert_slot){ .kind = kind };
		memcpy(s->subject, name, sizeof(name));
	}
	/* Over and back before its end was said: it has lasted. */
	if (!s->on && !s->stored)
		s->since_us = now_us;
	s->on = true;
	s->seen_us = now_us;
	words_copy(s->detail, ALERT_DETAIL_MAX, detail);
	return true;
}

bool alert_board_end(struct alert_board *b, enum alert_kind kind, const char *subject, int64_t now_us)
{
	char name[ALERT_SUBJECT_MAX + 1];
	struct alert_slot *s;

	words_copy(name, ALERT_SUBJECT_MAX, subject);
	s = find(b, kind, name);
	if (!s || !s->on)
		return false;
	s->on = false;
	s->ended_us = now_us;
	return true;
}

void alert_board_keep(struct alert_board *b, enum alert_kind kind, const char *const *subjects, unsigned count, int64_t now_us)
{
	for (unsigned i = 0; i < b->count; i++) {
		bool kept = b->slots[i].kind != kind;

		for (unsigned k = 0; !kept && k < count; k++)
			kept = str_eq(b->slots[i].subject, subjects[k]);
		if (!kept)
			(void)alert_board_end(b, kind, b->slots[i].subject, now_us);
	}
}

void alert_board_restore(struct alert_board *b, const struct alert_slot *slot)
{
	struct alert_slot *s = find(b, slot->kind, slot->subject);

	if (!s && b->count == ALERT_BOARD_MAX)
		return;
	if (!s)
		s = &b->slots[b->count++];
	*s = *slot;
	s->on = s->stored = true;
	s->touched_us = s->seen_us;
}

static enum alert_step step_of(const struct alert_slot *s)
{
	if (s->on && !s->stored)
		return ALERT_OPEN;
	if (!s->on && s->stored)
		return ALERT_CLOSE;
	return s->on && s->seen_us - s->touched_us >= TOUCH_US ? ALERT_TOUCH : ALERT_NOTHING;
}

enum alert_step alert_board_next(struct alert_board *b, struct alert_slot *slot_r)
{
	prune(b);
	for (unsigned i = 0; i < b->count; i++) {
		enum alert_step step = step_of(&b->slots[i]);

		if (step != ALERT_NOTHING) {
			*slot_r = b->slots[i];
			return step;
		}
	}
	return ALERT_NOTHING;
}

void alert_board_done(struct alert_board *b, enum alert_step step, const struct alert_slot *slot)
{
	struct alert_slot *s = find(b, slot->kind, slot->subject);

	if (!s)
		return;
	if (step == ALERT_OPEN) {
		s->stored = true;
		s->row = slot->row;
	}
	if (step == ALERT_CLOSE) {
		s->stored = false;
		s->since_us = s->seen_us;	/* of the next one, when it has come meanwhile */
	}
	s->touched_us = slot->seen_us;
}

unsigned alert_board_count(const struct alert_board *b, enum alert_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < b->count; i++)
		count += b->slots[i].on && b->slots[i].kind == kind;
	return count;
}
