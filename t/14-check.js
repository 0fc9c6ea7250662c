#!/usr/bin/env node
// Goal: `pli check` finds each fault that an operator can make or meet, names it under its part, says how to mend it, and ends with 65;
// a sound instance ends with 0, running and stopped alike; what it advises mends.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync, execSync } = require('child_process');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const i = new Instance();
const file = (name) => path.join(i.dir, name);
let firstConf;

function look(...more) {
	const r = i.run(['check', i.dir, '--json', ...more]);
	let rows = [];
	try {
		rows = JSON.parse(r.stdout);
	} catch (e) {
		check(false, 'check --json is JSON', r.stdout + r.stderr);
	}
	return { status: r.status, rows, find: (part, text) => rows.find((x) => x.check === part && x.text.includes(text)) };
}

// Makes a fault, expects it, undoes it, expects that it is gone.
function fault(what, part, level, text, make, undo, hint) {
	make();
	const bad = look(part), found = bad.rows.find((x) => x.check === part && x.level === level && x.text.includes(text));
	if (!check(found, `${what}: ${level}`, bad.rows))
		return undo({});
	check(found && found.hint && (!hint || found.hint.includes(hint)), `${what}: with advice`, found);
	same(bad.status, level === 'wrong' ? 65 : 0, `${what}: status`);
	const all = look();
	check(all.find(part, text), `${what}: among all`, all.rows);
	undo(found);
	const good = look(part);
	check(!good.rows.some((r) => r.level === level && r.text === found.text), `${what}: gone when mended`, good.rows);
}

const conf = (more) => fs.writeFileSync(file('pli.conf'), firstConf + '\n' + more + '\n');
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore', cwd: TMP });

function pair(name, days, subject = 'localhost') {
	// Validity for no day at all is something that only the second tool gives.
	if (days === 0) {
		openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=' + subject,
			'-addext', 'subjectAltName=DNS:' + subject);
		openssl('x509', '-req', '-in', name + '.csr', '-signkey', name + '.key', '-copy_extensions', 'copy', '-days', '0', '-out', name + '.pem');
	} else
		openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key', '-out', name + '.pem', '-days', String(days),
		'-subj', '/CN=' + subject, '-addext', 'subjectAltName=DNS:' + subject);
	return { cert: fs.readFileSync(path.join(TMP, name + '.pem')), key: fs.readFileSync(path.join(TMP, name + '.key')) };
}

// Bytes into a file without another owner or mode.
const put = (name, bytes) => fs.writeFileSync(file(name), bytes);

function machine() {
	const kept = fs.statSync(file('keys/pepper'));
	const run = (found) => execSync(found.hint);
	fault('a key that others may read', 'owners', 'wrong', 'keys/pepper', () => fs.chmodSync(file('keys/pepper'), 0o644), run, 'chmod 0600');
	if (process.getuid() === 0) {
		fault('a key of another owner', 'owners', 'wrong', 'keys/pepper', () => fs.chownSync(file('keys/pepper'), 0, 0), run, 'chown');
		same([fs.statSync(file('keys/pepper')).uid, fs.statSync(file('keys/pepper')).mode], [kept.uid, kept.mode], 'the advice mends it');
	}
	fault('a folder open to all', 'owners', 'wrong', 'keys/ has', () => fs.chmodSync(file('keys'), 0o755), () => fs.chmodSync(file('keys'), 0o700), 'pli serve');
	const conf0 = fs.statSync(file('pli.conf')).mode & 0o7777;
	fault('settings that all may change', 'owners', 'wrong', 'pli.conf', () => fs.chmodSync(file('pli.conf'), 0o666), () => fs.chmodSync(file('pli.conf'), conf0));
	fault('no room for deposits', 'storage', 'wrong', 'deposits are refused', () => conf('[storage]\nreserve_deposit = 1000T'), () => conf(''), 'reserve_deposit');
	fault('no room for readings', 'storage', 'wrong', 'readings are refused', () => conf('[storage]\nreserve_deposit = 1000T\nreserve_read = 900T'), () => conf(''), 'reserve_read');
	fault('mail that is paused', 'mail', 'wrong', 'paused', () => conf('[mail]\npaused = yes'), () => conf(''), 'pli reload');
	const pepper = fs.readFileSync(file('keys/pepper'));
	fault('a key that is empty', 'keys', 'wrong', 'keys/pepper', () => put('keys/pepper', ''), () => put('keys/pepper', pepper), 'copy of keys/');
}

