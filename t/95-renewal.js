#!/usr/bin/env node
// Goal: a proof outlives its certificates.  With the clock in 2041 one that was never renewed says which certificate ended and what had to be
// done; one that was renewed verifies, by the program and by verify.sh under dash and busybox; renewals are walked newest first, each good
// when the next one was made.  Lists, tokens and certificates of renewals cannot be changed, left out or made late; what an authority
// answers is believed only when it holds.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, main, TMP, PLI } = require('./lib/pli.js');
const { unzip, zip } = require('./lib/zip.js');

const IN = { now: null, 2033: '2033-06-01 12:00:00', 2041: '2041-01-01 12:00:00' };
const at = (when, command, args, options = {}) => IN[when] ? spawnSync('faketime', [IN[when], command, ...args], { encoding: 'utf8', ...options }) : spawnSync(command, args, { encoding: 'utf8', ...options });
const file = (name) => path.join(TMP, name);
const openssl = (...args) => {
	const r = spawnSync('openssl', args, { cwd: TMP, encoding: 'utf8' });
	if (r.status !== 0)
		throw new Error('openssl ' + args.join(' ') + ': ' + r.stderr);
};

// An authority with a root of its own; its certificate is good for so many days.
function authority(name, days) {
	openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '-root.key', '-out', name + '-root.pem', '-subj', `/CN=Root ${name}`, '-days', '16000', '-addext', 'keyUsage=critical,keyCertSign');
	openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key', '-out', name + '.csr', '-subj', `/CN=Time ${name}`);
	fs.writeFileSync(file(name + '.ext'), 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n');
	openssl('x509', '-req', '-in', name + '.csr', '-CA', name + '-root.pem', '-CAkey', name + '-root.key', '-out', name + '.pem', '-days', String(days), '-extfile', name + '.ext', '-set_serial', String(days));
	fs.writeFileSync(file(name + '.cnf'), `[tsa]\ndefault_tsa = t\n[t]\nserial = ${file(name)}.serial\nsigner_cert = ${file(name)}.pem\ncerts = ${file(name)}.pem\nsigner_key = ${file(name)}.key\nsigner_digest = sha256
default_policy = 1.2.3.4\ndigests = sha256, sha384, sha512\ness_cert_id_alg = sha256\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n`);
	fs.writeFileSync(file(name + '.serial'), '01\n');
}

