#!/bin/sh
# Goal: a letter with a password.  Wrong ones are refused and counted per recipient; the tenth locks, once in the journal; the
# right one no longer helps; a new link goes to the recipient's own address and has its own ten tries, three a day; the operator
# may unlock; 64 tries at once are never more than ten.  The right reader always gets in.
. "$(dirname "$0")/lib/instance.sh"

whole_hour 90	# links are renewed three times a day
instance_make
instance_serve
user writer@example.org editor

events() { # letter, event
	api writer@example.org ev GET "/api/v1/journal?letter=$1&limit=200"
	jq "[.entries[]|select(.event==\"$2\")]|length" "$TMP/ev.body"
}

printf 'Sésame-ouvre-toi 9\n' >"$TMP/letter.password"
printf 'secret content\n' >"$TMP/a.txt"
id=$(cli writer@example.org send --to a@example.org --cc b@example.org --subject Secret --attach "$TMP/a.txt" --letter-password-file "$TMP/letter.password")
same 'send' 0 $?
cli writer@example.org show "$id" --json >"$TMP/show"
same 'has_password' true "$(jq .has_password "$TMP/show")"
check 'mail to a' wait_for 10 has_mail a@example.org
check 'mail to b' wait_for 10 has_mail b@example.org
a=$(path_in "$(mail_to a@example.org)")
b=$(path_in "$(mail_to b@example.org)")
hasnt 'the mail holds no password' "$(mail_to a@example.org)" 'same-ouvre'

req a GET "$a"
has 'landing asks for a password' "$TMP/a.body" 'name="password"'
form=$(field_in "$TMP/a.body" form)
n=0
for guess in '' ' ' x 'Sésame-ouvre-toi' 'sésame-ouvre-toi 9' 'Sésame-ouvre-toi 9 ' "$(printf 'x%.0s' $(seq 1 256))" 'a\nb' '%00'; do
	n=$((n + 1))
	req a POST "$a/open" -c "$TMP/a.jar" --data-urlencode "form=$form" --data-urlencode "password=$guess"
	same "wrong password $n" 403 "$STATUS"
	hasnt "wrong password $n: no cookie" "$TMP/a.head" 'Set-Cookie'
	has "wrong password $n: the form again, with what is left" "$TMP/a.body" "$((10 - n))"
	check "wrong password $n: a form" grep -q 'name="password"' "$TMP/a.body"
done
req a POST "$a/open" --data-urlencode "form=$form" --data-urlencode "password=tenth"
same 'the tenth locks' 423 "$STATUS"
has 'the lock page has a way out' "$TMP/a.body" "$a/renew"
req a POST "$a/open" --data-urlencode "form=$form" --data-urlencode "password=Sésame-ouvre-toi 9"
same 'the right one does not open a locked link' 423 "$STATUS"
req a GET "$a"
same 'the landing page says locked' 423 "$STATUS"
form=$(field_in "$TMP/a.body" form)
same 'one entry for the lock' 1 "$(events "$id" handover.failed)"
same 'no reading' 0 "$(events "$id" handover)"

# The neighbour is not touched.
check 'b opens' open_letter b "$b" 'Sésame-ouvre-toi 9'
req b GET "$b/files/1" -b "$TMP/b.jar"
check 'b has the file' cmp "$TMP/a.txt" "$TMP/b.body"
# A composed and a decomposed accent are the same password.
check 'b opens with a decomposed accent' open_letter b "$b" "$(printf 'Se\314\201same-ouvre-toi 9')"

