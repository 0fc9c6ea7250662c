#!/usr/bin/env node
// Goal: whatever dies at whatever moment under load, an acknowledged letter is there byte for byte, once, proven and notified;
// what was not acknowledged is there whole or not at all.  Clients deposit with an Idempotency-Key (multipart, and tus with
// JSON) and repeat until they have an answer, others look on, while pli-front, pli-keeper, pli-courier, or all at once (the
// children alone, the parent alone, or everything) are killed; after each death the server is ready again, in the long form within 5 s.
// Short form: 12 kills, 480 letters; PLI_LONG=1: 52 kills (13 of each), 2,100 letters.  PLI_SEED repeats a run's choices.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, pause, main, TMP } = require('./lib/pli.js');

const LONG = Boolean(process.env.PLI_LONG);
const KILLS = LONG ? 52 : 12, LETTERS = LONG ? 2100 : 480, CLIENTS = 10;
// What is promised; the short form also runs on machines that have other things to do.
const READY_MS = LONG ? 5000 : 40000;
const WHO = ['pli-front', 'pli-keeper', 'pli-courier', 'all'];
const SENDER = 'sender@example.org';

let seed = Number(process.env.PLI_SEED || Date.now() % 1000000);
console.log('PLI_SEED=' + seed);
const random = (n) => {
	seed = (seed * 1103515245 + 12345) % 2147483648;
	return Math.floor(seed / 65536) % n;
};
const bytesOf = (n, k, size) => crypto.createHash('shake256', { outputLength: size }).update(`${n}/${k}`).digest();
const sha256 = (b) => crypto.createHash('sha256').update(b).digest('hex');

// Letter n, always the same.
function letterOf(n) {
	const kind = n % 10;
	const spec = { n, subject: `Lettre ${n}`, message: `Texte-${sha256('m' + n)}`, to: [`to${n}@example.net`], cc: [], bcc: [], files: [], tus: kind === 8 };
	if (kind === 9) {
		spec.cc = [`cc${n}@example.net`];
		spec.bcc = [`bcc${n}@example.net`];
	} else {
		spec.files.push({ name: `a${n}.bin`, bytes: bytesOf(n, 0, kind === 8 ? 300000 : kind > 5 ? 60000 : 2000) });
	}
	if (kind === 5)
		spec.files.push({ name: `b${n}.bin`, bytes: bytesOf(n, 1, 20000) });
	return spec;
}

const acked = new Map();	// n → the 201's body
const uploads = new Map();	// path of an upload → bytes that the server has announced as kept
const count = { retries: 0, uncertain: 0, slowest: 0, looks: 0 };
let loading = true, next = 0, opens = 0;

// Repeats until an answer that is none of a server in trouble.
async function insist(what, attempt) {
	const end = Date.now() + 180000;
	for (;;) {
		let answer = null, why;
		try {
			answer = await attempt();
			why = answer.brief;
		} catch (e) {
			why = e.code || e.message;
		}
		if (answer && answer.status < 500 && answer.status !== 409)
			return answer;
		count.retries++;
		if (answer && answer.text.includes('uncertain'))
			count.uncertain++;
		if (Date.now() > end)
			throw new Error(`${what}: no answer in three minutes, last: ${why}`);
		await pause(50 + random(100));
	}
}

const TUS = { 'Tus-Resumable': '1.0.0' };

async function upload(i, token, file) {
	const made = await insist('creation', () => i.request('POST', '/api/v1/uploads', { token, headers: { ...TUS, 'Upload-Length': file.bytes.length,
		'Upload-Metadata': 'filename ' + Buffer.from(file.name).toString('base64') } }));
	if (!check(made.status === 201, 'an upload begins', made.brief))
		throw new Error('no upload');
	const where = new URL(made.headers.location, i.url).pathname;
	uploads.set(where, 0);
	for (let at = 0; at < file.bytes.length;) {
		let sent = null;
		try {
			const piece = file.bytes.subarray(at, at + 110000);
			sent = await i.request('PATCH', where, { token, body: piece, headers: { ...TUS, 'Content-Type': 'application/offset+octet-stream',
				'Upload-Offset': at, 'Upload-Checksum': 'sha256 ' + crypto.createHash('sha256').update(piece).digest('base64') } });
		} catch (e) {
			count.retries++;
		}
		if (sent && sent.status === 204) {
			at = Number(sent.headers['upload-offset']);
			uploads.set(where, at);
			continue;
		}
		await pause(50);
		const now = await insist('offset', () => i.request('HEAD', where, { token, headers: TUS }));
		if (!check(now.status === 200, 'an announced upload is known after a kill', `${where}: ${now.status}`))
			throw new Error('lost upload');
		at = Number(now.headers['upload-offset']);
		check(at >= uploads.get(where), 'announced bytes are kept', `${where}: ${at} of ${uploads.get(where)}`);
		uploads.set(where, at);
	}
	return where.split('/').pop();
}

