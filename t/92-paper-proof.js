#!/usr/bin/env node
// Goal: a photocopy of a proof, printed, scanned grey at 150 dpi, turned a little, pale and noisy, is verified from its bar codes alone, with the
// server off and the journal's key from elsewhere: it gives sender, recipient, subject, digests and times of the journal. Codes of two papers,
// a code less, another service's key, a changed digit are refused, each in its own words.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { PLI, Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const TO = 'anna@example.net', SUBJECT = 'Congé « triennal » – 3 rue de l’Église';

// A grey page (PGM) turned by so many degrees around its middle, with less contrast and noise that is always the same.
function photocopy(file, degrees, seed) {
	const raw = fs.readFileSync(file), head = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(raw.subarray(0, 40).toString('latin1'));
	const w = Number(head[1]), h = Number(head[2]), p = raw.subarray(head[0].length), out = Buffer.alloc(w * h, 235);
	const a = degrees * Math.PI / 180, cos = Math.cos(a), sin = Math.sin(a);
	let state = seed;
	const noise = () => { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return (state >> 8) % 49 - 24; };
	for (let y = 0; y < h; y++)
		for (let x = 0; x < w; x++) {
			const sx = cos * (x - w / 2) + sin * (y - h / 2) + w / 2, sy = -sin * (x - w / 2) + cos * (y - h / 2) + h / 2;
			const x0 = Math.floor(sx), y0 = Math.floor(sy), fx = sx - x0, fy = sy - y0;
			let v = 255;
			if (x0 >= 0 && y0 >= 0 && x0 + 1 < w && y0 + 1 < h)
				v = (p[y0 * w + x0] * (1 - fx) + p[y0 * w + x0 + 1] * fx) * (1 - fy) + (p[(y0 + 1) * w + x0] * (1 - fx) + p[(y0 + 1) * w + x0 + 1] * fx) * fy;
			out[y * w + x] = Math.max(0, Math.min(255, Math.round(45 + v * 0.75) + noise()));
		}
	const name = file.replace(/\.pgm$/, `-${degrees}.pgm`);
	fs.writeFileSync(name, Buffer.concat([Buffer.from(`P5\n${w} ${h}\n255\n`), out]));
	return name;
}

// What a reader of bar codes finds on all pages.
function scan(pdf, name, degrees) {
	const stem = path.join(TMP, name);
	fs.writeFileSync(stem + '.pdf', pdf);
	execFileSync('pdftoppm', ['-r', '150', '-gray', stem + '.pdf', stem]);
	const pages = fs.readdirSync(TMP).filter((n) => n.startsWith(name + '-') && /^-\d+\.pgm$/.test(n.slice(name.length))).map((n) => path.join(TMP, n));
	return pages.map((page) => spawnSync('zbarimg', ['-q', '--raw', photocopy(page, degrees, 7)], { encoding: 'utf8' }).stdout).join('');
}

main(async () => {
	const i = new Instance().make(), other = new Instance('other').make();
	await i.serve();
	const sender = i.user('sender@example.org');
	// A journal of some depth, so that paths are not trivial.
	for (let n = 0; n < 12; n++)
		await i.multipart('/api/v1/letters', sender, [['to', 'x@example.net'], ['subject', 'n'], ['message', 'm']]);
	const made = await i.multipart('/api/v1/letters', sender, [['to', `"Anna Martin" <${TO}>`], ['cc', 'cc@example.net'], ['bcc', 'hidden@example.net'], ['subject', SUBJECT], ['message', 'Bonjour'],
		['file', { filename: 'bail.pdf', bytes: 'x'.repeat(999) }]]);
	same(made.status, 201, 'a letter: ' + made.brief);
	await i.open(await i.link(TO));
	const get = async (query) => (await i.request('GET', `/api/v1/letters/${made.json.id}/proof.pdf${query}`, { token: sender })).body;
	const receipt = await get(`?kind=receipt&recipient=${TO}`), deposit = await get('?kind=deposit'), digest = made.json.parts ? made.json.parts[0].sha256 : null;
	await i.stop();		/* from here on there is no server */

	const logKey = path.join(i.dir, 'public/log.pub');
	let serial = 0;
	const verify = (text, key = logKey) => {
		const file = path.join(TMP, `codes${serial++}.txt`);
		fs.writeFileSync(file, text);
		const r = spawnSync(PLI, ['proof', 'verify', file, '--paper', '--log-key', key], { encoding: 'utf8' });
		return { status: r.status, out: r.stdout + r.stderr };
	};
	for (const degrees of [0, 1.3, -1.8]) {
		const text = scan(receipt, 'receipt', degrees), r = verify(text);
		check(r.status === 0 && /^VERIFIED$/m.test(r.out), `receipt turned by ${degrees}: verified`, text.slice(0, 300) + r.out);
		for (const words of [`to: Anna Martin <${TO}>`, 'sender@example.org', `subject: ${SUBJECT}`, 'document 1: bail.pdf, 999 bytes', ': handover, 20', ': consigned, 20', made.json.id])
			check(r.out.includes(words), `receipt turned by ${degrees}: says ${words}`, r.out);
		check(!r.out.includes('hidden@') && !r.out.includes('cc@'), `receipt turned by ${degrees}: names nobody else`);
		if (digest)
			check(r.out.includes(digest), 'the digest of the document');
	}
	const text = scan(receipt, 'again', 1), second = scan(deposit, 'deposit', 1);
	const d = verify(second);
	check(d.status === 0 && d.out.includes(': deposit.accepted, 20') && d.out.includes('document 1: bail.pdf'), 'the proof of deposit, about three people', d.out);
	const codes = text.split('\n').filter((l) => /#p=/.test(l)), others = second.split('\n').filter((l) => /#p=/.test(l));
	check(codes.length >= 2, 'several codes', text);
	const refused = (what, t, words, key) => {
		const r = verify(t, key);
		check(r.status !== 0 && !/VERIFIED/.test(r.out) && r.out.includes(words), `${what}: ${words}`, r.out);
	};
	refused('a code less', codes.slice(1).join('\n'), 'is missing');
	refused('codes of two papers', [codes.find((c) => /#p=1/.test(c)), ...others.filter((c) => !/#p=1/.test(c))].join('\n'), 'codes of different papers');
	refused('another service', text, 'not signed by this key', path.join(other.dir, 'public/log.pub'));
	refused('a digit changed', text.replace(/(\d)\s*$/, (m, n) => (n === '9' ? '0' : String(Number(n) + 1))).replace(/(#p=1\.\d\.\d{40})(\d)/, (m, a, n) => a + (Number(n) + 1) % 10), 'misread');
	refused('nothing', 'https://example.org/verify', 'no code of a proof');
	const r = spawnSync(PLI, ['proof', 'verify', path.join(TMP, 'codes0.txt'), '--paper'], { encoding: 'utf8' });
	check(r.status !== 0 && /--log-key/.test(r.stderr), 'without a key nothing is verified', r.stderr);
});
