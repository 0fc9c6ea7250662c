#!/usr/bin/env node
// Goal: behind HAProxy (to us in HTTP/1.1, and in HTTP/2) and behind nginx the smuggling corpus is counted the same on both sides:
// as many requests reach us as the front says it has sent, and as many letters are made as the client gets 201s.  By HAProxy's
// PROXY header of version 2 the client's own address stands in the journal, and nobody but a trusted front can say another.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');
const { spawn } = require('child_process');
const { Instance, check, same, until, main, pause, TMP, freePort } = require('./lib/pli.js');
const { answers, corpus } = require('./lib/smuggling.js');

const started = [];
const log = (name) => path.join(TMP, name + '.log');
const lines = (file, what) => fs.existsSync(file) ? fs.readFileSync(file, 'latin1').split('\n').filter((l) => what.test(l)).length : 0;

function run(name, program, args) {
	const out = fs.openSync(log(name), 'a');
	const child = spawn(program, args, { stdio: ['ignore', out, out] });
	fs.closeSync(out);
	child.on('error', (e) => fs.appendFileSync(log(name), String(e)));
	child.ended = new Promise((done) => child.once('exit', done));
	started.push(child);
	return child;
}

async function listens(port, name) {
	await until(name + ' listens' + (fs.existsSync(log(name)) ? '' : ''), () => new Promise((done) => {
		const s = net.connect({ host: '127.0.0.1', port }, () => {
			s.destroy();
			done(true);
		});
		s.on('error', () => done(false));
	}));
}

// Everything that comes back on a plain connection, until it closes or, once so many answers are there, nothing comes for a while.
function raw(port, bytes, least) {
	return new Promise((done) => {
		const got = [], socket = net.connect({ host: '127.0.0.1', port }, () => socket.write(bytes));
		const end = () => {
			socket.destroy();
			done(Buffer.concat(got).toString('latin1'));
		};
		socket.setTimeout(20000, end);
		socket.on('data', (p) => {
			got.push(p);
			if (answers(Buffer.concat(got).toString('latin1')).filter((s) => s !== 100).length >= least)
				socket.setTimeout(1500);
		});
		socket.on('error', end);
		socket.on('close', end);
	});
}

async function haproxy(i) {
	const ports = { h1: freePort(), h2: freePort(), tcp: freePort() };
	const ca = path.join(i.dir, 'tls/ca.pem'), conf = path.join(TMP, 'haproxy.cfg');
	fs.writeFileSync(conf, `global
	maxconn 200
	log stdout format raw local0
defaults
	mode http
	log global
	log-format "REQ %s %ST"
	retries 0
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend one
	bind 127.0.0.1:${ports.h1}
	default_backend one
backend one
	http-reuse always
	server pli1 127.0.0.1:${i.port} ssl verify required ca-file ${ca} sni str(localhost) verifyhost localhost
frontend two
	bind 127.0.0.1:${ports.h2}
	default_backend two
backend two
	http-reuse always
	server pli2 127.0.0.1:${i.port} ssl verify required ca-file ${ca} sni str(localhost) verifyhost localhost alpn h2
frontend through
	mode tcp
	bind 127.0.0.1:${ports.tcp}
	default_backend through
backend through
	mode tcp
	server plit 127.0.0.1:${i.port} source 127.0.0.2 send-proxy-v2
`);
	run('haproxy', 'haproxy', ['-db', '-f', conf]);
	await listens(ports.tcp, 'haproxy');
	return ports;
}

async function nginx(i) {
	const port = freePort(), dir = path.join(TMP, 'nginx'), conf = path.join(dir, 'nginx.conf');
	fs.mkdirSync(dir);
	fs.writeFileSync(conf, `pid ${dir}/pid;
error_log stderr;
worker_processes 1;
daemon off;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 200; }
http {
	log_format upstream 'REQ pli $upstream_status';
	access_log ${log('nginx-access')} upstream;
	client_body_temp_path ${dir}/body;
	proxy_temp_path ${dir}/proxy;
	fastcgi_temp_path ${dir}/fastcgi;
	uwsgi_temp_path ${dir}/uwsgi;
	scgi_temp_path ${dir}/scgi;
	upstream pli { server 127.0.0.1:${i.port}; keepalive 8; }
	server {
		listen 127.0.0.1:${port};
		location / {
			proxy_pass https://pli;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_ssl_verify on;
			proxy_ssl_trusted_certificate ${path.join(i.dir, 'tls/ca.pem')};
			proxy_ssl_name localhost;
			proxy_ssl_server_name on;
			proxy_request_buffering off;
			proxy_buffering off;
			proxy_next_upstream off;
			client_max_body_size 0;
		}
	}
}
`);
	run('nginx', 'nginx', ['-e', 'stderr', '-c', conf]);
	await listens(port, 'nginx');
	return port;
}

// Refused by the wire, on whichever side: it ran nowhere, and we write no line of it.
const REFUSED = '400|408|411|413|414|417|421|431|501|502|505';

