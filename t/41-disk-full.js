#!/usr/bin/env node
// Goal: a full disk is a refusal, not an end: 507 before any proof, readings go on from the smaller reserve and stop with 507
// too when it is gone, pages stay up, the service resumes by itself, the journal verifies, nothing half stays.  On a tmpfs of
// 96 MiB where mounting is allowed: first slowly, step by step, then at once under load, then without any reserve, so that the
// disk is full in the middle of writing.  The quota of pli.conf does the same, by its own count, everywhere.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, wholeHour, pause, main, TMP } = require('./lib/pli.js');
const { SmallDisk } = require('./lib/smalldisk.js');

const MIB = 1 << 20, DEPOSIT = 16 * MIB, READ = 4 * MIB;
const SENDER = 'sender@example.org', TUS = { 'Tus-Resumable': '1.0.0' }, BYTES = { 'Content-Type': 'application/offset+octet-stream' };
const bytesOf = (name, size) => crypto.createHash('shake256', { outputLength: size }).update(name).digest();
const full = (answer) => [answer.status, answer.status === 507 ? answer.json.type.replace(/.*[/:]/, '') : answer.brief];

const fields = (name, file) => [['to', name + '@example.net'], ['subject', 'Lettre ' + name], ['message', 'Texte ' + name],
	...(file ? [['file', { filename: name + '.bin', bytes: file }]] : [])];

async function deposit(i, token, name, size = 30000) {
	const file = size ? bytesOf(name, size) : null, answer = await i.multipart('/api/v1/letters', token, fields(name, file));
	if (answer.status === 201)
		i.letters.set(name, { id: answer.json.id, number: answer.json.number, file });
	return answer;
}

const create = (i, token, length, more = {}) => i.request('POST', '/api/v1/uploads', { token, headers: { ...TUS, 'Upload-Length': length, ...more } });
const offset = async (i, token, where) => Number((await i.request('HEAD', where, { token, headers: TUS })).headers['upload-offset']);

// Tables, blobs and mails; what a reading writes apart.
function stored(i) {
	const { journal, notice, ...rest } = i.counts();
	return rest;
}

// Each way to deposit is refused, and nothing of it stays.
async function depositsRefused(i, token, open, where) {
	const before = i.counts(), at = await offset(i, token, open);
	same(full(await deposit(i, token, 'refused-none', 0)), [507, 'no-space'], `${where}: a letter without files`);
	same(full(await deposit(i, token, 'refused-small', 500)), [507, 'no-space'], `${where}: a letter with a small file`);
	same(full(await deposit(i, token, 'refused-large', 3 * MIB)), [507, 'no-space'], `${where}: a letter with a large file`);
	same(full(await i.json('POST', '/api/v1/letters', token, { to: ['x@example.net'], subject: 'x' }, { 'Idempotency-Key': 'refused' })), [507, 'no-space'], `${where}: JSON`);
	same(full(await create(i, token, 1000)), [507, 'no-space'], `${where}: a new upload`);
	same(full(await i.request('PATCH', open, { token, body: Buffer.alloc(MIB, 7), headers: { ...TUS, ...BYTES, 'Upload-Offset': at } })), [507, 'no-space'], `${where}: more of an upload`);
	same(full(await i.request('POST', `/api/v1/letters/${i.letters.get('first').id}/resend`, { token })), [507, 'no-space'], `${where}: a notice again`);
	same(await offset(i, token, open), at, `${where}: the upload stands where it stood`);
	same(i.counts(), before, `${where}: nothing of what was refused stays`);
	same((await i.request('GET', '/readyz')).status, 503, `${where}: not ready for deposits`);
}

// What reads and writes nothing goes on.
async function pagesStayUp(i, token, link, session, where) {
	for (const page of ['/sign-in', '/about', '/ca.pem', '/robots.txt', '/.well-known/pli/log.pub', link])
		same((await i.request('GET', page)).status, 200, `${where}: ${page}`);
	for (const page of ['/api/v1/letters', '/api/v1/letters/' + i.letters.get('first').id, '/api/v1/journal', `/api/v1/letters/${i.letters.get('first').id}/proof`])
		same((await i.request('GET', page, { token })).status, 200, `${where}: ${page}`);
	same((await i.request('GET', session.link + '/letter', { headers: { Cookie: session.cookie } })).status, 200, `${where}: a letter that is open`);
}

const file = (i, session) => i.request('GET', session.link + '/files/1', { headers: { Cookie: session.cookie } });