function post(i, token, spec, ids) {
	const headers = { 'Idempotency-Key': 'kill-' + spec.n };
	if (spec.tus)
		return i.json('POST', '/api/v1/letters', token, { to: spec.to, subject: spec.subject, message: spec.message, uploads: ids }, headers);
	const fields = [['subject', spec.subject], ['message', spec.message]];
	for (const kind of ['to', 'cc', 'bcc'])
		for (const a of spec[kind])
			fields.push([kind, a]);
	for (const f of spec.files)
		fields.push(['file', { filename: f.name, bytes: f.bytes }]);
	return i.multipart('/api/v1/letters', token, fields, headers);
}

async function client(i, token) {
	while (loading) {
		const spec = letterOf(next++), begin = Date.now();
		spec.ids = [];
		if (spec.tus)
			for (const f of spec.files)
				spec.ids.push(await upload(i, token, f));
		const answer = await insist('letter ' + spec.n, () => post(i, token, spec, spec.ids));
		count.slowest = Math.max(count.slowest, Date.now() - begin);
		if (check(answer.status === 201, `letter ${spec.n} is accepted`, answer.brief))
			acked.set(spec.n, { ids: spec.ids, body: answer.json });
	}
}

// What is visible is whole.
function whole(letter, where) {
	const n = Number(/^Lettre (\d+)$/.exec(letter.subject)?.[1] ?? NaN);
	if (!check(Number.isInteger(n), `${where}: a letter that was sent`, letter))
		return null;
	const spec = letterOf(n);
	return same(letter.parts.map((p) => [p.n, p.name, p.size, p.sha256]), spec.files.map((f, k) => [k + 1, f.name, f.bytes.length, sha256(f.bytes)]), `${where}: parts of letter ${n}`) &
		same(letter.recipients.map((r) => [r.kind, r.address]), [...spec.to.map((a) => ['to', a]), ...spec.cc.map((a) => ['cc', a]), ...spec.bcc.map((a) => ['bcc', a])], `${where}: recipients of letter ${n}`) &
		check(Number.isInteger(letter.number), `${where}: letter ${n} has a number`, letter) ? n : null;
}

async function looker(i, token) {
	while (loading) {
		const list = await insist('list', () => i.request('GET', '/api/v1/letters?limit=3', { token }));
		if (!check(list.status === 200, 'the list while processes die', list.brief))
			return;
		for (const entry of list.json.letters) {
			const one = await insist('letter', () => i.request('GET', '/api/v1/letters/' + entry.id, { token }));
			if (check(one.status === 200, 'a listed letter is there', one.brief))
				whole(one.json, 'on the way');
			count.looks++;
		}
		await pause(100);
	}
}

// Hand-overs of mails to the outbox, as they happen: file name → [times, digest].
function watchOutbox(i) {
	const seen = new Map(), dir = path.join(i.dir, 'outbox');
	const watcher = fs.watch(dir, (event, name) => {
		if (event !== 'rename' || !name.endsWith('.eml'))
			return;
		const digest = sha256(fs.readFileSync(path.join(dir, name))), was = seen.get(name);
		if (was)
			same(digest, was.digest, `a mail handed over again has the same bytes: ${name}`);
		seen.set(name, { times: (was ? was.times : 0) + 1, digest });
	});
	return { seen, close: () => watcher.close() };
}

async function backAgain(i, killed, begin, what) {
	for (;;) {
		const now = Object.values(i.children());
		if (now.length === 3 && !killed.some((p) => now.includes(p)) && await i.isReady())
			break;
		if (Date.now() - begin > 60000)
			throw new Error(`${what}: not back after 60 s` + i.logTail());
		await pause(15);
	}
	const took = Date.now() - begin;
	check(took <= READY_MS, `${what}: ready again`, took + ' ms');
	return took;
}

