/* Alerts in memory: what is said once, however often it is noticed, and what happens when somebody notices while it is being said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

#include "alert_board.h"

static struct alert_board board;
static struct alert_slot slot;

static int begin(void **state)
{
	(void)state;
	board = (struct alert_board){ 0 };
	return 0;
}

/* Takes the next step and says it done. */
static enum alert_step step(void)
{
	enum alert_step s = alert_board_next(&board, &slot);

	if (s == ALERT_OPEN)
		uuid_make(&slot.row);
	if (s != ALERT_NOTHING)
		alert_board_done(&board, s, &slot);
	return s;
}

static void said_once_at_each_end(void **state)
{
	(void)state;
	assert_int_equal(step(), ALERT_NOTHING);
	assert_true(alert_board_raise(&board, ALERT_TSA, "", "no answer", 10));
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(slot.since_us, 10);
	for (int64_t t = 11; t < 40; t++) {
		assert_true(alert_board_raise(&board, ALERT_TSA, "", "no answer", t));
		assert_int_equal(step(), ALERT_NOTHING);
	}
	assert_int_equal(alert_board_count(&board, ALERT_TSA), 1);
	assert_true(alert_board_end(&board, ALERT_TSA, "", 50));
	assert_false(alert_board_end(&board, ALERT_TSA, "", 51));
	assert_int_equal(alert_board_count(&board, ALERT_TSA), 0);
	assert_int_equal(step(), ALERT_CLOSE);
	assert_int_equal(slot.since_us, 10);
	assert_int_equal(slot.seen_us, 39);
	assert_int_equal(slot.ended_us, 50);
	assert_int_equal(step(), ALERT_NOTHING);
	assert_int_equal(board.count, 0);
	assert_false(alert_board_end(&board, ALERT_TSA, "", 60));
	assert_int_equal(step(), ALERT_NOTHING);
}

static void kinds_and_names_are_apart(void **state)
{
	(void)state;
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "a.example", "x", 1));
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "b.example", "x", 2));
	assert_true(alert_board_raise(&board, ALERT_PROOF, "a.example", "x", 3));
	assert_int_equal(alert_board_count(&board, ALERT_WITNESS), 2);
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(step(), ALERT_OPEN);
	assert_true(alert_board_end(&board, ALERT_WITNESS, "a.example", 4));
	assert_int_equal(step(), ALERT_CLOSE);
	assert_string_equal(slot.subject, "a.example");
	assert_int_equal(slot.kind, ALERT_WITNESS);
	assert_int_equal(alert_board_count(&board, ALERT_WITNESS), 1);
	assert_int_equal(alert_board_count(&board, ALERT_PROOF), 1);
	assert_int_equal(step(), ALERT_NOTHING);
}

/* Over before anybody was told: it was none. */
static void a_trouble_shorter_than_a_round(void **state)
{
	(void)state;
	assert_true(alert_board_raise(&board, ALERT_PROOF, "", "x", 1));
	assert_true(alert_board_end(&board, ALERT_PROOF, "", 2));
	assert_int_equal(step(), ALERT_NOTHING);
	assert_int_equal(board.count, 0);
}

/* Back before its end was said: one alert that lasted. */
static void back_before_its_end_was_said(void **state)
{
	(void)state;
	assert_true(alert_board_raise(&board, ALERT_PROOF, "", "x", 1));
	assert_int_equal(step(), ALERT_OPEN);
	assert_true(alert_board_end(&board, ALERT_PROOF, "", 2));
	assert_true(alert_board_raise(&board, ALERT_PROOF, "", "x", 3));
	assert_int_equal(step(), ALERT_NOTHING);
	assert_true(alert_board_end(&board, ALERT_PROOF, "", 4));
	assert_int_equal(step(), ALERT_CLOSE);
	assert_int_equal(slot.since_us, 1);
}

/* While the row is being written, on another thread, the world goes on. */
static void while_it_is_being_said(void **state)
{
	struct alert_slot first;

	(void)state;
	assert_true(alert_board_raise(&board, ALERT_UNSIGNED, "", "x", 1));
	assert_int_equal(alert_board_next(&board, &first), ALERT_OPEN);
	uuid_make(&first.row);
	assert_true(alert_board_end(&board, ALERT_UNSIGNED, "", 2));
	alert_board_done(&board, ALERT_OPEN, &first);
	assert_int_equal(alert_board_next(&board, &slot), ALERT_CLOSE);
	assert_true(uuid_same(&slot.row, &first.row));
	assert_true(alert_board_raise(&board, ALERT_UNSIGNED, "", "again", 5));
	alert_board_done(&board, ALERT_CLOSE, &slot);
	/* The end was said: what is on now is another one. */
	assert_int_equal(alert_board_next(&board, &slot), ALERT_OPEN);
	assert_int_equal(slot.since_us, 5);
	assert_string_equal(slot.detail, "again");
}

