#!/usr/bin/env node
// Goal: a backup made while letters come in is one moment of the instance: restored, its journal verifies and its head is a prefix of the
// live one; it holds no key.  What is cut, changed or killed with -9 in the middle leaves nothing half.  A restored instance that lacks
// what its keeper has signed goes on only when told so, and its journal says it.  Scrub names every damaged, missing or orphaned file.
'use strict';
const { execFileSync, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');

const sql = (dir, query) => execFileSync('sqlite3', ['-readonly', path.join(dir, 'data/pli.db'), query], { encoding: 'utf8' }).trim();
const files = (dir) => fs.readdirSync(dir, { withFileTypes: true }).flatMap((e) => e.isDirectory() ? files(path.join(dir, e.name)) : [path.join(dir, e.name)]);
const background = (...args) => new Promise((done) => {
	const child = spawn(PLI, args, { env: { PATH: process.env.PATH, HOME: TMP } });
	let out = '';
	for (const s of [child.stdout, child.stderr])
		s.on('data', (p) => { out += p; });
	child.on('close', (status, signal) => done({ status, signal, out }));
});

// The instance in a directory as an object; same port, so one of them runs at a time.
function at(i, dir) {
	return Object.assign(new Instance(path.basename(dir)), { dir, port: i.port, url: i.url, ca: i.ca, agent: i.agent, tokens: i.tokens });
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org'), BIG = crypto.randomBytes(400000);
	const send = async (name) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', name + '@example.org'], ['subject', 'Of ' + name], ['message', 'Words of ' + name], ['file', { filename: 'big.bin', bytes: BIG }]]);
		same(a.status, 201, 'a letter: ' + a.brief);
		return a.json;
	};
	const first = await send('first');

	// Under load.
	let going = true, sent = 1;
	const load = Promise.all([0, 1, 2].map(async (n) => {
		while (going)
			await send(`load-${n}-${sent++}`);
	}));
	await until('letters come in', () => sent > 6, 60);
	const name = path.join(TMP, 'one.backup');
	const made = await background('backup', i.dir, name);
	same(made.status, 0, 'a backup under load: ' + made.out);
	await send('between');
	const keysName = path.join(TMP, 'one.keys');
	const keysMade = await background('backup', '--keys', i.dir, keysName);
	same(keysMade.status, 0, 'and one of the keys: ' + keysMade.out);
	const after = sent;
	await until('more come in', () => sent > after + 3, 60);
	going = false;
	await load;
	const last = await send('last');
	same(fs.statSync(name).mode & 0o777, 0o600, 'for its owner alone');
	check(!fs.existsSync(name + '.part') && !files(path.join(i.dir, 'data')).some((f) => /backup\.db/.test(f)), 'nothing else is left');
	const listed = execFileSync('tar', ['tf', name], { encoding: 'utf8' }).split('\n');
	check(listed.includes('data/pli.db') && listed.includes('pli.conf') && listed.some((n) => n.startsWith('data/blobs/')), 'tar lists it', listed.slice(0, 8));
	check(!listed.some((n) => n.startsWith('keys/') || n === 'tls/key.pem'), 'no key is named');
	const bytes = fs.readFileSync(name);
	for (const file of files(path.join(i.dir, 'keys')).filter((f) => fs.statSync(f).size >= 32 && !fs.readFileSync(f, 'latin1').startsWith('-----BEGIN CERT')))
		check(!bytes.includes(fs.readFileSync(file).subarray(0, 60)), path.basename(file) + ' is not in it');
	same(i.run(['backup', i.dir, name]).status !== 0, true, 'a backup is never written over');

	// Killed in the middle: no backup; the server goes on, and the next one is whole.
	const killed = spawn(PLI, ['backup', i.dir, path.join(TMP, 'killed.backup')], { stdio: 'ignore' });
	const over = new Promise((done) => killed.once('close', done));
	await until('it has begun', () => fs.existsSync(path.join(TMP, 'killed.backup.part')) || fs.existsSync(path.join(TMP, 'killed.backup')), 30);
	killed.kill('SIGKILL');
	await over;
	check(!fs.existsSync(path.join(TMP, 'killed.backup')) || i.run(['restore', path.join(TMP, 'killed.backup'), path.join(TMP, 'of-killed')]).status === 0, 'a killed backup has no name, or was whole');
	await until('the next can be made', () => { const r = i.run(['backup', i.dir, path.join(TMP, 'after.backup')]); return r.status === 0; }, 30);

	// Restored with keys that have signed more.
	const roots = (dir, size) => sql(dir, `SELECT hex(root) FROM head WHERE size = ${size}`);
	const liveSize = Number(sql(i.dir, 'SELECT MAX(size) FROM head'));
	const verified = i.verify();
	same(verified.status, 0, 'the live journal verifies');
	await i.stop();
	const dir1 = path.join(TMP, 'restored'), r1 = i.run(['restore', name, dir1, '--keys', keysName, '--verify', '--json']);
	same(r1.status, 0, 'restored and verified: ' + r1.stdout + r1.stderr);
	const facts = JSON.parse(r1.stdout);
	check(facts.size > 0 && facts.size < liveSize, 'it is a part of the journal', [facts, liveSize]);
	check(facts.signed >= facts.size, 'the keys know what was signed since', facts);
	same(roots(dir1, facts.size), roots(i.dir, facts.size), 'its head is a prefix of the live one');
	same(sql(dir1, 'SELECT COUNT(*) FROM session') + sql(dir1, 'SELECT COUNT(*) FROM reading_session'), '00', 'nobody is signed in');
	check(facts.signed > facts.size, 'they have signed more than it holds', facts);
	const only = at(i, dir1);
	await only.serve({ ready: false });
	await until('it says what is missing', () => only.exit || /older copy/.test(fs.readFileSync(only.log, 'utf8')), 30);
	const ready = await only.request('GET', '/readyz', { agent: false, timeout: 3000 }).then((a) => a.status, () => 0);
	check(ready !== 200, 'without a word from the operator it takes no letter', ready);
	only.server.kill('SIGTERM');
	await only.ended;
	const behind = only.verify();
	check(behind.status === 65 && (behind.stdout + behind.stderr).includes(String(facts.size + 1)), 'its journal verifies up to what is missing', behind.stdout + behind.stderr);

	// Told so, it goes on and says it.
	const dir2 = path.join(TMP, 'going-on'), r2 = i.run(['restore', name, dir2, '--keys', keysName, '--accept-loss', '--verify']);
	same(r2.status, 0, 'restored: ' + r2.stdout + r2.stderr);
	const on = at(i, dir2);
	await on.serve();
	const s = await on.signedIn('sender@example.org');
	check((await s.get('/letters/' + first.id)).text.includes('Words of first'), 'a letter of before can be read');
	check((await s.get(`/letters/${first.id}/files/1`)).body.equals(BIG), 'with its file');
	same((await on.request('GET', '/api/v1/letters/' + last.id, { token })).status, 404, 'one of after the backup is not there');
	const auditor = on.user('auditor@example.org', 'auditor');
	same(on.verify().status, 0, 'its journal verifies');
	const row = sql(dir2, "SELECT seq FROM journal WHERE event = 'log.restored'");
	same(row, String(facts.size), 'the journal says from where on it was restored');
	const scrubbed = on.run(['scrub', dir2, '--json', '--rate', '0']);
	same(scrubbed.status, 0, 'everything in it is as it was deposited: ' + scrubbed.stdout + scrubbed.stderr);
	const figures = JSON.parse(scrubbed.stdout);
	check(figures.letters >= 2 && figures.letters === Number(sql(dir2, 'SELECT COUNT(*) FROM letter')) && figures.objects === 2 * figures.letters && figures.bytes > figures.letters * BIG.length && !figures.orphans, 'all of it was read', figures);
	check(auditor, 'people can be added');

	// Scrub finds what is wrong.
	const blobs = files(path.join(dir2, 'data/blobs'));
	const flipped = fs.openSync(blobs[0], 'r+'), one = Buffer.alloc(1);
	fs.readSync(flipped, one, 0, 1, 200000);
	fs.writeSync(flipped, Buffer.from([one[0] ^ 1]), 0, 1, 200000);
	fs.closeSync(flipped);
	fs.unlinkSync(blobs[1]);
	const stray = path.join(path.dirname(blobs[2]), path.basename(blobs[2]).replace(/^....../, 'abcdef'));
	fs.copyFileSync(blobs[2], stray);
	fs.chownSync(stray, fs.statSync(blobs[2]).uid, fs.statSync(blobs[2]).gid);
	const found = on.run(['scrub', dir2, '--rate', '0']);
	same(found.status, 65, 'a damaged store is told');
	check(/file 1 cannot be read/.test(found.stdout) && / 2 faults; 1 blobs without a row/.test(found.stdout), 'each fault is named', found.stdout);
	await on.stop();

	// Nothing half.
	const refused = (what, file, keys) => {
		const dir = path.join(TMP, 'refused');
		const r = i.run(['restore', file, dir, ...(keys ? ['--keys', keys] : [])]);
		check(r.status !== 0 && !fs.existsSync(dir) && !fs.existsSync(dir + '.restoring'), what + ': refused, nothing left', r.stdout + r.stderr);
	};
	const damaged = path.join(TMP, 'damaged');
	for (const place of [600, 30000, Math.floor(bytes.length / 2), bytes.length - 1500]) {
		const copy = Buffer.from(bytes);
		copy[place] ^= 4;
		if (copy[place] === 4)
			continue;	/* padding */
		fs.writeFileSync(damaged, copy);
		refused(`byte ${place} changed`, damaged);
	}
	fs.writeFileSync(damaged, bytes.subarray(0, bytes.length - 2000));
	refused('the end cut off', damaged);
	fs.writeFileSync(damaged, bytes.subarray(0, Math.floor(bytes.length / 3)));
	refused('cut in the middle', damaged);
	refused('keys in the place of a backup', keysName);
	refused('a backup in the place of keys', name, name);
	const dir3 = path.join(TMP, 'killed-restore'), child = spawn(PLI, ['restore', name, dir3], { stdio: 'ignore' });
	const ended = new Promise((done) => child.once('close', done));
	await until('it has begun', () => fs.existsSync(dir3 + '.restoring') || fs.existsSync(dir3), 30);
	child.kill('SIGKILL');
	await ended;
	if (!fs.existsSync(dir3)) {
		const again = i.run(['restore', name, dir3, '--verify']);
		same(again.status, 0, 'a killed restore can be repeated: ' + again.stdout + again.stderr);
	}
	check(fs.existsSync(path.join(dir3, 'pli.conf')) && !fs.existsSync(dir3 + '.restoring'), 'then it is whole');
	check(i.run(['restore', name, dir3]).status !== 0, 'an instance is never written over');
});
