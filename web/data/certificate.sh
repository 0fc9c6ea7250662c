#!/bin/sh
# Verifies a certificate of time and silence, unzipped, without Pli: needs a POSIX shell and tools, unzip, and openssl 3 or newer.
#
#   sh verify.sh [FOLDER] [--root FILE] [--log-key FILE] [--tsa-root FILE] [--witness FILE]
#
# FOLDER is the unzipped certificate (without it: where this script lies); the options are those of proof.sh, which lies beside this script
# and verifies each proof.  One line a check.  VERIFIED as the last line and status 0: all checks passed.  Otherwise the last line begins
# with FAIL, status 1 (64: wrong arguments, 69: a tool is missing).
# A forger could have changed these scripts, too: use copies that you trust.
set -uf
umask 077
LC_ALL=C; export LC_ALL
unset CDPATH IFS
OPENSSL_CONF=/dev/null; export OPENSSL_CONF

usage() { echo "usage: sh verify.sh [FOLDER] [--root FILE] [--log-key FILE] [--tsa-root FILE] [--witness FILE]" >&2; exit 64; }
fail() { printf 'FAIL %s\n' "$*"; exit 1; }
pass() { printf 'ok   %s\n' "$*"; }
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }

case $0 in */*) here=$(absolute "${0%/*}") ;; *) here=$PWD ;; esac
folder=''
for n in "$@"; do	# the options, absolute, take the places of the arguments
	if [ -n "${option:-}" ]; then
		set -- "$@" "$option" "$(absolute "$n")"; option=''
	else
		case $n in
		--root|--log-key|--tsa-root|--witness) option=$n ;;
		-*) usage ;;
		*) [ -z "$folder" ] || usage; folder=$(absolute "$n") ;;
		esac
	fi
	shift
done
[ -z "${option:-}" ] || usage
[ -n "$folder" ] || folder=$here
for tool in openssl unzip awk sed grep find sort cmp cp cat tail date; do
	command -v $tool >/dev/null || { echo "FAIL tools: $tool is not here"; exit 69; }
done
T=$(absolute "${TMPDIR:-/tmp}")/pli-certificate.$$
[ ! -e "$T" ] || T=$T.$(date +%s)	# left there by one that was killed
mkdir "$T" || { echo "FAIL tools: $T cannot be made"; exit 69; }
trap 'rm -rf "$T"' 0
trap 'exit 1' 1 2 15
cd "$folder" 2>/dev/null || fail "files: there is no folder $folder"
SSL_CERT_DIR=$T/none SSL_CERT_FILE=$T/none; export SSL_CERT_DIR SSL_CERT_FILE

# ------------------------------------------------------------------------------------------------- files
manifest=META-INF/ASiCManifest.xml
signature=META-INF/signature.p7s
count=0
while [ -f "$(printf 'proofs/%04d.asice' $((count + 1)))" ] && [ $count -lt 200 ]; do count=$((count + 1)); done
[ $count -gt 0 ] || fail "files: proofs/0001.asice is missing"
proofs() { awk -v n=$count 'BEGIN { for (i = 1; i <= n; i++) printf "proofs/%04d.asice\n", i }'; }
{ echo certificate.txt; proofs; printf '%s\n' VERIFY.md verify.sh proof.sh; } >"$T/listed"
{ cat "$T/listed"; printf '%s\n' mimetype $manifest $signature; } | sort >"$T/must"
find . ! -type d -print | sed 's|^\./||' | sort >"$T/have"
cmp -s "$T/must" "$T/have" || fail "files: not those of a certificate"
find . ! -type f ! -type d -print >"$T/odd"
[ ! -s "$T/odd" ] || fail "files: something is neither a file nor a folder"
printf %s 'application/vnd.etsi.asic-e+zip' | cmp -s - mimetype || fail "files: mimetype is not that of a certificate"
pass "files: those of a certificate, none more"

# ------------------------------------------------------------------------------------------------ proofs
ITEM='
	function value() { return substr($0, index($0, ": ") + 2) }
	function known(t) { return t == "" ? "-" : t }
	/^Kind: / { kind = value() }
	/^Number: / { number = value() }
	/^Letter: / { letter = value() }
	/^Origin: / { origin = value() }
	/^Recipient: / { who = value() }
	/^Entry: / { split(value(), f, ", "); n++; event[n] = f[3]; time[n] = f[4] }
	/^Checkpoint-Size: / { size = value() }
	/^Checkpoint-Root: / { root = value() }
	/^Checkpoint-Time: / { token = value() }
	END {
		for (end = n; end > 0 && event[end] != "state.certified"; end--) ;
		if (kind != "recipient" || !end) exit 1
		for (i = 1; i < end; i++) if (!((e = event[i]) in first)) first[e] = time[i]
		told = first["notice.sent"]
		if ("lre.notice.sent" in first && (told == "" || first["lre.notice.sent"] < told)) told = first["lre.notice.sent"]
		decided = "undecided -"
		for (i = 3; i > 0; i--) {
			e = i == 1 ? "accepted" : i == 2 ? "refused" : "unclaimed"
			if (("lre." e) in first) decided = e " " first["lre." e]
		}
		print number ", " letter ", available " known(first["consigned"]) ", notified " known(told) ", opened " known(first["handover"]) ", " \
			decided ", as of " time[end] ", " who >out
		print number, size, root, token, origin, first["consigned"], known(told), known(first["handover"]), time[end]
	}'
newest=0 before=0 origin='' number=''
while read -r name; do
	rm -rf "$T/proof"
	mkdir "$T/proof"
	unzip -q "$name" -d "$T/proof" </dev/null >"$T/out" 2>&1 || fail "proofs: $name cannot be unzipped"
	sh "$here/proof.sh" "$T/proof" "$@" </dev/null >"$T/out" 2>&1 || fail "proofs: $name: $(tail -n 1 "$T/out" | sed 's/^FAIL //')"
	awk -v out="$T/item" "$ITEM" "$T/proof/receipt.txt" >"$T/said" || fail "proofs: $name is not a recipient's, or has no entry state.certified"
	read -r number size root token own rest <"$T/said"
	[ "$number" -gt $before ] || fail "proofs: $name stands twice, or not in the order of numbers"
	before=$number
	[ -n "$origin" ] || { origin=$own; cp "$T/proof/root.pem" "$T/root.pem"; }
	[ "$own" = "$origin" ] && cmp -s "$T/proof/root.pem" "$T/root.pem" || fail "proofs: $name is of another service than those before it"
	if [ "$size" -ge $newest ]; then
		newest=$size newest_root=$root newest_token=$token
		cp "$T/proof/seal.pem" "$T/seal.pem"
	fi
	sed "s|^|Proof: ${name#proofs/}, |; s|\.asice, |, |" "$T/item" >>"$T/items"
	cat "$T/said" >>"$T/times"
done <<PROOFS
$(proofs)
PROOFS
pass "proofs: each holds, of one service, with the entry up to which it is complete"

# ---------------------------------------------------------------------------------------------- manifest
{
	printf '%s\n' '<?xml version="1.0" encoding="UTF-8"?>' \
		'<ASiCManifest xmlns="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">' \
		"<!-- checkpoint $newest $newest_root -->" '<SigReference URI="META-INF/signature.p7s" MimeType="application/pkcs7-signature"/>'
	while read -r name; do
		printf '<DataObjectReference URI="%s"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>%s</ds:DigestValue></DataObjectReference>\n' \
			"$name" "$(openssl dgst -sha256 -binary "$name" | openssl base64)"
	done <"$T/listed"
	echo '</ASiCManifest>'
} >"$T/manifest"
cmp -s "$T/manifest" $manifest || fail "manifest: is not what these files demand"
pass "manifest: lists every file with its digest"

# -------------------------------------------------------------------------------------------------- seal
seconds=$(echo "$newest_token" | awk '{
	y = ("1" substr($0, 1, 4)) - 10000; m = ("1" substr($0, 6, 2)) - 100; d = ("1" substr($0, 9, 2)) - 100
	if (m < 3) { y--; m += 12 }
	d += 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) - 719469
	printf "%.0f", ((d * 24 + ("1" substr($0, 12, 2)) - 100) * 60 + ("1" substr($0, 15, 2)) - 100) * 60 + ("1" substr($0, 18, 2)) - 100
}')
openssl cms -verify -cades -binary -inform DER -in $signature -content $manifest -CAfile "$T/root.pem" -purpose any -attime "$seconds" \
	-signer "$T/signer.pem" -out /dev/null >"$T/out" 2>&1 || fail "seal: the signature over the manifest does not hold"
[ "$(grep -c BEGIN "$T/signer.pem")" -eq 1 ] && [ "$(openssl x509 -in "$T/signer.pem" -outform PEM)" = "$(cat "$T/seal.pem")" ] ||
	fail "seal: is not by the seal of the newest proof alone"
pass "seal: signature over the manifest by the seal of the newest proof"

# -------------------------------------------------------------------------------------------------- text
deadline=$(sed -n 's/^Deadline: *//p' certificate.txt | sed -n 1p)
case $deadline in
''|[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9].[0-9][0-9][0-9]Z) ;;
*) fail "text: the deadline is no time" ;;
esac
# Times in this form compare as words do.
awk -v origin="$origin" -v deadline="$deadline" '
	NR == 1 || $9 < asof { asof = $9 }
	{ available[NR] = $6; notified[NR] = $7; opened[NR] = $8 }
	function so_many(list, by,   i, n) {
		n = 0
		for (i = 1; i <= NR; i++) if (list[i] != "-" && (list[i] "") <= (by "")) n++
		return n
	}
	END {
		by = deadline == "" ? asof : deadline
		print "Pli-Certificate: 1\nOrigin: " origin "\nAs-Of: " asof "\nDeadline:" (deadline == "" ? "" : " " deadline) "\nBy: " by "\nProofs: " NR
		print "Available: " so_many(available, by) "\nNotified: " so_many(notified, by) "\nOpened: " so_many(opened, by)
		n = so_many(opened, asof)
		print "Opened-As-Of: " n "\nNot-Opened: " NR - n
	}' "$T/times" >"$T/text"
