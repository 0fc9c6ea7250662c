#!/bin/sh
# Verifies a Pli proof bundle, unzipped, without Pli: needs a POSIX shell and tools, and openssl 3 or newer.
#
#   sh verify.sh [FOLDER] [--root FILE] [--log-key FILE] [--tsa-root FILE] [--witness FILE]
#
# FOLDER    the unzipped bundle (without it: where this script lies)
# --root    the service's root certificate, --log-key the public key of its journal, both obtained elsewhere
#           (VERIFY.md says where).  Without them the copies inside are used and their digests are printed:
#           compare these with a source you trust, or the result only shows that the bundle agrees with itself.
#
# --tsa-root  the roots (PEM) of the time-stamping authorities that renewed the proof, where it was renewed
# --witness   keys of witnesses of the journal, one a line (NAME+ID+KEY): one of them must have signed its head
#
# One line a check.  VERIFIED as the last line and status 0: all checks passed.  Otherwise the last line begins with
# FAIL and names the check, status 1 (64: wrong arguments, 69: a tool is missing).
# A forger could have changed this script, too: use a copy that you trust.
#
# How to read it: from the top, a ruled line begins each section.  Files, manifest, certificates, renewals and timestamps, seal and receipt,
# checkpoint, witnesses: what openssl says of each, and that there is nothing else.  Then the JSON files become lines and the leaves become
# hashes (proof), and one awk program holds all of it together: content, entries, chains, binding, times.  It writes receipt.txt and
# receipt.xml anew from the other files; both must be equal to those in the bundle, byte for byte.
set -uf
umask 077
LC_ALL=C; export LC_ALL
unset CDPATH IFS
OPENSSL_CONF=/dev/null; export OPENSSL_CONF

usage() { echo "usage: sh verify.sh [FOLDER] [--root FILE] [--log-key FILE] [--tsa-root FILE] [--witness FILE]" >&2; exit 64; }
fail() { printf 'FAIL %s\n' "$*"; exit 1; }
pass() { printf 'ok   %s\n' "$*"; }
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }

folder='' root='' log_key='' tsa_root='' witness=''
while [ $# -gt 0 ]; do
	case $1 in
	--root) [ $# -gt 1 ] || usage; root=$(absolute "$2"); shift ;;
	--log-key) [ $# -gt 1 ] || usage; log_key=$(absolute "$2"); shift ;;
	--tsa-root) [ $# -gt 1 ] || usage; tsa_root=$(absolute "$2"); shift ;;
	--witness) [ $# -gt 1 ] || usage; witness=$(absolute "$2"); shift ;;
	-*) usage ;;
	*) [ -z "$folder" ] || usage; folder=$(absolute "$1") ;;
	esac
	shift
done
[ -n "$folder" ] || case $0 in */*) folder=$(absolute "${0%/*}") ;; *) folder=$PWD ;; esac
for tool in openssl awk sed grep find sort cmp od tr dd tail wc cat xargs date; do
	command -v $tool >/dev/null || { echo "FAIL tools: $tool is not here"; exit 69; }
done
T=$(absolute "${TMPDIR:-/tmp}")/pli-verify.$$
[ ! -e "$T" ] || T=$T.$(date +%s)	# left there by one that was killed
mkdir "$T" || { echo "FAIL tools: $T cannot be made"; exit 69; }
trap 'rm -rf "$T"' 0
trap 'exit 1' 1 2 15
cd "$folder" 2>/dev/null || fail "files: there is no folder $folder"
# No certificate but those named below is trusted.
SSL_CERT_DIR=$T/none SSL_CERT_FILE=$T/none; export SSL_CERT_DIR SSL_CERT_FILE

sha256_der() { openssl dgst -sha256 -r | sed 's/ .*//'; }	# of standard input
# Digests of the files named on standard input, one a line: "HEX NAME".  Names hold no blanks and no quotes.
sha256_names() { xargs openssl dgst -sha256 -r | sed 's/ \*/ /'; }

AWK_CODES='
	BEGIN {
		B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		HEX = "0123456789abcdef"
	}
	function hex_value(c) { return index(HEX, c) - 1 }
	# 64 hexadecimal digits as 44 characters of base64
	function to_base64(hex,   i, v, out) {
		hex = hex "00"
		for (i = 1; i <= 64; i += 3) {
			v = hex_value(substr(hex, i, 1)) * 256 + hex_value(substr(hex, i + 1, 1)) * 16 + \
				hex_value(substr(hex, i + 2, 1))
			out = out substr(B64, int(v / 64) + 1, 1) substr(B64, v % 64 + 1, 1)
		}
		return substr(out, 1, 43) "="
	}
	# ... and back; "" when it is not exactly that
	function from_base64(text,   i, v, out) {
		if (length(text) != 44 || text !~ /^[A-Za-z0-9+\/]*=$/)
			return ""
		text = substr(text, 1, 43) "A"
		for (i = 1; i <= 44; i += 2) {
			v = (index(B64, substr(text, i, 1)) - 1) * 64 + index(B64, substr(text, i + 1, 1)) - 1
			out = out substr(HEX, int(v / 256) + 1, 1) substr(HEX, int(v / 16) % 16 + 1, 1) substr(HEX, v % 16 + 1, 1)
		}
		if (substr(out, 65) != "00")
			return ""
		return substr(out, 1, 64)
	}
	# milliseconds since 1970 of 2026-11-21T20:34:35.123Z; "" when it is not of this form
	function milliseconds(t,   y, m, d) {
		if (t !~ /^[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9][0-9][0-9]Z$/)
			return ""
		# some awks take 010 for eight: no number may begin with a zero
		y = ("1" substr(t, 1, 4)) - 10000; m = ("1" substr(t, 6, 2)) - 100; d = ("1" substr(t, 9, 2)) - 100
		if (m < 3) { y--; m += 12 }
		d += 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) - 719469
		return ((d * 24 + ("1" substr(t, 12, 2)) - 100) * 60 + ("1" substr(t, 15, 2)) - 100) * 60000 + \
			(("1" substr(t, 18, 2)) - 100) * 1000 + ("1" substr(t, 21, 3)) - 1000
	}'

# ------------------------------------------------------------------------------------------------- files
manifest=META-INF/ASiCManifest.xml
signature=META-INF/signature.p7s
find . ! -type f ! -type d -print >"$T/odd"
[ ! -s "$T/odd" ] || fail "files: $(sed -n '1s|^\./||p' "$T/odd") is neither a file nor a folder"
find . -type d -print | grep -vxF ./documents | sort >"$T/folders"
printf '.\n./META-INF\n./journal\n' | cmp -s - "$T/folders" || fail "files: the folders must be META-INF and journal, documents besides"
[ -s $manifest ] || fail "files: $manifest is missing"
find . -type f -print | sed 's|^\./||' >"$T/have"
sed -n 's|^<DataObjectReference URI="\([A-Za-z0-9._/-]*\)">.*$|\1|p' $manifest >"$T/listed"
renewals=0
while [ -e "renewal-$((renewals + 1)).sha512" ] && [ $renewals -lt 99 ]; do renewals=$((renewals + 1)); done
renewal_names() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "renewal-%d.sha512\nrenewal-%d.tst\nrenewal-%d.pem\n", i, i, i }'; }
# Message and parts themselves may be beside the proof, each once, unless the proof withholds what they are; the list of contents binds them.
grep -E '^documents/(message\.md|[0-9]{3}(\.[a-z0-9]{1,8})?|[1-9][0-9]{3}(\.[a-z0-9]{1,8})?)$' "$T/have" |
	awk '{ n = $0; sub(/^documents\//, "", n); sub(/\..*/, "", n) } n != "000" && !seen[n]++' >"$T/documents"
