#!/bin/bash
# Goal: `make install DESTDIR=` puts everything where it belongs and nothing elsewhere; the manual pages are correct and name every
# verb, option and setting; what the shells complete is what the program takes; the service unit is well formed, keeps its promise
# of hardening, and allows what the processes do.
. "$(dirname "$0")/lib/instance.sh"
set +u
cd "$(dirname "$0")/.." || exit 1
root=$TMP/root

make -s install B="$B" DESTDIR="$root" PREFIX=/usr >"$TMP/make.out" 2>&1 || { cat "$TMP/make.out"; die 'make install'; }
installed=$(cd "$root" && find . -type f | sort)
same 'what is installed' "$(sort <<'END'
./usr/bin/pli
./usr/lib/systemd/system/pli@.service
./usr/lib/sysusers.d/pli.conf
./usr/share/bash-completion/completions/pli
./usr/share/doc/pli/ARCHITECTURE.md
./usr/share/doc/pli/CHANGELOG.md
./usr/share/doc/pli/LICENSE
./usr/share/doc/pli/LICENSE-gentium
./usr/share/doc/pli/LICENSE-llhttp
./usr/share/doc/pli/README.md
./usr/share/doc/pli/alerts.md
./usr/share/doc/pli/api.md
./usr/share/doc/pli/backup.md
./usr/share/doc/pli/formats.md
./usr/share/doc/pli/keys.md
./usr/share/doc/pli/log.md
./usr/share/doc/pli/operating.md
./usr/share/doc/pli/performance.md
./usr/share/doc/pli/proof.md
./usr/share/doc/pli/retention.md
./usr/share/doc/pli/time.md
./usr/share/fish/vendor_completions.d/pli.fish
./usr/share/man/man1/pli.1
./usr/share/man/man5/pli.conf.5
./usr/share/zsh/site-functions/_pli
END
)" "$installed"
make -s install B="$B" DESTDIR="$TMP/local" >/dev/null 2>&1
check 'elsewhere, the unit stands where administrators put theirs' [ -f "$TMP/local/etc/systemd/system/pli@.service" ]
has 'and names that program' "$TMP/local/etc/systemd/system/pli@.service" 'ExecStart=/usr/local/bin/pli serve'
pli=$root/usr/bin/pli
share=$root/usr/share

# ------------------------------------------------------------------ manual pages
for page in man1/pli.1 man5/pli.conf.5; do
	mandoc -T lint -W warning "$share/man/$page" >"$TMP/lint"
	same "$page: nothing to complain of" '' "$(grep -v 'missing date' "$TMP/lint")"
	mandoc -T utf8 "$share/man/$page" | col -b >"$TMP/$(basename "$page").txt"
done
verbs=$("$pli" help | awk '/:$/ { on = 1; next } on && /^  [a-z]/ { sub(/^  /, ""); split($0, a, /  +/); print a[1] }')
check 'there are verbs' [ "$(wc -l <<<"$verbs")" -gt 20 ]
mapfile -t each <<<"$verbs"
for verb in "${each[@]}"; do
	check "the manual has a section on $verb" grep -qE "^ +$verb\$" "$TMP/pli.1.txt"
	# shellcheck disable=SC2086
	for option in $("$pli" help $verb | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+'); do
		check "and says what $option of $verb does" grep -qF -e "$option" "$TMP/pli.1.txt"
	done
done
"$pli" init "$TMP/sample" --host localhost --listen 127.0.0.1:1 --admin a@example.org --password-file <(echo Sommeil-profond-9) >/dev/null 2>&1 || die init
for key in $(sed -nE 's/^#?([a-z_0-9]+) = .*/\1/p' "$TMP/sample/pli.conf"); do
	check "the manual has the setting $key" grep -qE "^ +$key( |\$)" "$TMP/pli.conf.5.txt"
done
same 'an unknown page' 64 "$("$pli" man nothing >/dev/null 2>&1; echo $?)"
same 'an unknown shell' 64 "$("$pli" completion csh >/dev/null 2>&1; echo $?)"

# ------------------------------------------------------------------ completion
completed() { # words as typed; the last is completed
	bash --norc -c '. "$0"; COMP_WORDS=(pli "$@"); COMP_CWORD=$#; _pli; printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' \
		"$share/bash-completion/completions/pli" "$@"
}
check 'bash: first words' grep -qw -e serve <<<"$(completed s)"
same 'bash: first words that begin so' 'send serve show ' "$(completed s | tr ' ' '\n' | grep -E '^(send|serve|show)$' | tr '\n' ' ')"
same 'bash: second words' 'add disable list password ' "$(completed user '' | tr ' ' '\n' | grep -E '^(add|disable|list|password)$' | tr '\n' ' ')"
same 'bash: values' 'admin auditor editor reader ' "$(completed user add d e --role '')"
same 'bash: values that begin so' 'auditor ' "$(completed user add d e --role au)"
for verb in "${each[@]}"; do
	# shellcheck disable=SC2086
	same "bash: options of $verb" "$( (echo --help; "$pli" help $verb | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+') | sort | tr '\n' ' ')" "$(completed $verb --)"
done
same 'bash: files elsewhere' ' ' "$(completed check /t)"
check 'zsh understands it' zsh -n "$share/zsh/site-functions/_pli"
# The real thing: an interactive shell on a terminal, asked for what begins so.
cat >"$TMP/zsh.py" <<'END'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM='dumb', PS1='% ', COLUMNS='200')
    os.execvp('zsh', ['zsh', '-f', '-i'])
