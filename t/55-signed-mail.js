#!/usr/bin/env node
// Goal: each notice is signed as the settings say. S/MIME: `openssl cms -verify` accepts it and refuses it with one character changed, in
// the outbox of a demonstration as over a relay. DKIM, both algorithms: an independent verifier accepts both signatures, and neither
// once a header that counts or the body is changed or a header is added; the key lies with the keeper alone.
'use strict';
const fs = require('fs');
const path = require('path');
const crypto = require('crypto');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, main } = require('./lib/pli.js');
const mailjs = require('./lib/mail.js');
const { Relay } = require('./lib/relay.js');

const TMP = process.env.TMP;
let files = 0;

function put(bytes) {
	const name = path.join(TMP, `mail-${++files}.eml`);
	fs.writeFileSync(name, bytes, 'latin1');
	return name;
}

function cms(bytes, ca, ...more) {
	return spawnSync('openssl', ['cms', '-verify', '-in', put(bytes), '-CAfile', ca, '-purpose', 'smimesign', '-out', path.join(TMP, 'content'), ...more], { encoding: 'utf8' });
}

// How many of the mail's signatures hold, by python3-dkim with the records given.
const VERIFY = `
import sys, json, dkim
mail = open(sys.argv[1], 'rb').read()
records = json.load(open(sys.argv[2]))
def dns(name, timeout=5):
    return records.get(name.decode().rstrip('.'), '').encode() or None
d = dkim.DKIM(mail)
count = sum(1 for h in d.headers if h[0].lower() == b'dkim-signature')
def holds(i):
    try:
        return '1' if dkim.DKIM(mail).verify(idx=i, dnsfunc=dns) else '0'
    except dkim.ValidationError:
        return '0'
print(' '.join(holds(i) for i in range(count)))
`;

function dkim(bytes, records) {
	const name = path.join(TMP, 'records.json');
	fs.writeFileSync(name, JSON.stringify(records));
	const r = spawnSync('/usr/bin/python3', ['-c', VERIFY, put(bytes), name], { encoding: 'utf8' });
	if (r.status !== 0)
		throw new Error('the verifier: ' + r.stderr);
	return r.stdout.trim();
}

function record(file) {
	const key = crypto.createPublicKey(fs.readFileSync(file));
	const der = key.export({ type: 'spki', format: 'der' });
	return key.asymmetricKeyType === 'ed25519' ? 'v=DKIM1; k=ed25519; p=' + der.subarray(-32).toString('base64') : 'v=DKIM1; k=rsa; p=' + der.toString('base64');
}

async function letter(i, to) {
	const a = await i.json('POST', '/api/v1/letters', i.sender, { to: [].concat(to), subject: 'Une lettre', message: 'Bonjour' });
	same(a.status, 201, 'a deposit');
}

function smimeHolds(mail, i, what) {
	const root = path.join(i.dir, 'public/root.pem');
	const good = cms(mail, root);
	check(good.status === 0 && /successful/.test(good.stderr), what + ': openssl accepts it', good.stderr);
	const m = mailjs.parse(Buffer.from(mail, 'latin1'));
	check(/^multipart\/signed; protocol="application\/pkcs7-signature";\s+micalg=sha-256;/.test(m.get('content-type')), 'never opaque', m.get('content-type'));
	same(m.links.length, 1, 'the link stands alone on its line');
	check(m.parts.some((p) => p.type === 'application/pkcs7-signature') && m.html.includes('<a '), 'text, HTML, signature');
	// What was checked is what is read.
	check(fs.readFileSync(path.join(TMP, 'content'), 'latin1').includes(m.links[0]), 'the link is under the signature');
	const at = mail.indexOf(m.links[0]) + m.links[0].length - 5, other = mail[at] === 'a' ? 'b' : 'a';
	const changed = cms(mail.slice(0, at) + other + mail.slice(at + 1), root);
	check(changed.status !== 0 && /verif/i.test(changed.stderr), what + ': refused with another link', changed.stderr);
	const signature = mail.indexOf('smime.p7s"\r\n\r\n') + 400;
	check(cms(mail.slice(0, signature) + (mail[signature] === 'A' ? 'B' : 'A') + mail.slice(signature + 1), root).status !== 0, what + ': refused with another signature');
	check(cms(mail, path.join(i.dir, 'tls/ca.pem')).status !== 0, 'another root does not do');
	// The certificate is one for mail, for this sender.
	spawnSync('openssl', ['cms', '-verify', '-in', put(mail), '-CAfile', root, '-signer', path.join(TMP, 'signer.pem'), '-out', path.join(TMP, 'content')]);
	const text = spawnSync('openssl', ['x509', '-in', path.join(TMP, 'signer.pem'), '-noout', '-ext', 'extendedKeyUsage,subjectAltName'], { encoding: 'utf8' }).stdout;
	check(/E-mail Protection/.test(text) && text.includes('email:' + /<?([^<>\s]+@[^<>\s]+?)>?$/.exec(m.get('from'))[1]), 'a certificate for mail, of this sender', text);
	check(!/Code Signing|TLS Web|Time Stamping/.test(text), 'and for nothing else');
}

