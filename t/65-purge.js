#!/usr/bin/env node
// Goal: once its retention is over, a letter's content can be read by nobody: not from the disk of that day, not with all keys of that
// day, not from the backup of the day before; what it was sealed with stands nowhere any more.  A program that only keeps the month's
// key must turn this red.  Everything else stands: sheet, proofs of before and of now, statistics, other letters, held letters; and when
// the evidence's time is over too, its entries lose their words, the journal still verifies, and no other row may go unnoticed.
'use strict';
const { execFileSync, spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, wholeHour, main, TMP } = require('./lib/pli.js');
const { altered, later } = require('./lib/altered.js');

const DAYS = 70;
const WORDS = 'Ostrich-canary-' + crypto.randomBytes(8).toString('hex');
const FILE = Buffer.from('Pelican-canary-' + crypto.randomBytes(8).toString('hex'));
const BIG = Buffer.concat([crypto.randomBytes(300000), FILE]);

const sql = (dir, query) => execFileSync('sqlite3', ['-readonly', path.join(dir, 'data/pli.db'), query], { encoding: 'utf8' }).trim();

// Another instance in a copy of the folder of one that stands still.
function copy(i, name) {
	const c = Object.assign(new Instance(name), { port: i.port, url: i.url, ca: i.ca, agent: i.agent, tokens: i.tokens });
	execFileSync('cp', ['-a', i.dir, c.dir]);
	return c;
}

function files(dir) {
	return fs.readdirSync(dir, { withFileTypes: true }).flatMap((e) => e.isDirectory() ? files(path.join(dir, e.name)) : e.isFile() ? [path.join(dir, e.name)] : []);
}

// Where these bytes stand below a folder.
const found = (dir, bytes) => files(dir).filter((f) => fs.readFileSync(f).includes(bytes)).map((f) => path.relative(dir, f));

// Whoever has the database and blobs of `backup` and the keys of `keys`: what of the letter can he read?
async function attack(backup, keys, name, id) {
	const c = copy(backup, name);
	fs.rmSync(path.join(c.dir, 'keys'), { recursive: true });
	execFileSync('cp', ['-a', path.join(keys.dir, 'keys'), path.join(c.dir, 'keys')]);
	// The counter would only keep the program from starting.
	execFileSync('cp', ['-a', path.join(backup.dir, 'keys/counter'), path.join(c.dir, 'keys/counter')]);
	await c.serve();
	const s = await c.signedIn('sender@example.org');
	const page = await s.get('/letters/' + id), small = await s.get(`/letters/${id}/files/1`).catch(() => null), big = await s.get(`/letters/${id}/files/2`).catch(() => null);
	await c.stop();
	return { words: page.text.includes(WORDS), small: !!small && small.body.includes(FILE), big: !!big && big.body.includes(FILE) };
}

// The machine's clock is set forward by that: nothing ends before the operator has said that it is right.
async function serveLater(i, program) {
	const c = spawnSync(program, ['clock', 'confirm', i.dir], { encoding: 'utf8' });
	same([c.status, / s from what was known/.test(c.stdout)], [0, true], 'the operator says that the clock is right: ' + c.stdout + c.stderr);
	await i.serve({ program });
}

