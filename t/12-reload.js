#!/usr/bin/env node
// Goal: SIGHUP and `pli reload` take new settings and a new certificate whole or not at all.  New connections have the new
// certificate, old ones and what is under way on them live on; a broken file, a broken key, a setting that needs a restart and a
// process that does not answer change nothing and are named; a process that dies meanwhile comes back with what holds.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const tls = require('tls');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, main, pause, TMP } = require('./lib/pli.js');

const i = new Instance();
const file = (name) => path.join(i.dir, name);
let firstConf;

// A pair of its own, trusted by nobody but whoever is told; moved into place as an operator does: a new file, of his.
function pair(name) {
	const key = path.join(TMP, name + '.key'), cert = path.join(TMP, name + '.pem');
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert,
		'-days', '30', '-subj', '/CN=' + name, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
	return { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
}

function put(name, bytes) {
	const temporary = path.join(TMP, 'put');
	fs.writeFileSync(temporary, bytes, { mode: 0o600 });
	fs.copyFileSync(temporary, file(name) + '.new');
	fs.chmodSync(file(name) + '.new', 0o600);
	fs.renameSync(file(name) + '.new', file(name));
}

const conf = (more) => fs.writeFileSync(file('pli.conf'), firstConf + (more ? '\n' + more + '\n' : ''));

function connect(session) {
	return new Promise((done, fail) => {
		const socket = tls.connect({ host: '127.0.0.1', port: i.port, servername: 'localhost', rejectUnauthorized: false, session }, () => {
			done(socket);
		});
		socket.once('error', fail);
	});
}

async function subject() {
	const socket = await connect();
	const name = socket.getPeerCertificate().subject.CN;
	socket.destroy();
	return name;
}

// A request on a connection that is there already.
function ask(socket, method = 'GET', target = '/healthz', headers = {}, body) {
	return new Promise((done, fail) => {
		const req = http.request({ createConnection: () => socket, method, path: target, headers: { Host: 'localhost:' + i.port, Connection: 'keep-alive', ...headers } }, (res) => {
			const parts = [];
			res.on('data', (p) => parts.push(p));
			res.on('end', () => done({ status: res.statusCode, text: Buffer.concat(parts).toString() }));
		});
		req.on('error', fail);
		req.end(body);
	});
}

const outcomes = () => i.events('host.reloaded', 'host.reload-refused').length;

async function hup() {
	const before = outcomes();
	i.server.kill('SIGHUP');
	await until('the reload has an outcome', () => outcomes() > before, 30);
	const last = i.events('host.reloaded', 'host.reload-refused').pop();
	return last.event === 'host.reloaded' ? '' : last.text;
}

const reload = () => i.run(['reload', i.dir]);
const deposit = async (to) => (await i.json('POST', '/api/v1/letters', i.tokens['ed@example.org'], { to: [to], subject: 'Over a reload' })).status;

// Requests without a pause, on new connections; none may fail.
function load() {
	const state = { stop: false, count: 0, bad: [] };
	state.ended = (async () => {
		while (!state.stop) {
			try {
				const socket = await connect();
				const r = await ask(socket);
				socket.destroy();
				state.count++;
				if (r.status !== 200)
					state.bad.push(r.status);
			} catch (e) {
				state.bad.push(String(e));
			}
		}
	})();
	return state;
}

async function certificate(one) {
	const old = await connect(), name = old.getPeerCertificate().subject.CN;
	const session = await new Promise((done) => { old.once('session', done); ask(old); });
	const again = await connect(session);
	same(again.isSessionReused(), true, 'a session is taken up again while the certificate stays');
	again.destroy();
	// Half a deposit that ends only after the change.
	const letter = JSON.stringify({ to: ['half@example.org'], subject: 'Begun before' });
	const half = await connect();
	const got = new Promise((done) => half.once('data', (b) => done(b.toString())));
	half.write(`POST /api/v1/letters HTTP/1.1\r\nHost: localhost:${i.port}\r\nAuthorization: Bearer ${i.tokens['ed@example.org']}\r\n` +
		`Content-Type: application/json\r\nContent-Length: ${letter.length}\r\n\r\n${letter.slice(0, 10)}`);

	put('tls/cert.pem', one.cert);
	put('tls/key.pem', one.key);
	same(await hup(), '', 'a new certificate is taken');
	same(await subject(), 'one', 'new connections have it');
	same((await ask(old)).status, 200, 'the old connection lives on');
	same(old.getPeerCertificate().subject.CN, name, 'with its certificate');
	const resumed = await connect(session);
	same([resumed.isSessionReused(), resumed.getPeerCertificate().subject.CN], [false, 'one'], 'who comes back with an old session sees the new one');
	half.write(letter.slice(10));
	check((await got).startsWith('HTTP/1.1 201'), 'what was under way is finished', await got);
	for (const s of [old, resumed, half])
		s.destroy();
	// The rest of the test trusts it.
	i.ca = one.cert;
	i.agent.destroy();
	i.agent = new (require('https').Agent)({ keepAlive: true, ca: one.cert });
}

async function broken(one, two) {
	conf('[storage]\nreserve_deposit = 1000T\nreserve_dposit = 1');
	const line = firstConf.split('\n').length + 3;
	let why = await hup();
	check(why.includes(`pli.conf:${line}:`) && why.includes('reserve_deposit') && why.includes('nothing was changed'), 'a broken file: file, line and reason', why);
	same(await deposit('a@example.org'), 201, 'and nothing of it was taken');
	let r = reload();
	same(r.status, 78, 'pli reload of a broken file');
	check(r.stderr.includes(`pli.conf:${line}:`), 'says the same', r.stderr);

	conf('[storage]\nreserve_deposit = 1000T');
	put('tls/key.pem', two.key);
	why = await hup();
	check(why.includes('tls/key.pem'), 'a key of another certificate is refused', why);
	same(await deposit('b@example.org'), 201, 'and with it the good settings beside it');
	same(await subject(), 'one', 'and the certificate stays');
	r = reload();
	same(r.status, 78, 'pli reload with a wrong key');
	check(r.stderr.includes('tls/key.pem') && r.stderr.includes('nothing was changed'), 'says so', r.stderr);
	put('tls/key.pem', one.key);
	fs.rmSync(file('tls/cert.pem'));
	check((await hup()).includes('cert.pem is missing'), 'no certificate at all');
	put('tls/cert.pem', one.cert);

	conf('[server]\nlang = en\nloops = 3\n[mail]\npaused = yes'.replace('lang = en\n', ''));
	why = await hup();
	check(why.includes('server.loops') && why.includes('restart') && !why.includes('mail.paused'), 'what needs a restart is named', why);
	same(await deposit('c@example.org'), 201, 'a deposit goes on');
	await i.mail('c@example.org');
}

async function settings() {
	conf('[storage]\nreserve_deposit = 1000T');
	same(reload().status, 0, 'pli reload of good settings');
	same(await deposit('d@example.org'), 507, 'they hold at once');
	conf('');
	same(await hup(), '', 'and back');
	same(await deposit('d@example.org'), 201, 'they hold at once');
	await i.mail('d@example.org');

	conf('[mail]\npaused = yes');
	same(await hup(), '', 'mail is paused');
	same(await deposit('e@example.org'), 201, 'letters are taken meanwhile');
	await pause(1500);	/* longer than the dispatcher's own turn */
	same(i.mails('e@example.org').length, 0, 'no notice leaves');
	conf('');
	same(await hup(), '', 'mail goes on');
	await i.mail('e@example.org');

	conf('[limits]\nidle_s = 1');
	same(await hup(), '', 'times of connections');
	const socket = await connect();
	await ask(socket);
	const begin = Date.now();
	await new Promise((done) => socket.once('close', done).resume());
	check(Date.now() - begin < 40000, 'hold for who waits from now on, who had a minute before', Date.now() - begin);
	conf('[log]\nlevel = error');
	same(reload().status, 0, 'the log is quieter');
	const lines = outcomes();
	conf('');
	same(reload().status, 0, 'and as it was');
	same(outcomes(), lines + 1, 'the line of the first was the last of its level, that of the second is there again');
}

async function dying() {
	// A reload that is asked for while a process is away waits for it.
	conf('[storage]\nreserve_deposit = 1000T');
	process.kill(i.children()['pli-front'], 'SIGKILL');
	same(await hup(), '', 'a reload while front is away');
	await until('front refuses deposits', async () => await deposit('f@example.org').catch(() => 0) === 507, 20);
	for (const name of ['pli-front', 'pli-keeper', 'pli-courier']) {
		const was = i.children()[name];
		process.kill(was, 'SIGKILL');
		await until(name + ' is back', () => (i.children()[name] || was) !== was, 20);
	}
	await until('who comes back has the settings that hold', async () => await deposit('f@example.org').catch(() => 0) === 507, 20);
	conf('');
	same(reload().status, 0, 'and back');
	same(await deposit('f@example.org'), 201, 'a deposit');

	// One that does not answer: nobody changes.
	const courier = i.children()['pli-courier'];
	conf('[storage]\nreserve_deposit = 1000T');
	process.kill(courier, 'SIGSTOP');
	const why = await hup();
	process.kill(courier, 'SIGCONT');
	check(why.includes('did not answer'), 'a process that does not answer', why);
	same(await deposit('g@example.org'), 201, 'and nothing changed');
	same(await hup(), '', 'the next one goes well, the late answer counts for nothing');
	same(await deposit('g@example.org'), 507, 'and changes');
	conf('');
	same(await hup(), '', 'and back');
}

main(async () => {
	i.make({ lang: 'en' });
	i.deathsExpected = true;
	firstConf = fs.readFileSync(file('pli.conf'), 'utf8');
	same(reload().status, 69, 'pli reload without a server');
	await i.serve();
	i.user('ed@example.org');
	const one = pair('one'), two = pair('two');
	await certificate(one);
	await broken(one, two);
	await settings();
	const busy = load();
	for (let n = 0; n < 20; n++)
		i.server.kill('SIGHUP');
	const many = await Promise.all([0, 1, 2].map(() => new Promise((done) => {
		const child = require('child_process').spawn(process.env.PLI, ['reload', i.dir], { stdio: 'ignore' });
		child.on('close', done);
	})));
	check(many.includes(0) && many.every((s) => s === 0 || s === 75), 'several verbs at once: done, or told to wait', many);
	await until('requests were made meanwhile', () => busy.count > 20 || busy.bad.length);
	busy.stop = true;
	await busy.ended;
	same(busy.bad, [], 'nobody notices a reload');
	await dying();
	const r = i.verify();
	check(r.status === 0, 'journal verify', r.stdout + r.stderr);
	await i.stop();
});
