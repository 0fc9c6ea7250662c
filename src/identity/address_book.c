/* Recipients out of raw fields, on top of the address parser. */
#include <string.h>

#include "pool.h"

#include "address.h"

#include "address_book.h"

static const char *const KIND_NAMES[ADDRESS_KIND_COUNT] = { "to", "cc", "bcc" };

const char *address_kind_name(enum address_kind kind)
{
	return KIND_NAMES[kind];
}

enum pli_status address_book_parse(struct pool *pool, const char *const *const fields[ADDRESS_KIND_COUNT],
				   unsigned max, struct address_book *book_r, struct err *err)
{
	struct address_list list = { 0 };
	size_t upto[ADDRESS_KIND_COUNT];
	struct address_book book = { 0 };

	for (int kind = 0; kind < ADDRESS_KIND_COUNT; kind++) {
		for (const char *const *f = fields[kind]; f && *f; f++) {
			enum pli_status st = address_list_parse(pool, &list, *f, strlen(*f), KIND_NAMES[kind], max, err);
			if (st != PLI_OK)
				return st;
		}
		upto[kind] = list.count;
	}
	if (list.count == 0) {
		err_field(err, PLI_INVALID, "no-recipient", "to", "The letter has no recipient.");
		return err_hint(err, "Give at least one e-mail address in to, cc or bcc.");
	}
	book.items = POOL_ARRAY(pool, struct address_book_item, list.count);
	for (size_t i = 0; i < list.count; i++) {
		int kind = i < upto[ADDRESS_TO] ? ADDRESS_TO : i < upto[ADDRESS_CC] ? ADDRESS_CC : ADDRESS_BCC;
		book.items[i] = (struct address_book_item){
			.name = list.items[i].name, .address = list.items[i].addr, .kind = (enum address_kind)kind,
		};
		book.of_kind[kind]++;
	}
	book.count = (unsigned)list.count;
	*book_r = book;
	return PLI_OK;
}

enum pli_status address_book_one(struct pool *pool, const char *text, const char *field, const char **address_r,
				 struct err *err)
{
	struct address one;
	enum pli_status st = address_parse(pool, text, strlen(text), field, &one, err);

	if (st == PLI_OK)
		*address_r = one.addr;
	return st;
}

bool address_book_same(const char *a, const char *b)
{
	return address_same(a, b);
}
