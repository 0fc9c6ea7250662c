#!/usr/bin/env node
// Goal: the keeper counts what it signs in a file of its own, which survives its death; once a day the sums become an entry of the
// journal, once, and none on the first day; the journal verifies with it.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, wholeHour, main } = require('./lib/pli.js');

const i = new Instance();

// Both slots; the newer one counts.
function sums() {
	const bytes = fs.readFileSync(path.join(i.dir, 'keys/signatures'));
	let best = { generation: 0 };
	for (const at of [0, 512]) {
		if (bytes.length < at + 56 || bytes.toString('latin1', at, at + 4) !== 'PLIS')
			continue;
		const n = (k) => Number(bytes.readBigUInt64BE(at + 4 + 8 * k));
		if (n(0) > best.generation)
			best = { generation: n(0), checkpoints: n(1), tokens: n(2), seals: n(3), mails: n(4), changes: n(5) };
	}
	return best;
}

const entries = () => i.sql("SELECT seq, CAST(entry AS TEXT) AS entry FROM journal WHERE event = 'keeper.signed' ORDER BY seq").map((r) => JSON.parse(r.entry));

// As if the last entry were of the day before.
function yesterday() {
	execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(i.dir, 'data/pli.db'), "UPDATE instance SET v = CAST('2020-01-01' AS BLOB) WHERE k = 'signatures_day'"]);
	if (process.getuid() === 0)
		for (const n of fs.readdirSync(path.join(i.dir, 'data')).filter((x) => x.startsWith('pli.db')))
			fs.chownSync(path.join(i.dir, 'data', n), fs.statSync(path.join(i.dir, 'data')).uid, fs.statSync(path.join(i.dir, 'data')).gid);
}

const day = () => i.sql("SELECT CAST(v AS TEXT) AS v FROM instance WHERE k = 'signatures_day'").map((r) => r.v)[0];

main(async () => {
	await wholeHour(60);	// the days that are counted are UTC's
	i.make({ lang: 'en' });
	i.deathsExpected = true;
	const token = i.user('ed@example.org'), auditor = i.user('au@example.org', 'auditor');
	await i.serve();
	const letter = await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'Signed' });
	await i.mail('a@example.org');
	for (let n = 0; n < 3; n++)
		same((await i.request('GET', `/api/v1/letters/${letter.json.id}/proof`, { token })).status, 200, 'a proof');
	await until('the first day is noted', () => day() === new Date().toISOString().slice(0, 10));
	same(entries(), [], 'the first day has no entry');
	// Of each proof: the container's seal; the receipt's two, of server and operator, and the token over them.
	const right = (s) => s.checkpoints >= 4 && s.tokens === s.checkpoints + 3 && s.seals === 9;
	await until('heads, tokens and seals are counted', () => right(sums())).catch(() => check(false, 'heads, tokens and seals are counted', sums()));
	const before = sums();
	const keeper = i.children()['pli-keeper'];
	process.kill(keeper, 'SIGKILL');
	await until('the keeper is back', () => (i.children()['pli-keeper'] || keeper) !== keeper, 20);
	check(sums().checkpoints >= before.checkpoints && sums().seals === 9, 'a death loses nothing', sums());
	await i.ready(20);
	// Both keys sign that one takes the other's place, and the root signs the new certificate.
	same(sums().changes, 0, 'no key was changed');
	i.verb('key', 'rotate', i.dir, 'tsa');
	const once = sums().changes;	// asked again, both sign again
	check(once >= 3, 'a change of key is counted', once);
	i.verb('key', 'rotate', i.dir, 'log', '--overlap', '0');
	const changes = sums().changes;
	check(changes >= once + 2, 'of the log\'s, too', changes);
	await i.stop();
	yesterday();
	await i.serve();
	await until('the sums are in the journal', () => entries().length === 1);
	const d = entries()[0].d;
	check(d.checkpoints >= before.checkpoints && d.tokens >= before.tokens && d.seals === 9 && d.changes === changes, 'as they were', d);
	const shown = (await i.request('GET', '/api/v1/journal?limit=5', { token: auditor, headers: { 'Accept-Language': 'en' } })).text;
	await i.stop();
	await i.serve();
	await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'Later' });
	same(entries().length, 1, 'once a day');
	check(sums().checkpoints > before.checkpoints, 'and counting goes on', shown);
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	await i.stop();
});
