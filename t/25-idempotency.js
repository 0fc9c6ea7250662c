#!/usr/bin/env node
// Goal: a request repeated with the same Idempotency-Key makes one letter: the same 201, body and Location, also after a restart,
// also when 20 come at once (201 or 409 with Retry-After, never two letters); another content under the key is refused; keys are
// each account's own.  Every form of deposit: JSON, multipart, finished uploads, the command line.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org'), second = i.user('second@example.org');
	const letters = () => i.one('SELECT COUNT(*) FROM letter');
	const key = (k) => ({ 'Idempotency-Key': k });
	const value = { to: ['a@example.org'], cc: ['b@example.org'], subject: 'S', message: 'M' };
	const post = (v, k, t = token) => i.json('POST', '/api/v1/letters', t, v, k === undefined ? {} : key(k));
	const twin = (a, b, what) => {
		same([b.status, b.text, b.headers.location], [201, a.text, a.headers.location], what);
	};

	const first = await post(value, 'k1');
	same(first.status, 201, 'the first');
	twin(first, await post(value, 'k1'), 'the same again');
	twin(first, await i.request('POST', '/api/v1/letters', { token, headers: { 'Content-Type': 'application/json', ...key('k1') },
		body: '{ "message" : "M", "subject":"\\u0053", "cc":["b@example.org"],\n"to":["a@example.org"] }' }), 'the same in other words');
	twin(first, await i.multipart('/api/v1/letters', token, [['subject', 'S'], ['to', 'a@example.org'], ['cc', 'b@example.org'], ['message', 'M']], key('k1')), 'the same as a form');
	await until('it is sent', async () => (await i.request('GET', first.headers.location, { token })).json.state === 'sent');
	twin(first, await post(value, 'k1'), 'the same after its state changed: the answer of then');
	for (const [what, other] of [['subject', { ...value, subject: 'T' }], ['message', { ...value, message: 'N' }], ['recipient', { ...value, to: ['c@example.org'] }], ['kind', { ...value, cc: [], bcc: ['b@example.org'] }],
		['password', { ...value, password: 'x' }], ['expiry', { ...value, expires: new Date(Date.now() + 40 * 86400000).toISOString().slice(0, 10) }]]) {
		const a = await post(other, 'k1');
		same(a.status, 422, `another ${what} under the key`);
	}
	same((await i.multipart('/api/v1/letters', token, [['subject', 'S'], ['to', 'a@example.org'], ['cc', 'b@example.org'], ['message', 'M'], ['file', { filename: 'x', bytes: 'x' }]], key('k1'))).status, 422, 'a file more under the key');
	same(letters(), 1, 'one letter');
	same((await post(value, 'k1', second)).status, 201, 'another account\'s key is its own');
	same((await post(value, 'k2')).status, 201, 'another key');
	same((await post(value)).status, 201, 'no key');
	same((await post(value)).status, 201, 'no key again');
	same(letters(), 5, 'five letters');

	// Files: by content and name.
	const form = (bytes, filename, k) => i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['subject', 'F'], ['file', { filename, bytes }]], key(k));
	const big = Buffer.alloc(300000, 'x');
	const file = await form(big, 'a.txt', 'f1');
	same(file.status, 201, 'with a file');
	const objects = () => i.one('SELECT COUNT(*) FROM object');
	const before = objects();
	twin(file, await form(big, 'a.txt', 'f1'), 'the same file again');
	same((await form(Buffer.concat([big, Buffer.from('y')]), 'a.txt', 'f1')).status, 422, 'another content');
	same((await form(big, 'b.txt', 'f1')).status, 422, 'another name');
	await until('what was staged is given back', () => objects() === before);

	// A refused request leaves its key free.
	same((await post({ ...value, subject: '' }, 'k3')).status, 422, 'refused');
	same((await post(value, 'k3')).status, 201, 'then good under the same key');

	// At once.
	const count = letters();
	const many = await Promise.all(Array.from({ length: 20 }, () => post({ ...value, subject: 'Many' }, 'm1')));
	const made = many.filter((a) => a.status === 201);
	check(made.length >= 1 && many.every((a) => a.status === 201 || (a.status === 409 && a.headers['retry-after'])), '20 at once: 201, or 409 with Retry-After', many.map((a) => a.status).join(' '));
	same(new Set(made.map((a) => a.text)).size, 1, 'all of one letter');
	same(letters(), count + 1, 'one letter more');
	twin(made[0], await post({ ...value, subject: 'Many' }, 'm1'), 'and again');

	// The command line: the same key, the same letter; an upload that is complete is not sent twice.
	const attach = path.join(TMP, 'attach.bin'), tokenFile = path.join(TMP, 'token');
	fs.writeFileSync(attach, Buffer.alloc(100000, 'z'));
	fs.writeFileSync(tokenFile, token);
	const send = (...more) => i.run(['send', '--server', i.url, '--token-file', tokenFile, '--ca', path.join(i.dir, 'tls/ca.pem'), '--to', 'a@example.org', '--subject', 'CLI', ...more]);
	const one = send('--key', 'cli-1'), two = send('--key', 'cli-1'), three = send();
	same([one.status, two.status, three.status], [0, 0, 0], 'pli send');
	same(two.stdout, one.stdout, 'pli send with one key: one letter');
	check(three.stdout !== one.stdout, 'without: another');
	const att = send('--attach', attach);
	same(att.status, 0, 'pli send --attach: ' + att.stderr);

	// After a restart.
	await until('mails are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	const total = letters(), mails = i.mailFiles().length;
	await i.stop();
	await i.serve();
	twin(first, await post(value, 'k1'), 'the same after a restart');
	twin(file, await form(big, 'a.txt', 'f1'), 'with a file after a restart');
	same((await post({ ...value, subject: 'T' }, 'k1')).status, 422, 'another content after a restart');
	same([letters(), i.mailFiles().length], [total, mails], 'no letter and no mail more');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