async function reads(i, name, where) {
	const link = await i.link(name + '@example.net'), opened = await i.open(link);
	if (!same(opened.status, 303, `${where}: ${name} is opened`))
		console.log(opened.brief);
	const session = { link, cookie: opened.cookie }, got = await file(i, session);
	check(got.status === 200 && got.body.equals(i.letters.get(name).file), `${where}: the file of ${name} comes down identical`, `${got.status}, ${got.body.length} bytes`);
	return session;
}

async function readingsRefused(i, name, session, where) {
	const link = await i.link(name + '@example.net'), rows = () => [i.one('SELECT COUNT(*) FROM journal'), i.one('SELECT COUNT(*) FROM reading_session'), i.one('SELECT COUNT(*) FROM visit')];
	await i.form(link);
	const before = rows(), opened = await i.open(link);
	same([opened.status, opened.cookie], [507, ''], `${where}: opening is refused`);
	check(/text\/html/.test(opened.headers['content-type']) && /espace|place|space/i.test(opened.text), `${where}: by a page that says why`, opened.brief);
	same((await file(i, session)).status, 507, `${where}: a file is refused`);
	same((await i.request('GET', session.link + '/files.zip', { headers: { Cookie: session.cookie } })).status, 507, `${where}: all files are refused`);
	same(rows(), before, `${where}: no reading was written`);
}

function verified(i, where) {
	const r = i.verify();
	check(r.status === 0, `${where}: journal verify`, r.stdout + r.stderr);
}

// Every acknowledged letter is there, is sent, and is the only one.
async function allThere(i, token, where) {
	const begin = Date.now();
	await until('all notices are handed over', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0, 90);
	console.log(`${where}: notices were done after ${Date.now() - begin} ms`);
	same(i.one('SELECT COUNT(*) FROM letter'), i.letters.size, `${where}: letters`);
	for (const [name, l] of i.letters) {
		const one = await i.request('GET', '/api/v1/letters/' + l.id, { token });
		if (check(one.status === 200, `${where}: ${name} is there`, one.brief))
			same([one.json.number, one.json.subject, one.json.parts.map((p) => p.sha256)], [l.number, 'Lettre ' + name,
				l.file ? [crypto.createHash('sha256').update(l.file).digest('hex')] : []], `${where}: ${name} is as it was sent`);
	}
	const to = i.mails().map((m) => /[^<\s]+@example.net/.exec(m.get('to'))[0]).sort();
	same([...new Set(to)], [...i.letters.keys()].map((n) => n + '@example.net').sort(), `${where}: their mails`);
	same(fs.readdirSync(path.join(i.dir, 'outbox')).filter((n) => !n.endsWith('.eml')), [], `${where}: no half mail`);
	const wanted = i.one("SELECT COUNT(*) FROM object WHERE state = 'committed' AND inline IS NULL"), open = i.one("SELECT COUNT(*) FROM object WHERE state <> 'committed'");
	const blobs = i.counts().blobs;
	check(blobs >= wanted && blobs <= wanted + open, `${where}: blobs without a row`, { blobs, wanted, open });
	verified(i, where);
}

// So much stays free: the idle database is given the time to empty its log before, the room of which would be free again.
async function leave(i, disk, bytes) {
	for (let n = 0; n < 100 && fs.statSync(path.join(i.dir, 'data/pli.db-wal')).size > 0; n++)
		await pause(30);
	disk.leave(bytes);
}

