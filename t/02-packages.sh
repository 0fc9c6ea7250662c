#!/bin/sh
# Goal: tools/deps installs what is missing as root or through sudo, updates the package lists only when
# that is needed, prints the one line to type when it may not, and does nothing when all is there.
# dpkg-query, apt-get, sudo, id, useradd and npm are played by small scripts.
set -u
n=0 bad=0
mkdir -p "$TMP/bin"

play() { # name, body
	printf '#!/bin/sh\n%s\n' "$2" >"$TMP/bin/$1"
	chmod +x "$TMP/bin/$1"
}
export PLAY="$TMP"
# shellcheck disable=SC2016
play dpkg-query 'for p in "$@"; do :; done; [ -e "$PLAY/installed/$p" ] && printf installed'
# shellcheck disable=SC2016
play apt-get 'echo "apt-get $*" >>"$PLAY/calls"
case $1 in update) : >"$PLAY/updated"; exit 0 ;; esac
[ -e "$PLAY/stale" ] && [ ! -e "$PLAY/updated" ] && { echo "E: Unable to locate"; exit 100; }
[ -e "$PLAY/broken" ] && { echo "E: broken"; exit 100; }
for p in "$@"; do case $p in -*|install) ;; *) : >"$PLAY/installed/$p" ;; esac; done'
# shellcheck disable=SC2016
play id '[ "$1" = -u ] && [ $# -eq 1 ] && { cat "$PLAY/uid"; exit; }
[ -e "$PLAY/users" ] && grep -qx "$1" "$PLAY/users"'
# shellcheck disable=SC2016
play useradd 'for u in "$@"; do :; done; echo "$u" >>"$PLAY/users"'
# shellcheck disable=SC2016
play sudo 'echo sudo >>"$PLAY/calls"; [ "$1" = -n ] && shift; "$@"'
play npm 'exit 0'
PATH=$TMP/bin:$PATH
export PATH

fresh() { # uid
	rm -rf "$TMP/installed" "$TMP/calls" "$TMP/updated" "$TMP/stale" "$TMP/broken" "$TMP/users"
	mkdir "$TMP/installed"
	: >"$TMP/calls"
	echo "$1" >"$TMP/uid"
}

check() { # what, condition…
	n=$((n + 1))
	what=$1
	shift
	"$@" || { bad=$((bad + 1)); echo "wrong: $what"; echo "$said"; cat "$TMP/calls"; }
}

run() { said=$(tools/deps "$1" </dev/null 2>&1); status=$?; }
says() { case $said in *"$1"*) return 0 ;; *) return 1 ;; esac; }
calls() { [ "$(grep -c "$1" "$TMP/calls")" -eq "$2" ]; }

fresh 0; run run
check 'root: succeeds' [ "$status" -eq 0 ]
check 'root: one install' calls 'apt-get install' 1
check 'root: no update' calls 'apt-get update' 0
check 'root: no sudo' calls sudo 0
check 'root: libssl-dev is there' [ -e "$TMP/installed/libssl-dev" ]
check 'root: four users' [ "$(wc -l <"$TMP/users")" -eq 4 ]
: >"$TMP/calls"; run run
check 'again: succeeds' [ "$status" -eq 0 ]
check 'again: does nothing' [ ! -s "$TMP/calls" ]
check 'again: says nothing' [ -z "$said" ]
check 'again: no user twice' [ "$(wc -l <"$TMP/users")" -eq 4 ]
rm "$TMP/installed/libssl-dev"; run run
check 'one missing: installs it alone' calls 'recommends libssl-dev *$' 1

fresh 0; : >"$TMP/stale"; run run
check 'stale lists: succeeds' [ "$status" -eq 0 ]
check 'stale lists: one update' calls 'apt-get update' 1

fresh 0; : >"$TMP/broken"; run run
check 'broken: fails' [ "$status" -ne 0 ]
check 'broken: shows why' says 'E: broken'
check 'broken: prints the line' says 'apt-get install -y --no-install-recommends gcc'

fresh 1000; run run
check 'user with sudo: succeeds' [ "$status" -eq 0 ]
check 'user with sudo: through it' calls sudo 1
check 'user with sudo: no system users' [ ! -e "$TMP/users" ]

fresh 1000; mv "$TMP/bin/sudo" "$TMP/sudo.away"
if ! command -v sudo >/dev/null; then
	run run
	check 'user without sudo: fails' [ "$status" -ne 0 ]
	check 'user without sudo: prints the line' says 'apt-get install -y --no-install-recommends gcc'
	check 'user without sudo: touches nothing' [ ! -s "$TMP/calls" ]
fi
mv "$TMP/sudo.away" "$TMP/bin/sudo"

fresh 0; run test
check 'test: succeeds' [ "$status" -eq 0 ]
check 'test: has cmocka' [ -e "$TMP/installed/libcmocka-dev" ]
run nothing
check 'unknown set: fails' [ "$status" -ne 0 ]

echo "$n checks, $bad wrong"
[ "$bad" -eq 0 ]
