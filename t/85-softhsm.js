#!/usr/bin/env node
// Goal: an instance whose seal, operator, time-stamping, log and wrapping keys are made and used in a PKCS#11 token (SoftHSM): letters, readings and
// proofs as with files, offline verification by both verifiers; none of these keys is on the disk, neither in keys/ nor anywhere in the token's
// folder in clear; the keeper is confined as always; without the token, with a wrong PIN or another token the start is refused in words;
// keys change within the token, and what is destroyed is gone from it.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { Instance, check, same, until, main } = require('./lib/pli.js');

const MODULE = '/usr/lib/softhsm/libsofthsm2.so', PIN = '271828', NAMES = ['seal', 'operator', 'tsa', 'log', 'wrap'];
const i = new Instance();
const TMP = process.env.TMP;
const file = (...names) => path.join(i.dir, ...names);
// Where the keeper's user may walk: not below this test's own directory, which may lie in somebody's home.
const store = fs.mkdtempSync('/tmp/pli-softhsm-');
const conf = path.join(store, 'softhsm2.conf'), tokens = path.join(store, 'tokens');
const env = { ...process.env, SOFTHSM2_CONF: conf };

function owned() {
	if (process.getuid() !== 0)
		return;
	const id = (what) => Number(execFileSync('id', [what, 'pli-keeper'], { encoding: 'utf8' }));
	for (const p of execFileSync('find', [store], { encoding: 'utf8' }).trim().split('\n'))
		fs.chownSync(p, id('-u'), id('-g'));
}

function makeToken(label) {
	execFileSync('softhsm2-util', ['--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', '31415926'], { env, stdio: 'ignore' });
	owned();
}

const objects = () => execFileSync('find', [tokens, '-name', '*.object', '-not', '-name', 'token.object'], { encoding: 'utf8' }).trim().split('\n').filter(Boolean).length;
const settings = (text) => fs.writeFileSync(file('pli.conf'), plainConf + '\n' + text);
let plainConf;

async function proof(token, id, name) {
	const a = await until('a proof', async () => { const r = await i.request('GET', `/api/v1/letters/${id}/proof`, { token }); return r.status === 200 && r; });
	const to = path.join(TMP, name + '.asice');
	fs.writeFileSync(to, a.body);
	return to;
}

function verifies(what, bundle) {
	const pins = ['--root', file('public/root.pem'), '--log-key', file('public/log.pub')], dir = bundle + '.d';
	const v = i.run(['proof', 'verify', bundle, ...pins]);
	check(v.status === 0, what + ' (pli)', v.stdout.slice(-400) + v.stderr);
	fs.rmSync(dir, { recursive: true, force: true });
	execFileSync('unzip', ['-q', bundle, '-d', dir]);
	const s = spawnSync('sh', ['verify.sh', '.', ...pins], { cwd: dir, encoding: 'utf8' });
	check(s.status === 0, what + ' (verify.sh)', s.stdout.slice(-400) + s.stderr);
}

// Every file of a folder.
function* all(dir) {
	for (const e of fs.readdirSync(dir, { withFileTypes: true }))
		if (e.isDirectory())
			yield* all(path.join(dir, e.name));
		else
			yield path.join(dir, e.name);
}

