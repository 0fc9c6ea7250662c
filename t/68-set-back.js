#!/usr/bin/env node
// Goal: an instance that was set back as a whole, keys and counter with it, cannot know that by itself: its witness does.  Such a server signs
// nothing and takes nothing until the operator says that the loss is accepted, and then the journal tells it.  A witness that is away, or
// lies, stops nobody.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');
const { Witness } = require('./lib/witness.js');

main(async () => {
	const i = new Instance().make();
	const w = new Witness('witness').make([tlog.vkey('localhost/j/1', 1, tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub'))))]);
	await w.serve();
	fs.writeFileSync(path.join(TMP, 'witness.pem'), w.ca);
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), `[witness]\nask = ${w.key} ${w.url}\nca_file = ${path.join(TMP, 'witness.pem')}\nevery_s = 1\n`);
	const copy = (from, to) => {
		fs.rmSync(to, { recursive: true, force: true });
		execFileSync('cp', ['-a', from, to]);
	};
	const db = (query, dir = i.dir) => execFileSync('sqlite3', [path.join(dir, 'data/pli.db'), query], { encoding: 'utf8' }).trim();
	const events = (event) => db(`SELECT CAST(entry AS TEXT) FROM journal WHERE event = '${event}'`).split('\n').filter(Boolean).map((e) => JSON.parse(e));
	let token;
	const letter = () => i.multipart('/api/v1/letters', token, [['to', 'a@example.net'], ['subject', 'S'], ['message', 'M']]);
	const seen = async () => tlog.parseNote((await w.get('/checkpoint/localhost/j/1')).text).size;
	const settled = () => until('the witness has seen all of it', async () => Number(db('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL')) === 0 &&
		await seen() === Number(db('SELECT MAX(seq) + 1 FROM journal')), 120);
	const log = () => fs.readFileSync(i.log, 'utf8');

	await i.serve();
	token = i.user('sender@example.org');
	same((await letter()).status, 201, 'a letter');
	await settled();
	const backup = path.join(TMP, 'old.backup'), keys = path.join(TMP, 'old.keys');
	same([i.run(['backup', i.dir, backup]).status, i.run(['backup', '--keys', i.dir, keys]).status], [0, 0], 'backups of that day');
	await i.stop();
	copy(i.dir, path.join(TMP, 'old'));
	await i.serve();
	same((await letter()).status, 201, 'a letter of later');
	await settled();
	const middle = (await w.get('/checkpoint/localhost/j/1')).text;
	for (let k = 0; k < 3; k++)
		same((await letter()).status, 201, 'letters of later still');
	await settled();
	await i.stop();
	copy(i.dir, path.join(TMP, 'now'));
	const newest = await seen();

	// Everything of last week comes back: database, tree, keys, counter.  Or a backup with the keys of its day.
	const setBack = async (what) => {
		const size = Number(db('SELECT MAX(seq) + 1 FROM journal'));
		check(size < newest, what + ': it is an older one', [size, newest]);
		fs.truncateSync(i.log);
		await i.serve({ ready: false });
		await until(what + ': the server finds out', () => /"journal.behind"/.test(log()), 120);
		const ready = await i.request('GET', '/readyz');
		check(ready.status === 503, what + ': it is not ready', ready.brief);
		const refused = await letter();
		check(refused.status === 503 && refused.json.type.endsWith('journal-held') && refused.text.includes(String(newest)) && refused.headers['retry-after'] === '60', what + ': it takes no letter, and says why', refused.brief);
		const verb = i.run(['user', 'add', i.dir, 'x@example.org', '--name', 'X', '--entity', 'New York']);
		check(verb.status !== 0 && /accept-loss/.test(verb.stderr), what + ': no verb writes, and what to do is said', verb.stderr);
		await i.stop();
		const offline = i.run(['user', 'add', i.dir, 'x@example.org', '--name', 'X', '--entity', 'New York']);
		check(offline.status !== 0, what + ': nor with the server stopped', offline.stdout);
		same(Number(db('SELECT MAX(seq) + 1 FROM journal')), size, what + ': no entry was written');
		same(Number(db('SELECT MAX(size) FROM head')), size, what + ': no head was signed');
		return size;
	};
	copy(path.join(TMP, 'old'), i.dir);
	const size = await setBack('last week');
	same(i.run(['journal', 'verify', i.dir]).status, 0, 'which is a journal like any other: alone it cannot know');
	fs.renameSync(i.dir, path.join(TMP, 'older'));
	const restored = i.run(['restore', backup, i.dir, '--keys', keys, '--verify']);
	same(restored.status, 0, 'restored: ' + restored.stderr);
	await setBack('a backup with the keys of its day');

	// What a witness has shown once is not forgotten while it is away, nor when no witness is asked any more, nor when it comes back.
	const conf = path.join(i.dir, 'pli.conf'), text = fs.readFileSync(conf, 'utf8');
	const held = async (what) => {
		const ready = await i.request('GET', '/readyz'), refused = await letter();
		same([ready.status, refused.status], [503, 503], what + ': it takes nothing');
		check(refused.json.type.endsWith('journal-held') && refused.text.includes(String(newest)), what + ': it says why', refused.brief);
		await i.stop();
		same([Number(db('SELECT MAX(seq) + 1 FROM journal')), db("SELECT CAST(v AS TEXT) FROM instance WHERE k = 'behind'")], [size, newest + ' localhost'], what + ': it is known');
	};
	same(await w.stop(), 0, 'the witness is away');
	fs.truncateSync(i.log);
	await i.serve({ ready: false });
	await until('its witness is waited for no more', () => /no witness (says|answers)/.test(log()), 120);
	await held('its witness is away');
	fs.writeFileSync(conf, text.replace(/^ask = .*\n/m, ''));
	await i.serve({ ready: false });
	await until('it answers', async () => (await i.request('GET', '/readyz').catch(() => ({ status: 0 }))).status > 0, 120);
	await held('no witness is asked');
	fs.writeFileSync(conf, text);
	await w.serve();

	// The newest copy serves at once.
	copy(path.join(TMP, 'now'), i.dir);
	await i.serve();
	same((await letter()).status, 201, 'the newest copy takes letters');
	await settled();
	const known = i.run(['journal', 'accept-loss', i.dir]);
	check(known.status !== 0 && /no witness has seen more/.test(known.stderr), 'there is no loss to accept', known.stderr);
	await i.stop();
	check(events('log.restored').length === 0, 'and nothing to tell');

	// The operator has nothing newer, and goes on.  Another witness has seen less: that is given up, too, whoever speaks last.
	const last = await seen(), asked = [];
	const noteServer = async (port, note) => {
		const size = tlog.parseNote(note).size, server = https.createServer({ key: fs.readFileSync(path.join(w.dir, 'tls/key.pem')), cert: fs.readFileSync(path.join(w.dir, 'tls/cert.pem')) }, (req, res) => {
			asked.push(req.url);
			if (req.method === 'GET')
				return res.end(note);
			req.resume().on('end', () => res.writeHead(409, { 'Content-Type': 'text/x.tlog.size' }).end(size + '\n'));
		});
		await new Promise((done) => server.listen(port, '127.0.0.1', done));
		return { port: server.address().port, stop: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }) };
	};
	const second = await noteServer(0, middle);
	copy(path.join(TMP, 'older'), i.dir);
	fs.appendFileSync(conf, `ask = ${tlog.vkey('second.example', 4, tlog.newKey().raw)} https://localhost:${second.port}\n`);
	fs.truncateSync(i.log);
	await i.serve({ ready: false });
	await until('both have spoken', () => /"localhost: it/.test(log()) && /"second\.example: it/.test(log()), 120);
	const accepted = i.run(['journal', 'accept-loss', i.dir, '--json']);
	same([accepted.status, JSON.parse(accepted.stdout || '{}').lost], [0, last], 'the loss is accepted: ' + accepted.stderr);
	await i.ready(30);
	same((await letter()).status, 201, 'letters are taken again');
	const told = events('log.restored').map((e) => [e.d.size, e.d.signed, e.d.witness, e.seq]);
	same(told, [[size, last, 'localhost', size]], 'the journal tells it before anything else');
	same(i.verify().status, 0, 'the journal verifies');

	// A backup of now is of less than what was given up: that stays so.
	const later = path.join(TMP, 'later.backup'), laterKeys = path.join(TMP, 'later.keys');
	same([i.run(['backup', i.dir, later]).status, i.run(['backup', '--keys', i.dir, laterKeys]).status], [0, 0], 'backups of now');
	await i.stop();
	await second.stop();
	check(Number(db('SELECT MAX(size) FROM head')) < last, 'less was signed since than was given up', [db('SELECT MAX(size) FROM head'), last]);
	fs.rmSync(i.dir, { recursive: true });
	same(i.run(['restore', later, i.dir, '--keys', laterKeys]).status, 0, 'restored');
	fs.writeFileSync(conf, text);
	await i.serve();
	same((await letter()).status, 201, 'a loss that was accepted stays so after a restore');
	await i.stop();
	fs.truncateSync(i.log);
	await i.serve();
	same((await letter()).status, 201, 'also after a start');
	await until('its witness has signed nothing of it', () => /witness\.disputed|journal\.behind/.test(log()), 120);
	same((await letter()).status, 201, 'which holds nothing');
	same(await seen(), last, 'and never will');
	await i.stop();

	// A witness that is away, or that says what our log has not signed, stops nobody.
	copy(path.join(TMP, 'now'), i.dir);
	same(await w.stop(), 0, 'the witness is away');
	await i.serve();
	same((await letter()).status, 201, 'letters do not need it');
	await i.stop();
	const forged = tlog.newKey();
	asked.length = 0;
	const liar = await noteServer(w.port, tlog.signNote('localhost/j/1', 5000, tlog.sha256(Buffer.from('x')), forged, 'localhost/j/1'));
	await i.serve();
	same((await letter()).status, 201, 'a lie stops nobody');
	await until('it was asked what it has seen', () => asked.includes('/checkpoint/localhost/j/1'), 120);
	same((await letter()).status, 201, 'also later');
	await i.stop();
	await liar.stop();
});
