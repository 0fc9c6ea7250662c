#!/usr/bin/env node
// Goal: the proof of itself: a letter to itself that never leaves, the proofs and content of others' letters, the whole journal, a backup
// restored to scratch; published as one entry whose inclusion anybody checks with SHA-256 and Ed25519; and each thing that is altered is
// found by it, told once, and over when it is mended.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');

const i = new Instance('letters');
const backup = path.join(TMP, 'a.backup'), foreign = path.join(TMP, 'foreign.backup');

function prove(status, ...more) {
	const r = i.run(['selfproof', i.dir, '--json', ...more]), lines = r.stdout.trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
	same(r.status, status, 'exit status' + r.stdout + r.stderr);
	return { checks: Object.fromEntries(lines.slice(0, -1).map((l) => [l.check, l])), ...lines[lines.length - 1] };
}
const outcomes = (p) => Object.values(p.checks).map((c) => c.check + ' ' + c.outcome);

// The published text by nothing of ours.
async function published(vkey) {
	const answer = await i.request('GET', '/.well-known/pli/selfproof'), [line, form, index, ...rest] = answer.text.split('\n');
	same([answer.status, answer.headers['content-type'], form], [200, 'text/plain; charset=utf-8', 'c2sp.org/tlog-proof@v1'], 'the published proof');
	const path_ = rest.slice(0, rest.indexOf('')).map((h) => Buffer.from(h, 'base64')), note = rest.slice(rest.indexOf('') + 1).join('\n');
	const head = tlog.parseNote(note), n = Number(/^index (\d+)$/.exec(index)[1]), sha = (...p) => crypto.createHash('sha256').update(Buffer.concat(p)).digest();
	check(tlog.signedBy(note, vkey), 'the log has signed the head', note);
	// RFC 9162 2.1.3.2.
	let fn = n, sn = head.size - 1, r = sha(Buffer.from([0]), Buffer.from(line));
	for (const p of path_) {
		if (fn % 2 === 1 || fn === sn) {
			r = sha(Buffer.from([1]), p, r);
			for (; fn % 2 === 0 && fn !== 0; fn = Math.floor(fn / 2))
				sn = Math.floor(sn / 2);
		} else {
			r = sha(Buffer.from([1]), r, p);
		}
		fn = Math.floor(fn / 2);
		sn = Math.floor(sn / 2);
	}
	same([sn, r.toString('base64')], [0, head.root.toString('base64')], 'the entry lies under it');
	return { entry: JSON.parse(line), n };
}

