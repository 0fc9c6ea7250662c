#!/usr/bin/env node
// Goal: each kind of proof can be had as a PDF, in French and English, by API, command line, page and link: qpdf finds no fault in it, pdfsig
// calls its seal valid and total, the words of people stand in it whatever characters they are made of, the proof attached to it verifies and
// is a recipient's own; one byte changed breaks the seal; it is made once and kept; a hidden copy stays hidden; what has not happened has no proof.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { PLI, Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const SUBJECT = '« Préavis » (n° 7) \\ %s <b> مرحبا 日本 \u{1F600} end';
const TO = 'anna@example.net', CC = 'bob@example.net', BCC = 'hidden@example.net';

let serial = 0;
function keep(bytes) {
	const file = path.join(TMP, `p${serial++}.pdf`);
	fs.writeFileSync(file, bytes);
	return file;
}
const tool = (name, ...args) => { const r = spawnSync(name, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } }); return { status: r.status, out: r.stdout + r.stderr }; };

function sound(bytes, what) {
	const file = keep(bytes);
	check(bytes.subarray(0, 8).toString() === '%PDF-1.7', `${what}: is a PDF`);
	const q = tool('qpdf', '--check', file);
	check(q.status === 0 && !/WARNING/.test(q.out), `${what}: qpdf finds no fault`, q.out);
	const s = tool('pdfsig', '-nocert', file);
	check(/Signature Validation: Signature is Valid/.test(s.out) && /Total document signed/.test(s.out) && /ETSI\.CAdES\.detached/.test(s.out), `${what}: sealed`, s.out);
	const fonts = tool('pdffonts', file).out.split('\n').slice(2).filter(Boolean);
	check(fonts.length > 0 && fonts.every((l) => /\bCID TrueType\b.*\byes\b\s+\byes\b\s+\byes\b/.test(l)), `${what}: all type is embedded`, fonts.join('\n'));
	return { file, text: tool('pdftotext', '-layout', file, '-').out };
}

