#!/bin/sh
# Goal: a negative control of 33-routes: the same program with one right turned off by hand must turn it red, and the lines
# it prints must name what went wrong.  The altered program is linked from this build's library and one changed file.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
bad=0
[ -r "$B/libpli.a" ] && [ -r "$B/obj/prog/main.o" ] || { echo 'this build has no library to link with'; exit 1; }
[ -z "$(find "$B/obj" -name '*.o' ! -name main.o -newer "$B/libpli.a")" ] || { echo 'the library is older than the program: make build/libpli.a'; exit 1; }

# name, sed script for a source file, file, what the log must name
try() {
	name=$1 script=$2 file=$3 wanted=$4
	work=$TMP/$name
	mkdir -p "$work/tmp"
	sed "$script" "$file" >"$work/altered.c"
	if cmp -s "$file" "$work/altered.c"; then
		echo "$name: the line that was to be altered is not in $file"
		bad=1
		return
	fi
	# Sanitized objects need their runtime; the library tells which.
	case $B in */asan|*/tsan) echo 'not for a sanitizer build'; exit 77 ;; esac
	# shellcheck disable=SC2046
	gcc -std=gnu17 -D_GNU_SOURCE -pthread -fPIE -O1 -include src/base/banned.h -iquote "$(dirname "$file")" \
		$(for r in base io proto store cert identity policy office doors; do echo -iquote "src/$r"; done) \
		-iquote "${B%/}/gen/base" -c "$work/altered.c" -o "$work/altered.o" &&
		gcc -pthread -pie -o "$work/pli" "$B/obj/prog/main.o" "$work/altered.o" "$B/libpli.a" \
			$(make -s --no-print-directory libs) || {
		echo "$name: the altered program cannot be built"
		bad=1
		return
	}
	TMP=$work/tmp PLI=$work/pli node "$here/33-routes.js" >"$work/log" 2>&1
	if [ $? -ne 1 ] || ! grep -qF -e "$wanted" "$work/log"; then
		echo "$name: 33-routes should have failed with: $wanted"
		tail -n 15 "$work/log"
		bad=1
	else
		echo "$name: seen, $(grep -c '^WRONG' "$work/log") answers were wrong"
	fi
}

try editors-see-all 's/\[ROLE_EDITOR\] = { \[RIGHT_DEPOSIT\] = SAME, \[RIGHT_LETTER_SEE\] = OWN/[ROLE_EDITOR] = { [RIGHT_DEPOSIT] = SAME, [RIGHT_LETTER_SEE] = SAME/' \
	src/identity/principal.c 'GET /api/v1/letters/{id} as same-entity-editor: 404'
try readers-see-bcc 's/return p->role == ROLE_AUDITOR ||/return p->role == ROLE_READER || p->role == ROLE_AUDITOR ||/' \
	src/identity/principal.c 'GET /api/v1/letters/{id} as reader: does not name the hidden recipient'
try cookies-fit-all 's/ || db_int(&rows, 2) != (int64_t)place->n//' \
	src/office/delivery_view.c 'GET /l/{token}/letter as cc: 303'
[ "$bad" -eq 0 ]