! grep -qxF withheld.sha256 "$T/listed" || : >"$T/documents"
{ cat "$T/listed" "$T/documents"; printf '%s\n' mimetype $manifest $signature; renewal_names $renewals; } >"$T/must"
awk 'NR == FNR { have[$0]++; next } !have[$0] { print; exit }' "$T/have" "$T/must" >"$T/missing"
awk 'NR == FNR { must[$0]++; next } --must[$0] < 0 { print; exit }' "$T/must" "$T/have" >"$T/extra"
[ ! -s "$T/missing" ] || fail "files: $(sed -n 1p "$T/missing") is missing"
[ ! -s "$T/extra" ] || fail "files: $(sed -n 1p "$T/extra") does not belong here"
# The names, and their order, are those that a bundle with so many sheets and entries has.
awk '
	/^sheet-[0-9]*\.json$/ { sheets++ }
	/^sheet\.json$/ { own++ }
	/^journal\/[0-9]*\.json$/ { entries++ }
	/^withheld\.(json|salt)$/ { opened++ }
	/^withheld\.sha256$/ { withheld++ }
	/^witness\.(txt|pub)$/ { witnesses++ }
	/^external\.(tst|pem)$/ { external++ }
	END {
		print "receipt.txt"; print "receipt.xml"; print "receipt.p7s"; print "receipt.tst"
		if (own && withheld) print "withheld.sha256"
		else {
			print "manifest.json"
			if (opened) { print "withheld.json"; print "withheld.salt" }
		}
		if (own) { print "sheet.json"; print "sheet.salt" }
		else for (i = 1; i <= sheets; i++) printf "sheet-%03d.json\nsheet-%03d.salt\n", i, i
		for (i = 1; i <= entries; i++) printf "journal/%03d.json\njournal/%03d.tlog-proof\n", i, i
		print "checkpoint.txt"; print "checkpoint.tst"
		if (external) { print "external.tst"; print "external.pem" }
		if (witnesses) { print "witness.txt"; print "witness.pub" }
		print "root.pem"; print "seal.pem"
		print "operator.pem"; print "tsa.pem"; print "log.pub"; print "VERIFY.md"; print "verify.sh"
	}' "$T/listed" >"$T/names"
cmp -s "$T/names" "$T/listed" || fail "manifest: does not list the files of a bundle in their order"
grep_names() { grep -E "$1" "$T/names"; }
grep_names '^journal.*json$' >"$T/entries"
grep_names '^sheet.*json$' >"$T/sheets"
[ -s "$T/entries" ] && [ -s "$T/sheets" ] || fail "files: no entry or no sheet"
printf %s 'application/vnd.etsi.asic-e+zip' | cmp -s - mimetype || fail "files: mimetype is not that of a bundle"
pass "files: those of a proof bundle, none more"

# ----------------------------------------------------------------------------------------------- manifest
origin=$(sed -n 1p checkpoint.txt)
size=$(sed -n 2p checkpoint.txt)
case $size in ''|0*|*[!0-9]*|?????????????????*) fail "checkpoint: line 2 of checkpoint.txt is not a size" ;; esac
tree_root=$(awk "$AWK_CODES"' NR == 3 { print from_base64($0) }' checkpoint.txt)
[ -n "$tree_root" ] || fail "checkpoint: line 3 of checkpoint.txt is not a hash"
sha256_names <"$T/names" >"$T/digests"
[ ! -s "$T/documents" ] || sha256_names <"$T/documents" >"$T/bodies"
awk -v size="$size" -v root="$tree_root" "$AWK_CODES"'
	BEGIN {
		print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
		print "<ASiCManifest xmlns=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">"
		print "<!-- checkpoint " size " " root " -->"
		print "<SigReference URI=\"META-INF/signature.p7s\" MimeType=\"application/pkcs7-signature\"/>"
	}
	{
		print "<DataObjectReference URI=\"" $2 "\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>" \
			"<ds:DigestValue>" to_base64($1) "</ds:DigestValue></DataObjectReference>"
	}
	END { print "</ASiCManifest>" }' "$T/digests" >"$T/manifest"
if ! cmp -s "$T/manifest" $manifest; then
	name=$(awk '
		NR == FNR { line[FNR] = $0; next }
		(line[FNR] "") != ($0 "") { if (split($0, a, "\"") > 2 && FNR > 4) print a[2]; exit }' $manifest "$T/manifest")
	[ -z "$name" ] || fail "manifest: $name is not the file that was sealed"
	fail "manifest: is not what these files demand"
fi
# Text is text: no control characters that a reader or this script could trip over.
{ grep_names '(json|salt|sha256|proof)$'; echo checkpoint.txt; echo receipt.txt; echo receipt.xml; grep_names '^witness'; } >"$T/texts"
[ "$(xargs cat <"$T/texts" | tr -d '\012\040-\176\200-\377' | wc -c)" -eq 0 ] ||
	fail "manifest: a text file holds control characters"
[ "$(grep_names '(json|salt|sha256)$' | xargs cat | wc -l)" -eq 0 ] || fail "manifest: a JSON, salt or digest file holds a line feed"
pass "manifest: lists every file with its digest"

# ------------------------------------------------------------------------------------------- certificates
for name in root seal operator tsa; do
	openssl x509 -in $name.pem -outform PEM 2>/dev/null | cmp -s - $name.pem ||
		fail "certificates: $name.pem is not one plain PEM object"
done
openssl pkey -pubin -in log.pub -pubout 2>/dev/null | cmp -s - log.pub ||
	fail "certificates: log.pub is not one plain PEM object"
for_seals() {
	openssl x509 -in "$1" -noout -text >"$T/usage" 2>/dev/null
	sed -n '/X509v3 Key Usage/{n;p;}' "$T/usage" | grep -q 'Non Repudiation' &&
		! grep -q -e 'X509v3 Extended Key Usage' -e 'CA:TRUE' "$T/usage"
}
for_seals seal.pem || fail "certificates: seal.pem is not made for seals"
for_seals operator.pem && ! cmp -s operator.pem seal.pem ||
	fail "certificates: operator.pem is not made for a second signer"
root_digest=$(openssl x509 -in root.pem -outform DER | sha256_der)
key_digest=$(openssl pkey -pubin -in log.pub -outform DER | sha256_der)
if [ -n "$root" ]; then
	openssl x509 -in "$root" -noout 2>/dev/null || fail "certificates: the root given to compare cannot be read"
	[ "$(openssl x509 -in "$root" -outform DER | sha256_der)" = "$root_digest" ] ||
		fail "certificates: root.pem is not the root given"
fi
# note_by KEY: found = how many lines of checkpoint.txt are under the log's name and by this key, the signature of the last in $T/sig64.
note_by() {
	openssl pkey -pubin -in "$1" -outform DER >"$T/log.der" 2>/dev/null
	[ "$(wc -c <"$T/log.der")" -eq 44 ] || return 1
	key_id=$({ printf '%s\n' "$origin"; printf '\001'; tail -c 32 "$T/log.der"; } | sha256_der | sed 's/^\(........\).*/\1/')
	sed -n '1,3p' checkpoint.txt >"$T/note"
	sed -n '5,$p' checkpoint.txt >"$T/lines"
	found=0
	while read -r dash name text rest; do
		[ "$dash" = '—' ] && [ -n "$text" ] && [ -z "$rest" ] || fail "checkpoint: a signature line is malformed"
		[ "$name" = "$origin" ] || continue
		printf '%s' "$text" | openssl base64 -d -A >"$T/sig" 2>/dev/null
		[ "$(wc -c <"$T/sig")" -eq 68 ] || continue
		[ "$(dd if="$T/sig" bs=1 count=4 2>/dev/null | od -An -v -tx1 | tr -d ' \n')" = "$key_id" ] || continue
		tail -c 64 "$T/sig" >"$T/sig64"
		found=$((found + 1))
	done <"$T/lines"
}
noted_by() {
	note_by "$1" && [ $found -eq 1 ] &&
		openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$T/note" -sigfile "$T/sig64" >"$T/out" 2>&1
}
# Of several keys given, as a service publishes them after a change, one is enough; so is one that signs beside the bundle's.
given_key() {
	awk -v to="$T/given." '/^-----BEGIN /{ n++ } n { print >(to n) }' "$log_key"
	n=0
	while n=$((n + 1)) && one=$T/given.$n && [ -f "$one" ]; do
		[ "$(openssl pkey -pubin -in "$one" -outform DER 2>/dev/null | sha256_der)" = "$key_digest" ] && return 0
		noted_by log.pub && noted_by "$one" && return 0
	done
	return 1
}
if [ -n "$log_key" ]; then
	openssl pkey -pubin -in "$log_key" -noout 2>/dev/null || fail "certificates: the log key given to compare cannot be read"
	given_key || fail "certificates: log.pub is not the log key given"
fi
pass "certificates: well formed, made for their purpose"

# ---------------------------------------------------------------------------------------------- timestamp
# clock NAME STAGE: time of the token NAME, to token_time and token_s.
clock() {
	at=$(openssl asn1parse -inform DER -in "$1" 2>/dev/null |
		awk '/:id-smime-ct-TSTInfo/ { seen = 1 } seen && /OCTET STRING/ { sub(/:.*/, ""); print $1; exit }')
	case $at in ''|*[!0-9]*) fail "$2: $1 is not a token" ;; esac
	token_time=$(openssl asn1parse -inform DER -in "$1" -strparse "$at" 2>/dev/null | awk '
		/GENERALIZEDTIME/ {
			sub(/.*:/, "")
			if ($0 !~ /^[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9](\.[0-9]*)?Z$/) exit
			printf "%s-%s-%sT%s:%s:%s.%sZ\n", substr($0, 1, 4), substr($0, 5, 2), substr($0, 7, 2), substr($0, 9, 2), \
				substr($0, 11, 2), substr($0, 13, 2), substr(substr($0, 16, length($0) - 16) "000", 1, 3)
			exit
		}')
	token_s=$(echo "$token_time" | awk "$AWK_CODES"' milliseconds($0) != "" { printf "%.0f\n", int(milliseconds($0) / 1000) }')
	case $token_s in ''|*[!0-9]*) fail "$2: $1 has no time" ;; esac
}
# token NAME FILE: NAME is a token over FILE by tsa.pem; sets token_time and token_s.
token() {
	clock "$1" timestamp
	openssl ts -verify -in "$1" -token_in -data "$2" -CAfile root.pem -untrusted tsa.pem \
		-attime "$token_s" >"$T/out" 2>&1 && grep -q '^Verification: OK' "$T/out" ||
		fail "timestamp: $1 is not a valid token over $2"
	openssl pkcs7 -inform DER -in "$1" -print_certs >"$T/out" 2>/dev/null && ! grep -q BEGIN "$T/out" ||
		fail "timestamp: $1 brings certificates of its own"
}
# openssl does not mind bytes behind the signature.
alone() {
	der=$(openssl asn1parse -inform DER -in "$1" 2>/dev/null |
		sed -n '1s/^ *0:d=0 *hl= *\([0-9]*\) *l= *\([0-9]*\) .*/\1 \2/p' | awk '{ print $1 + $2 }')
	[ "$(wc -c <"$1")" -eq "${der:-0}" ]
}
# Renewals, newest first: the newest authority must be good now, each one before at the time of the one after it, and the proof's own
# certificates at the time of the first.
renewal_token() {	# NUMBER TIME
	openssl ts -verify -in "renewal-$1.tst" -token_in -data "renewal-$1.sha512" -CAfile "$T/tsa-root.pem" \
		-untrusted "renewal-$1.pem" -attime "$2" >"$T/out" 2>&1 && grep -q '^Verification: OK' "$T/out"
}
strong_digest() {
	openssl ts -reply -in "$1" -token_in -token_out -text 2>/dev/null | grep -qi '^Hash Algorithm: sha\(256\|384\|512\)$'
}
last_cert() { awk '/^-----BEGIN/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' "$1"; }
ends() { openssl x509 -in "$1" -noout -enddate 2>/dev/null | sed 's/^notAfter=//'; }
good_s=$(date +%s)
[ -z "$tsa_root" ] || openssl x509 -in "$tsa_root" -noout 2>/dev/null ||
	fail "renewal: the roots of time-stamping authorities that were given cannot be read"