/* A step that failed is tried again. */
static void not_said_yet(void **state)
{
	(void)state;
	assert_true(alert_board_raise(&board, ALERT_CLOCK, "", "x", 1));
	assert_int_equal(alert_board_next(&board, &slot), ALERT_OPEN);
	assert_int_equal(alert_board_next(&board, &slot), ALERT_OPEN);
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(step(), ALERT_NOTHING);
}

static void the_row_follows_once_a_minute(void **state)
{
	(void)state;
	assert_true(alert_board_raise(&board, ALERT_TSA, "", "first words", SECOND_US));
	assert_int_equal(step(), ALERT_OPEN);
	assert_true(alert_board_raise(&board, ALERT_TSA, "", "x", 60 * SECOND_US));
	assert_int_equal(step(), ALERT_NOTHING);
	assert_true(alert_board_raise(&board, ALERT_TSA, "", "later words", 61 * SECOND_US));
	assert_int_equal(step(), ALERT_TOUCH);
	assert_string_equal(slot.detail, "later words");
	assert_int_equal(step(), ALERT_NOTHING);
}

static void from_before_a_start(void **state)
{
	struct alert_slot old = { .kind = ALERT_WITNESS, .subject = "w.example", .since_us = 7, .seen_us = 9 };

	(void)state;
	uuid_make(&old.row);
	alert_board_restore(&board, &old);
	assert_int_equal(alert_board_count(&board, ALERT_WITNESS), 1);
	assert_int_equal(step(), ALERT_NOTHING);
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "w.example", "x", 20));
	assert_int_equal(step(), ALERT_NOTHING);
	assert_true(alert_board_end(&board, ALERT_WITNESS, "w.example", 30));
	assert_int_equal(step(), ALERT_CLOSE);
	assert_int_equal(slot.since_us, 7);
	assert_true(uuid_same(&slot.row, &old.row));
}

static void of_what_is_no_more(void **state)
{
	static const char *const NOW[] = { "b.example" };

	(void)state;
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "a.example", "x", 1));
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "b.example", "x", 1));
	assert_true(alert_board_raise(&board, ALERT_PROOF, "a.example", "x", 1));
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(step(), ALERT_OPEN);
	alert_board_keep(&board, ALERT_WITNESS, NOW, 1, 2);
	assert_int_equal(step(), ALERT_CLOSE);
	assert_string_equal(slot.subject, "a.example");
	assert_int_equal(step(), ALERT_NOTHING);
	alert_board_keep(&board, ALERT_WITNESS, NULL, 0, 3);
	assert_int_equal(step(), ALERT_CLOSE);
	assert_int_equal(alert_board_count(&board, ALERT_WITNESS), 0);
	assert_int_equal(alert_board_count(&board, ALERT_PROOF), 1);
}

static void bounded_and_one_line(void **state)
{
	char name[400], text[8];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name + ALERT_SUBJECT_MAX - 1, "\xc3\xa9", 2);		/* a letter across the edge is left out whole */
	assert_true(alert_board_raise(&board, ALERT_WITNESS, name, "two\nlines", 1));
	assert_int_equal(step(), ALERT_OPEN);
	assert_int_equal(strlen(slot.subject), ALERT_SUBJECT_MAX - 1);
	assert_string_equal(slot.detail, "two lines");
	assert_true(alert_board_end(&board, ALERT_WITNESS, name, 2));
	assert_int_equal(step(), ALERT_CLOSE);
	for (int i = 0; i < ALERT_BOARD_MAX; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_true(alert_board_raise(&board, ALERT_WITNESS, text, "x", 3));
	}
	assert_false(alert_board_raise(&board, ALERT_WITNESS, "one more", "x", 3));
	assert_true(alert_board_raise(&board, ALERT_WITNESS, "0", "x", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(said_once_at_each_end, begin),	cmocka_unit_test_setup(kinds_and_names_are_apart, begin),
		cmocka_unit_test_setup(a_trouble_shorter_than_a_round, begin),
		cmocka_unit_test_setup(back_before_its_end_was_said, begin),	cmocka_unit_test_setup(while_it_is_being_said, begin),
		cmocka_unit_test_setup(not_said_yet, begin),		cmocka_unit_test_setup(the_row_follows_once_a_minute, begin),
		cmocka_unit_test_setup(from_before_a_start, begin),	cmocka_unit_test_setup(bounded_and_one_line, begin),
		cmocka_unit_test_setup(of_what_is_no_more, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
