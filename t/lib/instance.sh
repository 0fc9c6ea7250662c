# Sourced by the scenarios that are shell scripts: an instance of their own below $TMP, its server, tokens, requests by curl,
# caught mails.  Needs TMP and PLI (t/run sets them).  Everything started here is stopped by its process id when the
# script ends.  Ports: see port.js.
#
#   instance_make [option of init]…   $D, entity "New York", admin@example.org; settings appended from $CONF
#   instance_serve / instance_stop    $PID, $URL, $CA; a stop that does not end with 0 is a failure
#   user EMAIL ROLE [ENTITY]          a user and a token in $TMP/EMAIL.token
#   req NAME METHOD PATH [curl arg]…  $STATUS; head in $TMP/NAME.head, body in $TMP/NAME.body; HTTP/1.1, whose header
#                                     names arrive as they are written, or what $HTTP says (--http2)
#   api EMAIL NAME METHOD PATH …      the same with that user's token
#   cli EMAIL VERB …                  the program as that user
#   mail_to ADDRESS [N]               the N-th caught mail (file), by time;  link_in FILE
#   wait_for SECONDS COMMAND…         until it succeeds
#   same / has / hasnt / check        assertions; finish ends the script with what was counted
set -u
# The programs under test must not see what lies about in the caller's environment.
unset PLI_SERVER PLI_TOKEN PLI_CA
HOME=$TMP
XDG_STATE_HOME=$TMP/state
XDG_CONFIG_HOME=$TMP/config
export HOME XDG_STATE_HOME XDG_CONFIG_HOME
LIB=$(cd "$(dirname "$0")/lib" && pwd)
D=$TMP/instance
CONF=
HTTP=--http1.1
PID=
checks=0 wrong=0

check() { # what, command…
	checks=$((checks + 1))
	_what=$1
	shift
	"$@" && return 0
	wrong=$((wrong + 1))
	printf 'WRONG: %s\n' "$_what"
	return 1
}

same() { # what, wanted, got
	checks=$((checks + 1))
	[ "$2" = "$3" ] && return 0
	wrong=$((wrong + 1))
	printf 'WRONG: %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
	return 1
}

has() { # what, file, fixed text
	checks=$((checks + 1))
	grep -qF -e "$3" "$2" && return 0
	wrong=$((wrong + 1))
	printf 'WRONG: %s: "%s" is not in %s:\n' "$1" "$3" "$2"
	head -c 1500 "$2"
	echo
	return 1
}

hasnt() { # what, file, fixed text
	checks=$((checks + 1))
	grep -qF -e "$3" "$2" || return 0
	wrong=$((wrong + 1))
	printf 'WRONG: %s: "%s" is in %s\n' "$1" "$3" "$2"
	return 1
}

finish() {
	instance_stop
	echo "$checks checks, $wrong wrong"
	[ "$checks" -gt 0 ] && [ "$wrong" -eq 0 ]
	exit
}

die() {
	echo "cannot go on: $*"
	[ -r "$TMP/serve.log" ] && tail -n 20 "$TMP/serve.log"
	exit 1
}

# Polls; the pause only spares the processor, nothing depends on its length.  seconds: what it takes on a machine that has enough to do;
# one that is slow, or stands still for a moment, gets four times as long, and a last look.
wait_for() { # seconds, command…
	_end=$(($(date +%s) + $1 * 4))
	[ "$1" -ge 15 ] || _end=$(($(date +%s) + 60))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$_end" ] || { "$@"; return; }
		node "$LIB/pause.js" 50
	done
}

# Waits where an hour is about to end, so that none ends within these seconds, nor a day in UTC or in Paris.
whole_hour() { # seconds
	_left=$((3600 - $(date +%s) % 3600))
	[ "$_left" -ge "$1" ] || sleep "$_left"
}

instance_make() {
	PORT=$(node "$LIB/port.js") || die 'no free port'
	URL=https://localhost:$PORT
	CA=$D/tls/ca.pem
	printf 'Sommeil-profond-9\n' >"$TMP/admin.password"
	"$PLI" init "$D" --host localhost --listen "127.0.0.1:$PORT" --admin admin@example.org \
		--password-file "$TMP/admin.password" --entity 'New York' --lang fr "$@" >"$TMP/init.out" 2>&1 ||
		{ cat "$TMP/init.out"; die 'init'; }
	[ -z "$CONF" ] || printf '%s\n' "$CONF" >>"$D/pli.conf"
}