: >"$T/tsa-roots"
n=$renewals
while [ $n -gt 0 ]; do
	{ echo mimetype; cat "$T/names"; printf '%s\n' $manifest $signature; renewal_names $((n - 1)); } |
		xargs openssl dgst -sha512 -r | sed 's/ \*/  /' >"$T/renewal"
	cmp -s "$T/renewal" renewal-$n.sha512 || fail "renewal: $(awk '
		NR == FNR { line[FNR] = $0; next }
		(line[FNR] "") != ($0 "") { print $2 " is not the file that"; exit }' renewal-$n.sha512 "$T/renewal") renewal-$n.sha512 lists"
	last_cert renewal-$n.pem >"$T/tsa-root.pem"
	openssl crl2pkcs7 -nocrl -certfile renewal-$n.pem 2>/dev/null | openssl pkcs7 -print_certs 2>/dev/null |
		sed -n '/^-----BEGIN/,/^-----END/p' | cmp -s - renewal-$n.pem && [ -s renewal-$n.pem ] ||
		fail "renewal: renewal-$n: its certificates are not one chain, plainly written"
	openssl pkcs7 -inform DER -in renewal-$n.tst -print_certs >"$T/out" 2>/dev/null && ! grep -q BEGIN "$T/out" && alone renewal-$n.tst ||
		fail "renewal: renewal-$n: its token holds more than a token"
	digest=$(openssl x509 -in "$T/tsa-root.pem" -outform DER 2>/dev/null | sha256_der)
	if [ -n "$tsa_root" ]; then
		# each certificate of the file given, on a line
		awk '/^-----BEGIN/ { text = "" } { text = text $0 } /^-----END/ { print text }' "$tsa_root" >"$T/given"
		grep -qxF -e "$(awk '{ text = text $0 } END { print text }' "$T/tsa-root.pem")" "$T/given" ||
			fail "renewal: renewal-$n: its authority is not under a root that was given"
	fi
	clock renewal-$n.tst renewal
	[ "$token_s" -le $((good_s + 300)) ] || fail "renewal: renewal-$n: it is later than what rests on it"
	strong_digest renewal-$n.tst || fail "renewal: renewal-$n: its token has a weak digest or no time"
	openssl verify -check_ss_sig -attime "$token_s" -purpose any -CAfile "$T/tsa-root.pem" "$T/tsa-root.pem" >"$T/out" 2>&1 ||
		fail "renewal: renewal-$n: its certificates are not one chain, plainly written"
	[ "$(openssl verify -show_chain -attime "$token_s" -purpose any -CAfile "$T/tsa-root.pem" -untrusted renewal-$n.pem renewal-$n.pem \
		2>/dev/null | grep -c '^depth=')" = "$(grep -c BEGIN renewal-$n.pem)" ] ||
		fail "renewal: renewal-$n: its certificates are not one chain, plainly written"
	renewal_token $n "$token_s" || fail "renewal: renewal-$n: its token does not hold over its list"
	renewal_token $n "$good_s" ||
		fail "renewal: renewal-$n: the certificate of its authority ended on $(ends renewal-$n.pem); the proof had to be renewed again before"
	echo "renewal $n: $token_time, authority under root sha256 $digest" >>"$T/tsa-roots"
	good_s=$token_s
	n=$((n - 1))
done
for name in root tsa; do
	openssl verify -attime "$good_s" -CAfile root.pem -purpose any $name.pem >"$T/out" 2>&1 ||
		fail "renewal: the certificate $name.pem ended on $(ends $name.pem); this proof had to be renewed before (pli proof renew)"
done
pass "renewal: certificates good, or renewed while they were"

# The receipt may be certified long after the checkpoint, and by newer keys: its signers are judged at the time of its own token.
token receipt.tst receipt.p7s
signed_s=$token_s
token checkpoint.tst checkpoint.txt
[ "$signed_s" -ge $((token_s - 300)) ] || fail "timestamp: receipt.tst is older than the checkpoint that the receipt names"
pass "timestamp: tokens over checkpoint and receipt by tsa.pem, under root.pem"
checkpoint_time=$token_time checkpoint_s=$token_s