// The whole corpus through one front: the same counts on both sides.
async function smuggle(i, token, name, port, forwarded) {
	const { forms, twins, smuggled } = corpus('localhost:' + i.port, token);
	const served = () => lines(i.log, new RegExp(`"event":"http\\.request"(?!.*"text":"(${REFUSED})")`)), letters = () => i.one('SELECT COUNT(*) FROM letter');
	const start = { served: served(), forwarded: forwarded(), letters: letters() };
	const all = [...Object.entries(forms), ...Object.entries(twins)];
	// A twin is followed by one deposit more; of the forms nobody knows what the front makes.
	const least = (what, wanted) => twins[what] ? wanted.filter((s) => s !== 100).length + 1 : 1;
	let good = 0;
	const counts = () => [served() - start.served, forwarded() - start.forwarded];
	for (let k = 0; k < all.length; k += 8) {
		const some = all.slice(k, k + 8);
		const got = await Promise.all(some.map(([what, [bytes, wanted]]) => raw(port, Buffer.concat([Buffer.from(bytes), Buffer.from(smuggled())]), least(what, wanted))));
		const now = got.reduce((n, text) => n + answers(text).filter((s) => s === 201).length, 0);
		good += now;
		const before = counts();
		try {
			await until('both sides have counted', () => { const [a, b] = counts(); return a === b; });
		} catch (e) {
			check(false, `${name}: the same count on both sides`, { before, after: counts(), of: some.map(([what], n) => [what, answers(got[n])]) });
			break;
		}
	}
	const [mine, theirs] = await until('all is counted', () => { const c = counts(); return c[0] === c[1] && c; }).catch(counts);
	same(mine, theirs, `${name}: as many requests served as the front says it has sent`);
	same(letters() - start.letters, good, `${name}: as many letters as answers 201`);
	check(mine > 20 && good > 15, `${name}: something went through`, { mine, good });
	console.log(`${name}: ${all.length} connections, ${mine} requests on both sides, ${good} letters`);
}

// A TLS connection from that address, with bytes before TLS; resolves to the answer's text, '' when there is none.
function ask(i, { port = i.port, from = '127.0.0.1', first, request }) {
	return new Promise((done) => {
		let text = '';
		const socket = net.connect({ host: '127.0.0.1', port, localAddress: from }, () => {
			if (first)
				socket.write(first);
			const secure = tls.connect({ socket, servername: 'localhost', ca: i.ca, ALPNProtocols: ['http/1.1'] }, () => secure.write(request));
			secure.on('data', (p) => { text += p.toString('latin1'); });
			secure.on('error', () => done(text));
			secure.on('close', () => done(text));
		});
		socket.on('error', () => done(text));
		socket.setTimeout(15000, () => socket.destroy());
	});
}

async function named(i, ports, auditor) {
	const get = (target, more = '') => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;
	const header = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n'), Buffer.from([0x21, 0x11, 0, 12, 203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x34, 1, 0xbb])]);
	const status = (text) => Number((/^HTTP\/1\.1 (\d+)/.exec(text) || [0, 0])[1]);
	same(status(await ask(i, { request: get('/readyz') })), 200, 'straight, without a header: served');
	same(status(await ask(i, { request: get('/readyz'), first: header })), 0, 'a header of one who is not trusted: refused');
	same(status(await ask(i, { request: get('/readyz'), from: '127.0.0.2' })), 0, 'a trusted front without a header: refused');
	same(status(await ask(i, { request: get('/readyz'), from: '127.0.0.2', first: Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n') })), 0, 'a header of version 1: refused');
	same(status(await ask(i, { request: get('/readyz'), from: '127.0.0.2', first: header })), 200, 'a trusted front with a header: served');

	// A letter opened through HAProxy from an address of its own.
	const link = await i.link('far@example.org'), form = await i.form(link), body = 'form=' + encodeURIComponent(form);
	const opened = await ask(i, { port: ports.tcp, from: '127.0.0.3',
		request: `POST ${link}/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}` });
	same(status(opened), 303, 'opened through HAProxy');
	const journal = (await i.request('GET', '/api/v1/journal?limit=200', { token: auditor })).json.entries;
	const addresses = [...new Set(journal.filter((e) => e.ip && /handover|read|open/i.test(e.event + e.type)).map((e) => e.ip))];
	check(addresses.includes('127.0.0.3'), 'the journal has the client\'s address', addresses);
	check(!journal.some((e) => e.ip === '127.0.0.2'), 'and nowhere the front\'s');
}

main(async () => {
	const i = new Instance().make({ conf: '[log]\nrequests = all\n[server]\nproxy_from = 127.0.0.2, 192.0.2.0/24\n' });
	await i.serve();
	const token = i.user('sender@example.org'), auditor = i.user('auditor@example.org', 'auditor');
	same((await i.json('POST', '/api/v1/letters', token, { to: ['far@example.org'], subject: 'S' })).status, 201, 'a letter');
	try {
		const ports = await haproxy(i), web = await nginx(i);
		await smuggle(i, token, 'HAProxy, HTTP/1.1', ports.h1, () => lines(log('haproxy'), new RegExp(`^REQ pli1 (?!${REFUSED})`)));
		await smuggle(i, token, 'HAProxy, HTTP/2', ports.h2, () => lines(log('haproxy'), new RegExp(`^REQ pli2 (?!${REFUSED})`)));
		await smuggle(i, token, 'nginx', web, () => lines(log('nginx-access'), new RegExp(`^REQ pli (?!${REFUSED})[1-9]`)));
		await named(i, ports, auditor);
	} finally {
		for (const child of started)
			child.kill('SIGTERM');
		await Promise.all(started.map((child) => Promise.race([child.ended, pause(5000)])));
	}
	await until('mails are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0, 60);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
