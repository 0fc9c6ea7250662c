#!/usr/bin/env node
// Goal: each of the keeper's keys is put in another's place, with the server running and stopped: the journal says so under both keys, proofs of
// before and after verify offline, the log's heads carry both signatures as long as both keys count, letters of before still open after
// the wrapping key has changed, and nothing of the old secrets is left in keys/.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync, spawn, spawnSync } = require('child_process');
const { Instance, check, same, until, main } = require('./lib/pli.js');

const i = new Instance();
const TMP = process.env.TMP;
const file = (...names) => path.join(i.dir, ...names);
const pems = (name) => fs.readFileSync(file('public', name), 'utf8').match(/-----BEGIN [^]*?-----END [^\n]*\n/g);
const entries = (event) => i.sql(`SELECT CAST(entry AS TEXT) AS entry FROM journal WHERE event = '${event}' ORDER BY seq`).map((r) => JSON.parse(r.entry));
const lines = () => i.sql('SELECT CAST(checkpoint AS TEXT) AS c FROM head ORDER BY size DESC LIMIT 1')[0].c.split('\n').filter((l) => l.startsWith('— localhost'));
const rotate = (...more) => JSON.parse(i.verb('key', 'rotate', i.dir, ...more, '--json'));
const keep = (name) => { const to = path.join(TMP, name); fs.copyFileSync(file('public', name.replace(/^old-/, '')), to); return to; };

async function proof(token, id, name) {
	const a = await until('a proof', async () => { const r = await i.request('GET', `/api/v1/letters/${id}/proof`, { token }); return r.status === 200 && r; });
	const to = path.join(TMP, name + '.asice');
	fs.writeFileSync(to, a.body);
	return to;
}

function verifies(what, bundle, logKey = file('public/log.pub'), good = true) {
	const v = i.run(['proof', 'verify', bundle, '--root', file('public/root.pem'), '--log-key', logKey]);
	check((v.status === 0) === good, what + ' (pli)', v.stdout.slice(-400) + v.stderr);
	const dir = bundle + '.d';
	fs.rmSync(dir, { recursive: true, force: true });
	execFileSync('unzip', ['-q', bundle, '-d', dir]);
	const s = spawnSync('sh', ['verify.sh', '.', '--root', file('public/root.pem'), '--log-key', logKey], { cwd: dir, encoding: 'utf8' });
	check((s.status === 0) === good, what + ' (verify.sh)', s.stdout.slice(-400) + s.stderr);
}

// The statement that both keys sign; doc/keys.md.
function statement(e) { return Buffer.from(`pli key change 1\n${e.log}\n${e.d.key}\n${e.d.old}\n${e.d.new}\n`); }

const fingerprint = (pem) => crypto.createHash('sha256').update(pem.includes('CERTIFICATE') ? new crypto.X509Certificate(pem).raw : crypto.createPublicKey(pem).export({ type: 'spki', format: 'der' })).digest('hex');

// By whoever has public/ and the journal alone.
function bothSigned(e, name) {
	const all = pems(name), of = (hex) => all.find((p) => fingerprint(p) === hex), text = statement(e);
	for (const which of ['old', 'new'])
		check(crypto.verify(e.d.key === 'log' ? null : 'sha256', text, of(e.d[which]), Buffer.from(e.d[which + '_sig'], 'base64')), `${e.d.key}: signed by the ${which} key`, e.d);
}

