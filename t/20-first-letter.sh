#!/bin/sh
# Goal: the whole way of a letter.  From the command line (tus) and through the API (multipart, JSON) to To, Cc and Bcc; the
# caught mails; opening as each recipient with curl; what comes down is what went up, also by Range and in the ZIP; the
# journal; the proof of sender and recipient checked without Pli under dash and busybox sh, and by `pli proof verify`.
. "$(dirname "$0")/lib/instance.sh"

instance_make
instance_serve
user writer@example.org editor 'New York' 'Jeanne Éditrice'

head -c 3000000 /dev/urandom >"$TMP/plan détaillé.pdf"
printf 'petit\n' >"$TMP/petit.txt"
: >"$TMP/vide"
printf '# Bonjour\n\nVoici le **plan**, avec <b>balise</b> & autres.\n' >"$TMP/message.md"

# --- from the command line
cli writer@example.org send --to a@example.org --cc 'Bé Example <b@example.org>' --bcc c@example.org \
	--subject 'Création fiche produit' --message "$TMP/message.md" --attach "$TMP/plan détaillé.pdf" \
	--attach "$TMP/petit.txt" --attach "$TMP/vide" --json >"$TMP/sent.json" 2>"$TMP/send.err"
same 'send: status' 0 $?
same 'send: nothing on standard error' '' "$(cat "$TMP/send.err")"
id=$(jq -r .id "$TMP/sent.json")
same 'send: keys of the answer' 'class created entities entity expires has_password id links mode number parts recipients retention sent state subject' \
	"$(jq -r 'keys|join(" ")' "$TMP/sent.json")"
same 'send: three recipients in order' 'a@example.org to,b@example.org cc,c@example.org bcc' \
	"$(jq -r '[.recipients[]|.address+" "+.kind]|join(",")' "$TMP/sent.json")"
same 'send: parts in order' '1 plan détaillé.pdf 3000000,2 petit.txt 6,3 vide 0' \
	"$(jq -r '[.parts[]|"\(.n) \(.name) \(.size)"]|join(",")' "$TMP/sent.json")"
same 'send: digest of part 1' "$(sha256sum <"$TMP/plan détaillé.pdf" | cut -c1-64)" "$(jq -r '.parts[0].sha256' "$TMP/sent.json")"

for who in a b c; do
	check "a mail to $who" wait_for 10 has_mail $who@example.org
	same "one mail to $who" 1 "$(mails $who@example.org | wc -l)"
	mail=$(mail_to $who@example.org)
	node "$LIB/mail.js" headers "$mail" >"$TMP/$who.headers"
	node "$LIB/mail.js" text "$mail" >"$TMP/$who.text"
	node "$LIB/mail.js" html "$mail" >"$TMP/$who.html"
	same "mail to $who: To is him alone" "$who@example.org" \
		"$(jq -r '[.[]|select(.name=="to").value]|join("|")' "$TMP/$who.headers" | sed 's/.*<\(.*\)>/\1/')"
	same "mail to $who: no Cc, no Bcc" 0 "$(jq '[.[]|select(.name=="cc" or .name=="bcc")]|length' "$TMP/$who.headers")"
	same "mail to $who: Auto-Submitted" auto-generated "$(jq -r '.[]|select(.name=="auto-submitted").value' "$TMP/$who.headers")"
	has "mail to $who: an HTML part with the link" "$TMP/$who.html" "$(link_in "$mail")"
	check "mail to $who: a short link" [ "$(link_in "$mail" | wc -c)" -lt 121 ]
	for word in 'fiche produit' 'plan d' petit balise; do
		hasnt "mail to $who says nothing of the letter" "$TMP/$who.text" "$word"
		hasnt "mail to $who says nothing of the letter (HTML)" "$TMP/$who.html" "$word"
	done
done
same 'message ids differ' 3 "$(cat "$TMP"/[abc].headers | jq -r '.[]|select(.name=="message-id").value' | sort -u | wc -l)"

