#!/usr/bin/env node
// Goal: a large letter goes up by `pli send` although its connections are cut twice, the server is restarted and the command
// itself is killed once and repeated; it is opened and comes down identical, whole, in ranges and to a reader who pauses; and
// the memory of all processes together grows by less than 16 MiB.  200 MiB; PLI_BIG=1: 5 GiB.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { spawn } = require('child_process');
const { Instance, check, same, until, pause, main, TMP, PLI, freePort } = require('./lib/pli.js');
const { CutProxy } = require('./lib/cutproxy.js');
const { Sampler } = require('./lib/memory.js');

const MIB = 1 << 20, SIZE = (process.env.PLI_BIG ? 5 * 1024 : 200) * MIB + 12345, GROWTH = 16 * MIB;
const file = path.join(TMP, 'Grand document.bin');

// Fast bytes that do not compress and do not repeat; the digest of all.
function makeFile() {
	const fd = fs.openSync(file, 'w'), hash = crypto.createHash('sha256'), key = crypto.randomBytes(32);
	const stream = crypto.createCipheriv('aes-256-ctr', key, Buffer.alloc(16)), zero = Buffer.alloc(4 * MIB);
	for (let left = SIZE; left > 0; left -= zero.length) {
		const block = stream.update(left < zero.length ? zero.subarray(0, left) : zero);
		fs.writeSync(fd, block);
		hash.update(block);
	}
	fs.closeSync(fd);
	return hash.digest('hex');
}

function bytesAt(offset, length) {
	const bytes = Buffer.alloc(length), fd = fs.openSync(file, 'r');
	fs.readSync(fd, bytes, 0, length, offset);
	fs.closeSync(fd);
	return bytes;
}