// The proof inside; it verifies.
function inside(file, i, what) {
	const out = file + '.asice';
	const r = tool('pdfdetach', '-save', '1', '-o', out, file);
	same(r.status, 0, `${what}: something is attached: ${r.out}`);
	const v = spawnSync(PLI, ['proof', 'verify', out, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')], { encoding: 'utf8' });
	same(v.status, 0, `${what}: the proof inside verifies: ${v.stdout}${v.stderr}`);
	return execFileSync('unzip', ['-p', out, 'receipt.txt', 'receipt.xml', '*.json', 'VERIFY.md'], { encoding: 'utf8' });
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const sender = i.user('sender@example.org'), stranger = i.user('stranger@example.org', 'auditor');
	const made = await i.multipart('/api/v1/letters', sender, [['to', `"Анна (Ελλάς) \\"A\\"" <${TO}>`], ['cc', CC], ['bcc', BCC], ['subject', SUBJECT], ['message', 'Bonjour'],
		['file', { filename: 'acte (1).txt', bytes: 'le même acte' }]]);
	same(made.status, 201, 'a letter: ' + made.brief);
	const id = made.json.id, at = `/api/v1/letters/${id}/proof.pdf`;
	const get = (query, lang = 'fr', token = sender) => i.request('GET', at + query, { token, headers: { 'Accept-Language': lang } });
	const link = await i.link(TO);
	await i.mail(CC);
	await i.mail(BCC);

	const before = await get(`?kind=receipt&recipient=${TO}`);
	same(before.status, 404, 'nobody has opened: no acknowledgement');
	same(before.json.type.endsWith('no-such-event'), true, 'and it says why: ' + before.brief);
	same((await get('?kind=receipt')).status, 422, 'an acknowledgement is one recipient\'s');
	same((await get('?kind=nothing')).status, 422, 'an unknown kind');
	same((await get('?kind=deposit&recipient=nobody@example.net')).status, 404, 'an unknown recipient');
	same((await i.request('GET', link + '/receipt.pdf')).status, 303, 'no receipt before opening');

	const cookie = (await i.open(link)).cookie;
	const titles = { fr: { deposit: 'Preuve de dépôt', available: 'Preuve de mise à disposition', sending: 'Preuve d’envoi', receipt: 'Accusé de réception' },
		en: { deposit: 'Proof of deposit', available: 'Proof of availability', sending: 'Proof of sending', receipt: 'Acknowledgement of receipt' } };
	await until('the letter counts as sent', async () => (await get('?kind=sending')).status === 200);
	for (const lang of ['fr', 'en'])
		for (const kind of ['deposit', 'available', 'sending', 'receipt'])
			for (const to of [TO, null]) {
				if (!to && kind !== 'deposit' && kind !== 'sending')
					continue;
				const what = `${kind}, ${lang}, ${to || 'sender'}`, query = `?kind=${kind}` + (to ? `&recipient=${to}` : '');
				const r = await get(query, lang);
				same(r.status, 200, what + ': ' + r.brief);
				same(r.headers['content-type'], 'application/pdf', what + ': type');
				const { file, text } = sound(r.body, what);
				check(text.includes(titles[lang][kind]), `${what}: its title`, text.slice(0, 200));
				check(text.includes('« Préavis » (n° 7) \\ %s <b>') && text.includes('end'), `${what}: the subject`, text);
				check(text.includes('Анна (Ελλάς) "A"') && text.includes(TO), `${what}: the recipient`);
				check(text.includes('acte (1).txt') && text.includes('sender@example.org'), `${what}: document and sender`);
				check(/[0-9a-f]{64}/.test(text), `${what}: digests`);
				check(tool('pdfinfo', file).out.includes('595.28 x 841.89'), `${what}: A4`);
				const words = inside(file, i, what), packed = text.replace(/\s+/g, '');
				// Both clocks of every entry, and the journal's head in one line, as notices have it.
				const entries = [...words.matchAll(/^Entry: (\d+), .*, (\S+Z), stamped (\S+Z)$/mg)];
				check(entries.length > 0 && entries.every((e) => packed.includes(e[1] + e[2] + e[3])), `${what}: both clocks of every entry`, text);
				const head = /^Checkpoint-Size: (\d+)\nCheckpoint-Root: (\w+)$/m.exec(words);
				check(packed.includes('localhost/j/1' + head[1] + Buffer.from(head[2], 'hex').toString('base64')), `${what}: the journal's head`, text);
				check(words.includes({ fr: '# Comment vérifier', en: '# How to verify' }[lang]), `${what}: how to verify, in its language`);
				if (to)
					check(!text.includes('hidden@') && !words.includes('hidden@') && !text.includes(CC) && !words.includes(CC), `${what}: names nobody else`);
				const again = await get(query, lang);
				check(again.body.equals(r.body), `${what}: always the same bytes`);
			}
	// Characters without a glyph are shown as such and kept for copying.
	const raw = tool('pdftotext', '-raw', keep((await get('?kind=deposit')).body), '-').out;
	check(/مرحبا|ابحرم/.test(raw) && raw.includes('日本'), 'characters that the face lacks can be copied', raw);

	const own = await i.request('GET', link + '/receipt.pdf', { headers: { Cookie: cookie, 'Accept-Language': 'en' } });
	same(own.status, 200, 'the recipient\'s own: ' + own.brief);
	check(own.body.equals((await get(`?kind=receipt&recipient=${TO}`, 'en')).body), 'it is the one that the sender has');
	same((await get(`?kind=deposit`, 'fr', stranger)).status, 200, 'an auditor of the entity has it too');

	// One byte anywhere breaks it.
	for (let k = 0; k < 12; k++) {
		const bad = Buffer.from(own.body), p = Math.floor((k + 0.5) * bad.length / 12);
		const hole = bad.indexOf('/Contents <');
		if (p > hole && p < hole + 16400)
			continue;
		bad[p] ^= 1;
		const s = tool('pdfsig', '-nocert', keep(bad));
		check(!/Signature is Valid/.test(s.out), `byte ${p} of ${bad.length} changed`, s.out);
	}
	// By command line.
	const tokenFile = path.join(TMP, 'token'), out = path.join(TMP, 'cli.pdf');
	fs.writeFileSync(tokenFile, sender);
	const r = i.run(['proof', 'get', id, '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokenFile, '--pdf', 'receipt', '--recipient', TO, '--lang', 'en', '-o', out]);
	same(r.status, 0, 'pli proof get --pdf: ' + r.stderr);
	check(fs.readFileSync(out).equals(own.body), 'by command line the same');
	// The page offers what there is.
	const s = await i.signedIn('sender@example.org', { strong: true });
	const page = await s.get(`/letters/${id}`);
	check(page.text.includes(`proof.pdf?kind=receipt&amp;recipient=${encodeURIComponent(TO)}`) && !page.text.includes(`proof.pdf?kind=receipt&amp;recipient=${encodeURIComponent(CC)}`), 'the page offers one acknowledgement', page.brief + (page.text.match(/proof\.pdf[^"]*/g) || []).join(' '));
	const desk = await s.get(`/letters/${id}/proof.pdf?kind=deposit`);
	same(desk.status, 200, 'and it can be fetched');
	// After a restart they are what they were.
	await i.stop();
	await i.serve();
	check((await get(`?kind=receipt&recipient=${TO}`, 'en')).body.equals(own.body), 'kept over a restart');
	same(i.verify().status, 0, 'the journal verifies');
	await i.stop();
});