# --- as each recipient
for who in a b c; do
	link=$(path_in "$(mail_to $who@example.org)")
	req $who-landing GET "$link"
	same "$who: landing" 200 "$STATUS"
	check "$who: landing is small" [ "$(wc -c <"$TMP/$who-landing.body")" -lt 30720 ]
	same "$who: one form" 1 "$(grep -c '<form' "$TMP/$who-landing.body")"
	has "$who: its action" "$TMP/$who-landing.body" "action=\"$link/open\""
	hasnt "$who: the subject is not on the landing page" "$TMP/$who-landing.body" 'fiche produit'
	has "$who: no-store" "$TMP/$who-landing.head" 'no-store'
	req $who-early GET "$link/letter"
	same "$who: no letter without opening" 303 "$STATUS"
	# The link is case-insensitive.
	req $who-upper GET "/l/$(echo "${link#/l/}" | tr a-z A-Z)"
	same "$who: link in capitals" 200 "$STATUS"

	check "$who: opens" open_letter $who "$link"
	has "$who: cookie is bound to the host" "$TMP/$who.head" '__Host-r'
	req $who-letter GET "$link/letter" -b "$TMP/$who.jar"
	same "$who: letter" 200 "$STATUS"
	has "$who: subject" "$TMP/$who-letter.body" 'Création fiche produit'
	has "$who: message rendered" "$TMP/$who-letter.body" '<strong>plan</strong>'
	hasnt "$who: no markup of the sender's" "$TMP/$who-letter.body" '<b>balise'
	has "$who: sees To" "$TMP/$who-letter.body" 'a@example.org'
	has "$who: sees Cc" "$TMP/$who-letter.body" 'b@example.org'
	case $who in
	c) has "$who: sees himself" "$TMP/$who-letter.body" 'c@example.org' ;;
	*) hasnt "$who: does not see Bcc" "$TMP/$who-letter.body" 'c@example.org' ;;
	esac

	n=0
	for file in 'plan détaillé.pdf' petit.txt vide; do
		n=$((n + 1))
		req $who-file GET "$link/files/$n" -b "$TMP/$who.jar"
		same "$who: file $n" 200 "$STATUS"
		check "$who: file $n is identical" cmp "$TMP/$file" "$TMP/$who-file.body"
		has "$who: file $n is an attachment" "$TMP/$who-file.head" 'Content-Disposition: attachment'
		has "$who: file $n nosniff" "$TMP/$who-file.head" 'X-Content-Type-Options: nosniff'
	done
	req $who-file GET "$link/files/4" -b "$TMP/$who.jar"
	same "$who: no file 4" 404 "$STATUS"
	etag=$(curl -s -I --cacert "$CA" -b "$TMP/$who.jar" "$URL$link/files/1" | tr -d '\r' | sed -n 's/^ETag: //pi')
	check "$who: an ETag" [ -n "$etag" ]
	req $who-range GET "$link/files/1" -b "$TMP/$who.jar" -H 'Range: bytes=1000001-2500000'
	same "$who: range" 206 "$STATUS"
	check "$who: range is identical" sh -c 'tail -c +1000002 "$1" | head -c 1500000 | cmp - "$2"' - "$TMP/plan détaillé.pdf" "$TMP/$who-range.body"
	has "$who: Content-Range" "$TMP/$who-range.head" 'bytes 1000001-2500000/3000000'
	req $who-range GET "$link/files/1" -b "$TMP/$who.jar" -H 'Range: bytes=-10' -H "If-Range: $etag"
	same "$who: last bytes, If-Range" 206 "$STATUS"
	check "$who: last bytes are identical" sh -c 'tail -c 10 "$1" | cmp - "$2"' - "$TMP/plan détaillé.pdf" "$TMP/$who-range.body"
	req $who-range GET "$link/files/1" -b "$TMP/$who.jar" -H 'Range: bytes=5-' -H 'If-Range: "other"'
	same "$who: another ETag in If-Range: all" 200 "$STATUS"
	req $who-range GET "$link/files/1" -b "$TMP/$who.jar" -H 'Range: bytes=3000000-'
	same "$who: range beyond" 416 "$STATUS"
	req $who-range GET "$link/files/1" -b "$TMP/$who.jar" -H "If-None-Match: $etag"
	same "$who: not modified" 304 "$STATUS"

	req $who-zip GET "$link/files.zip" -b "$TMP/$who.jar"
	same "$who: zip" 200 "$STATUS"
	mkdir -p "$TMP/$who.zip.d"
	check "$who: zip is sound" unzip -q -o "$TMP/$who-zip.body" -d "$TMP/$who.zip.d"
	for file in 'plan détaillé.pdf' petit.txt vide; do
		check "$who: zip holds $file" cmp "$TMP/$file" "$(find "$TMP/$who.zip.d" -name "*$file" | head -n 1)"
	done
	cp "$TMP/$who-zip.body" "$TMP/$who.zip"
	req $who-zip GET "$link/files.zip" -b "$TMP/$who.jar" -H 'Range: bytes=2000000-'
	same "$who: zip by range" 206 "$STATUS"
	check "$who: zip has the same bytes each time" sh -c 'tail -c +2000001 "$1" | cmp - "$2"' - "$TMP/$who.zip" "$TMP/$who-zip.body"

	# Asked again when its head is still on its way.
	req $who-proof GET "$link/proof" -b "$TMP/$who.jar" --retry 20 --retry-max-time 60
	same "$who: proof" 200 "$STATUS"
	cp "$TMP/$who-proof.body" "$TMP/$who.asice"
