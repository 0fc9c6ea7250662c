// For the scenarios that are node scripts, which use the standard library alone: an instance of their own below $TMP, its
// server, tokens, requests, raw TLS connections, caught mails, assertions.  What is started is stopped by its process id.
'use strict';
const { spawn, spawnSync, execFileSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');
const https = require('https');
const net = require('net');
const path = require('path');
const tls = require('tls');
const mail = require('./mail.js');

const TMP = process.env.TMP;
const PLI = process.env.PLI;
if (!TMP || !PLI)
	throw new Error('TMP and PLI are not set: start this through t/run');

let checks = 0, wrong = 0;
const running = new Set();

function show(x) {
	const s = typeof x === 'string' ? x : JSON.stringify(x);
	return s && s.length > 1200 ? s.slice(0, 1200) + '…' : s;
}

function check(ok, what, detail) {
	checks++;
	if (ok)
		return true;
	wrong++;
	console.log('WRONG: ' + what + (detail === undefined ? '' : '\n  ' + show(detail)));
	return false;
}

const same = (got, wanted, what) => check(JSON.stringify(got) === JSON.stringify(wanted), what, `wanted ${show(wanted)}\n  got    ${show(got)}`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Polls until fn gives something true, which is returned; after the deadline it throws.  seconds: what it takes on a machine that has enough
// to do; one that is slow, or stands still for a moment, gets four times as long, and a last look.
async function until(what, fn, seconds = 15) {
	const end = Date.now() + Math.max(60, 4 * seconds) * 1000;
	for (let last = false; ;) {
		const got = await fn();
		if (got)
			return got;
		if (last)
			throw new Error('waited in vain: ' + what);
		await pause(30);
		last = Date.now() > end;
	}
}

// Waits where an hour is about to end, so that none ends within these seconds, nor a day or a month in UTC or in Paris: for tests that count
// what is written at such an end.
async function wholeHour(seconds) {
	const left = 3600000 - Date.now() % 3600000;
	if (left < seconds * 1000)
		await pause(left + 50);
}

// fn for each item, `lanes` of them under way at a time, begun in their order; resolves to what they gave.  fn(item, index, lane).
async function together(lanes, items, fn) {
	const results = [];
	let next = 0;
	await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
		while (next < items.length) {
			const at = next++;
			results[at] = await fn(items[at], at, lane);
		}
	}));
	return results;
}

// A port that nobody else is given in this test; of all addresses of the loopback network.
function freePort() {
	return Number(execFileSync(process.execPath, [path.join(__dirname, 'port.js')], { encoding: 'utf8' }));
}

// The password of the accounts that tests make.
const PASSWORD = 'Trois-oiseaux-gris-7';