# An authority outside, judged at the time of its own token: what it shows is beside the proof, and the seal covers it.
external_time=''
if [ -e external.tst ]; then
	clock external.tst external
	external_time=$token_time
	last_cert external.pem >"$T/external-root.pem"
	openssl crl2pkcs7 -nocrl -certfile external.pem 2>/dev/null | openssl pkcs7 -print_certs 2>/dev/null |
		sed -n '/^-----BEGIN/,/^-----END/p' | cmp -s - external.pem && [ -s external.pem ] &&
		openssl pkcs7 -inform DER -in external.tst -print_certs >"$T/out" 2>/dev/null && ! grep -q BEGIN "$T/out" && alone external.tst &&
		strong_digest external.tst &&
		openssl verify -check_ss_sig -attime "$token_s" -purpose any -CAfile "$T/external-root.pem" "$T/external-root.pem" >"$T/out" 2>&1 &&
		[ "$(openssl verify -show_chain -attime "$token_s" -purpose any -CAfile "$T/external-root.pem" -untrusted external.pem external.pem \
			2>/dev/null | grep -c '^depth=')" = "$(grep -c BEGIN external.pem)" ] &&
		openssl ts -verify -in external.tst -token_in -data checkpoint.txt -CAfile "$T/external-root.pem" -untrusted external.pem \
			-attime "$token_s" >"$T/out" 2>&1 && grep -q '^Verification: OK' "$T/out" ||
		fail "external: external.tst is not a plain token over checkpoint.txt by external.pem"
	[ "$token_s" -ge $((checkpoint_s - 300)) ] || fail "external: external.tst is older than the checkpoint that it is over"
	external_digest=$(openssl x509 -in "$T/external-root.pem" -outform DER 2>/dev/null | sha256_der)
fi
token_time=$checkpoint_time token_s=$checkpoint_s
pass "external: what an authority outside has stamped of the checkpoint holds"

# -------------------------------------------------------------------------------------- seal and receipt
# signatures FILE.p7s FILE: valid, each signer's certificate under root.pem; the signers' certificates to signers.pem.
signatures() {
	openssl cms -verify -cades -binary -inform DER -in "$1" -content "$2" -CAfile root.pem -purpose any \
		-attime "$signed_s" -signer "$T/signers.pem" -out /dev/null >"$T/out" 2>&1
}
inside() { openssl pkcs7 -inform DER -in "$1" -print_certs 2>/dev/null | sed -n '/^-----BEGIN/,/^-----END/p'; }
signatures $signature $manifest || fail "seal: the signature over $manifest does not hold"
cmp -s "$T/signers.pem" seal.pem || fail "seal: not by the seal certificate alone"
inside $signature | cmp -s - seal.pem || fail "seal: not by the seal certificate alone"
alone $signature || fail "seal: $signature holds more than the signature"
pass "seal: signature over the manifest by seal.pem, under root.pem"

# openssl is content with the signers it finds: they are counted.
signatures receipt.p7s receipt.txt || fail "certified: the signatures over receipt.txt do not hold"
signers=$(grep -c '^-----BEGIN' "$T/signers.pem")
[ "$signers" -eq 2 ] || fail "certified: two signers expected, $signers found"
cat seal.pem operator.pem >"$T/two.pem"
cat operator.pem seal.pem >"$T/two2.pem"
{ cmp -s "$T/signers.pem" "$T/two.pem" || cmp -s "$T/signers.pem" "$T/two2.pem"; } &&
	inside receipt.p7s >"$T/inside.pem" &&
	{ cmp -s "$T/inside.pem" "$T/two.pem" || cmp -s "$T/inside.pem" "$T/two2.pem"; } ||
	fail "certified: not by seal and certification operator alone"
alone receipt.p7s || fail "certified: receipt.p7s holds more than the signatures"
pass "certified: receipt signed by seal.pem and operator.pem, under root.pem"

# --------------------------------------------------------------------------------------------- checkpoint
[ -n "$origin" ] && [ -z "$(sed -n 4p checkpoint.txt)" ] || fail "checkpoint: checkpoint.txt is not a signed note"
note_by log.pub || fail "checkpoint: log.pub is not an Ed25519 key"
[ $found -eq 1 ] || fail "checkpoint: no signature by log.pub on checkpoint.txt"
openssl pkeyutl -verify -pubin -inkey log.pub -rawin -in "$T/note" -sigfile "$T/sig64" >"$T/out" 2>&1 ||
	fail "checkpoint: the signature on checkpoint.txt does not hold"
pass "checkpoint: signed by log.pub"