done

# --- what the sender sees
cli writer@example.org show "$id" --json >"$TMP/show.json"
same 'state' received "$(jq -r .state "$TMP/show.json")"
same 'recipients have opened' 'opened opened opened' "$(jq -r '[.recipients[].state]|join(" ")' "$TMP/show.json")"
same 'sends' '1 1 1' "$(jq -r '[.recipients[].sends|tostring]|join(" ")' "$TMP/show.json")"
cli writer@example.org list --json >"$TMP/list.json"
has 'list' "$TMP/list.json" "$id"
cli writer@example.org journal --letter "$id" --json >"$TMP/journal.json"
same 'journal: three readings' 3 "$(jq '[.. | objects | select(.event=="handover")] | length' "$TMP/journal.json")"
cli writer@example.org proof get "$id" -o "$TMP/sender.asice" >"$TMP/get.out" 2>&1
same 'proof get' 0 $?
cli writer@example.org proof get "$id" --recipient b@example.org -o "$TMP/b-by-sender.asice" >"$TMP/get.out" 2>&1
same 'proof get of one recipient' 0 $?
cli writer@example.org proof get "$id" --recipient z@example.org -o "$TMP/z.asice" >"$TMP/get.out" 2>&1
check 'no proof of one who is no recipient' [ $? -ne 0 ]