// The hidden fields of a page, as a browser would send them.
const hiddenFields = (text) => Object.fromEntries([...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name, value]) =>
	[name, value.replace(/&(lt|gt|quot|#39|amp);/g, (all, what) => ({ lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' })[what])]));
const formKey = (page) => (/name="form" value="([^"]*)"/.exec(page.text) || [])[1];
const cookies = (jar) => Object.entries(jar).map(([k, v]) => k + '=' + v).join('; ');

// What an answer sets, into the jar, which is returned.
function setCookies(jar, answer) {
	for (const line of answer.headers['set-cookie'] || []) {
		const [, name, value] = /^([^=]*)=([^;]*)/.exec(line);
		if (/Max-Age=0/.test(line))
			delete jar[name];
		else
			jar[name] = value;
	}
	return jar;
}

const proves = (method, target) => (method === 'GET' && /\/(proof|proof\.pdf|receipt\.pdf)(\?|$)/.test(target)) || (method === 'POST' && target === '/api/v1/certificates');

class Answer {
	constructor(status, headers, body) {
		this.status = status;
		this.headers = headers;
		this.body = body;
	}
	get text() { return this.body.toString('utf8'); }
	get json() { return JSON.parse(this.text); }
	get brief() { return this.status + ' ' + this.text.slice(0, 400); }
}

class Instance {
	constructor(name = 'instance') {
		this.dir = path.join(TMP, name);
		this.log = path.join(TMP, name + '.log');
		this.tokens = {};
		this.parsed = new Map();	// caught mails
		this.deathsExpected = false;
		this.http2 = !!process.env.PLI_TEST_HTTP2;
	}

	make({ conf = '', lang = 'fr', entity = 'New York', more = [] } = {}) {
		this.port = freePort();
		this.url = 'https://localhost:' + this.port;
		const password = path.join(TMP, 'admin.password');
		fs.writeFileSync(password, 'Sommeil-profond-9\n');
		const made = this.run(['init', this.dir, '--host', 'localhost', '--listen', '127.0.0.1:' + this.port, '--admin',
			'admin@example.org', '--password-file', password, '--entity', entity, '--lang', lang, ...more]);
		if (made.status !== 0)
			throw new Error('init: ' + made.stderr);
		if (conf)
			fs.appendFileSync(path.join(this.dir, 'pli.conf'), '\n' + conf);
		this.ca = fs.readFileSync(path.join(this.dir, 'tls/ca.pem'));
		this.agent = new https.Agent({ keepAlive: true, maxSockets: 64, ca: this.ca });
		return this;
	}

	// For tests that stand still while programs run to their end: a connection kept meanwhile may be over without their noticing.
	unkept() {
		Object.defineProperty(this, 'agent', { get: () => new https.Agent({ ca: this.ca }), set: () => 0, configurable: true });
		return this;
	}

	// The program with these arguments, to its end.
	run(args, input) {
		const env = { PATH: process.env.PATH, HOME: TMP, XDG_STATE_HOME: path.join(TMP, 'state'), LC_ALL: 'C.UTF-8' };
		return spawnSync(PLI, args, { env, input, encoding: 'utf8', maxBuffer: 1 << 28 });
	}

	verb(...args) {
		const r = this.run(args);
		if (r.status !== 0)
			throw new Error(`pli ${args.join(' ')}: status ${r.status}: ${r.stderr}`);
		return r.stdout.trim();
	}

	async serve({ program = PLI, ready = true } = {}) {
		const log = fs.openSync(this.log, 'a');
		this.server = spawn(program, ['serve', this.dir], { stdio: ['ignore', log, log], cwd: TMP });
		fs.closeSync(log);
		running.add(this);
		this.ended = new Promise((done) => this.server.once('exit', (code, signal) => {
			running.delete(this);
			this.exit = { code, signal };
			done(this.exit);
		}));
		this.exit = null;
		if (ready)
			await this.ready(30);
		return this;
	}

	async isReady() {
		if (this.exit)
			throw new Error('the server ended: ' + JSON.stringify(this.exit) + this.logTail());
		try {
			return (await this.request('GET', '/readyz', { agent: false, timeout: 3000 })).status === 200;
		} catch (e) {
			return false;
		}
	}

	async ready(seconds) { return until('the server is ready', () => this.isReady(), seconds); }

	// What the log says, in its order; a line that is being written is left for later.
	events(...names) {
		return fs.readFileSync(this.log, 'utf8').split('\n').slice(0, -1).filter((l) => names.some((n) => l.includes(`"event":"${n}"`))).map((l) => JSON.parse(l));
	}

	logTail() { return '\n' + fs.readFileSync(this.log, 'utf8').split('\n').slice(-15).join('\n'); }

	async stop() {
		if (!this.server || this.exit)
			return this.exit;
		this.agent.destroy();
		if (this.kept)
			this.kept.close();
		this.agent = new https.Agent({ keepAlive: true, maxSockets: 64, ca: this.ca });
		const begin = Date.now();
		this.server.kill('SIGTERM');
		const exit = await this.ended;
		same(exit, { code: 0, signal: null }, 'the server stops with 0');
		// It gives what is under way ten seconds; the rest is the machine's.
		check(Date.now() - begin < 30000, 'the server stops', Date.now() - begin + ' ms');
		const died = this.events('host.ended');
		if (!this.deathsExpected)
			same(died, [], 'no process of the server died');
		return exit;
	}

	// Processes of this instance by name: {'pli-front': pid, …}.
	children() {
		const found = {};
		for (const name of fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
			try {
				const stat = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
				const m = /^\d+ \((.*)\) (\S) (\d+)/.exec(stat);
				if (Number(m[3]) === this.server.pid && m[2] !== 'Z')
					found[fs.readFileSync(`/proc/${name}/comm`, 'utf8').trim()] = Number(name);
			} catch (e) {
				continue;	// ended meanwhile
			}
		}
		return found;
	}

	// Proportional set size of parent and children, in bytes.
	pss() {
		let sum = 0;
		for (const pid of [this.server.pid, ...Object.values(this.children())])
			sum += 1024 * Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
		return sum;
	}

	entity(name, siren) { this.verb('entity', 'add', this.dir, name, ...(siren ? ['--siren', siren] : [])); }

	user(email, role = 'editor', { entity = 'New York', name = 'Name of ' + email, password = PASSWORD } = {}) {
		const file = path.join(TMP, 'user.password');
		// Without a password (null) the program mails a link.
		if (password)
			fs.writeFileSync(file, password + '\n');
		this.verb('user', 'add', this.dir, email, '--name', name, '--entity', entity, '--role', role, ...(password ? ['--password-file', file] : []));
		return this.token(email);
	}

	// Signs in over plain HTTP: an object with `cookie`, `form` (the form key), get(path) and post(path, fields).
	// strong: as if a second factor had been shown; seen: milliseconds since any factor was.
	async signedIn(email, { password = PASSWORD, strong = false, seen = 0 } = {}) {
		const page = await this.request('GET', '/sign-in');
		const jar = { '__Host-p': /__Host-p=([^;]*)/.exec((page.headers['set-cookie'] || []).join('\n'))[1] };
		const answer = await this.postForm('/sign-in', { form: formKey(page), email, password, next: '/' }, { Cookie: cookies(jar) });
		if (answer.status !== 303)
			throw new Error('sign-in: ' + answer.brief);
		const s = { jar: setCookies({}, answer), instance: this };
		Object.defineProperty(s, 'cookie', { get: () => cookies(s.jar), configurable: true });
		if (strong || seen)
			this.sqlWrite(`UPDATE session SET strong = ${strong ? 1 : 0}, proved = proved - ${seen * 1000} WHERE session_hash = X'${
				crypto.createHash('sha256').update(s.jar['__Host-s']).digest('hex')}'; SELECT changes();`);
		s.get = async (target, headers = {}) => {
			const a = await this.request('GET', target, { headers: { Cookie: s.cookie, ...headers } });
			setCookies(s.jar, a);
			return a;
		};
		s.post = async (target, fields, headers = {}) => {
			const a = await this.postForm(target, { form: s.form, ...fields }, { Cookie: s.cookie, ...headers });
			setCookies(s.jar, a);
			return a;
		};
		s.form = formKey(await s.get('/'));
		return s;
	}

	// From now on the session is that of the account made last: for tests with many people, each of whose sign-ins would cost a hash.
	becomesNewest(session) {
		const made = "(SELECT %s FROM account ORDER BY created DESC LIMIT 1)";
		same(this.sqlWrite(`UPDATE session SET entity = ${made.replace('%s', 'entity')}, account = ${made.replace('%s', 'account')} WHERE session_hash = X'${
			crypto.createHash('sha256').update(session.jar['__Host-s']).digest('hex')}'; SELECT changes();`), '1', 'the session goes to another account');
	}

	sqlWrite(query) {
		return execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(this.dir, 'data/pli.db'), query], { encoding: 'utf8' }).trim();
	}

	token(email, ...more) {
		this.tokens[email] = this.verb('token', 'add', this.dir, email, ...more);
		return this.tokens[email];
	}

	// A session of HTTP/2; the one that is kept unless another is wanted.
	session(own = false) {
		if (!own && this.kept && !this.kept.closed && !this.kept.destroyed)
			return this.kept;
		const session = http2.connect(this.url, { ca: this.ca, lookup: (name, options, done) => options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4) });
		session.on('error', () => 0);
		session.on('goaway', () => session.close());
		if (!own)
			this.kept = session;
		return session;
	}

	request2(method, target, all, body, own, timeout) {
		const session = this.session(own), fields = { ':method': method, ':path': target };
		for (const [name, value] of Object.entries(all))
			fields[name.toLowerCase() === 'host' ? ':authority' : name.toLowerCase()] = value;
		return new Promise((done, fail) => {
			const parts = [], stream = session.request(fields, { endStream: body === undefined });
			let head = null;
			session.once('error', fail);
			stream.setTimeout(timeout, () => stream.destroy(new Error(`no answer in ${timeout} ms: ${method} ${target}`)));
			stream.on('response', (h) => { head = h; });
			stream.on('data', (p) => parts.push(p));
			stream.on('error', fail);
			stream.on('close', () => {
				session.removeListener('error', fail);
				if (own)
					session.close();
				if (!head)
					return fail(new Error(`reset with ${stream.rstCode}: ${method} ${target}`));
				done(new Answer(head[':status'], head, Buffer.concat(parts)));
			});
			stream.end(body);
		});
	}

	// Over HTTP/1.1; or over HTTP/2 when this.http2 is set.  A kept connection that the server gave up while it lay idle is no answer: the
	// request, which nobody has read, is sent over a new one.
	async request(method, target, { headers = {}, body, token, agent, timeout = 60000 } = {}) {
		const all = { ...headers };
		if (token)
			all.Authorization = 'Bearer ' + token;
		if (body !== undefined && !Object.keys(all).some((k) => k.toLowerCase() === 'content-length'))
			all['Content-Length'] = Buffer.byteLength(body);
		if (this.http2)
			return this.request2(method, target, { Host: 'localhost:' + this.port, ...all }, body, agent === false, timeout);
		// After a command that blocked: see first which kept connections the server has closed meanwhile.
		await new Promise(setImmediate);
		await new Promise(setImmediate);
		const once = (way) => new Promise((done, fail) => {
			const req = https.request({ host: '127.0.0.1', port: this.port, servername: 'localhost', method, path: target, ca: this.ca,
				headers: { Host: 'localhost:' + this.port, ...all }, agent: way, timeout }, (res) => {
				const parts = [];
				res.on('data', (p) => parts.push(p));
				res.on('end', () => done(new Answer(res.statusCode, res.headers, Buffer.concat(parts))));
				res.on('error', fail);
			});
			let idle = 0;
			req.on('socket', (s) => {
				idle = s.lastAnswer ? Date.now() - s.lastAnswer : 0;
				s.once('free', () => { s.lastAnswer = Date.now(); });
			});
			req.on('timeout', () => req.destroy(new Error(`no answer in ${timeout} ms: ${method} ${target}`)));
			req.on('error', (e) => fail(Object.assign(e, { idle: req.reusedSocket && !req.res && ['ECONNRESET', 'EPIPE'].includes(e.code) ? idle : 0 })));
			req.end(body);
		});
		const way = agent === undefined ? this.agent : agent;
		const answer = await once(way).catch((e) => {
			if (!(e.idle >= 2000))
				throw e;
			return once(way);
		});
		return answer.status === 503 && proves(method, target) ? this.proofLater(once, way, answer) : answer;
	}

	// A proof needs the head that covers its entries.  On a slow machine that may take longer than the server waits: it says when to ask again.
	async proofLater(once, way, answer) {
		for (let n = 0; n < 30 && answer.status === 503 && answer.headers['retry-after']; n++) {
			await pause(1000);
			answer = await once(way);
		}
		return answer;
	}

	json(method, target, token, value, headers = {}) {
		return this.request(method, target, { token, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(value) });
	}

	// fields: [[name, value]…]; a value {filename, bytes, type} is a file.
	multipart(target, token, fields, headers = {}, method = 'POST') {
		const boundary = 'pli' + crypto.randomBytes(12).toString('hex');
		const parts = [];
		for (const [name, value] of fields) {
			const file = typeof value === 'object' && !Buffer.isBuffer(value);
			parts.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"`));
			if (file)
				parts.push(Buffer.from('; filename="'), Buffer.from(value.filename), Buffer.from(`"\r\nContent-Type: ${value.type || 'application/octet-stream'}`));
			parts.push(Buffer.from('\r\n\r\n'), Buffer.from(file ? value.bytes : value), Buffer.from('\r\n'));
		}
		parts.push(Buffer.from(`--${boundary}--\r\n`));
		return this.request(method, target, { token, headers: { 'Content-Type': 'multipart/form-data; boundary=' + boundary, ...headers }, body: Buffer.concat(parts) });
	}

	// A raw connection: resolves to everything that came until the peer closed, or until it was silent: for `idle` ms, once there is `enough`
	// (by default the head of an answer) for `more` ms.
	raw(bytes, { idle = 30000, more = 300, pieces, enough = (text) => text.includes('\r\n\r\n') } = {}) {
		return new Promise((done) => {
			const got = [];
			const socket = tls.connect({ host: '127.0.0.1', port: this.port, servername: 'localhost', ca: this.ca }, async () => {
				for (const piece of pieces || [bytes])
					if (!socket.destroyed)
						socket.write(piece);
			});
			const end = (closed) => {
				socket.destroy();
				done({ text: Buffer.concat(got).toString('latin1'), closed });
			};
			socket.setTimeout(idle, () => end(false));
			socket.on('data', (p) => {
				got.push(p);
				if (enough(Buffer.concat(got).toString('latin1')))
					socket.setTimeout(more);
			});
			socket.on('error', () => end(true));
			socket.on('end', () => end(true));
		});
	}

	mailFiles() {
		return fs.readdirSync(path.join(this.dir, 'outbox')).filter((n) => n.endsWith('.eml')).sort()
			.map((n) => path.join(this.dir, 'outbox', n));
	}

	// A caught mail; each is read once, as the outbox writes none of them again.
	mailIn(file) {
		const { mtimeMs, size } = fs.statSync(file), version = mtimeMs + ' ' + size;
		if ((this.parsed.get(file) || {}).version !== version)
			this.parsed.set(file, { version, mail: mail.parse(fs.readFileSync(file)) });
		return this.parsed.get(file).mail;
	}

	mails(address) {
		return this.mailFiles().map((f) => ({ file: f, ...this.mailIn(f) }))
			.filter((m) => !address || m.headers.some((h) => h.name === 'to' && h.value.replace(/^.*<(.*)>$/, '$1').toLowerCase() === address.toLowerCase()));
	}

	async mail(address, n = 1) {
		const all = await until(`mail ${n} to ${address}`, () => {
			const found = this.mails(address);
			return found.length >= n ? found : null;
		});
		return all[n - 1];
	}

	// The path of the link in the n-th mail to that address: /l/TOKEN.
	async link(address, n = 1) { return new URL((await this.mail(address, n)).links[0]).pathname; }

	async form(link) {
		const page = await this.request('GET', link);
		const m = /name="form" value="([^"]*)"/.exec(page.text);
		return m ? m[1] : '';
	}

	postForm(target, fields, headers = {}) {
		return this.request('POST', target, { headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
			body: new URLSearchParams(fields).toString() });
	}

	// Opens a letter; the answer has .cookie ("name=value") when it went well.
	async open(link, password) {
		const fields = { form: await this.form(link) };
		if (password !== undefined)
			fields.password = password;
		const answer = await this.postForm(link + '/open', fields);
		answer.cookie = (answer.headers['set-cookie'] || [''])[0].split(';')[0];
		return answer;
	}

	// Rows of the database, which may be in use.
	sql(query) {
		const out = execFileSync('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 5000', path.join(this.dir, 'data/pli.db'), query],
			{ encoding: 'utf8', maxBuffer: 1 << 28 });
		return out.trim() ? JSON.parse(out) : [];
	}

	one(query) { return Object.values(this.sql(query)[0])[0]; }

	// What must not change when a request is refused.
	counts() {
		const count = {};
		for (const table of ['letter', 'recipient', 'link', 'object', 'segment', 'upload', 'part', 'notice', 'journal', 'idempotency'])
			count[table] = this.one(`SELECT COUNT(*) FROM ${table}`);
		count.blobs = fs.readdirSync(path.join(this.dir, 'data/blobs'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).length;
		count.mails = this.mailFiles().length;
		return count;
	}

	verify() { return this.run(['journal', 'verify', this.dir]); }
}

async function main(fn) {
	try {
		await fn();
	} catch (e) {
		check(false, 'the test ran to its end', e.stack + (e.cause ? '\ncause: ' + e.cause : ''));
	}
	for (const instance of [...running]) {
		instance.server.kill('SIGTERM');
		await Promise.race([instance.ended, pause(12000)]);
		if (!instance.exit)
			instance.server.kill('SIGKILL');
	}
	console.log(`${checks} checks, ${wrong} wrong`);
	process.exit(checks > 0 && wrong === 0 ? 0 : 1);
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
	process.on(signal, () => {
		for (const instance of running)
			instance.server.kill('SIGTERM');
		process.exit(1);
	});

module.exports = { PASSWORD, formKey, hiddenFields, cookies, setCookies, Instance, check, same, pause, until, together, wholeHour, main, mail, TMP, PLI, freePort };