// ------------------------------------------------------------------ step by step
async function slowly(i, disk, token) {
	for (const name of ['first', 'second', 'third', 'fourth', 'fifth'])
		same((await deposit(i, token, name)).status, 201, 'a letter while there is room');
	await i.mail('fifth@example.net');
	const open = new URL((await create(i, token, 8 * MIB)).headers.location, i.url).pathname;
	same((await i.request('PATCH', open, { token, body: bytesOf('upload', MIB), headers: { ...TUS, ...BYTES, 'Upload-Offset': 0 } })).status, 204, 'an upload has begun');
	const session = await reads(i, 'first', 'with room');
	const first = await i.link('first@example.net');

	// A body that passes the reserve on its way, while nobody else needs the room.
	const before = stored(i), staged = i.sql("SELECT COUNT(*) AS n FROM object WHERE state <> 'committed'")[0].n;
	same(full(await deposit(i, token, 'refused-huge', disk.free() - DEPOSIT + 4 * MIB)), [507, 'no-space'], 'a letter that is too large for what is free');
	same([stored(i), i.one("SELECT COUNT(*) FROM object WHERE state <> 'committed'")], [before, staged], 'nothing of it stays');
	same(full(await create(i, token, 200 * MIB)), [507, 'no-space'], 'an upload that cannot fit is refused before it begins');
	same((await i.request('GET', '/readyz')).status, 200, 'ready all the same');

	await leave(i, disk, DEPOSIT - MIB);
	await depositsRefused(i, token, open, 'below the larger reserve');
	await pagesStayUp(i, token, first, session, 'below the larger reserve');
	await reads(i, 'second', 'below the larger reserve');
	verified(i, 'below the larger reserve');
	await leave(i, disk, READ - MIB / 2);
	await depositsRefused(i, token, open, 'below the smaller reserve');
	await pagesStayUp(i, token, first, session, 'below the smaller reserve');
	disk.leave(READ - MIB / 2);	// what has been given back meanwhile is taken, too
	await readingsRefused(i, 'third', session, 'below the smaller reserve');
	verified(i, 'below the smaller reserve');
	// What the server gives back meanwhile is taken, too.
	await until('not a byte is left', () => { disk.leave(0); return disk.free() === 0; });
	await depositsRefused(i, token, open, 'nothing left');
	await pagesStayUp(i, token, first, session, 'nothing left');
	await readingsRefused(i, 'third', session, 'nothing left');
	verified(i, 'nothing left');

	disk.release();
	await until('ready by itself', () => i.isReady(), 5);
	same((await deposit(i, token, 'after')).status, 201, 'a letter when there is room again');
	await reads(i, 'third', 'room again');
	same((await file(i, session)).status, 200, 'room again: the session that was refused goes on');
	const at = await offset(i, token, open);
	const rest = Buffer.concat([bytesOf('upload', MIB), Buffer.alloc(7 * MIB, 7)]);
	same((await i.request('PATCH', open, { token, body: rest.subarray(at), headers: { ...TUS, ...BYTES, 'Upload-Offset': at } })).status, 204, 'room again: the upload goes on');
	const made = await i.json('POST', '/api/v1/letters', token, { to: ['upload@example.net'], subject: 'Lettre upload', uploads: [open.split('/').pop()] });
	if (same(made.status, 201, 'and becomes a letter'))
		i.letters.set('upload', { id: made.json.id, number: made.json.number, file: rest });
	await allThere(i, token, 'step by step');
}

// ------------------------------------------------------------------ at once, under load
// Answers of clients that deposit and open while the disk is filled to the last byte and freed again; only 201, 507 and the
// uncertain 503 are answers, and the same key settles what was uncertain.
async function underLoad(i, disk, token, rounds, what) {
	const seen = {};
	let loading = true, n = 0;
	async function client() {
		while (loading) {
			const name = `${what}${n++}`, key = { 'Idempotency-Key': name }, bytes = bytesOf(name, n % 3 ? 3000 : 40000);
			for (let tries = 0; ; tries++) {
				const answer = await i.multipart('/api/v1/letters', token, fields(name, bytes), key);
				seen[answer.status] = (seen[answer.status] || 0) + 1;
				if (answer.status === 201) {
					i.letters.set(name, { id: answer.json.id, number: answer.json.number, file: bytes });
					break;
				}
				if (!check([507, 503, 409].includes(answer.status), `${what}: a letter is taken or refused`, answer.brief) || tries > 600)
					return;
				await pause(60);
			}
		}
	}
	const clients = Promise.all(Array.from({ length: 6 }, client));
	for (let round = 0; round < rounds; round++) {
		const refused = (seen[507] || 0) + (seen[503] || 0), taken = seen[201] || 0;
		disk.leave(0);
		await until('refusals', () => (seen[507] || 0) + (seen[503] || 0) >= refused + 12, 30);
		same((await i.request('GET', '/about')).status, 200, `${what}: pages stay up`);
		disk.release();
		await until('letters again', () => (seen[201] || 0) >= taken + 40, 30);
	}
	loading = false;
	await clients;
	console.log(`${what}: answers ${JSON.stringify(seen)}`);
}

// ------------------------------------------------------------------ the quota, which needs no file system of its own
async function quotaIs(i, bytes) {
	const conf = path.join(i.dir, 'pli.conf');
	await i.stop();
	fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(/^quota = .*$/m, 'quota = ' + bytes));
	await i.serve({ ready: false });
	await until('the server answers', () => i.request('GET', '/about').then((r) => r.status === 200, () => false));
}