// Whoever has ended may not have been buried yet.
function lives(pid) {
	try {
		return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch (e) {
		if (e.code !== 'ENOENT' && e.code !== 'ESRCH')
			throw e;
		return false;
	}
}

// kill(pid) may find it ended: then something else is wrong, and it shows.
async function killOne(i, who, nth) {
	const form = nth % 3;
	let children;
	// One that has just been started gets its name after a moment.
	await until(`${who} is there`, () => (children = i.children()) && (who === 'all' || children[who]), 5);
	const victims = who !== 'all' ? [children[who]] : form === 0 ? Object.values(children) : form === 1 ? [i.server.pid, ...Object.values(children)] : [i.server.pid];
	const begin = Date.now();
	for (const pid of victims)
		process.kill(pid, 'SIGKILL');
	if (!victims.includes(i.server.pid))
		return backAgain(i, victims, begin, `kill of ${who}`);
	await i.ended;
	// Started at once: it waits itself until the last of those that the killed one has left is gone.
	const started = Date.now();
	await i.serve({ ready: false });
	const took = await backAgain(i, [], started, 'start after a kill of the parent');
	check(!Object.values(children).some(lives), 'the children follow their parent', children);
	return took;
}

async function killing(i) {
	const each = {}, slowest = {};
	for (let k = 0; k < KILLS; k++) {
		const who = WHO[k % WHO.length], enough = acked.size + Math.ceil(LETTERS / KILLS) - 1;
		await until('the load goes on', () => acked.size >= enough, 60);
		await pause(random(250));
		each[who] = (each[who] || 0) + 1;
		const took = await killOne(i, who, each[who] - 1);
		slowest[who] = Math.max(slowest[who] || 0, took);
		// Every seventh time another one dies while the first has just come back.
		if (k % 7 === 6)
			await killOne(i, WHO[random(3)], 0);
	}
	console.log('killed:', JSON.stringify(each), 'slowest to be ready, ms:', JSON.stringify(slowest));
	return each;
}

async function inParallel(n, items, fn) {
	const queue = [...items];
	await Promise.all(Array.from({ length: n }, async () => {
		while (queue.length)
			await fn(queue.shift());
	}));
}

async function allLetters(i, token) {
	const letters = [];
	for (let cursor = ''; cursor !== null;) {
		const page = (await i.request('GET', `/api/v1/letters?limit=200${cursor && '&cursor=' + encodeURIComponent(cursor)}`, { token })).json;
		letters.push(...page.letters);
		cursor = page.next || null;
	}
	return letters;
}

// Everything that was acknowledged and nothing else, whole, by the API.
async function checkByApi(i, token) {
	const listed = await allLetters(i, token);
	same(listed.map((l) => l.id).sort(), [...acked.values()].map((a) => a.body.id).sort(), 'the list holds what was acknowledged, each once');
	await inParallel(8, acked, async ([n, { body }]) => {
		const one = await i.request('GET', '/api/v1/letters/' + body.id, { token });
		if (!check(one.status === 200, `letter ${n} is there`, one.brief))
			return;
		same(whole(one.json, 'at the end'), n, `letter ${n} is the one that was sent`);
		same([one.json.number, one.json.created], [body.number, body.created], `letter ${n}: as in its first answer`);
		same([one.json.state, ...one.json.recipients.map((r) => [r.state, r.sends])], ['sent', ...one.json.recipients.map(() => ['sent', 1])], `letter ${n}: sent`);
	});
	const numbers = new Set([...acked.values()].map((a) => a.body.number));
	same(numbers.size, acked.size, 'no number twice');
}

// One mail per recipient; how often each was handed over.
function checkMails(i, watched, kills) {
	const wanted = [...acked.keys()].flatMap((n) => { const s = letterOf(n); return [...s.to, ...s.cc, ...s.bcc]; }).sort();
	const mails = i.mails(), links = new Map();
	same(mails.map((m) => m.get('to').replace(/^.*<|>.*$/g, '').trim()).sort(), wanted, 'one mail per recipient');
	same(new Set(mails.map((m) => m.get('message-id'))).size, mails.length, 'each mail has its own Message-ID');
	let again = 0;
	for (const m of mails) {
		const seen = watched.get(path.basename(m.file));
		links.set(m.get('to').replace(/^.*<|>.*$/g, '').trim(), new URL(m.links[0]).pathname);
		if (!seen)
			continue;
		again += seen.times - 1;
		check(seen.times <= 1 + kills, 'at most one more per kill', `${m.file}: ${seen.times}`);
		same(sha256(fs.readFileSync(m.file)), seen.digest, 'the mail that lies there is the one that was handed over');
	}
	same(fs.readdirSync(path.join(i.dir, 'outbox')).filter((n) => !n.endsWith('.eml')), [], 'nothing half in the outbox');
	console.log(`${mails.length} mails, ${again} handed over again`);
	return links;
}

async function checkByLink(i, links) {
	await inParallel(8, acked, async ([n]) => {
		const spec = letterOf(n), link = links.get(spec.to[0]);
		if (!link)
			return;
		const opened = await i.open(link), headers = { Cookie: opened.cookie };
		if (!check(opened.status === 303, `letter ${n} opens`, opened.brief))
			return;
		opens++;
		const page = (await i.request('GET', link + '/letter', { headers })).text;
		check(page.includes(spec.message) && page.includes(spec.subject), `letter ${n}: its page holds its text`);
		for (const [k, f] of spec.files.entries()) {
			const got = await i.request('GET', `${link}/files/${k + 1}`, { headers });
			check(got.body.equals(f.bytes), `letter ${n}: file ${k + 1} is identical`, `${got.status}, ${got.body.length} bytes of ${f.bytes.length}`);
		}
	});
	same(opens, acked.size, 'all were opened by link');
}

// The journal has each thing once, and the files belong to rows.
function checkRows(i) {
	const events = (event) => i.one(`SELECT COUNT(*) FROM journal WHERE event = '${event}'`);
	const recipients = i.one('SELECT COUNT(*) FROM recipient');
	same([events('deposit.accepted'), events('document.sent'), events('notice.sent'), events('consigned')], [acked.size, acked.size, recipients, recipients], 'entries, each once');
	same(i.one('SELECT COUNT(*) FROM (SELECT letter FROM journal WHERE event IN (\'deposit.accepted\', \'document.sent\') GROUP BY letter, event HAVING COUNT(*) > 1)'), 0, 'no letter has two');
	same(i.one('SELECT MAX(seq) + 1 - COUNT(*) FROM journal'), 0, 'no gap');
	same(i.one('SELECT COUNT(*) FROM object WHERE state = \'committed\' AND letter IS NULL OR state <> \'committed\' AND (letter IS NOT NULL OR expires IS NULL)'), 0, 'what is staged and belongs to no letter expires');
	same(i.one('SELECT COUNT(*) FROM part p LEFT JOIN object o ON o.entity = p.entity AND o.object = p.object AND o.state = \'committed\' WHERE o.object IS NULL'), 0, 'each part has its bytes');
}

// Each letter's large bytes have their file; what else lies there is what a death left, for the sweep.
function checkBlobs(i) {
	const files = fs.readdirSync(path.join(i.dir, 'data/blobs'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => e.name);
	const wanted = i.sql("SELECT lower(hex(entity)) || '-' || lower(hex(object)) AS name FROM object WHERE state = 'committed' AND inline IS NULL").map((r) => r.name);
	const there = new Set(files), more = files.length - wanted.length;
	check(wanted.length > acked.size / 5, 'there are blobs', wanted.length);
	same(wanted.filter((n) => !there.has(n)), [], 'each large content has its file');
	console.log(`${wanted.length} blobs of letters, ${more} left over by deaths`);
}

async function checkProofs(i, token) {
	const some = [...acked.values()].filter((_, k) => k % Math.ceil(acked.size / 12) === 0);
	for (const { body } of some) {
		const file = path.join(TMP, body.id + '.asice'), proof = await i.request('GET', `/api/v1/letters/${body.id}/proof`, { token });
		fs.writeFileSync(file, proof.body);
		const r = i.run(['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
		check(proof.status === 200 && r.status === 0, 'the proof verifies', `${proof.status}\n${r.stdout}${r.stderr}`);
	}
	// The same key again: the same answer, nothing new.
	const before = i.one('SELECT COUNT(*) FROM letter');
	for (const [n, { ids, body }] of [...acked].filter((_, k) => k % Math.ceil(acked.size / 30) === 0))
		same((await post(i, token, letterOf(n), ids)).json, body, `letter ${n} again: the first answer`);
	same(i.one('SELECT COUNT(*) FROM letter'), before, 'and no new letter');
}

function verified(i, when) {
	const r = i.verify();
	check(r.status === 0, 'journal verify ' + when, r.stdout + r.stderr);
}

main(async () => {
	const i = new Instance().make();
	i.deathsExpected = true;
	await i.serve();
	const token = i.user(SENDER), begin = Date.now(), watch = watchOutbox(i);
	const load = Promise.all([...Array.from({ length: CLIENTS }, () => client(i, token)), looker(i, token)]);
	load.catch(() => {});	// seen below
	let each;
	try {
		each = await Promise.race([killing(i), load.then(() => { throw new Error('the load ended'); })]);
		await until('enough letters', () => acked.size >= LETTERS, 120);
	} finally {
		loading = false;
	}
	await load;
	const kills = Object.values(each).reduce((a, b) => a + b);
	check(WHO.every((w) => each[w] >= Math.floor(KILLS / 4)), 'each was killed often enough', each);
	console.log(`${acked.size} letters in ${Math.round((Date.now() - begin) / 1000)} s, ${kills} kills and a few more, ${count.retries} repeated requests, ` +
		`${count.uncertain} uncertain answers, slowest letter ${count.slowest} ms, ${count.looks} looks`);
	await until('all notices are handed over', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0, 75);
	verified(i, 'with the server running');
	checkRows(i);
	await checkByApi(i, token);
	const links = checkMails(i, watch.seen, kills + Math.floor(KILLS / 7));
	watch.close();
	await checkProofs(i, token);
	await checkByLink(i, links);
	await i.stop();
	verified(i, 'stopped');
	checkBlobs(i);
	console.log(`took ${Math.round((Date.now() - begin) / 1000)} s`);
});