async function demo() {
	const i = new Instance('demo').make({ more: ['--demo'] });
	await i.serve();
	i.sender = i.user('sender@example.org');
	await letter(i, ['a@example.org', 'accent@bücher.example', 'c@example.org']);
	await until('three mails', () => i.mailFiles().length === 3);
	for (const file of i.mailFiles())
		smimeHolds(fs.readFileSync(file, 'latin1'), i, 'outbox');
	await i.stop();
}

async function plain() {
	const i = new Instance('plain').make();
	await i.serve();
	i.sender = i.user('sender@example.org');
	await letter(i, 'a@example.org');
	await until('a mail', () => i.mailFiles().length === 1);
	const mail = fs.readFileSync(i.mailFiles()[0], 'latin1');
	check(/^Content-Type: multipart\/alternative;/m.test(mail) && !/DKIM-Signature|pkcs7/.test(mail), 'elsewhere: off until a certificate is there');
	await i.stop();
}

async function dkimBoth() {
	const relay = await new Relay().listen();
	const i = new Instance('dkim').make({ more: ['--mail', 'smtp://127.0.0.1:' + relay.port], conf: '[mail]\nsign = yes\ndkim = both\ndkim_selector = s1\n' });
	const conf = path.join(i.dir, 'pli.conf');
	fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(/^from = .*$/m, 'from = letters@mail.example.org'));
	await i.serve();
	i.sender = i.user('sender@example.org');
	const whom = Array.from({ length: 5 }, (_, n) => `r${n}@example.org`);
	await letter(i, whom);
	await until('five mails', () => relay.mails.length === 5);
	const keys = path.join(i.dir, 'keys');
	const records = { 's1._domainkey.mail.example.org': record(path.join(keys, 'dkim.key')), 's1-rsa._domainkey.mail.example.org': record(path.join(keys, 'dkim-rsa.key')) };
	for (const m of relay.mails) {
		same(dkim(m.data, records), '1 1', m.to[0] + ': both signatures hold');
		smimeHoldsOver(m.data, i);
	}
	const { data } = relay.mails[0];
	const head = data.indexOf('\r\nFrom:') + 2;
	const changes = {
		'another subject': data.replace(/^Subject: ./m, 'Subject: x'),
		'another sender': data.replace(/^From: .*$/m, 'From: evil@mail.example.org'),
		'another link': data.replace(/\/l\/./, (s) => s.slice(0, 3) + (s[3] === 'a' ? 'b' : 'a')),
		'another Message-ID': data.replace(/^Message-ID: <./m, 'Message-ID: <x'),
		'a second From': data.slice(0, head) + 'From: evil@example.net\r\n' + data.slice(head),
		'a second Subject': data.slice(0, head) + 'Subject: other\r\n' + data.slice(head),
		'a Reply-To': data.slice(0, head) + 'Reply-To: evil@example.net\r\n' + data.slice(head),
		'a Cc': data.slice(0, head) + 'Cc: evil@example.net\r\n' + data.slice(head),
		'another type': data.replace('Content-Type: multipart/signed', 'Content-Type: multipart/mixed'),
		'more behind it': data + 'more\r\n',
	};
	for (const [what, changed] of Object.entries(changes)) {
		check(changed !== data, what + ': something was changed');
		same(dkim(changed, records), '0 0', what + ': neither holds');
	}
	// What a relay may do: blanks at the ends of lines, header names in capitals, longer folding.
	same(dkim(data.replace(/^Subject:/m, 'SUBJECT:').replace(/\r\n\r\n$/, '\r\n').replace(/; filename="smime.p7s"\r\n/, '; filename="smime.p7s"  \r\n'), records), '1 1', 'what relays do harms nothing');
	const other = { ...records, 's1._domainkey.mail.example.org': records['s1._domainkey.mail.example.org'].replace(/p=..../, 'p=AAAA') };
	check(/^(0 1|1 0)$/.test(dkim(data, other)), 'another key: only the other signature holds');
	check(/^h=From:From:To:To:Cc:/m.test(data.replace(/\r\n\s+/g, ' ').replace(/; /g, '\n')), 'headers that count are signed once more than they are there');
	// Without the key nothing leaves, and nothing is lost.
	await i.stop();
	fs.renameSync(path.join(keys, 'dkim.key'), path.join(keys, 'kept'));
	await i.serve();
	await letter(i, 'later@example.org');
	await until('the log says what is missing', () => /keys\/dkim\.key/.test(fs.readFileSync(i.log, 'utf8')));
	same(relay.to('later@example.org').length, 0, 'nothing leaves unsigned');
	await i.stop();
	fs.renameSync(path.join(keys, 'kept'), path.join(keys, 'dkim.key'));
	await i.serve();
	await until('it leaves with the key', () => relay.to('later@example.org').length === 1);
	await i.stop();
	await relay.close();
}

function smimeHoldsOver(data, i) {
	const r = cms(data, path.join(i.dir, 'public/root.pem'));
	check(r.status === 0, 'S/MIME under DKIM', r.stderr);
}

main(async () => {
	await demo();
	await plain();
	await dkimBoth();
});