async function quota() {
	const i = new Instance('quota').make({ conf: `[storage]\nquota = 48M\nreserve_deposit = ${DEPOSIT}\nreserve_read = ${READ}\n` });
	i.letters = new Map();
	await i.serve();
	const token = i.user(SENDER), uploads = [];
	same((await deposit(i, token, 'first')).status, 201, 'quota: a letter');
	same((await deposit(i, token, 'second')).status, 201, 'quota: another');
	await i.mail('second@example.net');
	const open = new URL((await create(i, token, 2 * MIB)).headers.location, i.url).pathname;
	// Uploads fill it; the last bytes by small ones.
	for (const size of [8 * MIB, MIB, 64 << 10])
		for (let k = 0; k < 64; k++) {
			const made = await create(i, token, size, BYTES);
			if (made.status === 507)
				break;
			uploads.push(new URL(made.headers.location, i.url).pathname);
			const sent = await i.request('PATCH', uploads[uploads.length - 1], { token, body: Buffer.alloc(size, 5), headers: { ...TUS, ...BYTES, 'Upload-Offset': 0 } });
			if (sent.status !== 204) {
				same(sent.status, 507, 'quota: an upload is kept or refused');
				break;
			}
		}
	check(uploads.length > 3, 'quota: it held some uploads', uploads.length);
	await until('the quota is used up', async () => {
		const answer = await create(i, token, 4096, BYTES);
		if (answer.status === 201)
			await i.request('PATCH', new URL(answer.headers.location, i.url).pathname, { token, body: Buffer.alloc(4096, 5), headers: { ...TUS, ...BYTES, 'Upload-Offset': 0 } });
		return answer.status === 507 && await deposit(i, token, 'refused-probe', 0).then((r) => r.status === 507);
	}, 30);
	// What the idle database gives back of its log is room again: from here on well below the larger reserve, far above the smaller.
	await quotaIs(i, '42M');
	await depositsRefused(i, token, open, 'quota');
	const session = await reads(i, 'first', 'quota');
	await pagesStayUp(i, token, await i.link('second@example.net'), session, 'quota');
	// Less room than the smaller reserve, then less than nothing: the quota is lowered below what is there.
	for (const [bytes, where] of [['34M', 'quota, below the smaller reserve'], ['20M', 'quota, more than full']]) {
		await quotaIs(i, bytes);
		await depositsRefused(i, token, open, where);
		await pagesStayUp(i, token, await i.link('second@example.net'), session, where);
		await readingsRefused(i, 'second', session, where);
		verified(i, where);
	}
	await quotaIs(i, '48M');
	await reads(i, 'second', 'quota');
	for (const where of uploads)
		same((await i.request('DELETE', where, { token, headers: TUS })).status, 204, 'quota: an upload is given up');
	await until('quota: ready by itself', () => i.isReady(), 10);
	same((await deposit(i, token, 'after')).status, 201, 'quota: a letter when there is room again');
	await allThere(i, token, 'quota');
	await i.stop();
}

async function onDisk(name, reserves) {
	const disk = SmallDisk.mount(path.join(TMP, name), '96m');
	if (!disk)
		return null;
	const i = new Instance(path.join(name, 'instance'));
	i.log = path.join(TMP, name + '.log');
	i.disk = disk;
	i.letters = new Map();	// name of what was acknowledged → {id, number, file}
	i.make({ conf: `[storage]\nreserve_deposit = ${reserves[0]}\nreserve_read = ${reserves[1]}\n` });
	await i.serve();
	return i;
}

async function ended(i) {
	await i.stop();
	verified(i, 'stopped');
	i.disk.unmount();
}

SmallDisk.enter();
main(async () => {
	await wholeHour(150);	// at an hour's end its visits are entered
	// Without reserves every write of database, blobs, heads and outbox meets the full disk itself.
	const bare = await onDisk('bare', [0, 0]);
	let steps = null;
	if (bare) {
		const token = bare.user(SENDER);
		same((await deposit(bare, token, 'first')).status, 201, 'a letter while there is room');
		await underLoad(bare, bare.disk, token, 4, 'bare-');
		steps = await onDisk('steps', [DEPOSIT, READ]);
		const sender = steps.user(SENDER);
		await slowly(steps, steps.disk, sender);
		await underLoad(steps, steps.disk, sender, 3, 'at-once-');
	}
	await quota();
	if (bare) {
		// What the courier could not write is tried again after a minute, most of which has passed by now.
		await allThere(steps, steps.tokens[SENDER], 'at once');
		await ended(steps);
		await allThere(bare, bare.tokens[SENDER], 'bare');
		await ended(bare);
	}
});
