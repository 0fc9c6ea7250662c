#!/bin/sh
# Goal: the server's processes are what they are said to be (names, owners, rights), whatever dies comes back and what hung on it
# goes on, a stop is clean, and the operator's verbs work with the server running and stopped, with the exit statuses of sysexits.h.
. "$(dirname "$0")/lib/instance.sh"
# shellcheck disable=SC2034 # read by the library
DEATHS_EXPECTED=yes
me=$(id -u)

rc() { "$@" >"$TMP/out" 2>"$TMP/err"; echo $?; }
worker() { pgrep -P "$PID" -x "pli-$1"; }
one_word() { awk -v key="$2" '$1 == key ":" { print $2 }' "/proc/$1/status"; }
mode_of() { stat -c '%a %U' "$D/$1"; }

# ------------------------------------------------------------------ init
mkdir "$TMP/closed"
chmod 700 "$TMP/closed"		# the system users cannot even search it
D=$TMP/closed/instance
# shellcheck disable=SC2034 # read by the library
CONF="[submission]
listen = 127.0.0.1:$(node "$(dirname "$0")/lib/port.js")
"
instance_make --demo
same 'init of a directory that is not empty' 73 "$(rc "$PLI" init "$D" --host localhost --admin a@example.org --password-file "$TMP/admin.password")"
same 'init without --admin' 64 "$(rc "$PLI" init "$TMP/x" --host localhost)"
same 'init with a relay that is none' 64 "$(rc "$PLI" init "$TMP/x" --host localhost --admin a@example.org --mail http://relay:25 --password-file "$TMP/admin.password")"
has 'what a relay looks like' "$TMP/err" 'smtps://HOST:PORT'
same 'init with an unknown option' 64 "$(rc "$PLI" init "$TMP/x" --hots localhost)"
has 'the option meant' "$TMP/err" '--host'
printf 'short\n' >"$TMP/short"
check 'init with a short password is refused' [ "$(rc "$PLI" init "$TMP/x" --host localhost --admin a@example.org --password-file "$TMP/short")" -ne 0 ]
check 'a refused init leaves nothing' [ ! -e "$TMP/x" ]
"$PLI" init "$TMP/invited" --host localhost --admin a@example.org </dev/null >"$TMP/invited.out" || die 'init without a password'
check 'init without a password prints a link to set it' grep -Eq 'https://localhost:8443/password/[a-z2-7]{52}' "$TMP/invited.out"
same 'serve of what is no instance' 66 "$(rc "$PLI" serve "$TMP/closed")"
same 'an unknown verb' 64 "$(rc "$PLI" sevre "$D")"
has 'the verb meant' "$TMP/err" 'serve'
same 'a child by hand' 64 "$(rc bash -c 'exec -a pli-front "$0"' "$PLI")"

# ------------------------------------------------------------------ verbs, stopped
same 'user add, stopped' 0 "$(rc "$PLI" user add "$D" ed@example.org --name Ed --entity 'New York' --role editor)"
same 'user add twice' 65 "$(rc "$PLI" user add "$D" ed@example.org --name Ed --entity 'New York')"
same 'user add to an unknown entity' 66 "$(rc "$PLI" user add "$D" x@example.org --name X --entity Nowhere)"
"$PLI" token add "$D" ed@example.org >"$TMP/ed@example.org.token"
same 'a token is one line of its own' 1 "$(grep -c '^pli_[A-Za-z0-9_-]*$' "$TMP/ed@example.org.token")"
"$PLI" user list "$D" --json >"$TMP/users.stopped"
same 'check, stopped' 0 "$(rc "$PLI" check "$D")"
check 'nothing is left running' [ -z "$(pgrep -f "$D" | grep -v $$)" ]

# ------------------------------------------------------------------ running
instance_serve
"$PLI" user list "$D" --json >"$TMP/users.running"
same 'user list says the same running and stopped' "$(cat "$TMP/users.stopped")" "$(cat "$TMP/users.running")"
same 'a second server on the same instance' 75 "$(rc "$PLI" serve "$D")"
same 'check, running' 0 "$(rc "$PLI" check "$D" --json)"
check 'check --json is JSON' sh -c 'jq -e "length > 3" "$1" >/dev/null' sh "$TMP/out"
same 'journal verify, running' 0 "$(rc "$PLI" journal verify "$D")"

for who in front keeper courier mail; do
	p=$(worker $who)
	same "pli-$who is there once" 1 "$(echo "$p" | wc -w)"
	same "pli-$who: no new privileges" 1 "$(one_word "$p" NoNewPrivs)"
	same "pli-$who: system calls are filtered" 2 "$(one_word "$p" Seccomp)"
	same "pli-$who: no capabilities" 0000000000000000 "$(one_word "$p" CapEff)"
	same "pli-$who: no core files" 0 "$(awk '/^Max core file size/ { print $6 }' "/proc/$p/limits")"
	# The kernel gives the files of a process that is not dumpable to root.
	same "pli-$who: not dumpable" 0 "$(stat -c %u "/proc/$p/environ")"
	if [ "$me" -eq 0 ]; then
		same "pli-$who: its own user" "$(id -u pli-$who)" "$(one_word "$p" Uid)"
		same "pli-$who: no capabilities to come back" 0000000000000000 "$(one_word "$p" CapBnd)"
		same "pli-$who: an empty environment" 0 "$(wc -c <"/proc/$p/environ")"
	fi
