#!/usr/bin/env node
// Goal: the journal's tree is readable over HTTPS as C2SP tlog-tiles, and what is read there gives the signed root: by a reader that
// shares no code with the program, and by `pli journal verify --url`, which also names a log that was set back, forked or damaged.
'use strict';
const { execFile } = require('child_process');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');

// The log as somebody else might serve it, with that key; note and tiles may be changed on the way.
async function liar(i, true_log, oldState) {
	const key = tlog.newKey(), origin = 'localhost/liar', keyFile = path.join(TMP, 'liar.key'), state = path.join(TMP, 'liar.state');
	const options = { key: fs.readFileSync(path.join(i.dir, 'tls/key.pem')), cert: fs.readFileSync(path.join(i.dir, 'tls/cert.pem')) };
	fs.writeFileSync(keyFile, tlog.vkey(origin, 1, key.raw));
	let leaves, note, change = (p, b) => b;
	const server = https.createServer(options, (req, res) => {
		const m = /^\/some\/log\/(checkpoint|tile\/(\d)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?)$/.exec(req.url);
		let body = null;
		if (m && m[1] === 'checkpoint') {
			body = Buffer.from(note);
		} else if (m) {
			let level = leaves;
			for (let l = 0; l < Number(m[2]); l++)
				level = Array.from({ length: Math.floor(level.length / 256) }, (_, k) => tlog.root(level.slice(k * 256, k * 256 + 256)));
			const n = Number(m[3].replace(/[x/]/g, '')), hashes = level.slice(n * 256, n * 256 + Number(m[4] || 256));
			body = hashes.length === Number(m[4] || 256) ? Buffer.concat(hashes) : null;
		}
		body = body && change(m[1], Buffer.from(body));
		res.writeHead(body ? 200 : 404, { 'Content-Length': body ? body.length : 0 });
		res.end(body || '');
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	const show = (l, size = l.length) => { leaves = l; note = tlog.signNote(origin, size, tlog.root(l.slice(0, size)), key); };
	const watch = async (...more) => new Promise((done) => execFile(PLI, ['journal', 'verify', '--url', `https://localhost:${server.address().port}/some/log/`, '--ca',
		path.join(i.dir, 'tls/ca.pem'), '--log-key', keyFile, ...more], (e, stdout, stderr) => done({ status: e ? e.code : 0, all: stdout + stderr })));
	const all = true_log.leaves, flip = (b, at) => { b[at] ^= 1; return b; };
	const seen = async (size) => {
		fs.rmSync(state, { force: true });
		show(all.slice(0, size));
		check((await watch('--state', state)).status === 0, `a log of ${size} is seen`);
	};
	const caught = async (what, words) => {
		const before = fs.existsSync(state) ? fs.readFileSync(state, 'utf8') : null;
		const m = await watch('--state', state);
		check(m.status === 65 && m.all.includes(words), what, m);
		same(fs.existsSync(state) ? fs.readFileSync(state, 'utf8') : null, before, what + ': what was seen is not overwritten');
		change = (p, b) => b;
	};

	// Growth from every kind of size to every other.
	for (const [a, b] of [[0, 1], [1, 2], [1, 256], [255, 257], [256, 512], [256, 256], [300, 700], [512, 513], [700, 701], [511, all.length]]) {
		await seen(a);
		show(all.slice(0, b));
		const m = await watch('--state', state);
		check(m.status === 0 && m.all.includes(`verified ${b} entries`), `from ${a} to ${b}`, m);
	}

	await seen(400);
	show(all.slice(0, 399));
	await caught('set back by one', 'the log was set back: it has 399 entries, and had 400');
	show([...all.slice(0, 399), tlog.sha256()]);
	await caught('forked at the same size', 'signed two trees of 400 entries');
	for (const at of [0, 200, 255, 256, 300, 399]) {
		show([...all.slice(0, at), tlog.sha256(Buffer.from('x')), ...all.slice(at + 1, 600)]);
		await caught(`rewritten at ${at} and gone on`, 'the log was rewritten');
	}
	show(all.slice(1, 601));
	await caught('the first entry taken out', 'the log was rewritten');
	show(all.slice(0, 600));
	change = (p, b) => p === 'checkpoint' ? Buffer.from(b.toString().replace('\n600\n', '\n599\n')) : b;
	await caught('a head that is not signed so', 'signature of the checkpoint does not hold');
	change = (p, b) => p === 'checkpoint' ? Buffer.from('nothing') : b;
	await caught('no head at all', 'no checkpoint');
	for (const [tile, at] of [['tile/0/001', 32 * 200], ['tile/0/002.p/88', 0], ['tile/0/002.p/88', 32 * 87]]) {
		change = (p, b) => p === tile ? flip(b, at) : b;
		await caught(`a bit of ${tile} at ${at}`, 'a tile differs');
	}
	change = (p, b) => p === 'tile/0/001' ? flip(b, 0) : b;
	await caught('a bit of what was seen', 'tile/0/001 is not what was seen');
	change = (p, b) => p.startsWith('tile/1') ? flip(b, 33) : b;
	await caught('a bit of the upper tile', 'tile/1/000.p/2 differs from what the tiles below it give');
	change = (p, b) => p === 'tile/0/001' ? null : b;
	await caught('a tile left out', 'tile/0/001 is not served');
	change = (p, b) => p === 'tile/0/001' ? b.subarray(1) : b;
	await caught('a tile cut', 'tile/0/001 has 8191 bytes');
	change = (p, b) => p === 'tile/0/001' ? Buffer.concat([b, b]) : b;
	await caught('a tile too long', 'longer than it may be');
	check((await watch('--state', state)).status === 0, 'and the true log verifies');
	fs.writeFileSync(state, fs.readFileSync(state, 'utf8').replace(/\n600\n/, '\n601\n'));
	await caught('a state that somebody has changed', 'damaged');
	fs.writeFileSync(state, oldState);
	await caught('a state of another log', 'what was seen is of the log');
	server.close();
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const letter = async (count) => {
		const to = Array.from({ length: count }, (_, k) => `r${k}@example.net`).join(',');
		const a = await i.multipart('/api/v1/letters', token, [['to', to], ['subject', 'S'], ['file', { filename: 'a.txt', bytes: 'x' }]]);
		same(a.status, 201, 'a letter');
	};
	const size = () => i.one('SELECT MAX(seq) + 1 FROM journal');
	const settled = () => until('notices are out and signed', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0 &&
		i.one('SELECT MAX(size) FROM head') === size());
	const vkey = (await i.request('GET', '/log/key')).text;
	const key = tlog.parseVkey(vkey);
	same([key.name, key.type], ['localhost/j/1', 1], 'the verifier key names the log');
	check(key.raw.equals(tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub')))), 'and is the published key');

	// A whole reading: level 0 gives the root, every other level is what the one below gives.
	const read = async () => {
		const answer = await i.request('GET', '/log/checkpoint');
		same([answer.status, answer.headers['content-type'], answer.headers['cache-control']], [200, 'text/plain; charset=utf-8', 'public, max-age=2'], 'checkpoint: type, kept for a moment');
		const note = tlog.parseNote(answer.text);
		check(tlog.signedBy(answer.text, vkey), 'checkpoint: signed by the key');
		let below = null;
		for (let level = 0, count = note.size; count > 0; level++, count = Math.floor(count / 256)) {
			const hashes = [];
			for (let n = 0; n * 256 < count; n++) {
				const width = Math.min(256, count - n * 256);
				const tile = await i.request('GET', '/log/' + tlog.tilePath(level, n, width));
				same([tile.status, tile.headers['content-type'], tile.headers['cache-control'], tile.body.length],
					[200, 'application/octet-stream', 'public, max-age=31536000, immutable', width * 32], `tile ${level}/${n}.p/${width}`);
				for (let k = 0; k < width; k++)
					hashes.push(tile.body.subarray(k * 32, k * 32 + 32));
			}
			if (below === null)
				check(tlog.root(hashes).equals(note.root), `the leaves give the root of ${note.size}`);
			else
				check(Buffer.concat(hashes).equals(Buffer.concat(below)), `level ${level} is what level ${level - 1} gives`);
			if (level === 0)
				note.leaves = hashes;
			below = [];
			for (let k = 0; k + 256 <= hashes.length; k += 256)
				below.push(tlog.root(hashes.slice(k, k + 256)));
		}
		return note;
	};
	await letter(2);
	await settled();
	const first = await read();
	check(first.size < 256, 'at first one partial tile', first.size);
	const rows = i.sql('SELECT CAST(entry AS TEXT) AS entry FROM journal ORDER BY seq');
	check(rows.length === first.size && rows.every((r, k) => tlog.leafHash(Buffer.from(r.entry)).equals(first.leaves[k])), 'the leaves are the entries\' hashes');

	await letter(300);
	await letter(120);
	await settled();
	const later = await read();
	check(later.size > 512, 'then full tiles and an upper level', later.size);
	check(Buffer.concat(later.leaves.slice(0, first.size)).equals(Buffer.concat(first.leaves)), 'what was there stays');
	const wholePart = await i.request('GET', '/log/tile/0/000.p/200');
	check(wholePart.status === 200 && wholePart.body.equals(Buffer.concat(later.leaves.slice(0, 200))), 'a partial tile stays when the full one is there');

	// Nothing but the forms of the specification, nothing beyond the head, no entries.
	for (const bad of ['0/999', '0/000.p/256', '0/000.p/0', '0/000.p/01', '0/000.p/', '0/0', '0/0000', '0/x000/000', '0/x001', '00/000', '64/000', '1/000', '7/000.p/1', '-1/000',
		'0/000.p/1/', '0/000.p/1.p/1', 'entries/000', 'entries/000.p/1', '0/001.p/+1', '0/x999/x999/x999/x999/x999/x999/x999/999', '0/' + 'x001/'.repeat(60) + '001', '0/%30%30%30.p/300'])
		same((await i.request('GET', '/log/tile/' + bad)).status, 404, `no tile ${bad}`);
	same((await i.request('GET', '/log/' + tlog.tilePath(0, Math.floor(later.size / 256), later.size % 256 + 1))).status, 404, 'no hash beyond the head');
	same((await i.request('POST', '/log/checkpoint', { body: 'x' })).status, 405, 'nothing is written there');
	for (const p of ['checkpoint', 'tile/0/000.p/9'])
		check(!/r0@|sender@|"ev"/.test((await i.request('GET', '/log/' + p)).body.toString('latin1')), `${p} holds nothing of letters`);

	// `pli journal verify --url`: a monitor with a state of its own.
	const state = path.join(TMP, 'state'), pub = path.join(i.dir, 'public/log.pub'), ca = path.join(i.dir, 'tls/ca.pem'), line = path.join(TMP, 'log.key');
	fs.writeFileSync(line, vkey);
	const watch = (...more) => {
		const r = i.run(['journal', 'verify', '--url', i.url, '--ca', ca, ...(more.includes('--log-key') ? [] : ['--log-key', pub]), ...more]);
		return { ...r, all: r.stdout + r.stderr };
	};
	let m = watch('--state', state);
	check(m.status === 0 && m.stdout.includes(`verified ${later.size} entries, root ${later.root.toString('hex')}`), 'a first look', m.all);
	check(fs.readFileSync(state, 'utf8').startsWith('pli-log-state@v1\n'), 'what was seen is kept');
	m = watch('--state', state, '--json');
	same(JSON.parse(m.stdout), { verified: true, size: later.size, root: later.root.toString('hex') }, 'again, as JSON');
	for (const count of [1, 3, 250, 2]) {
		await letter(count);
		await settled();
		m = watch('--state', state);
		check(m.status === 0 && /history: the first \d+ entries are those/.test(m.stdout) && m.stdout.includes(`verified ${size()} entries`), `a look after ${count} more recipients`, m.all);
	}
	check(watch('--log-key', line).status === 0, 'with the key as one line, and without a state');
	check(watch('--url', i.url).status !== 0, 'an option twice is refused');
	const foreign = tlog.newKey();
	fs.writeFileSync(path.join(TMP, 'foreign.key'), tlog.vkey('localhost/j/1', 1, foreign.raw));
	m = watch('--log-key', path.join(TMP, 'foreign.key'));
	check(m.status === 65 && /not signed by the log's key/.test(m.stderr), 'another key: not this log', m.all);
	fs.writeFileSync(path.join(TMP, 'w.pub'), tlog.vkey('w.example', 4, foreign.raw) + '\n');
	m = watch('--witness', path.join(TMP, 'w.pub'));
	check(m.status === 65 && /none of the witnesses/.test(m.stderr), 'a witness is wanted and none has signed', m.all);
	same(i.run(['journal', 'verify', '--url', i.url, '--ca', ca]).status !== 0, true, 'without a key: refused');

	// A server of the test's own, which serves the same log, then lies in every way that there is.
	const whole = await read();
	await liar(i, whole, fs.readFileSync(state, 'utf8'));
});