// Answers at /NAME as that authority with its clock at `clock.when`; /broken and /refuses as their names say, /other as one asked something else.
async function authorities(clock) {
	let kept = null;
	const server = http.createServer((req, res) => {
		const parts = [];
		req.on('data', (p) => parts.push(p));
		req.on('end', () => {
			const name = req.url.slice(1);
			if (name === 'broken') {
				res.writeHead(500);
				return res.end();
			}
			let query = Buffer.concat(parts);
			check(req.headers['content-type'] === 'application/timestamp-query', 'the request says what it is', req.headers['content-type']);
			if (name === 'other' && kept)
				query = kept;
			kept = query;
			fs.writeFileSync(file('q.tsq'), name === 'refuses' ? query.subarray(0, 20) : query);
			const who = ['a', 'b', 'c'].includes(name) ? name : 'a';
			const r = at(clock.when, 'openssl', ['ts', '-reply', '-config', file(who + '.cnf'), '-queryfile', file('q.tsq'), '-out', file('r.tsr')], { cwd: TMP });
			res.writeHead(200, { 'Content-Type': 'application/timestamp-reply' });
			res.end(name === 'words' ? 'no answer' : r.status === 0 ? fs.readFileSync(file('r.tsr')) : Buffer.from([0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02]));
		});
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	return { url: (name) => `http://127.0.0.1:${server.address().port}/${name}`, close: () => server.close() };
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const made = await i.multipart('/api/v1/letters', token, [['to', 'to@example.org'], ['subject', 'Objet'], ['message', 'M'], ['file', { filename: 'f.txt', bytes: 'f' }]]);
	await i.mail('to@example.org');
	const proof = (await i.request('GET', `/api/v1/letters/${made.json.id}/proof`, { token })).body;
	await i.stop();
	const pins = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	fs.writeFileSync(file('verify.sh'), unzip(proof).find((f) => f.name === 'verify.sh').data);
	authority('a', 2900);	// ends in 2034
	authority('b', 13000);
	authority('c', 13000);
	fs.writeFileSync(file('roots.pem'), fs.readFileSync(file('a-root.pem'), 'latin1') + fs.readFileSync(file('b-root.pem'), 'latin1'));
	const clock = { when: 'now' }, server = await authorities(clock);

	let serial = 0;
	const program = (when, bytes, more = []) => {
		const name = file(`p${serial++}.asice`);
		fs.writeFileSync(name, bytes);
		return at(when, PLI, ['proof', 'verify', name, ...pins, ...more]);
	};
	const script = (when, bytes, which, more = []) => {
		const dir = file('d' + serial++);
		for (const f of unzip(bytes)) {
			fs.mkdirSync(path.dirname(path.join(dir, f.name)), { recursive: true });
			fs.writeFileSync(path.join(dir, f.name), f.data);
		}
		const [command, ...args] = which.split(' ');
		return at(when, command, [...args, file('verify.sh'), dir, ...pins, ...more], { cwd: TMP });
	};
	const verifies = (what, when, bytes, more = []) => {
		const p = program(when, bytes, more);
		check(p.status === 0 && /^VERIFIED$/m.test(p.stdout), `${what}: verifies`, p.stdout + p.stderr);
		for (const which of ['dash', 'busybox sh']) {
			const s = script(when, bytes, which, more);
			check(s.status === 0 && /^VERIFIED$/m.test(s.stdout), `${what}: verifies under ${which}`, s.stdout + s.stderr);
		}
	};
	const fails = (what, when, bytes, words, more = [], script_words = words) => {
		const p = program(when, bytes, more);
		check(p.status === 65 && p.stdout.includes('FAILED: ' + words), `${what}: refused`, p.stdout + p.stderr);
		for (const which of ['dash', 'busybox sh']) {
			const s = script(when, bytes, which, more), last = s.stdout.trim().split('\n').pop();
			check(s.status === 1 && last.startsWith('FAIL ' + script_words), `${what}: refused under ${which}`, s.stdout + s.stderr);
		}
	};
	// A renewed copy.
	const renew = async (bytes, when, by, root = by + '-root.pem') => {
		const name = file(`r${serial++}.asice`), { spawn } = require('child_process');
		fs.writeFileSync(name, bytes);
		clock.when = when;
		const args = ['proof', 'renew', name, '--tsa', server.url(by), '--tsa-root', file(root)];
		const [command, all] = IN[when] ? ['faketime', [IN[when], PLI, ...args]] : [PLI, args];
		const r = await new Promise((done) => {
			const p = spawn(command, all, { stdio: ['ignore', 'pipe', 'pipe'] });
			let out = '';
			p.stdout.on('data', (d) => { out += d; });
			p.stderr.on('data', (d) => { out += d; });
			p.on('close', (status) => done({ status, out }));
		});
		return { ...r, bytes: fs.readFileSync(name) };
	};
	const renewed = async (what, ...args) => {
		const r = await renew(...args);
		check(r.status === 0 && /renewed on/.test(r.out), what, r.out);
		return r.bytes;
	};

	verifies('today', 'now', proof);
	fails('in 2041, never renewed', 2041, proof, 'renewal: the certificate tsa.pem ended on 2036-', [], 'renewal: the certificate tsa.pem ended on ');
	const once = await renewed('renewed today', proof, 'now', 'a');
	same(unzip(once).slice(-3).map((f) => f.name), ['renewal-1.sha512', 'renewal-1.tst', 'renewal-1.pem'], 'three files are added');
	same(unzip(once).slice(0, -3).map((f) => f.name + f.data.toString('hex')), unzip(proof).map((f) => f.name + f.data.toString('hex')), 'the others are as they were');
	verifies('renewed, today', 'now', once);
	verifies('renewed, today, root given', 'now', once, ['--tsa-root', file('roots.pem')]);
	fails('another root given', 'now', once, 'renewal: renewal-1: its authority is not under a root that was given', ['--tsa-root', file('c-root.pem')]);
	fails('in 2041, renewed by one that ended in 2034', 2041, once, 'renewal: renewal-1: the certificate of its authority (Time a) ended on 2034-', [], 'renewal: renewal-1: the certificate of its authority ended on ');
	const twice = await renewed('renewed again in 2033', once, 2033, 'b');
	verifies('renewed twice, in 2041', 2041, twice, ['--tsa-root', file('roots.pem')]);
	verifies('renewed twice, in 2041, no roots given', 2041, twice);
	const late = await renewed('renewed in 2033 for the first time', proof, 2033, 'b');
	verifies('renewed once in 2033, in 2041', 2041, late);
	{	// The stock tool says the same of the list.
		const dir = file('stock');
		for (const f of unzip(twice)) {
			fs.mkdirSync(path.dirname(path.join(dir, f.name)), { recursive: true });
			fs.writeFileSync(path.join(dir, f.name), f.data);
		}
		for (const n of [1, 2])
			same(spawnSync('sha512sum', ['-c', '--quiet', '--strict', `renewal-${n}.sha512`], { cwd: dir }).status, 0, `sha512sum -c renewal-${n}.sha512`);
	}

	const files = unzip(twice), without = (...names) => zip(files.filter((f) => !names.includes(f.name)));
	const set = (name, data) => zip(files.map((f) => f.name === name ? { ...f, data } : f));
	const of = (name) => files.find((f) => f.name === name).data;
	const newest = ['renewal-2.sha512', 'renewal-2.tst', 'renewal-2.pem'], first = ['renewal-1.sha512', 'renewal-1.tst', 'renewal-1.pem'];
	fails('without the newest renewal', 2041, without(...newest), 'renewal: renewal-1: the certificate of its authority', [], 'renewal: renewal-1: the certificate of its authority');
	fails('without the first', 2041, without(...first), 'files: renewal-2.', [], 'files: renewal-2.');
	for (const name of ['renewal-1.tst', 'renewal-2.pem'])
		fails('without ' + name, 2041, without(name), 'files: ' + name + ' is missing');
	fails('a list of its own for another file', 2041, set('renewal-2.sha512', Buffer.from(of('renewal-2.sha512').toString().replace(/^(.)/, (c) => c === '0' ? '1' : '0'))), 'renewal: mimetype is not the file that renewal-2.sha512 lists');
	fails('the first list as the second', 2041, set('renewal-2.sha512', of('renewal-1.sha512')), 'renewal: renewal-1.sha512 is not the file that renewal-2.sha512 lists', [], 'renewal: ');
	fails('the first token as the second', 2041, set('renewal-2.tst', of('renewal-1.tst')), 'renewal: renewal-2: its token', [], 'renewal: renewal-2: its token');
	fails('another authority\'s certificates', 2041, set('renewal-2.pem', Buffer.from(fs.readFileSync(file('c.pem'), 'latin1') + fs.readFileSync(file('c-root.pem'), 'latin1'))), 'renewal: renewal-2: its token', [], 'renewal: renewal-2: its token');
	// What no signature covers has one form only.
	fails('certificates twice', 2041, set('renewal-2.pem', Buffer.concat([of('renewal-2.pem'), of('renewal-2.pem')])), 'renewal: renewal-2: its certificates are not one chain, plainly written');
	fails('a word between certificates', 2041, set('renewal-2.pem', Buffer.from('x\n' + of('renewal-2.pem'))), 'renewal: renewal-2: its certificates are not one chain, plainly written');
	fails('something behind the token', 2041, set('renewal-2.tst', Buffer.concat([of('renewal-2.tst'), Buffer.from('x')])), 'renewal: renewal-2: its token', [], 'renewal: renewal-2: its token');
	for (let k = 0; k < 60; k++) {
		const name = k % 2 ? 'renewal-2.tst' : 'renewal-2.pem', data = Buffer.from(of(name));
		data[Math.floor((k + 0.5) * data.length / 60)] ^= 1 << (k % 8);
		const p = program(2041, set(name, data));
		check(p.status === 65, `byte ${k} of ${name} is noticed`, p.stdout);
	}
	fails('a changed first token', 2041, set('renewal-1.tst', of('renewal-2.tst')), 'renewal: renewal-1.tst is not the file that renewal-2.sha512 lists');
	fails('a changed receipt', 2041, set('receipt.txt', Buffer.concat([of('receipt.txt'), Buffer.from(' ')])), 'manifest: receipt.txt is not the file that was sealed');

	const refused = async (what, words, ...args) => {
		const r = await renew(...args);
		check(r.status !== 0 && r.out.includes(words), what + ': refused', r.out);
		check(r.bytes.equals(args[0]), what + ': the proof is as it was');
	};
	await refused('too late', 'ended on 2036-', proof, 2041, 'b');
	await refused('an authority under another root', 'not under a root that was given', proof, 'now', 'a', 'b-root.pem');
	await refused('no authority', 'answered 500', proof, 'now', 'broken', 'a-root.pem');
	await refused('no answer', 'no answer of a time-stamping authority', proof, 'now', 'words', 'a-root.pem');
	await refused('an authority that refuses', 'refused', proof, 'now', 'refuses', 'a-root.pem');
	await refused('an answer to another request', 'another request', proof, 'now', 'other', 'a-root.pem');
	await refused('what is no proof', 'files: ', Buffer.from('x'), 'now', 'a');
	server.close();
});