done
if [ "$me" -eq 0 ]; then
	same 'DIR' '711 root' "$(mode_of .)"
	same 'keys/' '700 pli-keeper' "$(mode_of keys)"
	same 'data/' '700 pli-front' "$(mode_of data)"
	same 'tls/' '700 pli-front' "$(mode_of tls)"
	same 'outbox/' '2750 pli-courier' "$(mode_of outbox)"
	same 'journal/' '2750 pli-keeper' "$(mode_of journal)"
	same 'public/' '755 root' "$(mode_of public)"
	same 'pli.conf' '640 root' "$(mode_of pli.conf)"
	same 'keys/root.kek' '600 pli-keeper' "$(mode_of keys/root.kek)"
else
	for f in . keys data tls outbox journal public; do
		same "$f" "700 $(id -un)" "$(mode_of $f)"
	done
	same 'pli.conf' "600 $(id -un)" "$(mode_of pli.conf)"
fi

# ------------------------------------------------------------------ deaths
letter() { # address: sends one letter and waits for its mail
	cli ed@example.org send --to "$1" --subject "To $1" >"$TMP/id" 2>"$TMP/err" || { cat "$TMP/err"; return 1; }
	wait_for 10 has_mail "$1"
}
back() { # name, old process
	now=$(worker "$1") && [ -n "$now" ] && [ "$now" != "$2" ] && ready
}
n=0
for who in keeper front courier mail front keeper courier; do
	n=$((n + 1))
	old=$(worker $who)
	kill -KILL "$old"
	check "pli-$who is back and all is ready ($n)" wait_for 5 back $who "$old"
	check "a letter goes its way after the death of pli-$who ($n)" letter "after-$n-$who@example.net"
done
old=$(worker front)
# shellcheck disable=SC2046
kill -KILL $(pgrep -P "$PID")
check 'all killed at once: back' wait_for 5 back front "$old"
check 'a letter goes its way after that' letter 'after-all@example.net'
old=$(worker front)
kill -ABRT "$old"
check 'pli-front aborted: back' wait_for 5 back front "$old"
same 'no core file' '' "$(find "$D" . -maxdepth 2 -name 'core*' -type f ! -name '*.c' 2>/dev/null)"
kill -TERM "$(worker front)"
kill -INT "$(worker keeper)"
check 'signals for the group do not end a child' ready
same 'letters sent' 8 "$(cli ed@example.org list --json | jq '.letters | length')"
same 'mails caught, and one that invites Ed' 9 "$(mail_count)"
same 'journal verify after all that' 0 "$(rc "$PLI" journal verify "$D" --json)"

# ------------------------------------------------------------------ the parent's death
workers=$(pgrep -P "$PID")
kill -KILL "$PID"
wait "$PID" 2>/dev/null
# Whoever has ended may not have been buried yet.
gone() { for p in $workers; do [ ! -d "/proc/$p" ] || grep -qs '^State:.*Z' "/proc/$p/status" || return 1; done; }
check 'the children follow their parent' wait_for 5 gone
instance_serve
check 'a letter after that' letter 'after-parent@example.net'

# ------------------------------------------------------------------ stops
begin=$(date +%s)
instance_stop
# Ten seconds for what is under way; the rest is the machine's.
check 'the stop took its time and no more' [ $(($(date +%s) - begin)) -le 30 ]
"$PLI" serve "$D" 2>>"$TMP/serve.log" &
PID=$!
check 'up again' wait_for 20 ready
kill -INT "$PID"
wait "$PID"
same 'an interrupt is a clean stop too' 0 $?
PID=
same 'journal verify, stopped' 0 "$(rc "$PLI" journal verify "$D")"

# ------------------------------------------------------------------ what keeps a server from starting
node -e 'require("net").createServer().listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >"$TMP/taken" &
other=$!
trap 'kill $other 2>/dev/null; instance_abandon' EXIT
check 'another program takes the port' wait_for 10 grep -q listening "$TMP/taken"
same 'the port is taken' 69 "$(rc "$PLI" serve "$D")"
has 'and that is said' "$TMP/err" 'is taken'
kill "$other"
wait "$other" 2>/dev/null
cp "$D/pli.conf" "$TMP/pli.conf"
printf '[server]\nlissen = 127.0.0.1:1\n' >>"$D/pli.conf"
same 'an unknown setting' 64 "$(rc "$PLI" serve "$D")"
has 'the setting meant' "$TMP/err" 'listen'
cat "$TMP/pli.conf" >"$D/pli.conf"
sed 's|^mail = .*|mail = smtp://relay.example.net:25\nuser = u\npassword_file = nowhere|' "$TMP/pli.conf" >"$D/pli.conf"
check 'a password that is not there ends the start' [ "$(rc "$PLI" serve "$D")" -ne 0 ]
has 'which file' "$TMP/err" 'nowhere'
cat "$TMP/pli.conf" >"$D/pli.conf"
if [ "$me" -eq 0 ] && unshare -m true 2>/dev/null; then
	grep -v '^pli-' /etc/passwd >"$TMP/passwd"
	same 'root without the system users' 67 "$(rc unshare -m sh -c 'mount --bind "$2" /etc/passwd && exec "$1" serve "$3"' sh "$PLI" "$TMP/passwd" "$D")"
	has 'the line to type is said' "$TMP/err" 'useradd'
fi
finish
