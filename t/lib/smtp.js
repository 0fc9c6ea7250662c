// A mail program's or mail server's side of SMTP and LMTP, byte by byte: what a test sends is what goes out.
'use strict';
const net = require('net');
const tls = require('tls');

class Smtp {
	// {port, ca}: TLS to 127.0.0.1; {port}: plain; {path}: a socket file.
	static async open(to, hello = 'EHLO test.example') {
		const s = new Smtp();
		s.text = '';
		s.closed = false;
		s.waiting = [];
		s.socket = to.ca ? tls.connect({ host: '127.0.0.1', port: to.port, servername: 'localhost', ca: to.ca, ALPNProtocols: to.alpn })
			: net.connect(to.path ? { path: to.path } : { host: '127.0.0.1', port: to.port });
		s.socket.setNoDelay(true);
		s.socket.on('data', (p) => { s.text += p.toString('latin1'); s.wake(); });
		for (const event of ['end', 'close', 'error'])
			s.socket.on(event, (e) => { s.closed = true; s.error = s.error || (e && e.message); s.wake(); });
		s.greeting = await s.reply();
		if (hello && s.greeting.code === 220)
			s.hello = await s.cmd(hello);
		return s;
	}

	wake() {
		for (const w of this.waiting.splice(0))
			w();
	}

	change(seconds) {
		return new Promise((done) => {
			const timer = setTimeout(done, seconds * 1000);
			this.waiting.push(() => { clearTimeout(timer); done(); });
		});
	}

	// The next reply, all its lines; code 0 when the connection ended, -1 after `seconds` without one.
	async reply(seconds = 60) {
		const end = Date.now() + seconds * 1000;
		for (;;) {
			const m = /^((?:\d{3}-[^\r\n]*\r\n)*)(\d{3}) ([^\r\n]*)\r\n/.exec(this.text);
			if (m) {
				this.text = this.text.slice(m[0].length);
				return { code: Number(m[2]), text: m[3], all: m[0] };
			}
			if (this.closed)
				return { code: 0, text: 'closed ' + (this.error || ''), all: this.text };
			if (Date.now() > end)
				return { code: -1, text: 'no reply', all: this.text };
			await this.change((end - Date.now()) / 1000 + 0.001);
		}
	}

	write(bytes) { this.socket.write(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)); }

	async cmd(line, seconds) {
		this.write(line + '\r\n');
		return this.reply(seconds);
	}

	auth(user, password) { return this.cmd('AUTH PLAIN ' + Buffer.from(`\0${user}\0${password}`).toString('base64')); }

	// A whole transaction: the reply to the final dot, or the first one that is no 2xx or 3xx.
	async send(from, to, message) {
		let r = await this.cmd(`MAIL FROM:<${from}>`);
		for (const address of to)
			if (r.code < 400)
				r = await this.cmd(`RCPT TO:<${address}>`);
		if (r.code < 400)
			r = await this.cmd('DATA');
		if (r.code !== 354)
			return r;
		this.write(stuffed(message));
		return this.reply(60);
	}

	// Waits until the other side has closed; false if it does not.
	async ended(seconds = 60) {
		const end = Date.now() + seconds * 1000;
		while (!this.closed && Date.now() < end)
			await this.change((end - Date.now()) / 1000 + 0.001);
		return this.closed;
	}

	close() { this.socket.destroy(); }
}

// Dot-stuffed, with the end.
function stuffed(message) {
	const text = Buffer.isBuffer(message) ? message.toString('latin1') : Buffer.from(message).toString('latin1');
	return Buffer.from(text.replace(/^\./gm, '..').replace(/(\r\n)?$/, '\r\n') + '.\r\n', 'latin1');
}

// Lines of a message, joined by CRLF.
const lines = (...all) => all.join('\r\n') + '\r\n';

module.exports = { Smtp, stuffed, lines };
