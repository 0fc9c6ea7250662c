#!/usr/bin/env node
// Goal: the operator's verbs do the same with the server running, stopped, and after its processes were killed: same output,
// same exit statuses, same owners and modes of the files, same effect for those who use the server afterwards, each act in the
// journal; several verbs at once do not get in each other's way, nor in that of a server that starts.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');

const secret = (name, text) => {
	const file = path.join(TMP, name);
	fs.writeFileSync(file, text + '\n', { mode: 0o600 });
	return file;
};
// What differs by nature.
const plain = (text) => text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, 'DATE').replace(/pli_[\w-]+/g, 'TOKEN')
	.replace(/\b(one|two|three)\b/gi, 'WHEN').replace(/[0-9a-f]{64}|\d+/g, 'N');

// Every verb, rightly and wrongly; the names hold `when`, so that each round makes its own.
function acts(i, when) {
	const a = `${when}@example.org`, verb = (...args) => i.run(args), D = i.dir;
	const steps = [
		['entity', 'add', D, 'House ' + when, '--siren', '732829320'], ['entity', 'add', D, 'house ' + when], ['entity', 'add', D, 'Bad ' + when, '--siren', '12345678'],
		['user', 'add', D, a, '--name', 'Name', '--entity', 'House ' + when, '--role', 'editor', '--password-file', secret('p1', 'Une-phrase-assez-longue')],
		['user', 'add', D, a.toUpperCase(), '--name', 'Name', '--entity', 'House ' + when], ['user', 'add', D, 'x@example.org', '--name', 'X', '--entity', 'Nowhere'],
		['user', 'add', D, 'no address', '--name', 'X', '--entity', 'House ' + when], ['user', 'add', D, 'x@example.org', '--name', 'X', '--entity', 'House ' + when, '--role', 'king'],
		['user', 'add', D, 'x@example.org', '--name', 'X', '--entity', 'House ' + when, '--password-file', secret('p2', 'password')],
		['user', 'add', D, 'x@example.org', '--name', 'X', '--entity', 'House ' + when, '--password-file', secret('p3', 'short')],
		['user', 'password', D, a, '--password-file', secret('p4', 'Une-autre-phrase-longue')], ['user', 'password', D, 'nobody@example.org', '--password-file', secret('p4', 'Une-autre-phrase-longue')],
		['token', 'add', D, a, '--name', 'first'], ['token', 'add', D, a, '--name', 'second', '--days', '3'], ['token', 'add', D, a, '--days', '0'], ['token', 'add', D, 'nobody@example.org'],
		['token', 'revoke', D, 'no-token'], ['letter', 'unlock', D, '00000000-0000-7000-8000-000000000000', '--recipient', a], ['user', 'disable', D, 'nobody@example.org'],
		['journal', 'verify', D], ['token', 'list', D, '--nonsense'], ['journal', 'verify', D, '--json'],
		['user', 'password', D, a, '--password-file', secret('p4', 'Une-autre-phrase-longue'), '--json'], ['user', 'disable', D, 'nobody@example.org', '--json'],
		['entity', 'add', D, 'Second house ' + when, '--json'], ['user', 'add', D, 'second.' + a, '--name', 'X', '--entity', 'House ' + when, '--json'],
		['user', 'disable', D, 'second.' + a, '--json'],
	];
	const results = steps.map((args) => ({ args, ...verb(...args) }));
	for (const r of results)
		check(r.status === 0 || (r.status >= 64 && r.status <= 78), `${when}: ${r.args.slice(0, 2).join(' ')} ends with a status of sysexits.h`, r.status);
	for (const r of results.filter((one) => one.args.includes('--json') && one.status === 0))
		check(typeof JSON.parse(r.stdout) === 'object', `${when}: ${r.args.slice(0, 2).join(' ')} --json is JSON`, r.stdout);
	const tokens = results.filter((r) => r.args[0] === 'token' && r.args[1] === 'add' && r.status === 0).map((r) => r.stdout.trim());
	same(tokens.length, 2, `${when}: two tokens`);
	return { tokens, shown: results.map((r) => [r.args.map((x) => plain(x.replace(TMP, ''))).join(' '), r.status, plain(r.stdout), plain(r.stderr.replaceAll(TMP, ''))]) };
}

// What the listings say of one round's people.
function listed(i, when) {
	const rows = (what) => JSON.parse(i.verb(what, 'list', i.dir, '--json')).filter((r) => JSON.stringify(r).includes(when + '@example.org'));
	return { users: rows('user'), tokens: rows('token') };
}

function modes(i) {
	const out = [];
	for (const entry of fs.readdirSync(i.dir, { recursive: true, withFileTypes: true })) {
		const file = path.join(entry.parentPath || entry.path, entry.name), s = fs.lstatSync(file);
		if (!/-(wal|shm)$/.test(file) && !file.startsWith(path.join(i.dir, 'run/')))
			out.push(`${path.relative(i.dir, file)} ${(s.mode & 0o7777).toString(8)} ${s.uid}:${s.gid}`);
	}
	return out.sort();
}

const works = async (i, token) => (await i.request('GET', '/api/v1/letters', { token })).status;

// With the server up: the tokens of every round work, until they are revoked or their user is disabled, by a verb in any state.
async function effects(i, rounds) {
	for (const [when, { tokens }] of Object.entries(rounds))
		for (const token of tokens)
			same(await works(i, token), 200, `the tokens made ${when}`);
}

