#!/usr/bin/env node
// Goal: receipt.xml of the sender's and of each recipient's proof is well-formed, has one Evidence for each event of EN 319 522 in the journal, with the
// components that the standard requires, the right people and digests; a failure gives its reason; names from outside stay text.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const TO = 'anna@example.net', CC = 'nobody@refused.invalid', NAME = 'A & B <script> ]]> ё', FILES = { 'un.txt': 'un', 'deux.txt': 'deux deux' };
let serial = 0;

function unpack(bytes) {
	const file = path.join(TMP, `b${serial++}.asice`), dir = file + '.d';
	fs.writeFileSync(file, bytes);
	execFileSync('unzip', ['-q', '-o', file, '-d', dir]);
	return dir;
}

// Values of an XPath over receipt.xml, whatever the prefixes are.
function xpath(dir, expression) {
	const r = spawnSync('xmllint', ['--xpath', expression.replace(/\/([A-Za-z]+)(?![A-Za-z(])/g, "/*[local-name()='$1']"), path.join(dir, 'receipt.xml')], { encoding: 'utf8' });
	return r.status === 0 ? r.stdout.trim().split('\n') : [];
}
const count = (dir, what) => Number(xpath(dir, `count(${what})`)[0]);

main(async () => {
	const i = new Instance().make({ conf: '[server]\ndemo = yes\n' });
	await i.serve();
	const sender = i.user('sender@example.org', 'editor', { name: 'Zoë & Cie' });
	const made = await i.multipart('/api/v1/letters', sender, [['to', `"${NAME}" <${TO}>`], ['cc', CC], ['subject', 'Objet'], ['message', 'x'],
		...Object.entries(FILES).map(([filename, bytes]) => ['file', { filename, bytes, type: 'text/plain' }])]);
	same(made.status, 201, 'a letter: ' + made.brief);
	const id = made.json.id;
	await i.open(await i.link(TO));
	const proof = async (to) => unpack((await i.request('GET', `/api/v1/letters/${id}/proof` + (to ? `?recipient=${to}` : ''), { token: sender })).body);
	await until('the refusal is in the journal', async () => fs.readFileSync(path.join(await proof(CC), 'receipt.txt'), 'utf8').includes('notice.failed'));

	for (const to of [null, TO, CC]) {
		const what = to || 'sender', dir = await proof(to);
		const lint = spawnSync('xmllint', ['--noout', path.join(dir, 'receipt.xml')], { encoding: 'utf8' });
		same(lint.status, 0, `${what}: well-formed: ${lint.stderr}`);
		const entries = fs.readdirSync(path.join(dir, 'journal')).filter((n) => n.endsWith('.json')).sort().map((n) => JSON.parse(fs.readFileSync(path.join(dir, 'journal', n))));
		const events = entries.filter((e) => e.etsi);
		check(events.length >= 2, `${what}: there are events`);
		same(xpath(dir, '//ERDSEventId/text()').join(' '), events.map((e) => 'http://uri.etsi.org/19522/Event/' + e.etsi).join(' '), `${what}: one evidence each`);
		same(xpath(dir, '//EventTime/text()').join(' '), events.map((e) => e.t).join(' '), `${what}: their times`);
		same(xpath(dir, '//EvidenceIdentifier/text()').join(' '), events.map((e) => `${e.log}#${e.seq + 1}`).join(' '), `${what}: their identifiers`);
		for (const element of ['EvidenceIdentifier', 'ERDSEventId', 'EventTime', 'EvidenceIssuerDetails', 'SenderDetails', 'MessageIdentifier', 'SubmissionTime', 'UserContentInfo'])
			same(count(dir, `//Evidence/${element}`), events.length, `${what}: ${element} in each`);
		check(events.every((e, k) => count(dir, `//Evidence[${k + 1}]/RecipientDetails`) === (e.r || to ? 1 : 2)), `${what}: recipients of each`);
		same(xpath(dir, `//Evidence[1]/MessageIdentifier/text()`)[0], id, `${what}: the letter`);
		const whole = events.findIndex((e) => e.ev === (to ? 'consigned' : 'deposit.accepted')) + 1;
		const digests = xpath(dir, `//Evidence[${whole}]//DigestValue/text()`);
		for (const [name, bytes] of [...Object.entries(FILES), ['manifest.json', fs.readFileSync(path.join(dir, 'manifest.json'))]])
			check(digests.includes(crypto.createHash('sha256').update(bytes).digest('base64')), `${what}: digest of ${name}`, digests.join(' '));
		const xml = fs.readFileSync(path.join(dir, 'receipt.xml'), 'utf8');
		check(!xml.includes('<script'), `${what}: names stay text`);
		if (to !== CC)
			check(xml.includes('A &amp; B &lt;script&gt; ]]&gt; ё'), `${what}: the name is there`, xml.slice(0, 2000));
		check(xml.includes('Zoë &amp; Cie'), `${what}: the sender's name`);
		if (to)
			check(!xml.includes(to === TO ? CC : TO), `${what}: nobody else`);
		const failures = events.filter((e) => /Failure|Rejection/.test(e.etsi)).length;
		same(count(dir, '//EventReasons/EventReason/Details'), failures, `${what}: negative events have a reason`);
		check(to === TO ? failures === 0 : failures === 1, `${what}: the refusal is there`);
		const r = spawnSync('dash', [path.join(dir, 'verify.sh'), dir, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')], { encoding: 'utf8' });
		check(r.status === 0 && /^ok   evidence/m.test(r.stdout) && /^ok   certified/m.test(r.stdout), `${what}: verify.sh`, r.stdout + r.stderr);
	}
	await i.stop();
});
