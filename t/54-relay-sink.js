#!/usr/bin/env node
// Goal: Postfix's smtp-sink as the relay, with the faults that it knows: refusing and putting off at each command, hanging up with and
// without a word, slow answers. Then the same port served by a good one: every notice that was not refused for good arrives, at most
// one of a kind more than once, and never more than twice.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const net = require('net');
const { Instance, check, same, until, main, freePort } = require('./lib/pli.js');
const { tool } = require('./lib/postfix.js');

const TMP = process.env.TMP;

const SINK = tool('smtp-sink');
if (!SINK) {
	console.log('smtp-sink of the package postfix is not here and cannot be fetched');
	process.exit(77);
}

class Sink {
	async start(port, options, dump) {
		fs.rmSync(dump, { recursive: true, force: true });
		fs.mkdirSync(dump, { mode: 0o777 });
		fs.chmodSync(dump, 0o777);
		this.dump = dump;
		const user = process.getuid() === 0 ? ['-u', 'nobody'] : [];
		this.child = spawn(SINK.file, [...user, ...options, '-d', './%s.', '127.0.0.1:' + port, '100'],
			{ stdio: ['ignore', 'inherit', 'inherit'], cwd: dump, env: SINK.env });
		this.gone = new Promise((done) => this.child.once('exit', (code, signal) => done({ code, signal })));
		// It ends when whom it greets is gone already: its greeting, or its hanging up, is waited for.
		await until('the sink listens', () => new Promise((done) => {
			const s = net.connect(port, '127.0.0.1');
			s.once('data', () => s.end());
			s.once('close', (failed) => done(!failed));
			s.on('error', () => {});
		}));
		return this;
	}

	mails() {
		return fs.readdirSync(this.dump).map((f) => fs.readFileSync(path.join(this.dump, f), 'latin1')).filter((t) => /^\.?\s*$/m.test(t) && /^Message-ID: /m.test(t));
	}

	async stop() {
		this.child.kill();
		same((await this.gone).signal, 'SIGTERM', 'the sink was there to the end');
	}
}

main(async () => {
	const port = freePort();
	const i = new Instance().make({ lang: 'en', more: ['--mail', 'smtp://127.0.0.1:' + port], conf: '[mail]\ntimeout_s = 4\nretry = 1s\nsessions = 3\n' });
	await i.serve();
	const token = i.user('sender@example.org');
	const state = async (where) => (await i.request('GET', where, { token })).json.recipients[0];
	const CASES = [['-r', 'ehlo'], ['-r', 'mail'], ['-r', 'rcpt'], ['-r', 'data'], ['-r', '.'], ['-q', 'connect'], ['-q', 'ehlo'], ['-q', 'mail'], ['-q', 'rcpt'], ['-q', 'data'], ['-q', '.'],
		['-Q', 'connect'], ['-Q', 'mail'], ['-Q', 'rcpt'], ['-Q', '.'], ['-f', 'connect'], ['-w', '9'], ['-8'], ['-f', 'ehlo']];
	for (const [n, options] of CASES.entries()) {
		const what = options.join(' '), to = `case${n}@example.org`;
		const bad = await new Sink().start(port, options, path.join(TMP, 'bad'));
		const made = await i.json('POST', '/api/v1/letters', token, { to: [to], subject: 'S' });
		same(made.status, 201, what + ': a deposit');
		const first = await until(what + ': something was said', async () => { const r = await state(made.headers.location); return (r.reply || r.state !== 'pending') && r; }, 30);
		check(first.state !== 'failed', what + ': not given up', first);
		await bad.stop();
		const good = await new Sink().start(port, [], path.join(TMP, 'good'));
		await until(what + ': sent', async () => (await state(made.headers.location)).state === 'sent', 40);
		const ids = [...bad.mails(), ...good.mails()].filter((m) => m.includes(to)).map((m) => /^Message-ID: (.*)$/m.exec(m)[1]);
		check(ids.length <= 2 && new Set(ids).size <= 1 && (ids.length === 1 || /^-[qQr] \./.test(what) || first.state === 'sent'), what + ': once, or twice with one Message-ID', ids);
		await good.stop();
	}
	for (const command of ['mail', 'rcpt', 'data', '.']) {
		const bad = await new Sink().start(port, ['-f', command], path.join(TMP, 'bad'));
		const made = await i.json('POST', '/api/v1/letters', token, { to: [`no${command.replace('.', 'dot')}@example.org`], subject: 'S' });
		const begin = Date.now();
		const r = await until('refused at ' + command, async () => { const now = await state(made.headers.location); return now.state !== 'pending' && now; }, 60);
		check(r.state === 'failed' && /^5\d\d /.test(r.reply) && Date.now() - begin < 60000, `5xx to ${command}: failed at once, in its words`, r);
		await bad.stop();
	}
	same(i.run(['journal', 'verify', i.dir]).status, 0, 'journal verify');
	await i.stop();
});
