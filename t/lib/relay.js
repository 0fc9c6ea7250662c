// A mail server for tests that can be as faulty as one likes: it keeps what it takes, and a script says what it answers to whom.
//
//   const relay = await new Relay({ tls: pair(), auth: ['user', 'secret'] }).listen();
//   relay.script = (verb, session) => …      verbs: connect ehlo starttls auth mail rcpt data body dot quit
//     nothing: what a good server does        '450 4.2.0 later': that reply        HANG: never a word        CUT: the connection is cut
//     { say: '421 4.3.2 bye', cut: true }: the reply, then the end.  session: { n, from, to, tls, user, line, relay }
//   relay.mails: { from, to, data, tls, user, session, id }   taken: a mail whose final dot has come, whatever was answered to it
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');

const HANG = Symbol('hang'), CUT = Symbol('cut');

// A key and a certificate for names, signed by itself: { key, cert, file } (file: the certificate, as a ca_file).
function pair(name = 'relay', names = 'DNS:localhost,IP:127.0.0.1') {
	const key = path.join(process.env.TMP, name + '.key'), file = path.join(process.env.TMP, name + '.pem');
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
		'/CN=' + name, '-addext', 'subjectAltName=' + names, '-keyout', key, '-out', file], { stdio: 'pipe' });
	return { key: fs.readFileSync(key), cert: fs.readFileSync(file), file };
}

class Session {
	constructor(relay, socket, n) {
		Object.assign(this, { relay, n, from: null, to: [], user: null, tls: null, line: '', greeted: false });
		this.take(socket);
		relay.sessions++;
		relay.open.add(this);
		if (relay.implicit)
			this.toTls(() => this.act('connect', '220 faulty.example.org ESMTP'));
		else
			this.act('connect', '220 faulty.example.org ESMTP');
	}

	take(socket) {
		this.socket = socket;
		this.pending = Buffer.alloc(0);
		this.mode = this.mode || 'line';
		socket.on('data', (bytes) => this.feed(bytes));
		socket.on('error', () => {});
		socket.on('close', () => this.relay.open.delete(this));
	}

	toTls(then) {
		const raw = this.socket;
		raw.removeAllListeners('data');
		const secure = new tls.TLSSocket(raw, { isServer: true, ...this.relay.tls, ...this.relay.tlsOptions });
		secure.on('secure', () => {
			this.tls = secure.getProtocol();
			if (then)
				then();
		});
		this.take(secure);
	}

	// What the script wants, else the good answer.  True: the good one was given.
	act(verb, good, then) {
		let wish = this.relay.script ? this.relay.script(verb, this) : undefined;
		this.relay.log.push([this.n, verb, wish === HANG ? 'HANG' : wish === CUT ? 'CUT' : wish]);
		if (wish === HANG) {
			this.mode = 'deaf';
			return false;
		}
		if (wish === CUT) {
			this.mode = 'deaf';
			this.socket.destroy();
			return false;
		}
		const cut = wish && wish.cut;
		const text = wish && wish.say ? wish.say : wish;
		if (text)
			this.socket.write(text + '\r\n');
		else if (good)
			this.socket.write(good + '\r\n');
		if (cut) {
			this.mode = 'deaf';
			this.socket.end();
		}
		if (!text && then)
			then();
		return !text;
	}

	feed(bytes) {
		this.pending = Buffer.concat([this.pending, bytes]);
		for (;;) {
			if (this.mode === 'deaf')
				return;
			if (this.mode === 'data') {
				if (!this.feedData())
					return;
				continue;
			}
			const at = this.pending.indexOf('\r\n');
			if (at < 0)
				return;
			this.line = this.pending.subarray(0, at).toString('latin1');
			this.pending = this.pending.subarray(at + 2);
			this.command();
		}
	}

	// True when the final dot has come.
	feedData() {
		if (!this.bodySeen && this.pending.length) {
			this.bodySeen = true;
			if (this.relay.script && !this.act('body', ''))
				return false;
		}
		const whole = Buffer.concat([Buffer.from('\r\n'), this.pending]);
		const end = whole.indexOf('\r\n.\r\n');
		if (end < 0)
			return false;
		const data = whole.subarray(2, end + 2).toString('latin1').replace(/(^|\r\n)\./g, '$1');
		this.pending = whole.subarray(end + 5);
		this.mode = 'line';
		const mail = { from: this.from, to: this.to, data, tls: this.tls, user: this.user, session: this.n,
			id: (/^Message-ID:\s*(<[^>]*>)/im.exec(data) || [])[1] };
		this.relay.taken.push(mail);
		if (this.act('dot', '250 2.0.0 Ok: queued as Q' + this.relay.taken.length))
			this.relay.mails.push(mail);
		this.from = null;
		this.to = [];
		return true;
	}