cat "$T/items" >>"$T/text"
printf 'Checkpoint-Size: %s\nCheckpoint-Root: %s\nCheckpoint-Time: %s\n' "$newest" "$newest_root" "$newest_token" >>"$T/text"
cat >>"$T/text" <<'LIMITS'
Not-Established: that there are no other letters and no other recipients than those listed
Not-Established: that a notice was read; Notified means that a mail server, or the outbox of a demonstration, took it
Not-Established: what happened after the time `as of` of each proof
Not-Established: the time by an outside clock; dates are those of the service, and its token shows that all of this was there at Checkpoint-Time at the latest
Non-etabli: qu'il n'y ait ni d'autres lettres ni d'autres destinataires que ceux de la liste
Non-etabli: qu'un avis ait été lu ; Notified : un serveur de messagerie, ou la boîte d'envoi d'une démonstration, l'a pris
Non-etabli: ce qui s'est passé après la date « as of » de chaque preuve
Non-etabli: l'heure d'une horloge extérieure ; les dates sont celles du service, et son jeton montre que tout existait au plus tard à Checkpoint-Time
LIMITS
cmp -s "$T/text" certificate.txt || fail "text: certificate.txt does not say what follows from the proofs"
pass "text: certificate.txt says what follows from the proofs"
pass "root: sha256 $(openssl x509 -in "$T/root.pem" -outform DER | openssl dgst -sha256 -r | sed 's/ .*//'), to be compared with a copy from elsewhere unless it was given"
pass "time: all of this was there on $newest_token (token of the service)"
echo VERIFIED