function certificates() {
	const good = { cert: fs.readFileSync(file('tls/cert.pem')), key: fs.readFileSync(file('tls/key.pem')) };
	const use = (p) => () => {
		put('tls/cert.pem', p.cert);
		put('tls/key.pem', p.key);
	};
	const other = pair('other', 90), named = pair('named', 90, 'letters.example.org');
	fault('a certificate that has ended', 'certificate', 'wrong', 'no longer valid', use(pair('ended', 0)), use(good), 'pli reload');
	fault('one that ends soon', 'certificate', 'weaker', 'days only', use(pair('soon', 5)), use(good), 'pli reload');
	fault('one for another name', 'certificate', 'wrong', 'not for localhost', use(named), use(good), '[server] host');
	fault('another key', 'certificate', 'wrong', 'not the key of', use({ cert: good.cert, key: other.key }), use(good), 'tls/key.pem');
	fault('a key that is none', 'certificate', 'wrong', 'no key', use({ cert: good.cert, key: 'nonsense' }), use(good), 'PEM key');
	fault('a certificate that is none', 'certificate', 'wrong', 'no certificate', use({ cert: 'nonsense', key: good.key }), use(good), 'tls/cert.pem');
	fault('a chain in disorder', 'certificate', 'wrong', 'do not follow', use({ cert: Buffer.concat([good.cert, other.cert]), key: good.key }), use(good), 'intermediate');
	fault('no certificate', 'certificate', 'wrong', 'missing', () => fs.renameSync(file('tls/cert.pem'), file('tls/away')), () => fs.renameSync(file('tls/away'), file('tls/cert.pem')));
	const root = fs.readFileSync(file('public/root.pem'));
	fault('no anchor', 'evidence', 'wrong', 'public/root.pem', () => put('public/root.pem', ''), () => put('public/root.pem', root));
}

const copy = (from, to) => execFileSync('cp', ['-a', '-T', from, to]);

function sql(query) {
	execFileSync('sqlite3', ['-cmd', '.timeout 5000', file('data/pli.db'), query]);
	if (process.getuid() === 0)
		for (const n of fs.readdirSync(file('data')).filter((x) => x.startsWith('pli.db')))
			fs.chownSync(file('data/' + n), fs.statSync(file('data')).uid, fs.statSync(file('data')).gid);
}

// With the server stopped: older copies, and damage.
async function copies(token) {
	const before = path.join(TMP, 'before');
	copy(i.dir, before);
	await i.serve();
	same((await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'After the copy' })).status, 201, 'a letter after the copy');
	await i.stop();
	const now = path.join(TMP, 'now');
	copy(i.dir, now);
	const swap = (name, from) => () => {
		fs.rmSync(file(name), { recursive: true });
		copy(path.join(from, name), file(name));
	};
	fault('an older database', 'journal', 'wrong', 'the keeper', swap('data', before), swap('data', now), 'older copy');
	fault('an older tree', 'journal', 'wrong', 'the keeper', swap('journal', before), swap('journal', now));
	const damage = (pages) => () => {
		const fd = fs.openSync(file('data/pli.db'), 'r+');
		for (const page of pages)
			fs.writeSync(fd, Buffer.alloc(2048, 0x5a), 0, 2048, (page - 1) * 4096);
		fs.closeSync(fd);
	};
	same(i.one('PRAGMA page_size'), 4096, 'pages of 4 KiB');
	const idle = i.one("SELECT rootpage FROM sqlite_master WHERE name = 'upload'"), needed = i.one("SELECT rootpage FROM sqlite_master WHERE name = 'journal'");
	fault('a database that is damaged where nobody looks', 'database', 'wrong', 'damaged', damage([idle]), swap('data', now), 'copy');
	fault('one that is damaged where it matters', 'database', 'wrong', 'malformed', damage([needed]), swap('data', now), 'copy');
	fault('a clock that has gone back', 'journal', 'wrong', 'gone back', () => sql(`UPDATE journal SET t = t + 86400000000 WHERE seq = (SELECT MAX(seq) FROM journal)`), swap('data', now), 'clock');
	fault('notices that wait', 'letters', 'weaker', 'wait', () => sql('UPDATE notice SET due = created, created = created - 7200000000'), swap('data', now), 'pli check');
}

main(async () => {
	i.make({ lang: 'en', more: ['--demo'] });
	firstConf = fs.readFileSync(file('pli.conf'), 'utf8');
	const token = i.user('ed@example.org');
	const sound = look();
	same([sound.status, sound.rows.filter((r) => r.level === 'wrong')], [0, []], 'a new instance, stopped');
	const parts = [...new Set(sound.rows.map((r) => r.check))];
	check(['settings', 'confinement', 'owners', 'keys', 'clock', 'storage', 'limits', 'certificate', 'evidence', 'mail', 'database', 'journal', 'letters', 'backup', 'retention'].every((p) => parts.includes(p)), 'every part has its say', parts);
	same(look('clock', 'keys').rows.map((r) => r.check).filter((p) => !['clock', 'keys'].includes(p)), [], 'those that are named, alone');
	const typo = i.run(['check', i.dir, 'clokc']);
	same(typo.status, 64, 'one that is none');
	check(typo.stderr.includes('did you mean clock'), 'and what was meant', typo.stderr);
	conf('[nothing]');
	same(i.run(['check', i.dir]).status, 64, 'settings that cannot be read');
	conf('');
	const help = i.run(['help', 'check']).stdout;
	check(parts.every((p) => help.includes(p)), 'the help names the parts', help);
	await i.serve();
	await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'Checked' });
	await i.mail('a@example.org');
	same(look().rows.map((r) => r.check + r.level), sound.rows.map((r) => r.check + r.level), 'the same, running');
	machine();
	certificates();
	same(look().rows.map((r) => r.check + r.level), sound.rows.map((r) => r.check + r.level), 'and the same when all is mended');
	await i.stop();
	await copies(token);
	same(look().rows.map((r) => r.check + r.level), sound.rows.map((r) => r.check + r.level), 'and at the end');
});
