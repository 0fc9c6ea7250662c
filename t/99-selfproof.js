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
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), `\n[alerts]\nagain_s = 0\n[selfproof]\nbackup = ${TMP}/night-*.backup\n`);
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
	same(i.one('SELECT COUNT(*) FROM account WHERE instance_admin = 0'), 2, 'one sender for all nights');

	// A crash while its sender was being made, after the entity, after the account: whatever was made is taken up again, as often as that happens.
	const [entities, self] = [i.one('SELECT COUNT(*) FROM entity'), i.one("SELECT hex(v) FROM instance WHERE k = 'selfproof_sender'")];
	for (let k = 0; k < 2; k++) {
		await i.stop();
		i.sqlWrite("DELETE FROM instance WHERE k = 'selfproof_sender'");
		if (k)
			i.sqlWrite(`DELETE FROM login WHERE hex(account) = '${self.slice(32)}'; DELETE FROM account WHERE hex(account) = '${self.slice(32)}'`);
		await i.serve();
		p = prove(0, '--backup', backup);
		same([outcomes(p)[0], i.one('SELECT COUNT(*) FROM entity'), i.one('SELECT COUNT(*) FROM account WHERE instance_admin = 0')], ['letter holds', entities, 2], 'no second one');
		same(i.one("SELECT hex(v) FROM instance WHERE k = 'selfproof_sender'").slice(0, 32), self.slice(0, 32), 'the same entity');
	}

	// Backups to which one could not go back.
	const about = (words) => i.mails('admin@example.org').filter((m) => m.headers.some((h) => h.name === 'subject' && words.test(h.value)));
	const told = (begun, over) => until(`mails: ${begun} begun, ${over} over`, () => about(/Un contrôle/).length === begun + over && about(/terminé/).length === over, 30);
	const bytes = fs.readFileSync(backup), damaged = path.join(TMP, 'damaged.backup'), flipped = Buffer.from(bytes);
	flipped[bytes.length >> 1] ^= 1;
	p = prove(65);
	check(p.checks.backup.outcome === 'fails' && p.checks.backup.text.includes('no backup matches'), 'none where pli.conf says that they lie', p);
	for (const [what, content] of [['a byte changed', flipped], ['cut off', bytes.subarray(0, bytes.length - 4096)], ['empty', Buffer.alloc(0)]]) {
		fs.writeFileSync(damaged, content);
		p = prove(65, '--backup', damaged);
		same(outcomes(p), ['letter holds', 'letters holds', 'journal holds', 'backup fails'], what);
	}
	check(i.run(['selfproof', i.dir, '--backup', path.join(TMP, 'nowhere')]).status !== 0, 'one that is not there');
	const newest = path.join(TMP, 'night-0.backup');
	fs.copyFileSync(backup, path.join(TMP, 'night-1.backup'));
	fs.copyFileSync(foreign, newest);
	fs.utimesSync(newest, Date.now() / 1000 + 60, Date.now() / 1000 + 60);
	same(outcomes(prove(65)).pop(), 'backup fails', 'that of another instance; and it is the newest, not the last by name');

	// The alert of it: once, whatever the number of nights; and over by the next that holds.
	await told(1, 0);
	const admin = await i.signedIn('admin@example.org', { password: 'Sommeil-profond-9' });
	check(/alert-bar[^]*Un contrôle des preuves a échoué/.test((await admin.get('/')).text), 'the banner');
	let page = (await admin.get('/admin/alerts')).text;
	check(/preuve nocturne du service[^]*La dernière sauvegarde<\/dt><dd><span class="status bad">/.test(page), 'the page says which', page);
	fs.unlinkSync(newest);
	same(outcomes(prove(0)), ['letter holds', 'letters holds', 'journal holds', 'backup holds'], 'a good one');
	await told(1, 1);
	page = (await admin.get('/admin/alerts')).text;
	check(!page.includes('alert-bar') && /status good">tient[^]*<dt>La dernière sauvegarde<\/dt><dd><span class="status good">/.test(page), 'the banner is gone', page);
	const said = JSON.parse(i.run(['check', i.dir, 'alerts', 'selfproof', '--json']).stdout);
	check(said.some((r) => /has proved itself/.test(r.text)) && said.every((r) => r.level === 'good'), 'pli check says so', said);

	// A file on the disk.
	const blob = i.one(`SELECT lower(hex(o.entity)) || '-' || lower(hex(o.object)) FROM object o JOIN part p ON p.object = o.object WHERE p.letter = (SELECT letter FROM letter ORDER BY number LIMIT 1)`);
	const file = path.join(i.dir, 'data/blobs', blob.slice(-2), blob), was = fs.readFileSync(file), bad = Buffer.from(was);
	bad[30000] ^= 1;
	fs.writeFileSync(file, bad);
	p = prove(65);
	same([p.checks.letters.outcome, p.checks.letter.outcome, p.checks.journal.outcome], ['fails', 'holds', 'holds'], 'a broken file is found', p);
	check(p.checks.letters.text.includes(made.json.id), 'and its letter named', p.checks.letters.text);
	line = await published(vkey);
	same([line.entry.d.fails, line.entry.d.holds], ['letters', 'letter journal backup'], 'that is published, too');
	fs.writeFileSync(file, was);

	// A row of the journal.
	const seq = i.one(`SELECT seq FROM journal WHERE event = 'user.created' ORDER BY seq LIMIT 1`);
	i.sqlWrite(`UPDATE journal SET type = 'action' WHERE seq = ${seq}`);
	p = prove(65);
	same([p.checks.letters.outcome, p.checks.journal.outcome], ['holds', 'fails'], 'an altered row is found', p);
	check(p.checks.journal.text.includes(`entry ${seq + 1}`), 'and named', p.checks.journal.text);
	i.sqlWrite(`UPDATE journal SET type = 'journal' WHERE seq = ${seq}`);
	await told(2, 1);
	check(JSON.parse(i.run(['check', i.dir, '--json', 'alerts', 'selfproof']).stdout).filter((r) => r.level === 'wrong').length === 2, 'pli check names alert and fault');
	prove(0);
	await told(2, 2);
	await i.stop();
	same(outcomes(prove(0)).pop(), 'backup holds', 'with the server stopped, too');

	// A letter that somebody took away, its entries left.
	i.sqlWrite(`DELETE FROM letter WHERE lower(hex(letter)) = '${made.json.id.replace(/-/g, '')}'`);
	p = prove(65);
	check(p.checks.letters.outcome === 'fails' && p.checks.letters.text.includes(`letter ${made.json.id} of entry`), 'a missing letter is named', p);
});