function send(i, proxy, token) {
	const child = spawn(PLI, ['send', '--server', 'https://localhost:' + proxy.port, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', token,
		'--to', 'reader@example.net', '--subject', 'Un grand document', '--attach', file, '--key', 'big'],
	{ env: { PATH: process.env.PATH, HOME: TMP, XDG_STATE_HOME: path.join(TMP, 'state'), LC_ALL: 'C.UTF-8' }, stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '', err = '';
	child.stdout.on('data', (b) => { out += b; });
	child.stderr.on('data', (b) => { err += b; });
	child.ended = new Promise((done) => child.on('close', (code, signal) => done({ code, signal, out, err: err.slice(-2000) })));
	return child;
}

// Goes up: cut at 15 %, the command killed at 30 % (and repeated), the server restarted at 50 %, cut again at 75 %.
async function upload(i, token, sampler) {
	const proxy = new CutProxy(freePort(), i.port), done = [];
	await proxy.listen();
	let first = null, restarted = null;
	proxy.marks = [
		[SIZE * 0.15, () => { done.push('cut'); proxy.cut(); }],
		[SIZE * 0.30, () => { done.push('kill'); first.kill('SIGKILL'); }],
		[SIZE * 0.50, () => { done.push('restart'); restarted = i.stop().then(() => i.serve()); }],
		[SIZE * 0.75, () => { done.push('cut'); proxy.cut(); }],
	];
	sampler.step = 'upload';
	const begin = Date.now();
	first = send(i, proxy, token);
	same((await first.ended).signal, 'SIGKILL', 'the command was killed on its way');
	const end = await send(i, proxy, token).ended;
	await restarted;
	same([end.code, done], [0, ['cut', 'kill', 'restart', 'cut']], 'sent, through all of it: ' + end.err);
	const more = proxy.up - SIZE;
	check(more < 4 * 34 * MIB + SIZE * 0.02, 'each interruption costs a piece at most', `${Math.round(more / MIB)} MiB sent again`);
	console.log(`up in ${Math.round((Date.now() - begin) / 1000)} s, ${Math.round(more / MIB)} MiB more than the file`);
	proxy.close();
	return end.out.trim();
}

// The body's digest and size; fn sees each piece.
function download(i, target, headers, fn = () => {}) {
	return new Promise((done, fail) => {
		const hash = crypto.createHash('sha256');
		let size = 0;
		https.get({ host: '127.0.0.1', port: i.port, servername: 'localhost', path: target, ca: i.ca, agent: false,
			headers: { Host: 'localhost:' + i.port, ...headers } }, (res) => {
			res.on('data', (b) => {
				hash.update(b);
				size += b.length;
				fn(res, size);
			});
			res.on('end', () => done({ status: res.statusCode, headers: res.headers, size, sha256: hash.digest('hex') }));
			res.on('error', fail);
		}).on('error', fail);
	});
}

async function readBack(i, sha256, sampler) {
	const link = await i.link('reader@example.net'), opened = await i.open(link), target = link + '/files/1';
	same(opened.status, 303, 'opened');
	const headers = { Cookie: opened.cookie }, begin = Date.now();
	sampler.step = 'download';
	const all = await download(i, target, headers);
	same([all.status, all.size, all.sha256], [200, SIZE, sha256], 'the file comes down identical');
	console.log(`down in ${Math.round((Date.now() - begin) / 1000)} s`);

	// A reader who takes a part, stops for a while, and goes on: nobody else notices, nothing piles up.
	sampler.step = 'paused download';
	let paused = false;
	const slow = download(i, target, { ...headers, Range: `bytes=0-${100 * MIB - 1}` }, (res, size) => {
		if (!paused && size > 10 * MIB) {
			paused = true;
			res.pause();
			setTimeout(() => res.resume(), 3000);
		}
	});
	await until('it pauses', () => paused, 30);
	same((await i.request('GET', link)).status, 200, 'others are served meanwhile');
	const part = await slow;
	same([part.status, part.size, part.sha256], [206, 100 * MIB, crypto.createHash('sha256').update(bytesAt(0, 100 * MIB)).digest('hex')], 'a reader who paused has it all');

	sampler.step = 'ranges';
	const etag = all.headers.etag;
	for (const [from, to] of [[0, 0], [1, 16383], [16384, 16384], [16383, 16385], [Math.floor(SIZE / 3), Math.floor(SIZE / 3) + 3 * MIB], [SIZE - 5, SIZE - 1], [SIZE - 70000, SIZE - 1]]) {
		const got = await i.request('GET', target, { headers: { ...headers, Range: `bytes=${from}-${to}`, 'If-Range': etag } });
		same([got.status, got.headers['content-range'], got.body.equals(bytesAt(from, to - from + 1))], [206, `bytes ${from}-${to}/${SIZE}`, true], `bytes ${from} to ${to}`);
	}
	const tail = await i.request('GET', target, { headers: { ...headers, Range: 'bytes=-1000' } });
	check(tail.status === 206 && tail.body.equals(bytesAt(SIZE - 1000, 1000)), 'the last 1,000 bytes', tail.brief.slice(0, 80));
	same((await i.request('GET', target, { headers: { ...headers, Range: `bytes=${SIZE}-` } })).status, 416, 'a range behind the end');
	const mid = Math.floor(SIZE / 2) + 777, hash = crypto.createHash('sha256');
	let size = 0;
	for (const range of [`bytes=0-${mid - 1}`, `bytes=${mid}-`])
		await download(i, target, { ...headers, Range: range }, () => {}).then((r) => { size += r.size; hash.update(r.sha256); });
	const halves = crypto.createHash('sha256');
	for (const [from, n] of [[0, mid], [mid, SIZE - mid]]) {
		const h = crypto.createHash('sha256');
		for (let at = from; at < from + n; at += 8 * MIB)
			h.update(bytesAt(at, Math.min(8 * MIB, from + n - at)));
		halves.update(h.digest('hex'));
	}
	same([size, hash.digest('hex')], [SIZE, halves.digest('hex')], 'two halves by Range are the whole');
}

main(async () => {
	const i = new Instance().make(), token = path.join(TMP, 'token');
	const sha256 = makeFile();
	await i.serve();
	fs.writeFileSync(token, i.user('sender@example.org') + '\n');
	await pause(500);
	const sampler = new Sampler(i);
	const id = await upload(i, token, sampler);
	same(i.sql("SELECT COUNT(*) AS n FROM letter")[0].n, 1, 'one letter');
	const letter = (await i.request('GET', '/api/v1/letters/' + id, { token: fs.readFileSync(token, 'utf8').trim() })).json;
	same(letter.parts, [{ n: 1, name: path.basename(file), type: 'application/octet-stream', size: SIZE, sha256 }], 'its part');
	await readBack(i, sha256, sampler);
	const growth = sampler.stop();
	console.log(`memory of all processes: ${(sampler.base / MIB).toFixed(1)} MiB at rest, at most ${(growth / MIB).toFixed(1)} MiB more (${sampler.at}), ${sampler.samples} samples`);
	check(growth < GROWTH, 'memory grows by less than 16 MiB', `${(growth / MIB).toFixed(1)} MiB, ${sampler.at}`);
	check(sampler.samples > 20, 'memory was measured', sampler.samples);
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	await i.stop();
});