main(async () => {
	await wholeHour(60);	// letters of one month
	const i = new Instance().make({ conf: '[retention]\ncontent_days = 20\nevidence_days = 400\n' });
	i.verb('entity', 'set', i.dir, 'New York', '--retention', 'brief', '--content-days', '3', '--evidence-days', '5');
	i.verb('entity', 'set', i.dir, 'New York', '--retention', 'long', '--content-days', '200', '--evidence-days', '800');
	await i.serve();
	const token = i.user('sender@example.org'), auditor = i.user('auditor@example.org', 'auditor');
	const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
	const events = async (id) => (await i.request('GET', `/api/v1/journal?limit=200&letter=${id}`, { token: auditor })).json.entries;
	const send = async (name, more = [], days = 10) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', name + '@example.org'], ['bcc', name + '-hidden@example.org'], ['subject', 'Subject of ' + name],
			['message', WORDS], ['expires', new Date(Date.now() + days * 86400000).toISOString()], ['file', { filename: 'small.txt', bytes: FILE }],
			['file', { filename: 'big.bin', bytes: BIG }], ...more]);
		same(a.status, 201, 'a letter: ' + a.brief);
		return a.json;
	};
	const gone = await send('gone', [['password', 'Un-mot-de-passe-3']]), kept = await send('kept', [['retention', 'long']]), held = await send('held');
	const brief = await send('brief', [['retention', 'brief']], 1);
	same([gone.retention.name, kept.retention.name, gone.retention.purged, gone.retention.held], ['simple', 'long', null, null], 'each says how long it is kept');
	check(Math.abs(new Date(kept.retention.content_until) - Date.now() - 200 * 86400000) < 60000, 'as its entity has set it', kept.retention);
	i.verb('letter', 'hold', i.dir, held.id, '--reason', 'Procès en cours');

	const opened = await i.open(await i.link('gone@example.org'), 'Un-mot-de-passe-3');
	same(opened.status, 303, 'its recipient opens it');
	const link = await i.link('gone@example.org');
	same((await i.request('GET', link + '/files/2', { headers: { Cookie: opened.cookie } })).status, 200, 'and takes a document');
	const proofs = [], root = path.join(i.dir, 'public/root.pem'), logKey = path.join(i.dir, 'public/log.pub');
	const verified = (file) => i.run(['proof', 'verify', file, '--root', root, '--log-key', logKey]);
	const proof = async (id, name, who = '') => {
		const a = await i.request('GET', `/api/v1/letters/${id}/proof${who}`, { token });
		same(a.status, 200, 'a proof: ' + a.brief);
		const file = path.join(TMP, name + '.asice');
		fs.writeFileSync(file, a.body);
		proofs.push(file);
		const v = verified(file);
		check(v.status === 0 && v.stdout.includes('VERIFIED'), name + ' verifies', v.stdout + v.stderr);
		return a.body;
	};
	await proof(gone.id, 'gone-sender');
	await proof(gone.id, 'gone-recipient', '?recipient=gone@example.org');
	await proof(brief.id, 'brief-sender');
	const span = [-400, 400].map((d) => new Date(Date.now() + d * 86400000).toISOString().slice(0, 10));
	const figures = async () => (await i.request('GET', `/api/v1/statistics?from=${span[0]}&to=${span[1]}&by=month`, { token: auditor })).json.total;
	await until('all notices are out', async () => (await Promise.all([gone, kept, held, brief].map((l) => get(l.id)))).every((l) => ['sent', 'partly_received'].includes(l.state)), 60);
	const before = await figures();
	check(before.sent === 4 && before.bytes > 4 * BIG.length, 'statistics count them', before);
	await i.stop();

	// Somebody has had the keys.  The letters move to others: the same months, the same end.
	const leaked = copy(i, 'leaked'), months = () => sql(i.dir, 'SELECT hex(letter), substr(kid, 1, 46) FROM letter ORDER BY letter'), were = months();
	i.verb('key', 'rotate', i.dir, 'wrap', '--letters');
	same(months(), were, 'each letter lies under a key of its month');

	// The backup of that day, and what the letter was sealed with.
	const backup = copy(i, 'backup');
	const id = gone.id.replace(/-/g, ''), kid = sql(i.dir, `SELECT kid FROM letter WHERE hex(letter) = upper('${id}')`);
	const secrets = {
		'the letter key': Buffer.from(sql(i.dir, `SELECT hex(letter_key) FROM letter WHERE hex(letter) = upper('${id}')`), 'hex'),
		'the message': Buffer.from(sql(i.dir, `SELECT hex(message) FROM letter WHERE hex(letter) = upper('${id}')`), 'hex').subarray(0, 60),
		'the password': Buffer.from(sql(i.dir, `SELECT hex(password_hash) FROM letter WHERE hex(letter) = upper('${id}')`), 'hex'),
		'the link': Buffer.from(sql(i.dir, `SELECT hex(token) FROM recipient WHERE hex(letter) = upper('${id}') AND n = 1`), 'hex'),
		'a segment key': Buffer.from(sql(i.dir, `SELECT hex(wrapped) FROM segment s JOIN object o ON o.object = s.object WHERE hex(o.letter) = upper('${id}') LIMIT 1`), 'hex'),
		'the small file': Buffer.from(sql(i.dir, `SELECT hex(inline) FROM object WHERE hex(letter) = upper('${id}') AND inline IS NOT NULL LIMIT 1`), 'hex').subarray(56, 120),
		'the key of the month': fs.readFileSync(path.join(i.dir, 'keys/kek', kid)),
	};
	for (const [what, bytes] of Object.entries(secrets))
		check(bytes.length >= 28 && found(i.dir, bytes).length > 0, what + ' stood there before', `${bytes.length} bytes`);

	// Long after.
	await serveLater(i, later(DAYS));
	await until('the content goes', async () => (await get(gone.id)).retention.purged, 60);
	await until('the key of its month goes', () => !fs.existsSync(path.join(i.dir, 'keys/kek', kid)), 60);
	const sheet = await get(gone.id);
	same([sheet.subject, sheet.recipients.length, sheet.parts.length], ['Subject of gone', 2, 2], 'the sheet stays');
	const s = await i.signedIn('sender@example.org');
	const page = await s.get('/letters/' + gone.id);
	check(page.status === 200 && !page.text.includes(WORDS) && page.text.includes('small.txt'), 'its page shows the sheet without content', page.brief);
	same((await s.get(`/letters/${gone.id}/files/1`)).status, 410, 'its file is gone');
	same((await i.request('GET', link)).status, 410, 'its link says so');
	check([303, 410].includes((await i.request('GET', link + '/files/2', { headers: { Cookie: opened.cookie } })).status), 'the reading of before is over');
	for (const [l, what] of [[kept, 'a letter kept longer'], [held, 'a letter held']]) {
		check((await s.get('/letters/' + l.id)).text.includes(WORDS), what + ' is still there');
		check((await s.get(`/letters/${l.id}/files/2`)).body.equals(BIG), 'with its files: ' + what);
	}
	const last = (await events(gone.id)).find((e) => e.event === 'content.purged');
	check(last && /effacé/.test(last.message), 'the journal says it', last);
	await proof(gone.id, 'gone-after');
	check((await proof(gone.id, 'gone-after-2')).includes('content.purged'), 'a proof of now says it, too');
	for (const file of proofs)
		same(verified(file).status, 0, 'proofs of before still verify');

	// Evidence at its end.
	await until('the evidence of the other goes', async () => (await i.request('GET', '/api/v1/letters/' + brief.id, { token })).status === 404, 60);
	const rows = (await i.request('GET', '/api/v1/journal?limit=200', { token: auditor })).json.entries;
	const erased = rows.filter((e) => /Effacé à la fin/.test(e.message));
	check(erased.length >= 6 && erased.every((e) => !e.user && !e.document && !e.ip), 'its entries name nobody', erased[0]);
	check(rows.some((e) => e.event === 'purged'), 'one entry says which they are');
	check(!/brief/.test(JSON.stringify(rows)), 'nothing of it is told any more');
	const v = i.verify();
	same(v.status, 0, 'the journal verifies: ' + v.stdout + v.stderr);
	const after = await figures();
	same([after.sent, after.delivered, after.read, after.bytes], [before.sent, before.delivered, before.read, before.bytes], 'statistics stay');
	// Released, it goes as well.
	i.verb('letter', 'release', i.dir, held.id);
	await i.stop();

	// Nothing of it stands on the disk.
	for (const [what, bytes] of Object.entries(secrets))
		same(found(i.dir, bytes), [], what + ' stands nowhere any more');
	const blobs = sql(backup.dir, `SELECT lower(hex(object)) FROM object WHERE hex(letter) = upper('${id}') AND inline IS NULL`).split('\n');
	check(blobs.length >= 1 && blobs[0].length === 32, 'it had a large file', blobs);
	same(files(path.join(i.dir, 'data/blobs')).filter((f) => blobs.some((b) => f.includes(b))), [], 'its large file is gone');

	// The backup of the day before with the keys of that day reads it: the attack is one.  With the keys of today it does not.
	same(await attack(backup, backup, 'attack-old-keys', gone.id), { words: true, small: true, big: true }, 'with the keys of before the backup can be read');
	same(await attack(backup, i, 'attack', gone.id), { words: false, small: false, big: false }, 'with the keys of today it cannot');
	same(await attack(backup, i, 'attack-kept', kept.id), { words: true, small: true, big: true }, 'a letter that is kept can');

	same(await attack(backup, leaked, 'attack-leaked', kept.id), { words: false, small: false, big: false }, 'with the keys of before they were changed nobody reads the backup made after');

	// The negative control: the month's key is kept.
	const keeping = copy(backup, 'keeping');
	await serveLater(keeping, later(DAYS, [['src/cert/kek_store_end.c', 'status = shred(store, name, err);', 'status = PLI_OK;']]));
	await until('the content goes', async () => (await keeping.request('GET', '/api/v1/letters/' + gone.id, { token })).json.retention.purged, 60);
	await until('its key is said to be destroyed', () => sql(keeping.dir, `SELECT destroyed FROM kek WHERE kid = '${kid}'`), 60);
	await keeping.stop();
	same(await attack(backup, keeping, 'attack-kept-key', gone.id), { words: true, small: true, big: true }, 'a program that keeps the key is found out');

	// No other entry may lose its text.
	const tampered = copy(i, 'tampered');
	const seq = sql(i.dir, `SELECT seq FROM journal WHERE hex(letter) = upper('${id}') AND event = 'document.sent'`);
	tampered.sqlWrite(`UPDATE journal SET entry = NULL, shown = NULL, account = NULL WHERE seq = ${seq}`);
	const named = tampered.run(['journal', 'verify', tampered.dir]);
	check(named.status === 65 && (named.stdout + named.stderr).includes(`${Number(seq) + 1}`), 'an entry emptied by hand is named', named.stdout + named.stderr);
	const changed = copy(i, 'changed');
	const empty = sql(i.dir, 'SELECT seq FROM journal WHERE entry IS NULL ORDER BY seq LIMIT 1');
	changed.sqlWrite(`UPDATE journal SET state = 'received' WHERE seq = ${empty}`);
	same(changed.run(['journal', 'verify', changed.dir]).status, 65, 'what is left of an erased entry may not be changed');
});