main(async () => {
	i.make();
	const vkey = tlog.vkey('localhost/j/1', 1, tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub'))));
	const other = new Instance('other').make();
	same(other.run(['backup', other.dir, foreign]).status, 0, 'a backup of another instance');
	await i.serve();
	const token = i.user('sender@example.org');
	const big = crypto.randomBytes(60000);
	const made = await i.multipart('/api/v1/letters', token, [['to', 'a@example.net'], ['subject', 'S'], ['message', 'M'], ['file', { filename: 'a.bin', bytes: big }]]);
	same(made.status, 201, 'a letter');
	same((await i.request('GET', '/.well-known/pli/selfproof')).status, 404, 'nothing is published yet');
	i.verb('backup', i.dir, backup);
	await i.link('a@example.net');
	const mails = i.mailFiles().length;

	let p = prove(0, '--backup', backup);
	same(outcomes(p), ['letter holds', 'letters holds', 'journal holds', 'backup holds'], 'all of it holds');
	check(p.holds && p.failed === 0 && /proofs of 1 letters/.test(p.checks.letters.text), 'and says so', p);
	let line = await published(vkey);
	same([line.entry.ev, line.entry.d.holds, line.entry.d.letters, line.n + 1], ['selfproof.done', 'letter letters journal backup', 1, p.entry], 'one line, signed');
	check(line.entry.d.backup > 0 && line.entry.d.size > line.entry.d.backup && !JSON.stringify(line.entry).includes('@'), 'with what it covers, and nobody', line.entry);
	await until('its own notice is settled', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	same(i.mailFiles().length, mails, 'the letter to itself never leaves');
	same(fs.readdirSync(path.join(i.dir, 'data')).filter((n) => /selfproof/.test(n)), [], 'nothing stays of the restored copy');
	same(outcomes(prove(0)), ['letter holds', 'letters holds', 'journal holds'], 'again, without a backup');
	same(i.one('SELECT COUNT(*) FROM account WHERE instance_admin = 0'), 2, 'one sender for all nights');

	// Backups to which one could not go back.
	const bytes = fs.readFileSync(backup), damaged = path.join(TMP, 'damaged.backup');
	const flipped = Buffer.from(bytes);
	flipped[bytes.length >> 1] ^= 1;
	for (const [what, content] of [['a byte changed', flipped], ['cut off', bytes.subarray(0, bytes.length - 4096)], ['empty', Buffer.alloc(0)]]) {
		fs.writeFileSync(damaged, content);
		p = prove(65, '--backup', damaged);
		same(outcomes(p), ['letter holds', 'letters holds', 'journal holds', 'backup fails'], what);
	}
	same(outcomes(prove(65, '--backup', foreign)).pop(), 'backup fails', 'of another instance');
	check(i.run(['selfproof', i.dir, '--backup', path.join(TMP, 'nowhere')]).status !== 0, 'one that is not there');

	// The alert of it: once, whatever the number of nights; and over by the next that holds.
	const about = (words) => i.mails('admin@example.org').filter((m) => m.headers.some((h) => h.name === 'subject' && words.test(h.value)));
	await until('the mail', () => about(/: Un contrôle des preuves a échoué/).length === 1);
	const admin = await i.signedIn('admin@example.org', { password: 'Sommeil-profond-9' });
	check(/alert-bar[^]*Un contrôle des preuves a échoué/.test((await admin.get('/')).text), 'the banner');
	same(outcomes(prove(0, '--backup', backup)).pop(), 'backup holds', 'a good one');
	await until('its end', () => about(/terminé/).length === 1);
	check(!(await admin.get('/')).text.includes('alert-bar'), 'the banner is gone');
	same(about(/Un contrôle/).length, 2, 'one mail at each end');

	// A file on the disk.
	const blob = i.one(`SELECT lower(hex(o.entity)) || '-' || lower(hex(o.object)) FROM object o JOIN part p ON p.object = o.object WHERE p.letter = (SELECT letter FROM letter ORDER BY number LIMIT 1)`);
	const file = path.join(i.dir, 'data/blobs', blob.slice(-2), blob), was = fs.readFileSync(file), bad = Buffer.from(was);
	bad[30000] ^= 1;
	fs.writeFileSync(file, bad);
	p = prove(65);
	same([p.checks.letters.outcome, p.checks.letter.outcome, p.checks.journal.outcome], ['fails', 'holds', 'holds'], 'a broken file is found', p);
	check(p.checks.letters.text.includes(made.json.id), 'and its letter named', p.checks.letters.text);
	line = await published(vkey);
	same([line.entry.d.fails, line.entry.d.holds], ['letters', 'letter journal'], 'that is published, too');
	fs.writeFileSync(file, was);

	// A row of the journal.
	const seq = i.one(`SELECT seq FROM journal WHERE event = 'user.created' ORDER BY seq LIMIT 1`);
	i.sqlWrite(`UPDATE journal SET type = 'action' WHERE seq = ${seq}`);
	p = prove(65);
	same([p.checks.letters.outcome, p.checks.journal.outcome], ['holds', 'fails'], 'an altered row is found', p);
	check(p.checks.journal.text.includes(`entry ${seq + 1}`), 'and named', p.checks.journal.text);
	i.sqlWrite(`UPDATE journal SET type = 'journal' WHERE seq = ${seq}`);
	prove(0);
	await until('all is told', () => about(/terminé/).length === 2);
	same(about(/Un contrôle/).length, 4, 'two alerts, two mails each');
	await i.stop();
	same(prove(0, '--backup', backup).holds, true, 'with the server stopped, too');
});