function atOnce(i, count, args) {
	return Promise.all(Array.from({ length: count }, (_, k) => new Promise((done) => {
		const child = spawn(PLI, args(k), { env: { PATH: process.env.PATH, HOME: TMP }, stdio: ['ignore', 'pipe', 'pipe'] });
		let err = '';
		child.stderr.on('data', (b) => { err += b; });
		child.on('close', (status) => done({ status, err }));
	})));
}

main(async () => {
	const i = new Instance().make(), rounds = {};
	i.deathsExpected = true;
	rounds.one = acts(i, 'one');		// stopped, never served yet
	const before = modes(i);
	await i.serve();
	await effects(i, rounds);
	rounds.two = acts(i, 'two');		// running
	await effects(i, rounds);
	// Killed: a socket nobody listens to, a log of the database that was not closed.
	const orphans = Object.values(i.children());
	for (const pid of [i.server.pid, ...orphans])
		process.kill(pid, 'SIGKILL');
	await i.ended;
	// Whoever has ended may not have been buried yet.
	const gone = (p) => { try { return /^State:\s+Z/m.test(fs.readFileSync(`/proc/${p}/status`, 'utf8')); } catch (e) { return true; } };
	await until('they are gone', () => orphans.every(gone));
	check(fs.existsSync(path.join(i.dir, 'run/ctl')), 'a dead server leaves its socket');
	rounds.three = acts(i, 'three');
	for (const when of ['two', 'three'])
		for (const [k, r] of rounds.one.shown.entries())
			same(rounds[when].shown[k], r, `${when}: as in round one`);
	same(modes(i).filter((m) => !before.includes(m) && !/^(keys\/kek\/meta-\w+ 600|journal\/\w+ 640|outbox\/\S+\.eml 6[04]0|data\/blobs) /.test(m)), [], 'owners and modes stay what they were');
	same(before.filter((m) => !modes(i).includes(m)), [], 'and nothing has gone');
	await i.serve();
	await effects(i, rounds);

	// One token ends while the server runs, one while it is stopped; the same with two users.
	const id = (when, n) => listed(i, when).tokens.find((t) => Object.values(t).includes(n ? 'second' : 'first'));
	const shape = listed(i, 'one');
	check(shape.users.length === 2 && shape.tokens.length === 2, 'the listings show them', shape);
	const key = Object.keys(shape.tokens[0]).find((k) => /^(id|token)$/.test(k));
	i.verb('token', 'revoke', i.dir, id('one', 0)[key]);
	same(await works(i, rounds.one.tokens[0]), 401, 'a token revoked while the server runs');
	same(await works(i, rounds.one.tokens[1]), 200, 'the other one works on');
	i.verb('user', 'disable', i.dir, 'two@example.org');
	same([await works(i, rounds.two.tokens[0]), await works(i, rounds.two.tokens[1])], [401, 401], 'a user disabled while the server runs');
	await i.stop();
	i.verb('token', 'revoke', i.dir, id('one', 1)[key]);
	i.verb('user', 'disable', i.dir, 'three@example.org');
	const running = JSON.stringify([listed(i, 'one'), listed(i, 'two'), listed(i, 'three')]);
	await i.serve();
	same(JSON.stringify([listed(i, 'one'), listed(i, 'two'), listed(i, 'three')]), running, 'the listings say the same, stopped and running');
	same([await works(i, rounds.one.tokens[1]), await works(i, rounds.three.tokens[0])], [401, 401], 'what ended while it was stopped has ended');
	same(i.run(['token', 'add', i.dir, 'three@example.org']).status !== 0, true, 'no new token for a disabled user');

	// A name that is taken costs nothing: a key for each entity and one of the instance's own.
	const keys = fs.readdirSync(path.join(i.dir, 'keys/kek')).filter((n) => n.startsWith('meta-')).length;
	same(keys, i.one('SELECT COUNT(*) FROM entity') + 1, 'no key is left of an entity that was refused');

	// Each act has its entry, once.
	const count = (event) => i.one(`SELECT COUNT(*) FROM journal WHERE event = '${event}'`);
	same([count('entity.created'), count('user.created'), count('token.created'), count('token.revoked'), count('user.disabled')], [1 + 6, 1 + 6, 6, 2, 2 + 3], 'entries of the acts');

	// At once, running: all go well.  Stopped: each goes well or says that another is at it; a server that starts wins or waits.
	const names = (what) => (k) => ['entity', 'add', i.dir, `${what} ${k}`];
	for (const r of await atOnce(i, 8, names('At once running')))
		same(r.status, 0, 'several at once, running: ' + r.err);
	await i.stop();
	const stopped = await atOnce(i, 6, names('At once stopped'));
	for (const r of stopped)
		check(r.status === 0 || r.status === 75, 'several at once, stopped: done or temporarily refused', r);
	check(stopped.some((r) => r.status === 0), 'at least one of them was done', stopped);
	same(i.one("SELECT COUNT(*) FROM journal WHERE event = 'entity.created'"), 7 + 8 + stopped.filter((r) => r.status === 0).length, 'each that said it was done was done, once');
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	same(fs.existsSync(path.join(i.dir, 'run/ctl')), false, 'a verb leaves no socket behind');
});