	command() {
		const line = this.line;
		if (this.loginStep)
			return this.login(line);
		const verb = line.split(/[ :]/)[0].toUpperCase();
		switch (verb) {
		case 'EHLO':
		case 'HELO': {
			this.helo = line.slice(5);
			const words = ['faulty.example.org', ...this.relay.extensions];
			if (this.relay.tls && !this.tls)
				words.push('STARTTLS');
			if (this.relay.auth && (this.tls || this.relay.authInClear))
				words.push('AUTH PLAIN LOGIN');
			return this.act('ehlo', words.map((w, i) => '250' + (i === words.length - 1 ? ' ' : '-') + w).join('\r\n'));
		}
		case 'STARTTLS':
			return this.act('starttls', '220 2.0.0 go', () => this.toTls());
		case 'AUTH':
			return this.auth(line);
		case 'MAIL':
			if (this.relay.auth && !this.user)
				return this.socket.write('530 5.7.0 Authentication required\r\n');
			this.from = (/<([^>]*)>/.exec(line) || [])[1];
			return this.act('mail', '250 2.1.0 Ok');
		case 'RCPT': {
			const to = (/<([^>]*)>/.exec(line) || [])[1];
			this.to.push(to);
			if (!this.act('rcpt', '250 2.1.5 Ok'))
				this.to.pop();
			return;
		}
		case 'DATA':
			if (!this.to.length)
				return this.socket.write('503 5.5.1 no valid recipients\r\n');
			this.bodySeen = false;
			return this.act('data', '354 End data with <CR><LF>.<CR><LF>', () => { this.mode = 'data'; });
		case 'RSET':
			this.from = null;
			this.to = [];
			return this.act('rset', '250 2.0.0 Ok');
		case 'QUIT':
			return this.act('quit', '221 2.0.0 Bye', () => this.socket.end());
		default:
			return this.socket.write('502 5.5.2 unknown\r\n');
		}
	}

	auth(line) {
		const [, how, first] = line.split(' ');
		if (how.toUpperCase() === 'PLAIN' && first)
			return this.signIn(...Buffer.from(first, 'base64').toString().split('\0').slice(1));
		this.loginStep = how.toUpperCase() === 'PLAIN' ? 'plain' : 'user';
		this.socket.write(this.loginStep === 'plain' ? '334 \r\n' : '334 VXNlcm5hbWU6\r\n');
	}

	login(line) {
		const text = Buffer.from(line, 'base64').toString();
		if (this.loginStep === 'plain') {
			this.loginStep = null;
			return this.signIn(...text.split('\0').slice(1));
		}
		if (this.loginStep === 'user') {
			this.loginUser = text;
			this.loginStep = 'password';
			return this.socket.write('334 UGFzc3dvcmQ6\r\n');
		}
		this.loginStep = null;
		return this.signIn(this.loginUser, text);
	}

	signIn(user, password) {
		const right = this.relay.auth && user === this.relay.auth[0] && password === this.relay.auth[1];
		return this.act('auth', right ? '235 2.7.0 Welcome' : '535 5.7.8 Authentication failed', () => { this.user = right ? user : null; });
	}
}

class Relay {
	constructor({ tls: pairOf = null, implicit = false, auth = null, authInClear = false, extensions = ['PIPELINING', 'SIZE 20000000', '8BITMIME', 'ENHANCEDSTATUSCODES'], tlsOptions = {} } = {}) {
		Object.assign(this, { tls: pairOf, implicit, auth, authInClear, extensions, tlsOptions, script: null });
		this.clear();
		this.open = new Set();
		this.count = 0;
	}

	clear() {
		this.mails = [];
		this.taken = [];
		this.log = [];
		this.sessions = 0;
	}

	// On a port that the kernel gives to no connection: whoever closes it finds it free again.
	async listen(port = 0, host = '127.0.0.1') {
		port = port || Number(execFileSync(process.execPath, [path.join(__dirname, 'port.js')], { encoding: 'utf8' }));
		this.server = net.createServer((socket) => new Session(this, socket, ++this.count));
		await new Promise((done, fail) => this.server.once('error', fail).listen(port, host, done));
		this.port = this.server.address().port;
		return this;
	}

	// Nobody listens any more; the port may be used again by listen(relay.port).
	async close() {
		for (const s of this.open)
			s.socket.destroy();
		await new Promise((done) => this.server.close(done));
	}

	to(address) { return this.mails.filter((m) => m.to.includes(address)); }
}

module.exports = { Relay, HANG, CUT, pair };
