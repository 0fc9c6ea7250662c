#!/usr/bin/env node
// Goal: POST /tsa is a time-stamping authority for stock clients (RFC 3161): what it grants `openssl ts -verify` takes, what it cannot grant is
// answered by the failure that the standard names and never by a 5xx, and only those with a right to it get anything.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, main, TMP } = require('./lib/pli.js');

const POLICY = '2.25.175171558180790079973882690044974969982';
const file = (name) => path.join(TMP, name);
const openssl = (...args) => spawnSync('openssl', args, { cwd: TMP, encoding: 'utf8' });

// A request of stock openssl over the data in `name`.
function query(name, ...options) {
	const r = openssl('ts', '-query', '-data', file(name), '-out', file('q.tsq'), ...options);
	same(r.status, 0, 'openssl makes a request: ' + r.stderr);
	return fs.readFileSync(file('q.tsq'));
}

// A reply in the words of `openssl ts -reply -text`.
function said(reply) {
	fs.writeFileSync(file('said.tsr'), reply);
	const r = openssl('ts', '-reply', '-in', file('said.tsr'), '-text');
	const text = r.stdout + r.stderr;
	return { text, status: (/Status: (\w+)/.exec(text) || [])[1], failure: (/Failure info: (.*)/.exec(text) || [])[1],
		nonce: (/Nonce: (.*)/.exec(text) || [])[1], policy: (/Policy OID: (.*)/.exec(text) || [])[1], serial: (/Serial number: (.*)/.exec(text) || [])[1],
		time: Date.parse((/Time stamp: (.*)/.exec(text) || [])[1]) };
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('ed@example.org'), auditor = i.user('au@example.org', 'auditor'), reader = i.user('re@example.org', 'reader');
	const ask = (body, headers = { Authorization: 'Bearer ' + token }, type = 'application/timestamp-query') =>
		i.request('POST', '/tsa', { headers: { 'Content-Type': type, ...headers }, body });
	const root = path.join(i.dir, 'public/root.pem'), tsa = path.join(i.dir, 'public/tsa.pem');
	fs.writeFileSync(file('data'), 'what is stamped\n');
	fs.writeFileSync(file('other'), 'something else\n');

	// Granted, in every shape that openssl asks for, twice each: the second is made from the first.
	const serials = new Set();
	for (const digest of ['-sha256', '-sha384', '-sha512'])
		for (const options of [[], ['-cert'], ['-no_nonce'], ['-no_nonce', '-cert'], ['-tspolicy', POLICY], ['-cert', '-tspolicy', POLICY]])
			for (const turn of [1, 2]) {
				const what = ['openssl ts -query', digest, ...options, turn].join(' '), q = query('data', digest, ...options), before = Date.now();
				const a = await ask(q);
				same([a.status, a.headers['content-type']], [200, 'application/timestamp-reply'], what);
				const s = said(a.body);
				same([s.status, s.policy], ['Granted', POLICY], what + ': granted under the policy');
				// openssl shows milliseconds, cut.
				check(s.time >= before - 1 && s.time <= Date.now(), what + ': the time is now', [before, s.time, Date.now()]);
				same(s.nonce === 'unspecified', options.includes('-no_nonce'), what + ': the nonce');
				check(!serials.has(s.serial), what + ': a serial number of its own');
				serials.add(s.serial);
				fs.writeFileSync(file('r.tsr'), a.body);
				fs.writeFileSync(file('q.tsq'), q);
				const known = options.includes('-cert') ? [] : ['-untrusted', tsa];
				for (const [flag, from] of [['-data', file('data')], ['-queryfile', file('q.tsq')]])
					same(openssl('ts', '-verify', '-in', file('r.tsr'), flag, from, '-CAfile', root, ...known).status, 0, `${what}: openssl ts -verify ${flag}`);
				check(openssl('ts', '-verify', '-in', file('r.tsr'), '-data', file('other'), '-CAfile', root, ...known).status !== 0, what + ': not over other data');
				if (!options.includes('-cert'))
					check(openssl('ts', '-verify', '-in', file('r.tsr'), '-data', file('data'), '-CAfile', root).status !== 0, what + ': no certificate came that nobody asked for');
			}

	// A reply of before does not answer a request of now.
	const first = await ask(query('data', '-sha256'));
	fs.writeFileSync(file('r.tsr'), first.body);
	query('data', '-sha256');
	const replayed = openssl('ts', '-verify', '-in', file('r.tsr'), '-queryfile', file('q.tsq'), '-CAfile', root, '-untrusted', tsa);
	check(replayed.status !== 0 && /nonce/.test(replayed.stdout + replayed.stderr), 'a reply with another nonce is refused', replayed.stdout + replayed.stderr);

	// Many at a time, of all shapes mixed: each gets the answer to its own question.
	const shapes = [['-sha256'], ['-sha512', '-cert'], ['-sha384', '-no_nonce'], ['-sha256', '-no_nonce', '-cert']].map((o) => query('data', ...o));
	const many = await Promise.all(Array.from({ length: 96 }, (_, k) => {
		const q = Buffer.from(shapes[k % 4]), at = q.indexOf(crypto.createHash(['sha256', 'sha512', 'sha384', 'sha256'][k % 4]).update('what is stamped\n').digest());
		q.writeUInt32BE(k + 1, at);
		return ask(q).then((a) => ({ a, imprint: q.subarray(at, at + 32) }));
	}));
	same(many.filter(({ a, imprint }) => a.status !== 200 || said(a.body).status !== 'Granted' || !a.body.includes(imprint)).length, 0, 'many at once: each its own');

	// What cannot be granted: a rejection, its failure, and nothing worse.
	const rejected = async (body, failure, what) => {
		const a = await ask(body);
		same([a.status, a.headers['content-type']], [200, 'application/timestamp-reply'], what);
		const s = said(a.body);
		same([s.status, s.failure], ['Rejected', failure], what + ': its failure');
	};
	const ALG = 'unrecognized or unsupported algorithm identifier', FORMAT = 'the data submitted has the wrong format';
	const good = query('data', '-sha256', '-cert');
	for (const digest of ['-sha1', '-md5', '-sha224', '-sha3-256'])
		await rejected(query('data', digest), ALG, digest);
	await rejected(query('data', '-sha256', '-tspolicy', '1.2.3.4'), 'the requested TSA policy is not supported by the TSA', 'another policy');
	fs.writeFileSync(file('ext.cnf'), 'oid_section=o\n[o]\n');
	await rejected(Buffer.concat([Buffer.from([0x30, good[1] + 17]), good.subarray(2), Buffer.from('a00f300d0603551d0e0406040401020304', 'hex')]),
		'the requested extension is not supported by the TSA', 'an extension');
	await rejected(Buffer.concat([good.subarray(0, 4), Buffer.from([2]), good.subarray(5)]), 'transaction not permitted or supported', 'version 2');
	const corpus = { nothing: '', 'a word': 'hello', 'no end': Buffer.from('3080020101', 'hex'), 'cut': good.subarray(0, -3), 'something behind': Buffer.concat([good, Buffer.from([0])]),
		'a long length': Buffer.concat([Buffer.from([0x30, 0x81, good[1]]), good.subarray(2)]), zeros: Buffer.alloc(100), 'ones': Buffer.alloc(100, 0xff),
		'a huge length': Buffer.from('3084ffffffff020101', 'hex'), 'too long': Buffer.alloc(8000, 0x30) };
	for (const [what, bytes] of Object.entries(corpus))
		await rejected(Buffer.from(bytes), FORMAT, what);
	for (let k = 0; k < good.length; k++) {
		const a = await ask(Buffer.concat([good.subarray(0, k), Buffer.from([good[k] ^ 0x55]), good.subarray(k + 1)]));
		if (a.status !== 200 || !['Granted', 'Rejected'].includes(said(a.body).status))
			check(false, `byte ${k} another`, a.brief);
	}
	same((await ask(Buffer.alloc(20000))).status, 413, 'far too long: 413');
	same((await ask(good, undefined, 'application/json')).status, 415, 'another type: 415');

	// Who may.
	const basic = (user, password) => ({ Authorization: 'Basic ' + Buffer.from(user + ':' + password).toString('base64') });
	same((await ask(good, basic('ed@example.org', token))).status, 200, 'the token as a password');
	same((await ask(good, basic('ED@Example.org', token))).status, 200, 'the address in other letters');
	same((await ask(good, basic('', token))).status, 200, 'a password without a name');
	same((await ask(good, { Authorization: 'Bearer ' + auditor })).status, 200, 'an auditor');
	for (const [what, headers, status] of [['nobody', {}, 401], ['another\'s token', basic('au@example.org', token), 401], ['a wrong token', { Authorization: 'Bearer ' + token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A') }, 401],
		['no colon', { Authorization: 'Basic ' + Buffer.from(token).toString('base64') }, 401], ['no base64', { Authorization: 'Basic ????' }, 401], ['nothing in it', { Authorization: 'Basic ' }, 401],
		['a reader', { Authorization: 'Bearer ' + reader }, 403]]) {
		const a = await ask(good, headers);
		same([a.status, a.headers['content-type']], [status, 'application/problem+json'], `${what}: ${status}`);
		if (status === 401)
			check(/Bearer.*Basic/.test(a.headers['www-authenticate'] || ''), what + ': both ways are offered', a.headers['www-authenticate']);
	}
	same((await i.request('GET', '/api/v1/letters', { headers: basic('ed@example.org', token) })).status, 401, 'elsewhere a token is no password');

	// As documented: curl.
	fs.writeFileSync(file('q.tsq'), good);
	const curl = spawnSync('curl', ['-sS', '--fail', '--cacert', path.join(i.dir, 'tls/ca.pem'), '--user', 'ed@example.org:' + token, '-H', 'Content-Type: application/timestamp-query',
		'--data-binary', '@q.tsq', '-o', 'curl.tsr', i.url + '/tsa'], { cwd: TMP, encoding: 'utf8' });
	same([curl.status, curl.stderr], [0, ''], 'curl gets it');
	same(openssl('ts', '-verify', '-in', file('curl.tsr'), '-queryfile', file('q.tsq'), '-CAfile', root).status, 0, 'and openssl takes it');

	// Another key: the next one signs at once, and what was signed before stays good.
	i.verb('key', 'rotate', i.dir, 'tsa');
	const after = await ask(good);
	fs.writeFileSync(file('after.tsr'), after.body);
	same(openssl('ts', '-verify', '-in', file('after.tsr'), '-queryfile', file('q.tsq'), '-CAfile', root).status, 0, 'after a change of the key');
	const certs = fs.readFileSync(tsa, 'utf8').match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g).map((pem) => new crypto.X509Certificate(pem).raw);
	check(certs.length === 2 && after.body.includes(certs[0]) && !after.body.includes(certs[1]), 'by the new one', certs.length);
	const status = i.verb('journal', 'verify', i.dir);
	check(/^verified [1-9]\d* entries, root [0-9a-f]{64}$/.test(status), 'the journal verifies', status);
	await i.stop();
});