def say(text, until, seconds=90):
    os.write(fd, text.encode())
    got, end = '', time.time() + seconds
    while until not in got and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try: got += os.read(fd, 65536).decode('utf8', 'replace')
            except OSError: break
    return got
say(f'stty cols 200; fpath=({sys.argv[1]} $fpath); autoload -U compinit; compinit -D -u; zstyle ":completion:*" list-prompt ""; echo rea""dy\n', 'ready')
got = say('pli user add d e --role \t\t', 'reader')
got += say('\x15pli user \t\t', 'password')
got += say('\x15pli send --sub\t', '--subject')
os.close(fd)
print('all' if 'reader' in got and 'auditor' in got and 'give a user a new password' in got and '--subject' in got else got)
END
same 'zsh: completes values, verbs and options' all "$(python3 "$TMP/zsh.py" "$share/zsh/site-functions")"
check 'fish understands it' fish -n "$share/fish/vendor_completions.d/pli.fish"
fished() { fish --no-config -c "source '$share/fish/vendor_completions.d/pli.fish'; complete -C'$1'" | cut -f1 | sort | tr '\n' ' '; }
same 'fish: values' 'admin auditor editor reader ' "$(fished 'pli user add d e --role ')"
check 'fish: second words' grep -q 'add disable ' <<<"$(fished 'pli user ')"
check 'fish: options' grep -qw -e '--subject' <<<"$(fished 'pli send --su')"

# ------------------------------------------------------------------ service
unit=$root/usr/lib/systemd/system/pli@.service
sed -i "s,=/usr/bin/pli,=$pli,; s,^Documentation.*,," "$unit"
same 'the unit is well formed' '' "$(systemd-analyze verify --man=no "$unit" 2>&1)"
systemd-analyze security --offline=true --threshold=30 --no-pager "$unit" >"$TMP/security" 2>&1
same 'its exposure is at most 3.0 of 10' 0 $?
tail -1 "$TMP/security"
same 'the users are those that the program asks for' "$(grep -oE 'for u in [a-z -]+;' src/prog/instance_owner.c | sed 's/for u in //; s/;//' | tr ' ' '\n' | sort | tr '\n' ' ')" \
	"$(awk '$1 == "u" { print $2 }' system/pli.sysusers | sort | tr '\n' ' ')"
check 'systemd-sysusers understands the file' systemd-sysusers --dry-run "$root/usr/lib/sysusers.d/pli.conf"

# What all processes really call, from start over work and reload to the end, against what the unit lets through.
instance_make
strace -f -qq -e trace=all -e signal=none -o "$TMP/calls" "$pli" serve "$D" >>"$TMP/serve.log" 2>&1 &
PID=$!
trap 'instance_abandon' EXIT
wait_for 40 ready_or_dead || die 'the traced server does not get ready'
user ed@example.org editor
api ed@example.org sent POST /api/v1/letters -F to=a@example.org -F subject=Traced -F "file=@README.md"
same 'a deposit under the tracer' 201 "$STATUS"
check 'its mail' wait_for 20 has_mail a@example.org
open_letter a "$(path_in "$(mail_to a@example.org)")"
"$pli" reload "$D" || check 'reload' false
server=$(pgrep -P "$PID" -x pli)
kill -TERM "${server:-0}"
wait "$PID"
PID=
sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$TMP/calls" | sort -u >"$TMP/called"
check 'calls were seen' [ "$(wc -l <"$TMP/called")" -gt 50 ]
expand() { # set or call: the calls
	case $1 in
	@*) systemd-analyze syscall-filter "$1" | sed 's/#.*//' | tail -n +2 | while read -r one; do [ -n "$one" ] && expand "$one"; done ;;
	*) echo "$1" ;;
	esac
}
: >"$TMP/allowed"
sed -n 's/^SystemCallFilter=//p' "$unit" | while read -r line; do
	take=${line#\~}
	for one in $take; do expand "$one"; done | sort -u >"$TMP/set"
	if [ "$take" = "$line" ]; then sort -u "$TMP/set" "$TMP/allowed" >"$TMP/next"; else comm -23 "$TMP/allowed" "$TMP/set" >"$TMP/next"; fi
	mv "$TMP/next" "$TMP/allowed"
done
check 'the filter lets something through' [ "$(wc -l <"$TMP/allowed")" -gt 200 ]
same 'the filter lets through whatever they call' '' "$(comm -23 "$TMP/called" "$TMP/allowed" | tr '\n' ' ')"
finish
