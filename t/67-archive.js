#!/usr/bin/env node
// Goal: one command puts a letter, or all of them, with documents and proofs into one file that verifies without the server; the same
// hashes hold after everything in the instance is gone; an auditor's holds evidence alone; a list sealed under the journal's head says which
// letters there are; whatever is changed in it, or left out, is named.
'use strict';
const { execFileSync, spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, main, TMP } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const tokens = {};
	for (const [who, role] of [['sender', 'editor'], ['auditor', 'auditor'], ['stranger', 'editor']]) {
		tokens[who] = path.join(TMP, who + '.token');
		fs.writeFileSync(tokens[who], i.user(who + '@example.org', role) + '\n');
	}
	const token = i.tokens['sender@example.org'], BIG = crypto.randomBytes(700000);
	const send = async (subject, files) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', 'to@example.org'], ['bcc', 'hidden@example.org'], ['subject', subject], ['message', 'Words of ' + subject],
			...files.map((bytes, n) => ['file', { filename: `é ${n}.bin`, bytes }])]);
		same(a.status, 201, 'a letter: ' + a.brief);
		return a.json;
	};
	const one = await send('one', [BIG, Buffer.from('small')]), two = await send('two', []);
	const archive = (who, name, ...more) => i.run(['archive', 'export', path.join(TMP, name), '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokens[who], ...more]);
	const anchors = ['--root', path.join(TMP, 'root.pem'), '--log-key', path.join(TMP, 'log.pub')];
	fs.copyFileSync(path.join(i.dir, 'public/root.pem'), anchors[1]);
	fs.copyFileSync(path.join(i.dir, 'public/log.pub'), anchors[3]);
	const verify = (name) => i.run(['archive', 'verify', path.join(TMP, name), ...anchors]);

	const all = archive('sender', 'all.tar');
	same([all.status, all.stdout], [0, '2 letters with 6 proofs and 2 files; 0 of them without content\n'], 'everything: ' + all.stderr);
	same(archive('sender', 'all.tar').status !== 0, true, 'never written over');
	const court = archive('sender', 'court.tar', '--letter', one.id);
	same([court.status, court.stdout], [0, '1 letters with 3 proofs and 2 files; 0 of them without content\n'], 'one letter: ' + court.stderr);
	const audit = archive('auditor', 'audit.tar');
	same([audit.status, audit.stdout], [0, '2 letters with 6 proofs and 0 files; 2 of them without content\n'], 'an auditor has evidence: ' + audit.stderr);
	check(!fs.readFileSync(path.join(TMP, 'audit.tar')).includes('Words of'), 'and no content');
	const none = archive('stranger', 'none.tar', '--letter', one.id);
	check(none.status !== 0 && !fs.existsSync(path.join(TMP, 'none.tar')) && !fs.existsSync(path.join(TMP, 'none.tar.part')), 'another editor gets nothing', none.stderr);
	const listed = execFileSync('tar', ['tf', path.join(TMP, 'court.tar')], { encoding: 'utf8' }).trim().split('\n');
	const list = ['list.txt', 'list.p7s', 'list.tst', 'root.pem', 'seal.pem', 'operator.pem', 'tsa.pem'].map((n) => 'lists/001/' + n);
	same(listed, ['pli-backup', ...list, ...['letter.json', 'sender.asice', 'recipient-1.asice', 'recipient-2.asice', 'message.md', 'files/1', 'files/2'].map((n) => `letters/${one.id}/${n}`), 'end'], 'tar lists it');
	same(execFileSync('tar', ['xOf', path.join(TMP, 'court.tar'), `letters/${one.id}/files/1`], { maxBuffer: 1 << 24 }).equals(BIG), true, 'tar unpacks it');

	// What the list says, and who says it.
	const db = (query) => execFileSync('sqlite3', ['-json', path.join(i.dir, 'data/pli.db'), query], { encoding: 'utf8' });
	const get = (who, query = '') => i.request('GET', '/api/v1/archive/list' + query, { token: i.tokens[who + '@example.org'] });
	const whole = (await get('auditor')).json, lines = whole.list.trimEnd().split('\n');
	const head = JSON.parse(db(`SELECT size, lower(hex(root)) AS root FROM head WHERE size = ${/^Checkpoint-Size: (\d+)$/m.exec(whole.list)[1]}`))[0];
	same(lines.filter((l) => !/^(Date|Letter):/.test(l)), ['Pli-Archive: 1', 'Origin: localhost/j/1', 'Entity: New York', 'Scope: entity', `Numbers: 1 ${head.size}`, 'Letters: 2',
		`Checkpoint-Size: ${head.size}`, `Checkpoint-Root: ${head.root}`], 'it is bound to a head of the journal');
	const leaf = (seq) => JSON.parse(db(`SELECT lower(hex(leaf)) AS l FROM journal WHERE seq = ${seq}`))[0].l;
	const newest = (id) => JSON.parse(db(`SELECT MAX(seq) AS n FROM journal WHERE letter = x'${id.replace(/-/g, '')}' AND seq < ${head.size}`))[0].n;
	same(lines.filter((l) => /^Letter:/.test(l)), [one, two].map((l) => `Letter: ${l.id}, ${l.number}, sha256 ${leaf(l.number - 1)}, latest ${newest(l.id) + 1}, sha256 ${leaf(newest(l.id))}`), 'each letter by its first and its newest entry');
	same([whole.next, whole.letters], [null, [one.id, two.id]], 'one page');
	const at = (name) => path.join(TMP, 'list.' + name);
	fs.writeFileSync(at('txt'), whole.list);
	fs.writeFileSync(at('p7s'), Buffer.from(whole.signature, 'base64'));
	fs.writeFileSync(at('tst'), Buffer.from(whole.timestamp, 'base64'));
	fs.writeFileSync(at('tsa'), whole.certificates.tsa);
	const cms = (text) => spawnSync('openssl', ['cms', '-verify', '-cades', '-binary', '-inform', 'DER', '-in', at('p7s'), '-content', text, '-CAfile', anchors[1], '-purpose', 'any', '-out', '/dev/null', '-signer', at('signers')], { encoding: 'utf8' });
	let shown = cms(at('txt'));
	check(shown.status === 0 && (fs.readFileSync(at('signers'), 'utf8').match(/BEGIN CERT/g) || []).length === 2, 'openssl verifies it, with two signers', shown.stderr);
	fs.writeFileSync(at('other'), whole.list.replace('Letters: 2', 'Letters: 1'));
	shown = cms(at('other'));
	check(shown.status !== 0, 'and another it does not');
	shown = spawnSync('openssl', ['ts', '-verify', '-in', at('tst'), '-token_in', '-data', at('p7s'), '-CAfile', anchors[1], '-untrusted', at('tsa')], { encoding: 'utf8' });
	check(shown.status === 0, 'and its time', shown.stderr);
	const own = (await get('stranger')).json;
	check(/^Scope: own$/m.test(own.list) && /^Letters: 0$/m.test(own.list), 'another editor has none', own.list);
	same([(await get('sender', '?letter=' + one.id + '&letter=' + one.id)).status, (await get('stranger', '?letter=' + one.id)).status, (await get('sender', '?cursor=0')).status, (await get('sender', '?cursor=999999')).status, (await get('sender', '?cursor=1&letter=' + one.id)).status], [422, 404, 422, 422, 422], 'what cannot be');
	check(/^Scope: chosen\nNumbers: 0 0\nLetters: 1$/m.test((await get('sender', '?letter=' + two.id)).json.list), 'those that were asked for');

	// The instance is gone: the same hashes.
	await i.stop();
	fs.rmSync(i.dir, { recursive: true });
	for (const [name, said] of [['all.tar', '2 letters, 6 proofs, 2 files, 0 faults'], ['court.tar', '1 letters, 3 proofs, 2 files, 0 faults'], ['audit.tar', '2 letters, 6 proofs, 0 files, 0 faults']]) {
		const v = verify(name);
		check(v.status === 0 && v.stdout.includes('VERIFIED: ' + said), name + ' verifies alone', v.stdout + v.stderr);
	}
	check(two.id, 'a letter without files is in it');

	// Made again by somebody who changed something and set the outer digest right.
	const dir = path.join(TMP, 'unpacked');
	fs.mkdirSync(dir);
	execFileSync('tar', ['xf', path.join(TMP, 'court.tar'), '-C', dir]);
	const octal = (n, digits) => n.toString(8).padStart(digits, '0');
	const member = (name, content) => {
		const h = Buffer.alloc(512);
		h.write(name, 0);
		h.write('0000600\0' + '0000000\0' + '0000000\0' + octal(content.length, 11) + '\0' + octal(1767225600, 11) + '\0' + '        0', 100);
		h.write('ustar\x0000', 257, 'latin1');
		h.write(octal(h.reduce((a, b) => a + b, 0), 6) + '\0 ', 148, 'latin1');
		return Buffer.concat([h, content, Buffer.alloc((512 - content.length % 512) % 512)]);
	};
	const make = (name, change) => {
		let lines = '';
		const parts = listed.slice(0, -1).map((n) => [n, change(n, fs.readFileSync(path.join(dir, n)))]).filter(([, c]) => c).map(([n, c]) => {
			lines += `${crypto.createHash('sha256').update(c).digest('hex')} ${c.length} ${n}\n`;
			return member(n, c);
		});
		const end = Buffer.from(`${parts.length} ${crypto.createHash('sha256').update(lines).digest('hex')}\n`);
		fs.writeFileSync(path.join(TMP, name), Buffer.concat([...parts, member('end', end), Buffer.alloc(1024)]));
		return verify(name);
	};
	same(make('same.tar', (n, c) => c).status, 0, 'unchanged it verifies');
	const flip = (what) => (n, c) => {
		if (n.endsWith(what)) {
			c = Buffer.from(c);
			c[Math.floor(c.length / 2)] ^= 1;
		}
		return c;
	};
	for (const [what, named] of [['files/1', 'files/1: it is not the file'], ['files/2', 'files/2: it is not the file'], ['message.md', 'message.md: it is not the message'],
		['sender.asice', 'sender.asice: '], ['recipient-2.asice', 'recipient-2.asice: ']]) {
		const v = make('changed.tar', flip(what));
		check(v.status === 65 && v.stdout.includes(named), what + ' changed is named', v.stdout + v.stderr);
	}
	const other = make('json.tar', (n, c) => n.endsWith('letter.json') ? Buffer.from(c.toString().replace(/(?<="sha256":")./, (digit) => (digit === '0' ? '1' : '0'))) : c);
	check(other.status === 65 && /letter.json names another file/.test(other.stdout), 'letter.json is bound by the proofs', other.stdout);
	const named = (what, change, words) => {
		const v = make('bad.tar', change);
		check(v.status === 65 && words.test(v.stdout), what, v.stdout + v.stderr);
	};
	named('the list changed', flip('list.txt'), /lists\/001\/list.txt: /);
	named('its signature', flip('list.p7s'), /lists\/001\/list.txt: /);
	named('its time', flip('list.tst'), /lists\/001\/list.txt: /);
	named('its seal exchanged', (n, c) => n.endsWith('seal.pem') ? fs.readFileSync(path.join(dir, 'lists/001/tsa.pem')) : c, /made for seals/);
	named('no list', (n, c) => n.startsWith('lists/') ? null : c, /no list of its letters/);
	named('a letter left out', (n, c) => n.startsWith('letters/') ? null : c, /it is in the list, and not in the archive/);
	named('a recipient left out', (n, c) => n.endsWith('recipient-2.asice') ? null : c, /proofs of recipients are missing/);
	named('recipients exchanged', (n, c) => /recipient-\d/.test(n) ? fs.readFileSync(path.join(dir, n.replace(/recipient-(\d)/, (_, d) => `recipient-${3 - d}`))) : c, /recipient-1.asice: it is the proof of another recipient/);
	named('the sender\'s in the place of one', (n, c) => n.endsWith('recipient-1.asice') ? fs.readFileSync(path.join(dir, n.replace('recipient-1', 'sender'))) : c, /another recipient/);
	named('no sender\'s proof', (n, c) => n.endsWith('sender.asice') ? null : c, /it has no sender's proof/);
	named('a file left out', (n, c) => n.endsWith('files/2') ? null : c, /files are missing/);
	named('the message left out', (n, c) => n.endsWith('message.md') ? null : c, /is not the file|or its message is/);
	named('another subject', (n, c) => n.endsWith('letter.json') ? Buffer.from(c.toString().replace('"subject":"one"', '"subject":"two"')) : c, /letter.json says something else/);
	named('another recipient', (n, c) => n.endsWith('letter.json') ? Buffer.from(c.toString().replace('hidden@example.org', 'hidden@example.com')) : c, /letter.json says something else/);
	const bytes = fs.readFileSync(path.join(TMP, 'court.tar'));
	fs.writeFileSync(path.join(TMP, 'cut.tar'), bytes.subarray(0, bytes.length - 3000));
	check(verify('cut.tar').status !== 0, 'cut off is no archive');
});