# --- the proofs, offline
curl -s --cacert "$CA" "$URL/.well-known/pli/root.pem" -o "$TMP/root.pem"
curl -s --cacert "$CA" "$URL/.well-known/pli/log.pub" -o "$TMP/log.pub"
check 'published root' cmp "$TMP/root.pem" "$D/public/root.pem"
check 'published log key' cmp "$TMP/log.pub" "$D/public/log.pub"
for name in sender a b c b-by-sender; do
	"$PLI" proof verify "$TMP/$name.asice" --root "$TMP/root.pem" --log-key "$TMP/log.pub" >"$TMP/verify.out" 2>&1
	same "$name: pli proof verify: $(tail -n 2 "$TMP/verify.out")" 0 $?
	has "$name: pli says VERIFIED" "$TMP/verify.out" VERIFIED
	mkdir -p "$TMP/$name.d"
	check "$name: unzips" unzip -q -o "$TMP/$name.asice" -d "$TMP/$name.d"
	for shell in dash 'busybox sh'; do
		# also where a killed one of the same number left its folder
		(cd "$TMP/$name.d" && env -i PATH="$PATH" TMPDIR="$TMP" $shell -c 'mkdir "$TMPDIR/pli-verify.$$" && exec '"$shell"' ./verify.sh "$@"' - \
			--root "$TMP/root.pem" --log-key "$TMP/log.pub") >"$TMP/verify.out" 2>&1
		same "$name: verify.sh under $shell: $(tail -n 2 "$TMP/verify.out")" 0 $?
		same "$name: verify.sh under $shell says" VERIFIED "$(tail -n 1 "$TMP/verify.out" | cut -c1-8)"
	done
	# Another instance's keys must not do.
	openssl genpkey -algorithm ed25519 2>"$TMP/openssl.err" | openssl pkey -pubout >"$TMP/other.pub"
	"$PLI" proof verify "$TMP/$name.asice" --log-key "$TMP/other.pub" >"$TMP/verify.out" 2>&1
	check "$name: another log key fails" [ $? -ne 0 ]
	hasnt "$name: another log key is not VERIFIED" "$TMP/verify.out" VERIFIED
	(cd "$TMP/$name.d" && dash ./verify.sh --log-key "$TMP/other.pub") >"$TMP/verify.out" 2>&1
	check "$name: another log key fails in verify.sh" [ $? -ne 0 ]
done
grep -rlF 'c@example.org' "$TMP/a.d" "$TMP/b.d" "$TMP/a.zip.d" "$TMP/b.zip.d" >"$TMP/leak"
same 'no Bcc in the bundles and archives of To and Cc' '' "$(cat "$TMP/leak")"
grep -rlF 'c@example.org' "$TMP/sender.d" >"$TMP/leak"
check 'the Bcc is in the sender'"'"'s bundle' [ -s "$TMP/leak" ]

# --- through the API: multipart with fields after the file, then JSON with a finished upload
api writer@example.org multi POST /api/v1/letters -F "file=@$TMP/petit.txt" -F 'to=d@example.org, e@example.org' \
	-F 'subject=Deuxième' -F 'message=Texte' -H 'Idempotency-Key: multi-1'
same 'multipart' 201 "$STATUS"
same 'multipart: two recipients' 2 "$(jq '.recipients|length' "$TMP/multi.body")"
has 'multipart: Location' "$TMP/multi.head" "Location: /api/v1/letters/$(jq -r .id "$TMP/multi.body")"
meta="filename $(printf 'note.txt' | openssl base64 -A)"
api writer@example.org tus POST /api/v1/uploads -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 6' -H "Upload-Metadata: $meta" -d ''
same 'tus: creation' 201 "$STATUS"
place=$(tr -d '\r' <"$TMP/tus.head" | sed -n 's/^Location: //p')
api writer@example.org tus PATCH "$place" -H 'Tus-Resumable: 1.0.0' -H 'Upload-Offset: 0' \
	-H 'Content-Type: application/offset+octet-stream' --data-binary "@$TMP/petit.txt"
same 'tus: append' 204 "$STATUS"
printf '{"bcc":["f@example.org"],"subject":"Troisième","uploads":["%s"]}' "${place##*/}" >"$TMP/third.json"
api writer@example.org json POST /api/v1/letters -H 'Content-Type: application/json' --data-binary "@$TMP/third.json"
same 'JSON, Bcc alone' 201 "$STATUS"
for who in d e f; do
	check "a mail to $who" wait_for 10 has_mail $who@example.org
	link=$(path_in "$(mail_to $who@example.org)")
	check "$who: opens" open_letter $who "$link"
	req $who-file GET "$link/files/1" -b "$TMP/$who.jar"
	check "$who: file is identical" cmp "$TMP/petit.txt" "$TMP/$who-file.body"
done
same 'six mails in all' 6 "$(mail_count)"

"$PLI" journal verify "$D" >"$TMP/verified" 2>&1
same "journal verify, running: $(cat "$TMP/verified")" 0 $?
instance_stop
"$PLI" journal verify "$D" >"$TMP/verified" 2>&1
same "journal verify, stopped: $(cat "$TMP/verified")" 0 $?
finish