# ----------------------------------------------------------------------------------------------- witnesses
# Line by line a key in witness.pub (NAME+ID+BASE64) and its cosignature in witness.txt (C2SP tlog-cosignature, Ed25519).
: >"$T/seen"
cp checkpoint.txt "$T/cosigned"
if [ -e witness.txt ]; then
	cat witness.txt >>"$T/cosigned"
	[ -s witness.pub ] && [ "$(wc -l <witness.txt)" -eq "$(wc -l <witness.pub)" ] && [ "$(wc -l <witness.pub)" -le 32 ] &&
		[ -z "$(tail -c 1 witness.txt | tr -d '\012')$(tail -c 1 witness.pub | tr -d '\012')" ] ||
		fail "witness: witness.txt and witness.pub do not have the same lines"
	n=0
	while IFS= read -r vkey; do
		n=$((n + 1))
		name=${vkey%%+*} hex=${vkey#*+}
		key=${hex#*+} hex=${hex%%+*}
		printf '%s' "$key" | openssl base64 -d -A >"$T/vkey" 2>/dev/null
		[ "$vkey" = "$name+$hex+$key" ] && [ -n "$name" ] && [ "$(wc -c <"$T/vkey")" -eq 33 ] &&
			[ "$(openssl base64 -A <"$T/vkey")" = "$key" ] && [ "$(od -An -tx1 -N1 "$T/vkey" | tr -d ' ')" = 04 ] &&
			[ "$({ printf '%s\n' "$name"; cat "$T/vkey"; } | sha256_der | sed 's/^\(........\).*/\1/')" = "$hex" ] ||
			fail "witness: line $n of witness.pub is no witness's key"
		! grep -qF "+$key " "$T/seen" || fail "witness: the key of $name stands twice in witness.pub"
		sed -n "${n}p" witness.txt >"$T/line"
		read -r dash of text rest <"$T/line"
		printf '%s' "$text" | openssl base64 -d -A >"$T/sig" 2>/dev/null
		[ "$(cat "$T/line")" = "— $name $text" ] && [ "$(wc -c <"$T/sig")" -eq 76 ] &&
			[ "$(openssl base64 -A <"$T/sig")" = "$text" ] &&
			[ "$(od -An -v -tx1 -N4 "$T/sig" | tr -d ' ')" = "$hex" ] ||
			fail "witness: the line of $name in witness.txt is not its cosignature of this checkpoint"
		seconds=$(od -An -v -tu1 -j4 -N8 "$T/sig" | awk '{ for (i = 1; i <= NF; i++) v = v * 256 + $i; printf "%.0f", v }')
		{ printf 'cosignature/v1\ntime %s\n' "$seconds"; cat "$T/note"; } >"$T/witnessed"
		tail -c 64 "$T/sig" >"$T/sig64"
		{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; tail -c 32 "$T/vkey"; } >"$T/vkey.der"
		openssl pkeyutl -verify -pubin -keyform DER -inkey "$T/vkey.der" -rawin -in "$T/witnessed" -sigfile "$T/sig64" >"$T/out" 2>&1 ||
			fail "witness: the line of $name in witness.txt is not its cosignature of this checkpoint"
		printf '%s %s %s\n' "$vkey" "$seconds" "$name" >>"$T/seen"
	done <witness.pub
fi
if [ -n "$witness" ]; then
	awk 'NR == FNR { given[$1] = 1; next } $1 in given { found = 1 } END { exit !found }' "$witness" "$T/seen" ||
		fail "witness: none of the witnesses given has signed the checkpoint"
fi
pass "witness: what witnesses have signed of the checkpoint holds"

# --------------------------------------------------------------- JSON files as lines "FILE TAB PATH TAB VALUE"
# Canonical JSON only: members in order, no white space, escapes as they stand.
{ cat "$T/sheets" "$T/entries"; grep_names '^(manifest|withheld)\.json$'; } | xargs awk '
	function bad() { print FILENAME; failed = 1; exit 1 }
	function string(   raw) {
		if (!match(s, /^"([^"\\]|\\["\\bfnrt]|\\u00[01][0-9a-f])*"/)) bad()
		raw = substr(s, 2, RLENGTH - 2)
		s = substr(s, RLENGTH + 1)
		return raw
	}
	function take(c) {
		if (substr(s, 1, 1) != c) bad()
		s = substr(s, 2)
	}
	function value(path,   c, k, last, n) {
		c = substr(s, 1, 1)
		if (c == "{" || c == "[") {
			take(c)
			if (substr(s, 1, 1) == (c == "{" ? "}" : "]")) { take(substr(s, 1, 1)); return }
			for (n = 1; !failed; n++) {
				k = n
				if (c == "{") {
					k = string()
					if (k !~ /^[A-Za-z0-9_.-]+$/ || (n > 1 && (k "") <= (last ""))) bad()
					last = k
					take(":")
				}
				value(path "/" k)
				if (substr(s, 1, 1) == (c == "{" ? "}" : "]")) { take(substr(s, 1, 1)); return }
				take(",")
			}
		} else if (c == "\"") {
			print FILENAME "\t" path "\t\"" string()
		} else {
			if (!match(s, /^(-?[1-9][0-9]*|0|true|false)/)) bad()
			print FILENAME "\t" path "\t" substr(s, 1, RLENGTH)
			s = substr(s, RLENGTH + 1)
		}
	}
	{ s = $0; value(""); if (s != "" || FNR != 1) bad() }
	END { if (failed) exit 1 }' >"$T/flat" || fail "content: $(sed -n '$p' "$T/flat") is not canonical JSON"

# ------------------------------------------------------------------------- leaf hashes and inclusion proofs
mkdir "$T/n"
while read -r name; do	# none of these files ends in a line feed, and read says so
	IFS= read -r text <"$name" || printf '\000%s' "$text" >"$T/n/${name##*/}"
done <"$T/entries"
digest_nodes() { (cd "$T/n" && ls | xargs openssl dgst -sha256 -r) | sed 's/ \*/ /; s/\.json$//'; }	# "HEX NNN"
digest_nodes >"$T/leaves"
cp "$T/leaves" "$T/hashes"
# Which hash is put on which side, round by round (RFC 9162, 2.1.3.2): "ROUND NNN l|r HEX".
sed 's/json$/tlog-proof/' "$T/entries" | xargs awk -v size="$size" "$AWK_CODES"'
	function bad(why) { print "FAIL proof: " name ": " why; failed = 1; exit 1 }
	FILENAME ~ /\/cosigned$/ { checkpoint[++lines] = $0; next }
	FNR == 1 {
		if (name && at != lines) bad("cut")
		name = FILENAME; n = name; sub(/^journal\//, "", n); sub(/\.tlog-proof$/, "", n)
		at = -1; round = 0
		if ($0 != "c2sp.org/tlog-proof@v1") bad("not a proof")
		next
	}
	FNR == 2 {
		if ($0 !~ /^index (0|[1-9][0-9]*)$/) bad("no index")
		fn = substr($0, 7) + 0; sn = size - 1
		if (fn > sn) bad("the index is outside the tree")
		print "index", n, substr($0, 7)
		next
	}
	at < 0 && $0 != "" {
		hash = from_base64($0)
		if (hash == "" || sn == 0) bad("a hash too many, or something that is none")
		round++
		if (fn % 2 || fn == sn) {
			print round, n, "l", hash
			while (fn % 2 == 0 && fn != 0) { fn = int(fn / 2); sn = int(sn / 2) }
		} else
			print round, n, "r", hash
		fn = int(fn / 2); sn = int(sn / 2)
		next
	}
	at < 0 { if (sn != 0) bad("a hash is missing"); at = 0; next }
	{ at++; if (($0 "") != (checkpoint[at] "")) bad("another checkpoint than checkpoint.txt") }
	END { if (!failed && at != lines) bad("cut"); if (failed) exit 1 }' "$T/cosigned" >"$T/plan" ||
	fail "$(sed -n 's/^FAIL //p' "$T/plan")"
rounds=$(awk '$1 + 0 > most { most = $1 + 0 } END { print most + 0 }' "$T/plan")
round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	rm -rf "$T/n"; mkdir "$T/n"
	# Entries that meet on their way share what is above: each node is hashed once.
	awk -v round=$round -v same="$T/same" '
		BEGIN {
			for (i = 0; i < 256; i++) octal[sprintf("%02x", i)] = sprintf("\\%03o", i)
		}
		function octals(hex,   i, out) {
			for (i = 1; i < 128; i += 2) out = out octal[substr(hex, i, 2)]
			return out
		}
		NR == FNR { hash[$2] = $1; next }
		$1 == round {
			node = $3 == "l" ? $4 hash[$2] : hash[$2] $4
			if (!(node in first)) {
				first[node] = $2
				print $2, "\\001" octals(node)
			}
			print $2, first[node] >same
		}
	' "$T/hashes" "$T/plan" >"$T/nodes"
	while read -r name bytes; do printf "$bytes" >"$T/n/$name"; done <"$T/nodes"
	digest_nodes >"$T/round"
	awk '
		FILENAME ~ /round$/ { new[$2] = $1; next }
		FILENAME ~ /same$/ { is[$1] = new[$2]; next }
		{ print ($2 in is ? is[$2] : $1), $2 }' "$T/round" "$T/same" "$T/hashes" >"$T/next"
	mv "$T/next" "$T/hashes"
done
awk -v root="$tree_root" '($1 "") != (root "") { print $2; exit }' "$T/hashes" >"$T/out"
[ ! -s "$T/out" ] || fail "proof: journal/$(cat "$T/out").json is not in the tree of the checkpoint"

# ----------------------------------------------------------------------------------------- sheets' digests
# What the sheets say of the sender: his name, or a digest that withheld.json opens, or that digest alone.
naming=named
[ ! -e withheld.json ] || naming=opened
[ ! -e withheld.sha256 ] || naming=withheld
{ cat "$T/sheets"; grep_names '^withheld\.json$'; } >"$T/salted"
rm -rf "$T/n"; mkdir "$T/n"
while read -r name; do
	IFS= read -r salt <"${name%.json}.salt" || IFS= read -r text <"$name" || printf '%s%s' "$salt" "$text" >"$T/n/$name"
done <"$T/salted"
digest_nodes >"$T/sheet-digests"

# ---------------------------------------------- what all of this says together, and the receipt that follows
kind=sender
[ ! -e sheet.json ] || kind=recipient
{
	printf 'kind\t%s\norigin\t%s\nsize\t%s\nroot\t%s\ntime\t%s\nnaming\t%s\n' "$kind" "$origin" "$size" "$tree_root" "$token_time" $naming
	[ -z "$external_time" ] || printf 'external\t%s\n' "$external_time"
	[ $naming != withheld ] || awk '{ print "withheld\t" $0 }' withheld.sha256
	sed -n 's/^\([0-9a-f]*\) manifest\.json$/manifest	\1/p' "$T/digests"
	[ ! -s "$T/documents" ] || sed 's/^\(.*\) \(.*\)$/body	\2	\1/' "$T/bodies"
	sed 's/^\(.*\) \(.*\)$/leaf	\2	\1/' "$T/leaves"
	sed 's/^\(.*\) \(.*\)$/sheet	\2	\1/' "$T/sheet-digests"
	sed -n 's/^index \(.*\) \(.*\)$/index	\1	\2/p' "$T/plan"
	awk '/^Entry: / { print "stamp\t" ++n "\t" substr($0, length($0) - 23) }' receipt.txt
	grep_names '\.salt$' | xargs awk '{ print "salt\t" FILENAME "\t" $0 }'
} >"$T/known"
awk -F'\t' -v out="$T/receipt" -v xml="$T/evidence" "$AWK_CODES"'
	function bad(why) { print "FAIL " why; failed = 1; exit 1 }
	function pass(what) { print "ok   " what }
	# the raw member; "" when absent (naming it would make it be there)
	function member(file, path) { return (file, path) in json ? json[file, path] : "" }
	# a text member; "" when absent
	function text(file, path,   raw, i, c, out_) {
		if (!((file, path) in json)) return ""
		raw = json[file, path]
		if (substr(raw, 1, 1) != "\"") bad("content: " file ": " path " is not text")
		raw = substr(raw, 2)
		while ((i = index(raw, "\\")) > 0) {
			c = substr(raw, i + 1, 1)
			if (c != "\\" && c != "\"") bad("content: " file ": " path " holds control characters")
			out_ = out_ substr(raw, 1, i - 1) c
			raw = substr(raw, i + 2)
		}
		return out_ raw
	}
	function number(file, path) {
		if (json[file, path] !~ /^(0|[1-9][0-9]*)$/ || length(json[file, path]) > 16)
			bad("content: " file ": " path " is not a number")
		return json[file, path]
	}
	function digest(file, path,   d) {
		d = text(file, path)
		if (length(d) != 64 || d !~ /^[0-9a-f]*$/) bad("content: " file ": " path " is not a digest")
		return d
	}
	function known_members(file, list,   i, n, a, ok) {
		n = split(list, a, " ")
		for (i = 1; i <= n; i++) ok[a[i]] = 1
		n = split(members[file], a, " ")
		for (i = 1; i <= n; i++) if (!(a[i] in ok)) bad("content: " file ": unknown member " a[i])
	}
	# the file that says who wrote; "" when it is withheld
	function who(sheet_) {
		return known["naming"] == "named" ? sheet_ : known["naming"] == "opened" ? "withheld.json" : ""
	}
	function line(key, value) { print key ":" (value == "" ? "" : " " value) >out }

	NR == FNR {
		if ($1 ~ /^(leaf|index|sheet|stamp|salt|body)$/) known[$1, $2] = $3
		else known[$1] = $2
		if ($1 == "stamp") stamps++
		if ($1 == "body") body[++bodies] = $2
		next
	}
	{
		if (($1, $2) in json) bad("content: " $1 ": " $2 " stands twice")
		json[$1, $2] = $3
		members[$1] = members[$1] " " ($1 == "manifest.json" ? "" : ($1 ~ /^journal/ && $2 ~ /^\/[dh]\// ? "" : $2))
		if ($2 == "/v") {
			if ($3 != ($1 ~ /^sheet/ && known["naming"] != "named" ? "2" : "1")) bad("content: " $1 " is of another version")
			if ($1 ~ /^sheet/) sheet[++sheets] = $1
			if ($1 ~ /^journal/) { entry[++entries] = $1; nnn[entries] = substr($1, 9, length($1) - 13) }
		}
		if ($1 == "manifest.json" && $2 ~ /^\/parts\/[0-9]*\/n$/) parts++
	}

	function check_manifest(   i, f, p) {
		f = "manifest.json"
		number(f, "/message/size"); digest(f, "/message/sha256")
		manifest_members = 3 + 5 * parts
		for (i = 1; i <= parts; i++) {
			p = "/parts/" i
			if (number(f, p "/n") != i) bad("content: part " i " is out of order")
			number(f, p "/size"); digest(f, p "/sha256")
			if (!((f, p "/name") in json) || !((f, p "/type") in json)) bad("content: part " i " is incomplete")
			text(f, p "/name"); text(f, p "/type")
		}
		for (i in json) if (i ~ /^manifest\.json/) manifest_members--
		if (manifest_members != 0) bad("content: manifest.json has members that do not belong there")
		if (!((f, "/v") in json)) bad("content: manifest.json has no version")
		for (i = 1; i <= bodies; i++) {
			p = body[i]; sub(/^documents\//, "", p); sub(/\..*/, "", p)
			if (p != "message" && ("1" p) - (length(p) == 3 ? 1000 : 10000) > parts)
				bad("content: " body[i] " is of no part of the letter")
			p = p == "message" ? "/message" : "/parts/" (("1" p) - (length(p) == 3 ? 1000 : 10000))
			if (digest(f, p "/sha256") != known["body", body[i]]) bad("content: " body[i] " is not what was deposited")
		}
	}
	function salted(f,   p) {
		p = known["salt", substr(f, 1, length(f) - 5) ".salt"]
		if (length(p) != 64 || p !~ /^[0-9a-f]*$/) bad("sheet: the salt of " f " is not 64 hexadecimal digits")
	}
	function check_content(   i, f, k, n, names, sender_) {
		sender_ = " /entity/name /entity/siren /sender/address /sender/level /sender/method /sender/name /subject /v"
		if (known["naming"] == "withheld") {
			if (length(known["withheld"]) != 64 || known["withheld"] !~ /^[0-9a-f]*$/)
				bad("sheet: withheld.sha256 is not 64 hexadecimal digits")
			known["manifest"] = digest(sheet[1], "/manifest")
		} else
			check_manifest()
		if (known["naming"] == "opened") {
			f = "withheld.json"
			known_members(f, sender_)
			salted(f)
			if (!((f, "/v") in json)) bad("sheet: " f " has no version")
			n = split(members[f], names, " ")
			for (k = 1; k <= n; k++) if (names[k] !~ /(level|v)$/) text(f, names[k])
			known["withheld"] = known["sheet", "withheld"]
		}
		for (i = 1; i <= sheets; i++) {
			f = sheet[i]
			known_members(f, "/class /manifest /mode /password /recipient/address /recipient/kind /recipient/name" \
				(known["naming"] == "named" ? sender_ : " /v /withheld"))
			salted(f)
			if (known["naming"] != "named" && digest(f, "/withheld") != known["withheld"])
				bad("sheet: " f " binds another sender than withheld.* does")
			if (digest(f, "/manifest") != known["manifest"])
				bad("sheet: " f " speaks of another content than manifest.json")
			if (text(f, "/recipient/address") == "" || text(f, "/recipient/kind") !~ /^(to|cc|bcc)$/ || \
			    (who(f) != "" && (!((who(f), "/subject") in json) || number(who(f), "/sender/level") > 4)))
				bad("sheet: " f " lacks a member")
			n = split(members[f], names, " ")
			for (k = 1; k <= n; k++) if (names[k] !~ /(level|v)$/) text(f, names[k])
		}
		pass("content: list of parts and sheets")
	}
	function check_entries(   i, f, letter, last) {
		for (i = 1; i <= entries; i++) {
			f = entry[i]
			known_members(f, "/act/lvl /act/m /act/s /ch /corr /ent /etsi /ev /ip /log /prev /r /salt /seq /t /tls /v")
			if (text(f, "/log") != known["origin"]) bad("entry: " f " is of another journal than checkpoint.txt")
			if (i == 1) letter = text(f, "/corr")
			if (text(f, "/corr") != letter || length(letter) != 36) bad("entry: " f " is of another letter")
			if ((number(f, "/seq") "") != (known["index", nnn[i]] "")) bad("entry: " f " has another number than its proof")
			if (i > 1 && number(f, "/seq") + 0 <= last) bad("entry: " f " is out of order")
			last = number(f, "/seq") + 0
			number(f, "/act/lvl")
			if (milliseconds(text(f, "/t")) == "" || text(f, "/ev") == "" || text(f, "/act/m") == "")
				bad("entry: " f " lacks a member")
		}
		pass("entries: each in the tree of the checkpoint at its number")
	}
	function check_chains(   i, f, r, found, first) {
		for (i = 1; i <= entries; i++) {
			f = entry[i]
			r = text(f, "/r")
			if (known["kind"] == "recipient" && r == "") bad("chain: " f " is not the recipient\047s")
			first = !(r in newest)
			if (first && ((f, "/prev") in json)) bad("chain: the entry before " f " is missing")
			if (!first && text(f, "/prev") != newest[r]) bad("chain: " f " does not follow the entry before it")
			if (r != "" && first != (text(f, "/ev") == "consigned"))
				bad("chain: " f ": a recipient\047s entries begin with one consigned")
			if (first) chains++
			newest[r] = known["leaf", nnn[i]]
			if (text(f, "/ev") == (known["kind"] == "sender" ? "deposit.accepted" : "consigned") && \
			    (r == "") == (known["kind"] == "sender")) { deposit = i; found++ }
		}
		if (chains != sheets + (known["kind"] == "sender")) bad("chain: " chains " chains of entries for " sheets " sheets")
		if (found != 1) bad("chain: " found + 0 " deposit entries where one must be")
		pass("chains: complete from their first entry")
	}
	function check_binding(   i, j, f, a, b, n, rank, last, of, count) {
		n = split("/class /entity/name /entity/siren /mode /password /sender/address /sender/method /sender/name" \
			" /sender/level /subject /withheld", of, " ")
		rank["to"] = 1; rank["cc"] = 2; rank["bcc"] = 3
		for (i = 1; i <= sheets; i++) {
			for (j = 1; j <= n; j++) {
				a = member(sheet[1], of[j]); b = member(sheet[i], of[j])
				if ((a "") != (b "")) bad("binding: " sheet[i] " contradicts the first")
			}
			a = text(sheet[i], "/recipient/kind")
			if (rank[a] < last) bad("binding: sheet " i ": not in the order to, cc, bcc")
			last = rank[a]; count[a]++
			a = known["sheet", known["kind"] == "sender" ? substr(sheet[i], 1, length(sheet[i]) - 5) : "sheet"]
			free[a]++
			bound[a] = sheet[i]
		}
		for (i = 1; i <= entries; i++) {
			f = entry[i]
			if (text(f, "/ev") != "consigned") continue
			if (digest(f, "/h/manifest") != known["manifest"]) bad("binding: " f " binds another manifest.json")
			if (free[digest(f, "/h/sheet")]-- < 1) bad("binding: " f " binds a sheet that is not here")
			own[text(f, "/r")] = bound[digest(f, "/h/sheet")]
		}
		f = entry[deposit]
		if (known["kind"] == "sender") {
			if (digest(f, "/h/manifest") != known["manifest"]) bad("binding: the deposit entry binds another manifest.json")
			for (a in rank)
				if (((f, "/d/" a) in json ? number(f, "/d/" a) : 0) != count[a] + 0)
					bad("binding: the deposit entry counts other " a " recipients")
			if (text(f, "/d/class") != text(sheet[1], "/class") || text(f, "/d/mode") != text(sheet[1], "/mode"))
				bad("binding: the deposit entry has another class or mode than the sheets")
			a = text(sheet[1], "/password")
			if (text(f, "/d/pw") != a && !(a == "none" && !((f, "/d/pw") in json)))
				bad("binding: the deposit entry has another password grade than the sheets")
			if (text(f, "/act/m") != text(who(sheet[1]), "/sender/method") || \
			    number(f, "/act/lvl") != number(who(sheet[1]), "/sender/level"))
				bad("binding: the deposit entry names another method or level than the sheets")
		}
		pass("binding: deposit entries bind sheets and content")
	}
	function check_times(   i, t, s, last) {
		if (stamps != entries) bad("receipt: " stamps + 0 " Entry lines for " entries " entries")
		for (i = 1; i <= entries; i++) {
			t = milliseconds(text(entry[i], "/t")); s = milliseconds(known["stamp", i])
			if (s == "") bad("receipt: Entry line " i " has no stamp")
			if (t < last) bad("time: " entry[i] " is older than the entry before it")
			if (s > milliseconds(known["time"]) + 300000) bad("time: " entry[i] " is said to be stamped after the token")
			if (t > s + 300000) bad("time: " entry[i] " is stamped before it was written")
			last = t
		}
	}
	function write_receipt(   i, f, s, w, p) {
		s = sheet[1]; f = entry[deposit]; w = who(s)
		line("Pli-Receipt", "1")
		line("Kind", known["kind"])
		line("Number", sprintf("%.0f", number(f, "/seq") + 1))
		line("Letter", text(f, "/corr"))
		line("Origin", known["origin"])
		line("Date", text(f, "/t"))
		line("Horodatage", known["stamp", deposit])
		if (w == "")
			line("Withheld", "sha256 " known["withheld"])
		else {
			line("Sender-Name", text(w, "/sender/name"))
			line("Sender-Address", text(w, "/sender/address"))
			line("Sender-Entity", text(w, "/entity/name"))
			line("Sender-SIREN", text(w, "/entity/siren"))
			line("Sender-Method", text(w, "/sender/method"))
			line("Sender-Level", number(w, "/sender/level"))
		}
		for (i = 1; i <= sheets; i++) {
			p = text(sheet[i], "/recipient/name")
			line("Recipient", text(sheet[i], "/recipient/kind") ", " text(sheet[i], "/recipient/address") (p == "" ? "" : ", " p))
		}
		if (w != "") line("Subject", text(w, "/subject"))
		line("Class", text(s, "/class"))
		line("Mode", text(s, "/mode"))
		line("Password", text(s, "/password"))
		f = "manifest.json"
		if (w == "") line("Content", "sha256 " known["manifest"])
		else line("Message", number(f, "/message/size") " bytes, sha256 " digest(f, "/message/sha256"))
		for (i = 1; i <= parts; i++) {
			p = "/parts/" i
			line("Part", i ", " number(f, p "/size") " bytes, sha256 " digest(f, p "/sha256") ", " text(f, p "/type") ", " text(f, p "/name"))
		}
		for (i = 1; i <= entries; i++)
			line("Entry", sprintf("%.0f", number(entry[i], "/seq") + 1) ", sha256 " known["leaf", nnn[i]] ", " \
				text(entry[i], "/ev") ", " text(entry[i], "/t") ", stamped " known["stamp", i])
		line("Checkpoint-Size", known["size"])
		line("Checkpoint-Root", known["root"])
		line("Checkpoint-Time", known["time"])
		if (known["external"] != "") line("External-Time", known["external"])
	}
	function escaped(s) {
		gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
		return s
	}
	function tag(s) { print s >xml }
	function element(name, value) { if (value != "") tag("<" name ">" escaped(value) "</" name ">") }
	function attribute(name, friendly, value) {
		if (value != "")
			tag("<saml:Attribute Name=\"" name "\" FriendlyName=\"" friendly "\"><saml:AttributeValue>" escaped(value) \
				"</saml:AttributeValue></saml:Attribute>")
	}
	function part_info(id, type, hex) {
		tag("<erds:PartInfo>"); element("Identifier", id); element("ContentType", type)
		tag("<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>")
		element("ds:DigestValue", to_base64(hex)); tag("</erds:PartInfo>")
	}
	function write_evidence(   i, j, f, s, r, etsi, eidas, at) {
		eidas = "http://eidas.europa.eu/attributes/legalperson/"
		tag("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
		tag("<pli:EvidenceSet xmlns:pli=\"urn:pli:evidence:1\" xmlns:erds=\"http://uri.etsi.org/19522/v1#\"" \
			" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">")
		for (i = 1; i <= entries; i++) {
			f = entry[i]; etsi = text(f, "/etsi"); s = who(sheet[1])
			if (etsi == "") continue
			at = sprintf("%.0f", number(f, "/seq") + 1)
			tag("<erds:Evidence version=\"EN319522v1.2.1\">")
			tag("<erds:EvidenceIdentifier>" known["origin"] "#" at "</erds:EvidenceIdentifier>")
			tag("<erds:ERDSEventId>http://uri.etsi.org/19522/Event/" etsi "</erds:ERDSEventId>")
			if (etsi ~ /Failure|Rejection/) {
				tag("<erds:EventReasons>"); tag("<erds:EventReason>"); element("Details", text(f, "/ev"))
				tag("</erds:EventReason>"); tag("</erds:EventReasons>")
			}
			element("EventTime", text(f, "/t"))
			tag("<erds:TransactionLogInformation>")
			tag("<pli:Entry origin=\"" known["origin"] "\" number=\"" at "\" sha256=\"" known["leaf", nnn[i]] \
				"\" stamped=\"" known["stamp", i] "\"/>")
			tag("</erds:TransactionLogInformation>")
			tag("<erds:EvidenceIssuerDetails>"); tag("<erds:Identity>")
			j = known["origin"]; sub(/\/.*/, "", j)
			attribute(eidas "LegalName", "LegalName", j)
			tag("</erds:Identity>"); tag("</erds:EvidenceIssuerDetails>")
			tag("<erds:SenderDetails>"); tag("<erds:Identity>")
			if (s == "") {
				tag("</erds:Identity>")
				tag("<pli:Withheld sha256=\"" known["withheld"] "\"/>")
			} else {
				attribute(eidas "LegalName", "LegalName", text(s, "/entity/name"))
				attribute(eidas "LegalPersonIdentifier", "LegalPersonIdentifier", text(s, "/entity/siren"))
				attribute("urn:oid:2.16.840.1.113730.3.1.241", "displayName", text(s, "/sender/name"))
				tag("</erds:Identity>")
				element("Identifier", text(s, "/sender/address"))
				tag("<pli:Authentication method=\"" text(s, "/sender/method") "\" level=\"" number(s, "/sender/level") "\"/>")
			}
			tag("</erds:SenderDetails>")
			r = text(f, "/r")
			for (j = 1; j <= sheets; j++) {
				if (r != "" && own[r] != sheet[j]) continue
				tag("<erds:RecipientDetails>"); tag("<erds:Identity>")
				attribute("urn:oid:2.16.840.1.113730.3.1.241", "displayName", text(sheet[j], "/recipient/name"))
				tag("</erds:Identity>"); element("Identifier", text(sheet[j], "/recipient/address"))
				tag("</erds:RecipientDetails>")
			}
			element("erds:MessageIdentifier", text(f, "/corr"))
			element("erds:SubmissionTime", text(entry[deposit], "/t"))
			tag("<erds:UserContentInfo>")
			if (s != "") tag("<ComposingParts>" parts + 1 "</ComposingParts>")
			tag("<erds:PartsInfo>")
			part_info("manifest.json", "application/json", known["manifest"])
			if (i == deposit && s != "") {
				part_info("0", "text/plain; charset=utf-8", digest("manifest.json", "/message/sha256"))
				for (j = 1; j <= parts; j++)
					part_info(j "", text("manifest.json", "/parts/" j "/type"), digest("manifest.json", "/parts/" j "/sha256"))
			}
			tag("</erds:PartsInfo>"); tag("</erds:UserContentInfo>"); tag("</erds:Evidence>")
		}
		tag("</pli:EvidenceSet>")
	}
	END {
		if (failed) exit 1
		check_content(); check_entries(); check_chains(); check_binding(); check_times(); write_receipt(); write_evidence()
	}' "$T/known" "$T/flat" || exit 1
[ $naming != withheld ] || cat >>"$T/receipt" <<'LIMITS'
Not-Established: who sent the letter, and what it is about: withheld until acceptance; texts that have the digest Withheld together with their salt show it
Non-etabli: qui a envoyé la lettre, et son objet : tus jusqu'à l'acceptation ; un texte qui, avec son sel, a l'empreinte Withheld l'établit
LIMITS
cat >>"$T/receipt" <<'LIMITS'
Not-Established: who held the sender's or the recipient's account or mailbox, beyond the stated level; level 1 means access to a secret link or token, by whoever had it
Not-Established: that a letter was read or understood; handover means that it was opened by the link of that address
Not-Established: the content itself, which is not in this file; whoever shows it must show bytes with the stated digests
Not-Established: the time by an outside clock; dates and stamps are those of the service, and the token shows that the entries were there at Checkpoint-Time at the latest
Not-Established: a qualified registered delivery service (Regulation (EU) 910/2014, article 44)
Non-etabli: qui tenait le compte ou la boîte de l'expéditeur ou du destinataire, au-delà du niveau indiqué ; niveau 1 : accès à un lien ou jeton secret, par quiconque l'avait
Non-etabli: qu'une lettre a été lue ou comprise ; handover : ouverte par le lien de cette adresse
Non-etabli: le contenu, absent de ce fichier ; qui le produit doit produire des octets ayant les empreintes indiquées
Non-etabli: l'heure d'une horloge extérieure ; dates et horodatages sont ceux du service, et le jeton montre que les entrées existaient au plus tard à Checkpoint-Time
Non-etabli: un service d'envoi recommandé électronique qualifié (règlement (UE) 910/2014, article 44)
LIMITS
# Where an authority outside has stamped the checkpoint, something is known of clocks.
if [ -n "$external_time" ]; then
	cat >"$T/outside" <<'LIMITS'
Not-Established: the time of an event by an outside clock; dates and stamps are those of the service, and the outside token shows that the entries were there at External-Time at the latest
Non-etabli: l'heure d'un fait par une horloge extérieure ; dates et horodatages sont ceux du service, et le jeton extérieur montre que les entrées existaient au plus tard à External-Time
LIMITS
	awk 'NR == FNR { text[FNR] = $0; next }
		/^Not-Established: the time by/ { print text[1]; next }
		/^Non-etabli: l.heure d.une horloge/ { print text[2]; next }
		{ print }' "$T/outside" "$T/receipt" >"$T/receipt2" && mv "$T/receipt2" "$T/receipt"
fi
if ! cmp -s "$T/receipt" receipt.txt; then
	fail "receipt: $(awk '
		NR == FNR { line[FNR] = $0; n = FNR; next }
		(line[FNR] "") != ($0 "") { sub(/:.*/, ""); print "line " FNR " (" $0 ")"; said = 1; exit }
		END { if (!said) print "a line too many" }' receipt.txt "$T/receipt") is not what follows from the other files"
fi
pass "receipt: says what follows from the other files"
cmp -s "$T/evidence" receipt.xml || fail "evidence: receipt.xml is not what follows from the other files"
pass "evidence: receipt.xml says the same"

# ------------------------------------------------------------------------------------------------- result
compare='TO BE COMPARED with a copy from elsewhere'
[ -n "$root" ] && given='the one given' || given=$compare
pass "root: sha256 $root_digest, $given"
[ -n "$log_key" ] && given='the one given' || given=$compare
pass "log key: sha256 $key_digest, $given"
[ -n "$tsa_root" ] && given='one of those given' || given=$compare
while read -r line; do pass "$line, $given"; done <"$T/tsa-roots"
while read -r vkey seconds name; do
	given=$compare
	[ -z "$witness" ] || ! awk -v key="$vkey" '$1 == key { found = 1 } END { exit !found }' "$witness" || given='the one given'
	pass "witness: $name has seen this head $seconds seconds after 1970 (UTC); key $vkey, $given"
done <"$T/seen"
if [ -n "$external_time" ]; then
	pass "external: the head was there on $external_time (token of an authority outside)"
	given=$compare
	if [ -n "$tsa_root" ]; then
		awk '/^-----BEGIN/ { text = "" } { text = text $0 } /^-----END/ { print text }' "$tsa_root" >"$T/given"
		! grep -qxF -e "$(awk '{ text = text $0 } END { print text }' "$T/external-root.pem")" "$T/given" || given='the one given'
	fi
	pass "external: authority under root: sha256 $external_digest, $given"
fi
pass "time: all of this was there on $token_time (token of the service)"
echo VERIFIED
