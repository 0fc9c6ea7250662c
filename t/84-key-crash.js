#!/usr/bin/env node
// Goal: changes of keys broken off by kill -9 of the keeper, of front or of the whole server, anywhere: the server starts again by itself, letters
// of before open and proofs verify at every moment, and repeating the command finishes the change.  The wrapping key is changed over many
// keys, and many letters are moved to other month keys, so that the kill falls into the middle of it: no letter is ever under a key that is gone.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { Instance, check, same, until, pause, main } = require('./lib/pli.js');

const i = new Instance();
const TMP = process.env.TMP, ROUNDS = process.env.PLI_LONG ? 60 : 10, ENTITIES = 60, LETTERS = 240;
const NAMES = ['seal', 'letters', 'tsa', 'letters', 'wrap', 'letters', 'operator', 'letters', 'log', 'wrap'], VICTIMS = ['pli-keeper', 'pli-front', 'all'];
const file = (...names) => path.join(i.dir, ...names);
const half = () => fs.readdirSync(file('keys')).filter((n) => /^(next-|new-|former-)/.test(n));

const args = (name) => name === 'letters' ? ['key', 'rotate', i.dir, 'wrap', '--letters'] : ['key', 'rotate', i.dir, name];
const under = () => i.one('SELECT COUNT(*) FROM kek WHERE retired IS NOT NULL AND moved IS NULL AND destroyed IS NULL');

function lost() {
	const kids = i.sql('SELECT kid FROM letter UNION SELECT kid FROM draft').map((r) => r.kid), there = fs.readdirSync(file('keys/kek'));
	return kids.filter((k) => k && !there.includes(k));
}

// They may be moving while we look; what is lost stays lost.
const underKeysThatAreThere = (what) => until('every letter lies under a key that is there: ' + what, () => lost().length === 0, 20);

let made = 0;
async function holds(what, token, id) {
	const a = await until('a proof: ' + what, async () => { const r = await i.request('GET', `/api/v1/letters/${id}/proof`, { token }).catch(() => null); return r && r.status === 200 && r; }, 60);
	const bundle = path.join(TMP, `proof-${made++}.asice`);
	fs.writeFileSync(bundle, a.body);
	const v = i.run(['proof', 'verify', bundle, '--root', file('public/root.pem'), '--log-key', file('public/log.pub')]);
	check(v.status === 0, what + ': a proof verifies', v.stdout.slice(-400) + v.stderr);
}

main(async () => {
	i.make({ lang: 'en' });
	i.deathsExpected = true;
	const token = i.user('ed@example.org');
	await i.serve();
	// Each entity has a key of its own for what describes it.
	for (let n = 0; n < ENTITIES; n++)
		i.verb('entity', 'add', i.dir, 'Entity ' + n);
	const letter = (await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'First', message: 'Kept.' })).json;
	const link = await i.link('a@example.org');
	check(fs.readdirSync(file('keys/kek')).length > ENTITIES, 'many keys lie under the wrapping key');
	await Promise.all(Array.from({ length: 8 }, async (_, n) => {
		for (let k = n; k < LETTERS; k += 8)
			same((await i.json('POST', '/api/v1/letters', token, { to: ['many@example.org', 'more@example.org'], subject: 'Many ' + k, message: 'One of many', expires: new Date(Date.now() + (k % 3 ? 20 : 70) * 86400000).toISOString() })).status, 201, 'a letter');
	}));
	same((await i.json('POST', '/api/v1/drafts', token, { subject: 'Begun', message: 'Not sent' })).status, 201, 'a draft');
	let killed = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const name = NAMES[round % NAMES.length], victim = VICTIMS[round % VICTIMS.length], what = `${name}, ${victim} killed`;
		const verb = spawn(process.env.PLI, args(name), { stdio: 'ignore' });
		let over = false;
		const ended = new Promise((done) => verb.once('exit', () => { over = true; done(); }));
		if (name === 'letters')
			await until('letters are being moved', () => over || under(), 60);
		await pause(Math.random() * (name === 'letters' ? 60 : 160));
		if (victim === 'all') {
			const children = Object.values(i.children());
			i.server.kill('SIGKILL');
			await i.ended;
			for (const pid of children)
				await until('its processes are gone', () => !fs.existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')), 20);
			killed++;
		} else {
			const pid = i.children()[victim];
			if (pid) {
				process.kill(pid, 'SIGKILL');
				killed++;
			}
		}
		await ended;
		if (victim === 'all')
			await i.serve();
		await until('it is ready again: ' + what, () => i.isReady(), 60);
		await underKeysThatAreThere(what);
		if (name === 'letters' && victim === 'all')
			await until('the server goes on by itself: ' + what, () => !under(), 90);
		await holds(what, token, letter.id);
		// Until the server is level again, it may ask to be asked once more.
		await until('repeating finishes: ' + what, () => i.run(args(name)).status === 0, 60);
		same(half(), [], what + ': nothing is left half done');
		await underKeysThatAreThere(what + ', repeated');
		if (name === 'letters')
			same(under(), 0, what + ': every key of before was left');
		await holds(what + ', repeated', token, letter.id);
	}
	check(killed === ROUNDS, 'each round killed something', killed);
	same((await i.open(link)).status, 303, 'the letter opens after all of it');
	const read = i.run(['scrub', i.dir, '--rate', '0']);
	same(read.status, 0, 'and every other: ' + read.stdout + read.stderr);
	const after = (await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'Last' })).json;
	await holds('the end', token, after.id);
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	await i.stop();
});