main(async () => {
	i.make({ lang: 'en' });
	const token = i.user('ed@example.org');
	await i.serve();
	const post = async (to, subject, more = {}) => (await i.json('POST', '/api/v1/letters', token, { to: [to], subject, message: 'Of ' + subject, ...more })).json;
	const before = await post('a@example.org', 'before', { password: 'Mot-de-passe-7' });
	const waiting = await post('w@example.org', 'waiting');
	const bundle = await proof(token, before.id, 'before');
	const oldLog = keep('old-log.pub');
	const secrets = ['seal.key', 'operator.key', 'tsa.key', 'log.key'].map((n) => fs.readFileSync(file('keys', n), 'utf8')), root = fs.readFileSync(file('keys/root.kek'));

	// Running.
	for (const name of ['seal', 'operator', 'tsa']) {
		const said = rotate(name);
		same(pems(name + '.pem').length, 2, name + ': the certificate of before is kept');
		same(fingerprint(pems(name + '.pem')[0]), said.new, name + ': the new one first');
		const e = entries('key.rotated').pop();
		same([e.d.key, e.d.old, e.d.new], [name, said.old, said.new], name + ': in the journal');
		bothSigned(e, name + '.pem');
		verifies(name + ': a proof of before', bundle);
		verifies(name + ': a proof of after', await proof(token, before.id, 'after-' + name));
	}
	const shown = JSON.parse(i.verb('key', 'list', i.dir, '--json'));
	check(shown.some((k) => k.key === 'seal' && k.state === 'former' && k.place === 'destroyed') && shown.some((k) => k.key === 'seal' && k.state === 'current' && k.place === 'plain'), 'the list has both', shown);
	const log = rotate('log');
	await until('the log: two signatures on a head', () => lines().length === 2);
	bothSigned(entries('key.rotated').pop(), 'log.pub');
	const both = await proof(token, before.id, 'both');
	verifies('the log: a proof of before, by what is published now', bundle);
	verifies('the log: a proof of after, by what is published now', both);
	verifies('the log: a proof of after, by the key of before', both, oldLog);
	verifies('the log: a proof of before, by the key of before', bundle, oldLog);
	const newLog = path.join(TMP, 'new.pub');
	fs.writeFileSync(newLog, pems('log.pub')[0]);
	verifies('the log: a proof of after, by the new key', both, newLog);
	verifies('the log: a proof of before, by the new key alone', bundle, newLog, false);
	same((await i.request('GET', '/.well-known/pli/log.pub')).text, fs.readFileSync(file('public/log.pub'), 'utf8'), 'published at once');
	check((await i.request('GET', '/about')).text.includes(log.new), 'the fingerprint on the page is the new one');

	// The wrapping key, under which everything lies.
	const keks = () => Object.fromEntries(fs.readdirSync(file('keys/kek')).map((n) => [n, fs.readFileSync(file('keys/kek', n)).toString('hex')]));
	const wrapped = keks();
	rotate('wrap');
	const now = keks();
	check(Object.keys(wrapped).length >= 3 && Object.keys(wrapped).every((n) => now[n] && now[n] !== wrapped[n]), 'every key lies under the new one', Object.keys(now));
	check(!fs.readFileSync(file('keys/root.kek')).equals(root), 'which is another');
	same(fs.readdirSync(file('keys')).filter((n) => /^(next-|new-|former-)/.test(n)), [], 'nothing half done');
	const wrap = entries('key.rotated').pop();
	same([wrap.d.key, wrap.d.alg], ['wrap', 'aes-256-gcm'], 'and in the journal');
	same((await i.open(await i.link('a@example.org'), 'Mot-de-passe-7')).status, 303, 'a letter of before opens, its password checked');
	verifies('wrap: a proof', await proof(token, before.id, 'after-wrap'));
	same((await i.open(await i.link('w@example.org'))).status, 303, 'and one that was waiting');

	// And the month keys: what lies in a copy of keys/ opens nothing in the database of after it.
	const long = await post('l@example.org', 'long', { expires: new Date(Date.now() + 80 * 86400000).toISOString() }), held = await post('h@example.org', 'held');
	i.verb('letter', 'hold', i.dir, held.id, '--reason', 'A case');
	const draft = (await i.json('POST', '/api/v1/drafts', token, { subject: 'Begun', message: 'Of a draft' })).json;
	const upload = await i.request('POST', '/api/v1/uploads', { token, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '40000', 'Upload-Metadata': `filename ${Buffer.from('a.bin').toString('base64')}`, 'Content-Type': 'application/offset+octet-stream' }, body: Buffer.alloc(40000, 'u') });
	same(upload.status, 201, 'an upload: ' + upload.brief);
	await until('nothing is on its way', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	const old = Object.keys(keks()).filter((n) => /^letter-/.test(n)), content = () => i.sql('SELECT hex(letter) AS l, hex(message) AS m, hex(sealed) AS s FROM letter ORDER BY letter');
	const wrappers = i.sql("SELECT kid AS k, hex(letter_key) AS w FROM letter UNION ALL SELECT kid, hex(letter_key) FROM draft UNION ALL SELECT '', hex(token) FROM recipient");
	const were = content();
	check(old.length >= 2, 'keys of several months', old);
	const backup = path.join(TMP, 'of-before.tar'), keysBefore = path.join(TMP, 'keys-before.tar'), keysWhile = path.join(TMP, 'keys-while.tar'), keysAfter = path.join(TMP, 'keys-after.tar');
	i.verb('backup', i.dir, backup);
	i.verb('backup', '--keys', i.dir, keysBefore);
	let deposits = 0, going = true;
	const depositing = [1, 2, 3].map(async (n) => { while (going) { const d = await i.json('POST', '/api/v1/letters', token, { to: [`d${n}@example.org`], subject: 'During', message: 'While it goes on' }); same(d.status, 201, 'a deposit meanwhile: ' + d.brief); deposits++; } });
	const verb = spawn(process.env.PLI, ['key', 'rotate', i.dir, 'wrap', '--letters', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
	let told = '', why = '';
	verb.stdout.on('data', (b) => { told += b; });
	verb.stderr.on('data', (b) => { why += b; });
	same(await new Promise((done) => verb.once('close', done)), 0, 'every letter under fresh month keys: ' + why);
	going = false;
	await Promise.all(depositing);
	check(deposits > 0, 'deposits went on');
	const moved = JSON.parse(told), root8 = moved.new.slice(0, 8);
	const left = entries('key.moved').map((e) => e.d);
	check(moved.letters >= wrappers.filter((w) => w.k).length && moved.left === left.length && moved.destroyed === 0, 'it says how many', moved);
	const days = (new Date(moved.until) - Date.now()) / 86400000;
	check(days > 6.9 && days <= 7, 'and when the month keys of before are destroyed', moved);
	same(old.filter((n) => !keks()[n] || !fs.existsSync(file('keys/kek', n + '.left'))), [], 'until then the keeper has them');
	check(old.every((n) => fs.readFileSync(i.log, 'utf8').includes(n + ' is given up')), 'which it says itself');
	const checked = () => i.run(['check', i.dir, 'keys']).stdout, mark = file('keys/kek', old[0] + '.left'), whole = fs.readFileSync(mark);
	check(/months are given up/.test(checked()) && !/cannot be read/.test(checked()), 'and the check says');
	fs.writeFileSync(mark, 'x');
	check(/given up cannot be read: 1 /.test(checked()), 'of one whose mark is damaged, too', checked());
	fs.writeFileSync(mark, whole);
	same(i.sql(`SELECT kid FROM letter WHERE kid NOT LIKE '%-${root8}' UNION SELECT kid FROM draft WHERE kid NOT LIKE '%-${root8}' UNION SELECT kid FROM segment WHERE kid NOT LIKE '%-${root8}'`), [], 'no row names an older key');
	same(i.sql("SELECT l.kid FROM letter l WHERE NOT EXISTS (SELECT 1 FROM kek k WHERE k.kid = l.kid AND k.retired IS NULL AND k.destroyed IS NULL)"), [], 'each names one that is there');
	same(i.sql(`SELECT hex(letter) FROM letter WHERE substr(kid, 41, 6) <> strftime('%Y%m', retention_due / 1000000, 'unixepoch') AND held IS NULL`), [], 'and of the month in which it goes');
	same(content().filter((c) => were.some((w) => w.l === c.l)), were, 'contents are as they were');
	for (const f of ['pli.db', 'pli.db-wal'])
		for (const w of wrappers)
			check(!fs.readFileSync(file('data', f)).includes(Buffer.from(w.w, 'hex')), 'what they were wrapped in stands nowhere: ' + f, w);
	check(old.every((k) => left.some((d) => d.kid === k)), 'the journal says which were left', [old, left]);
	check(left.every((d) => d.next === d.kid.slice(0, 46) + '-' + root8), 'and which are in their places', left);
	for (const [l, name] of [[long, 'l'], [held, 'h']])
		same((await i.open(await i.link(name + '@example.org'))).status, 303, 'it opens: ' + name + ' ' + l.id);
	const page = await (await i.signedIn('ed@example.org')).get('/letters/' + before.id);
	check(page.text.includes('Of before'), 'its sender reads what he wrote', page.brief);
	same((await i.json('GET', '/api/v1/drafts/' + draft.id, token)).json.message, 'Of a draft', 'the draft is as it was');
	same((await i.json('PATCH', '/api/v1/drafts/' + draft.id, token, { to: ['f@example.org'], uploads: [path.basename(upload.headers.location)] })).status, 200, 'the upload is added to it');
	const sent = await i.json('POST', `/api/v1/drafts/${draft.id}/send`, token, {});
	same(sent.status, 201, 'it is sent: ' + sent.brief);
	const took = await i.open(await i.link('f@example.org')), part = await i.request('GET', await i.link('f@example.org') + '/files/1', { headers: { Cookie: took.cookie } });
	check(part.body.equals(Buffer.alloc(40000, 'u')), 'with the upload', part.brief);
	verifies('the letters moved: a proof of before', bundle);
	verifies('the letters moved: a proof', await proof(token, long.id, 'moved'));
	const s1 = i.run(['scrub', i.dir]);
	same(s1.status, 0, 'every letter opens: ' + s1.stdout + s1.stderr);

	// What is gone is gone.
	const all = fs.readdirSync(file('keys')).filter((n) => fs.statSync(file('keys', n)).isFile()).map((n) => [n, fs.readFileSync(file('keys', n))]);
	for (const [n, b] of all) {
		check(!b.includes(root), n + ' does not hold the old wrapping key');
		for (const s of secrets.slice(0, 3))
			check(!b.toString('latin1').includes(s.split('\n')[1]), n + ' does not hold an old key');
	}
	check(all.some(([n]) => /^until-\d+-log\.key$/.test(n)), 'the log key of before has its last days', all.map(([n]) => n));
	let r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);

	// Eight days later; one of them was read under until yesterday.
	const leave = (n, seconds) => fs.writeFileSync(file('keys/kek', n + '.left'), fs.readFileSync(file('keys/kek', n + '.left'), 'utf8').replace(/^\d+/, (s) => String(Number(s) - seconds)));
	i.verb('backup', '--keys', i.dir, keysWhile);
	await i.stop();
	for (const n of old)
		leave(n, (n === old[0] ? 1 : 8) * 86400);
	await i.serve();
	check(fs.readFileSync(i.log, 'utf8').includes(`keys of months that are given up: ${old.length};`), 'said again at the start, in a line for all');
	await until('the month keys of before are destroyed', () => entries('key.destroyed').length === old.length - 1, 150);
	const gone = entries('key.destroyed').map((e) => e.d);
	same(old.filter((n) => fs.existsSync(file('keys/kek', n))), [old[0]], 'but the one that was used');
	same(gone.map((d) => d.kid).sort(), old.slice(1).sort(), 'which the journal says');
	check(gone.every((d) => d.next === d.kid.slice(0, 46) + '-' + root8), 'with those in their places', gone);
	await i.stop();
	leave(old[0], 8 * 86400);
	await i.serve();
	await until('and the last', () => !fs.readdirSync(file('keys/kek')).some((n) => old.includes(n.replace('.left', ''))), 150);
	i.verb('backup', '--keys', i.dir, keysAfter);
	const restored = (keys) => JSON.parse(i.verb('restore', backup, path.join(TMP, path.basename(keys) + '.d'), '--keys', keys, '--json')).unreadable;
	same([restored(keysBefore), restored(keysWhile), restored(keysAfter)], [0, 0, were.length], 'a backup of before is read with the keys of its time, and of the days after, and a restore says so');

	// Across that restart, then stopped, once more each; without overlap the former key is gone at once.
	verifies('a restart: a proof of before', bundle);
	verifies('a restart: a proof', await proof(token, before.id, 'restarted'));
	await i.stop();
	// By a clock that is not believed (ten days behind what was known) letters move, and no key is given up; once it is right, the same command goes on.
	const known = i.sql("SELECT CAST(v AS TEXT) AS v FROM instance WHERE k = 'clock'")[0].v, believe = (text) => i.sqlWrite(`UPDATE instance SET v = CAST('${text}' AS BLOB) WHERE k = 'clock'`);
	const leftOnes = () => entries('key.moved').length, leftBefore = leftOnes();
	believe(known.split(' ').map((n, at) => (at === 3 ? String(BigInt(n) + 864000000000n) : n)).join(' '));
	const wrong = i.run(['key', 'rotate', i.dir, 'wrap', '--letters']);
	same([wrong.status, /stay for now/.test(wrong.stderr), leftOnes()], [75, true, leftBefore], 'not by a wrong clock: ' + wrong.stderr);
	believe(known);
	const on = rotate('wrap', '--letters');
	check(!on.new && on.waiting === 0 && on.left > 0 && leftOnes() > leftBefore, 'by the right one they are', on);
	for (const name of ['seal', 'wrap', 'tsa'])
		rotate(name, ...(name === 'wrap' ? ['--letters'] : []));
	rotate('log', '--overlap', '0');
	await i.serve();
	const later = await post('c@example.org', 'later');
	await until('the newest key and the one of the first change; the second is gone', () => lines().length === 2);
	verifies('stopped: a proof of before', bundle);
	verifies('stopped: a proof of after', await proof(token, later.id, 'later'));
	verifies('stopped: a proof of the same letter', await proof(token, before.id, 'again'));
	r = i.verify();
	check(r.status === 0, 'journal verify after all of it', r.stdout + r.stderr);

	// Not without the root's key, and then nothing has changed.
	fs.renameSync(file('keys/root.key'), path.join(TMP, 'root.key'));
	const none = i.run(['key', 'rotate', i.dir, 'seal']);
	check(none.status !== 0 && /root\.key is not there/.test(none.stderr) && /Put/.test(none.stderr), 'without the root\'s key there is no certificate', none.stderr);
	check(i.run(['key', 'rotate', i.dir, 'mail']).status !== 0, 'no such key');
	verifies('refused: a proof', await proof(token, later.id, 'refused'));
	same(fs.readdirSync(file('keys')).filter((n) => /^(next-|new-)/.test(n)), [], 'nothing half done');
	await i.stop();

	// The time of a former log key ends.
	const until30 = fs.readdirSync(file('keys')).find((n) => /^until-/.test(n));
	fs.renameSync(file('keys', until30), file('keys', until30.replace(/\d+/, '1700000000')));
	// And a month key is not there: as long as another would have its name, the operator is told to put it back.
	const month = i.sql(`SELECT kid FROM letter WHERE hex(letter) = upper('${later.id.replace(/-/g, '')}')`)[0].kid, away = path.join(TMP, month);
	fs.renameSync(file('keys/kek', month), away);
	await i.serve();
	same((await i.json('POST', '/api/v1/letters', token, { to: ['d@example.org'], subject: 'Refused' })).status, 500, 'no deposit while its month key is missing');
	check(/not in keys\/kek/.test(fs.readFileSync(i.log, 'utf8')), 'the log says what to put back');
	check(!fs.existsSync(file('keys/kek', month)), 'none is made under its name');
	fs.renameSync(away, file('keys/kek', month));
	check((await post('d@example.org', 'again there')).id, 'with the key in its place again all is well');
	await i.stop();
	// The database is of before the keys were changed: what lay under it is lost; letters go on.
	i.verb('key', 'rotate', i.dir, 'wrap');
	fs.rmSync(file('keys/kek', month));
	await i.serve();
	const alone = await post('d@example.org', 'alone');
	check(alone.id, 'a deposit goes on without the month\'s key of before', alone);
	same((await i.open(await i.link('d@example.org', 2))).status, 303, 'and opens');
	await until('one signature again', () => lines().length === 1);
	same(fs.readdirSync(file('keys')).filter((n) => /^until-/.test(n)), [], 'and the key is destroyed');
	verifies('ended: a proof', await proof(token, alone.id, 'alone'));
	verifies('ended: a proof of before', bundle);
	await i.stop();
});