ready() { curl -s -f -o "$TMP/readyz" -m 5 --cacert "$CA" "$URL/readyz"; }
alive() { kill -0 "$PID" 2>/dev/null; }
ready_or_dead() { ready || ! alive; }

instance_serve() {
	"$PLI" serve "$D" >>"$TMP/serve.log" 2>&1 &
	PID=$!
	trap 'instance_abandon' EXIT
	trap 'exit 1' INT TERM HUP
	wait_for 20 ready_or_dead || die 'the server does not get ready'
	alive || die 'the server ended'
}

instance_stop() {
	[ -n "$PID" ] || return 0
	kill -TERM "$PID"
	wait "$PID"
	stopped=$?
	PID=
	same 'the server stops with 0' 0 "$stopped"
	! grep -q '"event":"host.ended"' "$TMP/serve.log" || [ -n "${DEATHS_EXPECTED-}" ] ||
		check "no process of the server died: $(grep '"event":"host.ended"' "$TMP/serve.log")" false
}

instance_abandon() {
	[ -n "$PID" ] || return 0
	kill -TERM "$PID" 2>/dev/null
	wait "$PID" 2>/dev/null
	PID=
}

user() { # email, role, [entity]
	printf 'Trois-oiseaux-gris-7\n' | "$PLI" user add "$D" "$1" --name "${4-Name of $1}" --entity "${3-New York}" --role "$2" \
		--password-file - || die "user add $1"
	"$PLI" token add "$D" "$1" >"$TMP/$1.token" || die "token add $1"
}

# Variables of these functions begin with an underscore: shell functions have none of their own.
req() { # name, method, path, [curl argument]…
	_name=$1 _method=$2 _path=$3
	shift 3
	case $_method in HEAD) _how=-I ;; *) _how="-X $_method" ;; esac
	# shellcheck disable=SC2086
	STATUS=$(curl -s -m 60 $HTTP $_how --path-as-is --cacert "$CA" -D "$TMP/$_name.head" -o "$TMP/$_name.body" -w '%{http_code}' "$@" "$URL$_path")
}

api() { # email, name, method, path, [curl argument]…
	_email=$1 _name=$2 _method=$3 _path=$4
	shift 4
	req "$_name" "$_method" "$_path" -H "Authorization: Bearer $(cat "$TMP/$_email.token")" "$@"
}

cli() { # email, verb…
	_email=$1
	shift
	"$PLI" "$@" --server "$URL" --token-file "$TMP/$_email.token" --ca "$CA"
}

mails() { # address: all caught mails to it, oldest first
	grep -l -i -E "^To: (.*<)?$1>?.?$" "$D"/outbox/*.eml 2>/dev/null | sort
}

mail_to() { mails "$1" | sed -n "${2-1}p"; }
has_mail() { [ -n "$(mail_to "$@")" ]; }
mail_count() { find "$D/outbox" -name '*.eml' | wc -l; }
link_in() { node "$LIB/mail.js" link "$1"; }
path_in() { link_in "$1" | sed 's|^https://[^/]*||'; }

# The value of a hidden field of a page.
field_in() { # file, name
	sed -n 's/.*name="'"$2"'" value="\([^"]*\)".*/\1/p' "$1" | head -n 1
}

# Opens a letter as its recipient: landing page, form, cookie in $TMP/NAME.jar; $STATUS of the POST.
open_letter() { # name, path of the link, [password]
	_who=$1 _link=$2
	req "$_who" GET "$_link"
	[ "$STATUS" = 200 ] || return 1
	_form=$(field_in "$TMP/$_who.body" form)
	if [ $# -gt 2 ]; then
		req "$_who" POST "$_link/open" -c "$TMP/$_who.jar" --data-urlencode "form=$_form" --data-urlencode "password=$3"
	else
		req "$_who" POST "$_link/open" -c "$TMP/$_who.jar" --data-urlencode "form=$_form"
	fi
	[ "$STATUS" = 303 ]
}
