#!/usr/bin/env node
// Goal: `pli key protect` puts every key file under a pass phrase, the root of the letters' keys included; the server starts with it alone,
// reads what was written before, seals and stamps as before; a wrong or missing phrase is a start refused in words; what was broken off
// half way is mended; `pli key unprotect` brings the plain files back, byte for byte.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, main } = require('./lib/pli.js');

const PHRASE = 'Phrase de passe, treize mots au plus';
const i = new Instance();
const phraseFile = path.join(process.env.TMP, 'phrase');
const conf = () => path.join(i.dir, 'pli.conf');
const keys = () => path.join(i.dir, 'keys');
const secret = (name) => /\.(key|kek)$/.test(name) || name === 'pepper';
const files = () => fs.readdirSync(keys()).filter(secret).sort();
const bytes = () => Object.fromEntries(files().map((n) => [n, fs.readFileSync(path.join(keys(), n))]));
const owners = () => files().map((n) => { const s = fs.statSync(path.join(keys(), n)); return [n, s.uid, s.gid, s.mode & 0o7777]; });
const list = () => JSON.parse(i.verb('key', 'list', i.dir, '--json'));
const findings = () => JSON.parse(i.run(['check', i.dir, 'keys', '--json']).stdout);

function protectedFile(name) { return fs.readFileSync(path.join(keys(), name)).subarray(0, 5).equals(Buffer.from('PLIE\x01')); }

async function proof(token, id) {
	const a = await i.request('GET', `/api/v1/letters/${id}/proof`, { token }), file = path.join(process.env.TMP, id + '.asice');
	same(a.status, 200, 'a proof');
	fs.writeFileSync(file, a.body);
	const v = i.run(['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
	check(v.status === 0, 'the proof verifies', v.stdout + v.stderr);
}

main(async () => {
	i.make({ lang: 'en' });
	i.deathsExpected = true;
	const token = i.user('ed@example.org');
	await i.serve();
	const before = (await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'Before', message: 'The first.' })).json;
	fs.writeFileSync(phraseFile, PHRASE + '\n', { mode: 0o600 });
	const running = i.run(['key', 'protect', i.dir, '--passphrase-file', phraseFile]);
	check(running.status !== 0 && /in use/.test(running.stderr), 'not while it runs', running.stderr);
	await i.stop();
	const plain = bytes(), whose = owners();
	check(findings().some((r) => r.level === 'weaker' && /plain/.test(r.text)), 'check says that they lie plain');
	check(list().every((k) => k.place === 'plain' && k.state === 'current'), 'and so does the list', list());

	const early = i.run(['key', 'protect', i.dir, '--passphrase-file', phraseFile]);
	check(early.status !== 0 && /pli\.conf/.test(early.stderr), 'not before the server can find the phrase', early.stderr);
	same(bytes(), plain, 'nothing has changed');
	fs.appendFileSync(conf(), `\n[keys]\npassphrase_file = ${phraseFile}\n`);
	i.verb('key', 'protect', i.dir);
	check(files().every(protectedFile), 'every file is protected', files().filter((n) => !protectedFile(n)));
	same(owners(), whose, 'and still its owner\'s');
	const all = fs.readdirSync(keys()).filter((n) => n !== 'kek').map((n) => fs.readFileSync(path.join(keys(), n)).toString('latin1')).join('');
	check(!all.includes('PRIVATE KEY') && !all.includes(plain['root.kek'].toString('latin1')) && !all.includes(plain.pepper.toString('latin1')), 'no key can be read in keys/');
	check(list().every((k) => k.place === 'protected'), 'the list says so', list());
	check(findings().some((r) => r.level === 'good' && /pass phrase/.test(r.text)), 'and check');

	await i.serve();
	await proof(token, before.id);
	same((await i.open(await i.link('a@example.org'))).status, 303, 'a letter of before opens');
	const after = (await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'After' })).json;
	await proof(token, after.id);
	const s = await i.signedIn('ed@example.org');
	check(s.cookie.includes('__Host-s'), 'passwords are checked (the pepper is read)');
	await i.stop();

	const wrong = async (what, change, back, words) => {
		change();
		const n = fs.statSync(i.log).size;
		await i.serve({ ready: false });
		const end = await i.ended, said = fs.readFileSync(i.log, 'utf8').slice(n);
		check(end.code !== 0 && words.test(said), what, said.slice(-600));
		back();
	};
	await wrong('another phrase', () => fs.writeFileSync(phraseFile, 'Une autre phrase de passe\n'), () => fs.writeFileSync(phraseFile, PHRASE + '\n'), /not the one of keys\/protect/);
	const text = fs.readFileSync(conf());
	await wrong('no phrase at all', () => fs.writeFileSync(conf(), text.toString().replace(/^passphrase_file.*$/m, '')), () => fs.writeFileSync(conf(), text), /under a pass phrase.*passphrase_file/s);
	const seal = fs.readFileSync(path.join(keys(), 'seal.key'));
	await wrong('a key in another\'s place', () => fs.writeFileSync(path.join(keys(), 'seal.key'), fs.readFileSync(path.join(keys(), 'tsa.key'))),
		() => fs.writeFileSync(path.join(keys(), 'seal.key'), seal), /seal\.key is damaged, or from another place/);

	// As a kill in the middle leaves it.
	fs.writeFileSync(path.join(keys(), 'log.key'), plain['log.key']);
	fs.writeFileSync(path.join(keys(), 'tsa.key.new'), 'half');
	await i.serve();
	await i.stop();
	same(JSON.parse(i.verb('key', 'protect', i.dir, '--json')).files, 1, 'the rest is done when it is repeated');

	const other = path.join(process.env.TMP, 'other');
	fs.writeFileSync(other, 'Deuxième phrase, plus longue\n');
	i.verb('key', 'protect', i.dir, '--new-passphrase-file', other);
	fs.copyFileSync(other, phraseFile);
	// Given by the service manager.
	fs.writeFileSync(conf(), text.toString().replace(/^passphrase_file.*$/m, 'passphrase_file = credential:phrase'));
	process.env.CREDENTIALS_DIRECTORY = process.env.TMP;
	await i.serve();
	await proof(token, after.id);
	await i.stop();
	delete process.env.CREDENTIALS_DIRECTORY;
	fs.writeFileSync(conf(), text);

	i.verb('key', 'unprotect', i.dir);
	same(Object.entries(bytes()).map(([n, b]) => [n, crypto.createHash('sha256').update(b).digest('hex')]),
		Object.entries(plain).map(([n, b]) => [n, crypto.createHash('sha256').update(b).digest('hex')]), 'plain again, byte for byte');
	same(owners(), whose, 'and their owner\'s');
	fs.writeFileSync(conf(), text.toString().replace(/^\[keys\]$/m, '').replace(/^passphrase_file.*$/m, ''));
	await i.serve();
	await proof(token, before.id);
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	await i.stop();
});
