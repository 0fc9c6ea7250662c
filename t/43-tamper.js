#!/usr/bin/env node
// Goal: `pli journal verify` names the first bad number after every tampering with the database, the tree or both, and the server
// does not start on a journal that was cut or set back.  A clean journal verifies, running and stopped.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync, spawn } = require('child_process');
const { Instance, check, same, until, main, pause, TMP, PLI } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const db = path.join(i.dir, 'data/pli.db');
	const copy = (from, to) => {
		fs.rmSync(to, { recursive: true, force: true });
		execFileSync('cp', ['-a', from, to]);
	};
	const round = async (n) => {
		for (let k = 0; k < n; k++) {
			const a = await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['cc', 'b@example.org'], ['bcc', 'c@example.org'], ['subject', 'S' + k], ['file', { filename: 'a.txt', bytes: 'x' + k }]]);
			same(a.status, 201, 'a letter');
		}
		await until('mails are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
		same((await i.open(await i.link('b@example.org', i.mails('b@example.org').length))).status, 303, 'b opens');
	};
	const clean = (what) => {
		const v = i.verify();
		check(v.status === 0 && /verified \d+ entries, root [0-9a-f]{64}/.test(v.stdout), `${what}: verifies`, v.stdout + v.stderr);
		const j = JSON.parse(i.run(['journal', 'verify', i.dir, '--json']).stdout);
		check(j.verified === true && j.size > 0 && /^[0-9a-f]{64}$/.test(j.root), `${what}: as JSON`, j);
		return j.size;
	};
	await round(3);
	clean('running');
	await i.stop();
	const oldSize = clean('stopped');
	copy(i.dir, path.join(TMP, 'old'));
	await i.serve();
	await round(3);
	const size = clean('running, later');
	check(size > oldSize + 10, 'the journal has grown', `${oldSize} ${size}`);
	await i.stop();
	same(clean('stopped, later'), size, 'the same size');
	copy(i.dir, path.join(TMP, 'now'));

	const owner = fs.statSync(path.join(i.dir, 'data'));
	const sql = (...statements) => {
		execFileSync('sqlite3', ['-bail', db, statements.join(';') + ';'], { encoding: 'utf8' });
		for (const f of fs.readdirSync(path.join(i.dir, 'data')).filter((n) => n.startsWith('pli.db')))
			fs.chownSync(path.join(i.dir, 'data', f), owner.uid, owner.gid);
	};
	const rows = i.sqlStopped = JSON.parse(execFileSync('sqlite3', ['-json', path.join(TMP, 'now/data/pli.db'),
		'SELECT seq, event, hex(letter) AS letter, hex(recipient) AS recipient, CAST(entry AS TEXT) AS entry FROM journal ORDER BY seq'], { encoding: 'utf8', maxBuffer: 1 << 26 }));
	same(rows.length, size, 'as many rows as entries');
	const at = (event, from = oldSize - 8) => rows.find((r) => r.event === event && r.seq >= from).seq;
	const k = at('consigned'), sent = at('document.sent'), opened = at('handover', 0);
	const leaf = (text) => crypto.createHash('sha256').update(Buffer.concat([Buffer.from([0]), Buffer.from(text)])).digest('hex');
	const edit = (seq, from, to) => {
		const text = rows[seq].entry.replace(from, to);
		if (text === rows[seq].entry)
			throw new Error('nothing to edit in ' + text);
		return text;
	};
	const shift = (from) => [`UPDATE journal SET seq = -seq - 1 WHERE seq >= ${from}`, 'UPDATE journal SET seq = -seq WHERE seq < 0'];
	const older = (what) => () => {
		for (const w of what)
			copy(path.join(TMP, 'old', w), path.join(i.dir, w));
	};
	const flip = (file, where) => () => {
		const bytes = fs.readFileSync(path.join(i.dir, file));
		bytes[where(bytes)] ^= 1;
		fs.writeFileSync(path.join(i.dir, file), bytes);
	};

	// name: [what is done, the first bad number, whether the server must refuse to start]
	const tampers = {
		'an edited entry': [() => sql(`UPDATE journal SET entry = CAST('${edit(k, /"t":(\S)/, '"t": $1').replace(/'/g, "''")}' AS BLOB) WHERE seq = ${k}`), k + 1],
		'an edited time in the entry': [() => sql(`UPDATE journal SET entry = CAST('${edit(k, /"t":"20(\d\d)/, '"t":"19$1')}' AS BLOB) WHERE seq = ${k}`), k + 1],
		'an edited entry with its leaf': [() => {
			const text = edit(k, /"t":"20(\d\d)/, '"t":"19$1');
			sql(`UPDATE journal SET entry = CAST('${text}' AS BLOB), leaf = x'${leaf(text)}' WHERE seq = ${k}`);
		}, k + 1],
		'an edited leaf': [() => sql(`UPDATE journal SET leaf = x'${'00'.repeat(32)}' WHERE seq = ${k}`), k + 1],
		'an entry taken out of its row': [() => sql(`UPDATE journal SET entry = NULL WHERE seq = ${k}`), k + 1],
		'the first entry edited': [() => sql(`UPDATE journal SET entry = CAST('${edit(0, /"t":"20(\d\d)/, '"t":"19$1')}' AS BLOB) WHERE seq = 0`), 1],
		'the last entry edited': [() => sql(`UPDATE journal SET entry = CAST('${edit(size - 1, /"t":"20(\d\d)/, '"t":"19$1')}' AS BLOB) WHERE seq = ${size - 1}`), size],
		'two edited, the first counts': [() => sql(...[k + 3, k].map((s) => `UPDATE journal SET leaf = zeroblob(32) WHERE seq = ${s}`)), k + 1],
		'a deleted row': [() => sql(`DELETE FROM journal WHERE seq = ${k}`), k + 1],
		'a deleted row, the gap closed': [() => sql(`DELETE FROM journal WHERE seq = ${k}`, `UPDATE journal SET seq = -seq WHERE seq > ${k}`, 'UPDATE journal SET seq = -seq - 1 WHERE seq < 0'), k + 1],
		'an inserted row': [() => sql(...shift(k), `INSERT INTO journal SELECT ${k}, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal WHERE seq = ${k + 2}`), k + 1],
		'a row added at the end': [() => sql(`INSERT INTO journal SELECT ${size}, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal WHERE seq = ${size - 1}`), size + 1],
		'two swapped rows': [() => sql(`UPDATE journal SET seq = -1 WHERE seq = ${k}`, `UPDATE journal SET seq = ${k} WHERE seq = ${k + 1}`, `UPDATE journal SET seq = ${k + 1} WHERE seq = -1`), k + 1],
		'two swapped rows far apart': [() => sql(`UPDATE journal SET seq = -1 WHERE seq = 2`, `UPDATE journal SET seq = 2 WHERE seq = ${size - 2}`, `UPDATE journal SET seq = ${size - 2} WHERE seq = -1`), 3],
		'a changed time': [() => sql(`UPDATE journal SET t = t + 1000000 WHERE seq = ${k}`), k + 1],
		'a changed event': [() => sql(`UPDATE journal SET event = 'notice.sent' WHERE seq = ${k}`), k + 1],
		'a changed type': [() => sql(`UPDATE journal SET type = 'action' WHERE seq = ${k}`), k + 1],
		'a changed state': [() => sql(`UPDATE journal SET state = 'opened' WHERE seq = ${k}`), k + 1],
		'a state taken away': [() => sql(`UPDATE journal SET state = NULL WHERE seq = ${k}`), k + 1],
		'a changed entity': [() => sql(`UPDATE journal SET entity = randomblob(16) WHERE seq = ${k}`), k + 1],
		'a changed letter': [() => sql(`UPDATE journal SET letter = randomblob(16) WHERE seq = ${k}`), k + 1],
		'a changed recipient': [() => sql(`UPDATE journal SET recipient = randomblob(16) WHERE seq = ${k}`), k + 1],
		'a changed account': [() => sql(`UPDATE journal SET account = randomblob(16) WHERE seq = ${sent}`), sent + 1],
		'an account taken away': [() => sql(`UPDATE journal SET account = NULL WHERE seq = ${sent}`), sent + 1],
		'changed shown texts': [() => sql(`UPDATE journal SET shown = (SELECT shown FROM journal WHERE event = 'document.sent' ORDER BY seq LIMIT 1) WHERE seq = ${sent}`), sent + 1],
		'shown texts taken away': [() => sql(`UPDATE journal SET shown = NULL WHERE seq = ${sent}`), sent + 1],
		'a changed reading': [() => sql(`UPDATE journal SET recipient = (SELECT j.recipient FROM journal j WHERE j.recipient <> journal.recipient ORDER BY j.seq LIMIT 1) WHERE seq = ${opened}`), opened + 1],
		// What the journal binds by digests: whose address, which files.
		'another kind of recipient': [() => sql(`UPDATE recipient SET kind = 'to' WHERE kind = 'cc' AND letter = x'${rows[k].letter}'`), null],
		'another sheet': [() => sql(`UPDATE recipient SET sheet = (SELECT sheet FROM recipient WHERE letter <> x'${rows[k].letter}' LIMIT 1) WHERE letter = x'${rows[k].letter}' AND recipient = x'${rows[k].recipient}'`), k + 1],
		'another digest of a file': [() => sql(`UPDATE part SET sha256 = zeroblob(32) WHERE letter = x'${rows[k].letter}'`), null],
		'a letter whose rows are gone': [() => sql(...['notice', 'part', 'recipient', 'letter'].map((table) => `DELETE FROM ${table} WHERE letter = x'${rows[k].letter}'`)), null],
		'a recipient whose row is gone': [() => sql(`DELETE FROM recipient WHERE letter = x'${rows[k].letter}' AND recipient = x'${rows[k].recipient}'`), k + 1],
		'a cut tail': [() => sql(`DELETE FROM journal WHERE seq >= ${size - 4}`), size - 3, true],
		'a tail cut by one': [() => sql(`DELETE FROM journal WHERE seq >= ${size - 1}`), size, true],
		'an older database': [older(['data']), oldSize + 1, true],
		'an older tree': [older(['journal']), oldSize + 1, true],
		'an older database and an older tree': [older(['data', 'journal']), oldSize + 1, true],
		'an empty tree': [() => fs.readdirSync(path.join(i.dir, 'journal')).filter((n) => !/origin/.test(n)).forEach((n) => fs.rmSync(path.join(i.dir, 'journal', n), { recursive: true })), 1, true],
		'a changed byte in the heads': [flip('journal/heads', (b) => b.length >> 1), undefined],
		'the last byte of the heads': [flip('journal/heads', (b) => b.length - 1), undefined, true],
	};
	for (const [name, [act, wanted, refuses]] of Object.entries(tampers)) {
		copy(path.join(TMP, 'now'), i.dir);
		act();
		const v = i.verify();
		const number = Number((/number (\d+)/.exec(v.stdout) || [])[1]);
		check(v.status === 65, `${name}: verify ends with 65`, `${v.status} ${v.stdout} ${v.stderr}`);
		check(v.stderr.length > 10, `${name}: verify says why`, v.stderr);
		if (wanted === null)		/* one of the letter's deposit entries */
			check(number > 0 && rows[number - 1].letter === rows[k].letter && rows[number - 1].event === 'consigned', `${name}: names a deposit entry of that letter`, v.stdout + v.stderr);
		else if (wanted === undefined)
			check(number > 0 && number <= size, `${name}: names a number`, v.stdout + v.stderr);
		else
			same(number, wanted, `${name}: first bad number (${v.stderr.trim().split('\n')[0]})`);
		const j = i.run(['journal', 'verify', i.dir, '--json']);
		if (check(j.stdout.trim().startsWith('{'), `${name}: JSON`, j.stdout + j.stderr))
			same([JSON.parse(j.stdout).verified, JSON.parse(j.stdout).bad_number], [false, number], `${name}: the same as JSON`);
		if (refuses) {
			const log = path.join(TMP, 'refused.log'), fd = fs.openSync(log, 'w');
			const server = spawn(PLI, ['serve', i.dir], { stdio: ['ignore', fd, fd] });
			fs.closeSync(fd);
			const exit = await Promise.race([new Promise((done) => server.once('exit', (code) => done(code))), pause(60000).then(() => 'running')]);
			if (exit === 'running')
				server.kill('SIGTERM');
			check(exit !== 'running' && exit !== 0, `${name}: the server refuses to start`, `${exit} ${fs.readFileSync(log, 'utf8').slice(0, 600)}`);
		}
	}
	copy(path.join(TMP, 'now'), i.dir);
	same(clean('put back'), size, 'the same size after all');
	await i.serve();
	await round(1);
	check(clean('running on') > size, 'it goes on');
	await i.stop();
});
