// A witness of the program, for scenarios: made, served, asked, stopped.
'use strict';
const { spawn, execFileSync } = require('child_process');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { until, freePort, TMP, PLI } = require('./pli.js');
const tlog = require('./tlog.js');

class Witness {
	constructor(name) {
		this.dir = path.join(TMP, name);
		this.port = freePort();
		this.url = 'https://localhost:' + this.port;
	}

	// logs: verifier keys.
	make(logs = [], listen = []) {
		execFileSync(PLI, ['init', this.dir, '--role', 'witness', '--host', 'localhost', '--listen', '127.0.0.1:' + this.port, ...listen,
			...logs.flatMap((k) => ['--log', k])], { stdio: 'pipe' });
		this.ca = fs.readFileSync(path.join(this.dir, 'tls/ca.pem'));
		this.key = fs.readFileSync(path.join(this.dir, 'public/witness.pub'), 'utf8').trim();
		return this;
	}

	async serve(...more) {
		const log = fs.openSync(this.dir + '.log', 'a');
		this.process = spawn(PLI, ['serve', this.dir, ...more], { stdio: ['ignore', log, log] });
		fs.closeSync(log);
		this.exit = null;
		this.ended = new Promise((done) => this.process.on('exit', (code) => { this.exit = code; done(code); }));
		process.on('exit', () => this.process.kill('SIGTERM'));
		await until('the witness is ready', async () => {
			if (this.exit !== null)
				throw new Error('the witness ended: ' + this.log().slice(-600));
			return (await this.get('/readyz').catch(() => ({ status: 0 }))).status === 200;
		}, 30);
		return this;
	}

	log() { return fs.readFileSync(this.dir + '.log', 'utf8'); }

	async stop() {
		this.process.kill('SIGTERM');
		return this.ended;
	}

	request(method, target, body) {
		return new Promise((done, fail) => {
			const req = https.request({ host: '127.0.0.1', port: this.port, servername: 'localhost', method, path: target, ca: this.ca, timeout: 20000, agent: false,
				headers: body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body), 'Content-Type': 'text/plain' } }, (res) => {
				const parts = [];
				res.on('data', (p) => parts.push(p));
				res.on('end', () => done({ status: res.statusCode, type: res.headers['content-type'], text: Buffer.concat(parts).toString() }));
			});
			req.on('timeout', () => req.destroy(new Error('no answer: ' + target)));
			req.on('error', fail);
			req.end(body);
		});
	}

	get(target) { return this.request('GET', target); }
	add(old, proof, note) { return this.request('POST', '/add-checkpoint', `old ${old}\n${proof.map((h) => h.toString('base64') + '\n').join('')}\n${note}`); }
}

// A log of the test's own, which can lie.
class Log {
	constructor(origin) {
		this.origin = origin;
		this.pair = tlog.newKey();
		this.vkey = tlog.vkey(origin, 1, this.pair.raw);
		this.leaves = [];
	}

	grow(to, salt = '') {
		for (let k = this.leaves.length; k < to; k++)
			this.leaves.push(tlog.leafHash(Buffer.from(`${salt}${k}`)));
		return this;
	}

	note(size = this.leaves.length) { return tlog.signNote(this.origin, size, tlog.root(this.leaves.slice(0, size)), this.pair); }
	proof(from, to = this.leaves.length) { return tlog.consistency(from, this.leaves.slice(0, to)); }
}

module.exports = { Witness, Log };