# --- the way out: a new link to the own address
for n in 2 3 4; do
	req a POST "$a/renew" --data-urlencode "form=$form"
	same "renewal $((n - 1))" 200 "$STATUS"
	hasnt "renewal $((n - 1)): the page does not hold the link" "$TMP/a.body" '/l/'"$(path_in "$(mail_to a@example.org 1)" | cut -c4-)x"
	check "mail $n to a" wait_for 10 has_mail a@example.org "$n"
	old=$a
	a=$(path_in "$(mail_to a@example.org "$n")")
	check 'the link is new' [ "$a" != "$old" ]
	req old GET "$old"
	same 'the old link is gone' 410 "$STATUS"
	has 'and says so' "$TMP/old.body" '<h1'
	req old POST "$old/open" --data-urlencode "form=$form" --data-urlencode "password=Sésame-ouvre-toi 9"
	same 'the old link opens nothing' 410 "$STATUS"
	[ "$n" = 4 ] && break
	# Lock the new one again.
	req a GET "$a"
	same 'the new link has a landing page' 200 "$STATUS"
	form=$(field_in "$TMP/a.body" form)
	for try in 1 2 3 4 5 6 7 8 9 10; do
		req a POST "$a/open" --data-urlencode "form=$form" --data-urlencode "password=wrong"
		[ "$try" -lt 10 ] && same "new link, wrong password $try" 403 "$STATUS"
	done
	same 'the new link locks' 423 "$STATUS"
	form=$(field_in "$TMP/a.body" form)
done
same 'renewals are journaled' 3 "$(events "$id" link.renewed)"
same 'locks are journaled' 3 "$(events "$id" handover.failed)"

# A fourth one today is refused; the sender's operator unlocks.
req a GET "$a"
form=$(field_in "$TMP/a.body" form)
for try in 1 2 3 4 5 6 7 8 9 10; do
	req a POST "$a/open" --data-urlencode "form=$form" --data-urlencode "password=wrong"
done
same 'the fourth link locks' 423 "$STATUS"
form=$(field_in "$TMP/a.body" form)
req a POST "$a/renew" --data-urlencode "form=$form"
same 'a fourth new link today' 429 "$STATUS"
"$PLI" letter unlock "$D" "$id" --recipient nobody@example.org >"$TMP/unlock" 2>&1
check 'unlock of a stranger fails' [ $? -ne 0 ]
"$PLI" letter unlock "$D" "$id" --recipient a@example.org >"$TMP/unlock" 2>&1
same "unlock: $(cat "$TMP/unlock")" 0 $?
same 'unlocking is journaled' 1 "$(events "$id" link.unlocked)"
check 'a opens' open_letter a "$a" 'Sésame-ouvre-toi 9'
req a GET "$a/files/1" -b "$TMP/a.jar"
check 'a has the file' cmp "$TMP/a.txt" "$TMP/a.body"
same 'two have read' 2 "$(events "$id" handover)"
cli writer@example.org resend "$id" --to a@example.org >"$TMP/resend" 2>&1
same 'resend needs no password' 0 $?

# --- 64 at once
second=$(cli writer@example.org send --to c@example.org --subject Second --letter-password-file "$TMP/letter.password")
check 'mail to c' wait_for 10 has_mail c@example.org
c=$(path_in "$(mail_to c@example.org)")
req c GET "$c"
form=$(field_in "$TMP/c.body" form)
n=0
while [ $n -lt 64 ]; do
	n=$((n + 1))
	printf 'url = "%s"\ndata-urlencode = "form=%s"\ndata-urlencode = "password=wrong %s"\noutput = "%s"\n' "$URL$c/open" "$form" "$n" "$TMP/many.$n"
	[ $n -lt 64 ] && echo next
done >"$TMP/many.config"
sed -i "s|^next\$|next\ncacert = \"$CA\"\nwrite-out = \"%{http_code}\\\\n\"|; 1i cacert = \"$CA\"\nwrite-out = \"%{http_code}\\\\n\"" "$TMP/many.config"
curl -s --no-progress-meter --parallel --parallel-immediate --parallel-max 64 -K "$TMP/many.config" >"$TMP/many.statuses"
same 'all were answered' 64 "$(grep -c . "$TMP/many.statuses")"
same 'none got in' '' "$(grep -vE '^(403|423|503)$' "$TMP/many.statuses")"
same 'never more than ten tries' 10 "$(sqlite3 -readonly -cmd '.timeout 5000' "$D/data/pli.db" "SELECT MAX(tries) FROM recipient WHERE locked IS NOT NULL")"
same 'one lock' 1 "$(events "$second" handover.failed)"

"$PLI" journal verify "$D" >"$TMP/verified" 2>&1
same "journal verify: $(cat "$TMP/verified")" 0 $?
finish