main(async () => {
	fs.chmodSync(store, 0o755);
	fs.mkdirSync(tokens, { mode: 0o700 });
	fs.writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`, { mode: 0o644 });
	makeToken('Letters');
	const pinFile = path.join(TMP, 'pin');
	fs.writeFileSync(pinFile, PIN + '\n', { mode: 0o600 });
	i.make({ lang: 'en' });
	i.deathsExpected = true;
	plainConf = fs.readFileSync(file('pli.conf'), 'utf8');
	const section = (label, pin = pinFile) => `[keys]\nmodule = ${MODULE}\nmodule_env = SOFTHSM2_CONF=${conf}\nmodule_files = ${tokens}\npin_file = ${pin}\n` +
		NAMES.map((n) => `${n} = pkcs11:token=${label};object=pli-${n}\n`).join('');
	settings(section('Letters'));

	// What was made as files by init goes into the token; before that, a start with the files as they are.
	const token = i.user('ed@example.org');
	await i.serve();
	const first = (await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'From a file', message: 'First.' })).json;
	const old = await proof(token, first.id, 'file');
	await i.stop();
	const findings = JSON.parse(i.run(['check', i.dir, 'keys', '--json']).stdout);
	same(findings.filter((r) => /is to lie in the token/.test(r.text)).length, 5, 'check says which keys are still files');
	const secrets = ['seal', 'operator', 'tsa', 'log'].map((n) => fs.readFileSync(file('keys', n + '.key'), 'utf8').split('\n').slice(1, -2).join(''));
	const raw = [...secrets.map((s) => Buffer.from(s, 'base64').subarray(-32)), fs.readFileSync(file('keys/root.kek'))];
	for (const name of NAMES)
		i.verb('key', 'rotate', i.dir, name, '--overlap', '0');
	for (const name of NAMES)
		check(!fs.existsSync(file('keys', name === 'wrap' ? 'root.kek' : name + '.key')) && fs.existsSync(file('keys', (name === 'wrap' ? 'root' : name) + '.token')), name + ': no file, but a token');
	same(objects(), 9, 'four pairs and one secret key in the token');
	same(JSON.parse(i.verb('key', 'list', i.dir, '--json')).filter((k) => k.state === 'current' && NAMES.includes(k.key)).map((k) => k.place), Array(5).fill('token'), 'the list says so');

	// The same scenario as with files.
	await i.serve();
	const letter = (await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['subject', 'From a token'], ['message', 'Second.'], ['password', 'Mot-de-passe-7'],
		['file', { filename: 'a.bin', bytes: crypto.randomBytes(300000) }]])).json;
	same((await i.open(await i.link('a@example.org'))).status, 303, 'a letter of before opens');
	const opened = await i.open(await i.link('a@example.org', 2), 'Mot-de-passe-7');
	same(opened.status, 303, 'a letter of now opens');
	same((await i.request('GET', await i.link('a@example.org', 2) + '/files/1', { headers: { Cookie: opened.cookie } })).body.length, 300000, 'and its file');
	verifies('a proof by the token', await proof(token, letter.id, 'token'));
	// Timestamps for others (RFC 3161), while heads and proofs are signed by the same token; two shapes of requests.
	const query = (cert) => Buffer.from(cert ? '30390201013031300d060960864801650304020105000420' + '00'.repeat(32) + '0101ff' : '30360201013031300d060960864801650304020105000420' + '00'.repeat(32), 'hex');
	const replies = await Promise.all(Array.from({ length: 40 }, (_, n) => i.request('POST', '/tsa', { token, headers: { 'Content-Type': 'application/timestamp-query' }, body: query(n % 2) })));
	const granted = replies.filter((a, n) => {
		fs.writeFileSync(path.join(TMP, 'zeros.tsq'), query(n % 2));
		fs.writeFileSync(path.join(TMP, 'zeros.tsr'), a.body);
		return a.status === 200 && spawnSync('openssl', ['ts', '-verify', '-in', 'zeros.tsr', '-queryfile', 'zeros.tsq', '-CAfile', file('public', 'root.pem'), '-untrusted', file('public', 'tsa.pem')], { cwd: TMP }).status === 0;
	});
	same(granted.length, 40, 'timestamps for others, by the token');
	verifies('a proof of a letter of before', await proof(token, first.id, 'again'));
	verifies('a proof of before', old);
	for (let n = 0; n < 20; n++)
		same((await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'Many ' + n })).status, 201, 'a deposit');
	const status = fs.readFileSync(`/proc/${i.children()['pli-keeper']}/status`, 'utf8');
	check(/^Seccomp:\s+2$/m.test(status) && /^NoNewPrivs:\s+1$/m.test(status) && /^CapEff:\s+0+$/m.test(status), 'the keeper is confined', status);
	// A keeper that dies finds its keys again.
	const keeper = i.children()['pli-keeper'];
	process.kill(keeper, 'SIGKILL');
	await until('the keeper is back', () => (i.children()['pli-keeper'] || keeper) !== keeper, 30);
	await i.ready(30);
	same((await i.json('POST', '/api/v1/letters', token, { to: ['b@example.org'], subject: 'After its death' })).status, 201, 'a deposit after its death');
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);

	// Within the token, running; a log key of before signs on, there too.
	const n = objects();
	i.verb('key', 'rotate', i.dir, 'seal');
	const months = fs.readdirSync(file('keys/kek')).filter((f) => /^letter-[0-9a-f-]+$/.test(f));
	i.verb('key', 'rotate', i.dir, 'wrap', '--letters');
	same(objects(), n, 'the old ones are gone from the token');
	same(months.filter((f) => !fs.existsSync(file('keys/kek', f + '.left'))), [], 'and the month keys that were under them are given up');
	const again = await i.open(await i.link('a@example.org', 2), 'Mot-de-passe-7');
	same((await i.request('GET', await i.link('a@example.org', 2) + '/files/1', { headers: { Cookie: again.cookie } })).body.length, 300000, 'a letter of before opens under the fresh ones');
	i.verb('key', 'rotate', i.dir, 'log');
	same(objects(), n + 2, 'but the log\'s, which still signs');
	verifies('a proof after the changes', await proof(token, letter.id, 'changed'));
	verifies('a proof of before the changes', path.join(TMP, 'token.asice'));
	same((await i.json('POST', '/api/v1/letters', token, { to: ['c@example.org'], subject: 'Under the new one' })).status, 201, 'a deposit under the new wrapping key');
	await i.stop();

	// Nothing on the disk.
	for (const p of [...all(file('keys')), ...all(tokens)]) {
		const b = fs.readFileSync(p);
		check(!raw.some((s) => b.includes(s)), 'no key that was a file is left in ' + path.relative(TMP, p));
	}
	same(fs.readdirSync(file('keys')).filter((f) => /^(.*-)?(seal|operator|tsa|log)\.key$|root\.kek$/.test(f)), [], 'no seal, TSA, log or wrap key in keys/');

	// Without it nothing starts, and the words say why.
	const refused = async (what, text, words) => {
		settings(text);
		const size = fs.statSync(i.log).size;
		await i.serve({ ready: false });
		const end = await i.ended, said = fs.readFileSync(i.log, 'utf8').slice(size);
		check(end.code !== 0 && words.test(said), what, said.slice(-700));
	};
	const wrongPin = path.join(TMP, 'wrong');
	fs.writeFileSync(wrongPin, '111111\n');
	await refused('a wrong PIN', section('Letters', wrongPin), /PIN is wrong/);
	await refused('no library', section('Letters').replace(MODULE, '/nonexistent/library.so'), /nonexistent/);
	await refused('no token named', '', /pli\.conf names no library/);
	check(JSON.parse(i.run(['check', i.dir, 'keys', '--json']).stdout).some((f) => f.level === 'wrong' && /names no library/.test(f.text)), 'check says so too');
	fs.renameSync(tokens, tokens + '.away');
	fs.mkdirSync(tokens);
	owned();
	await refused('no token there', section('Letters'), /there is no token 'Letters'/);
	fs.rmdirSync(tokens);
	fs.renameSync(tokens + '.away', tokens);

	// To another token, and back into a file.
	settings(section('Second'));
	const none = i.run(['key', 'rotate', i.dir, 'seal']);
	check(none.status !== 0 && /there is no token 'Second'/.test(none.stderr), 'a token that is not there yet', none.stderr);
	makeToken('Second');
	i.verb('key', 'rotate', i.dir, 'seal');
	check(/token=Second/.test(fs.readFileSync(file('keys/seal.token'), 'utf8')), 'a key of another token');
	settings(section('Second').replace(/^tsa = .*$/m, ''));
	i.verb('key', 'rotate', i.dir, 'tsa');
	check(fs.existsSync(file('keys/tsa.key')) && !fs.existsSync(file('keys/tsa.token')), 'a key is a file again');
	settings(section('Letters'));
	await i.serve();
	verifies('all is well again', await proof(token, letter.id, 'end'));
	await i.stop();
	fs.rmSync(store, { recursive: true, force: true });
});
