#!/usr/bin/env node
// Goal: clients that are slow on purpose get nothing and take nothing from others: a byte a second in the handshake, in the head,
// in the body; a reader who takes nothing; many idle connections.  Each is ended by its own limit (408 where an answer can be
// given), and meanwhile others are served as quickly as before.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');
const { Instance, check, same, pause, until, main } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const made = await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['subject', 'S'], ['file', { filename: 'a', bytes: Buffer.alloc(40 << 20, 'x') }]]);
	same(made.status, 201, 'a letter with 40 MiB');
	const link = await i.link('a@example.org'), opened = await i.open(link);
	// On a busy machine this test too is a slow client: the limits come when the large letter is there.
	await i.stop();
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), '\n[limits]\nhandshake_s = 2\nhead_s = 3\nidle_s = 3\nstall_s = 3\nbody_rate = 1K\nbody_rate_s = 3\nconnections_per_net = 300\n');
	await i.serve();
	same((await i.request('GET', link + '/files/1', { headers: { Cookie: opened.cookie, Range: 'bytes=0-9' } })).status, 206, 'it can be read');
	const auth = `Host: localhost:${i.port}\r\nAuthorization: Bearer ${token}\r\n`;

	// What others feel, before and meanwhile.
	const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
	const before = [], times = [];
	for (let n = 0; n < 15; n++) {
		const begin = Date.now();
		await i.request('GET', '/readyz');
		before.push(Date.now() - begin);
	}
	let others = true;
	const watch = (async () => {
		while (others) {
			const begin = Date.now();
			// A connection that this test itself has left idle for too long is not what is measured.
			const a = await i.request('GET', '/readyz').catch((e) => e);
			times.push(Date.now() - begin);
			if (a.status !== 200 && !['ECONNRESET', 'EPIPE'].includes(a.code))
				check(false, 'others are served', a.brief || a.stack);
			await pause(50);
		}
	})();

	// A connection: resolves with what came and how long it lasted.
	const connect = (secure) => secure ? tls.connect({ host: '127.0.0.1', port: i.port, servername: 'localhost', ca: i.ca })
		: net.connect({ host: '127.0.0.1', port: i.port });
	const life = (socket, feed, every, read = true) => new Promise((done) => {
		const begin = Date.now();
		let text = '', timer, at = 0;
		socket.on(socket.encrypted ? 'secureConnect' : 'connect', () => {
			if (!read)
				socket.pause();
			timer = setInterval(() => {
				if (at < feed.length && !socket.destroyed)
					socket.write(feed.subarray(at, at + 1));
				at++;
			}, every);
		});
		if (read)
			socket.on('data', (p) => { text += p.toString('latin1'); });
		socket.on('error', () => 0);
		socket.on('close', () => {
			clearInterval(timer);
			done({ text, seconds: (Date.now() - begin) / 1000 });
		});
	});
	const limit = (socket, seconds) => setTimeout(() => socket.destroy(), seconds * 1000).unref();
	const slow = async (what, secure, feed, most, status, every = 500) => {
		const socket = connect(secure);
		limit(socket, 90);
		const r = await life(socket, Buffer.from(feed), every);
		check(r.seconds < most, `${what}: ended by its own limit`, r.seconds);
		if (status)
			same(r.text.slice(0, 12), `HTTP/1.1 ${status}`, `${what}: ${status}`);
		else
			same(/HTTP\/1\.1 2/.test(r.text), false, `${what}: no good answer`);
	};

	const body = 'x'.repeat(1000);
	const post = `POST /api/v1/letters HTTP/1.1\r\n${auth}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n`;
	await Promise.all([
		slow('a handshake of a byte at a time', false, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc' + body, 45),
		slow('no handshake', false, '', 45),
		slow('a head of a byte at a time', true, `GET / HTTP/1.1\r\n${auth}X: ${body}`, 45, 408),
		slow('a head that stops', true, 'GET', 45, 408, 10),
		slow('no request', true, '', 45),
		(async () => {
			const socket = connect(true);
			limit(socket, 90);
			socket.on('secureConnect', () => socket.write(post));
			const r = await life(socket, Buffer.from(body), 500);
			check(r.seconds < 45, 'a body of two bytes a second: ended by its own limit', r.seconds);
			same(r.text.slice(0, 12), 'HTTP/1.1 408', 'a body of two bytes a second: 408');
		})(),
		(async () => {
			const socket = connect(true);
			limit(socket, 90);
			socket.on('secureConnect', () => socket.write(`POST /api/v1/letters HTTP/1.1\r\n${auth}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000000\r\n\r\n--b\r\n`
				+ 'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'));
			const r = await life(socket, Buffer.from(body), 500);
			check(r.seconds < 45, 'a file of two bytes a second: ended by its own limit', r.seconds);
			same(r.text.slice(0, 12), 'HTTP/1.1 408', 'a file of two bytes a second: 408');
		})(),
		(async () => {
			const socket = connect(true);
			limit(socket, 90);
			await new Promise((done) => socket.once('secureConnect', done));
			socket.on('error', () => 0);
			socket.pause();
			socket.write(`GET ${link}/files/1 HTTP/1.1\r\nHost: localhost:${i.port}\r\nCookie: ${opened.cookie}\r\n\r\n`);
			const port = (n) => ':' + n.toString(16).toUpperCase().padStart(4, '0');
			const stands = new RegExp(`${port(i.port)} [0-9A-F]+${port(socket.localPort)} 01 `);
			await until('the server\'s side of a connection can be seen', () => stands.test(fs.readFileSync('/proc/net/tcp', 'latin1')));
			// A socket that is not read does not see its end: the server's side tells.
			await until('a reader who takes nothing is dropped', () => !stands.test(fs.readFileSync('/proc/net/tcp', 'latin1')), 15);
			socket.destroy();
		})(),
	]);

	// Many idle ones at once; what is above the limit of a network is turned away, the others go on.
	const crowd = [];
	for (let n = 0; n < 250; n++) {
		const s = tls.connect({ host: '127.0.0.1', port: i.port, servername: 'localhost', ca: i.ca });
		s.on('error', () => 0);
		crowd.push(s);
	}
	await until('250 connections stand', () => crowd.every((s) => s.encrypted && (s.authorized || s.destroyed)), 20);
	same((await i.request('GET', '/readyz')).status, 200, 'served beside 250 idle connections');
	await until('the idle ones are ended', () => {
		crowd.forEach((s) => s.resume());
		return crowd.every((s) => s.destroyed || s.readableEnded);
	}, 20);
	crowd.forEach((s) => s.destroy());

	others = false;
	await watch;
	times.sort((a, b) => a - b);
	check(times.length > 5, 'others were served all the time', times.length);
	// The machine runs other things too, and may stand still for a moment.  Waiting behind a slow client would be seconds, each time.
	check(median(times) < Math.max(500, 5 * median(before)), 'and quickly', `half within ${times[Math.floor(times.length * 0.5)]} ms, p95 ${times[Math.floor(times.length * 0.95)]} ms, worst ${times[times.length - 1]} ms`);
	await until('nothing is left of what was cut', () => i.one('SELECT COUNT(*) FROM object WHERE letter IS NULL') === 0);
	same(i.one('SELECT COUNT(*) FROM letter'), 1, 'no letter came of it');
	await i.stop();
});
