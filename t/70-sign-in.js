#!/usr/bin/env node
// Goal: only who knows the password, and where there is one the code, gets in, however often others try.  Of a thousand guesses at
// most twenty are evaluated, and the owner still gets in; a code is good once, a recovery code once; a link for a password is good
// once, also of 64 at the same time; who is unknown waits as long as who is known; a session planted before sign-in is nobody's, one
// that was ended is dead at once; a form without the session's key, or from another site, does nothing.
'use strict';
const crypto = require('crypto');
const https = require('https');
const { Instance, PASSWORD, check, same, until, main, cookies, setCookies, formKey } = require('./lib/pli.js');
const { totp, qrText } = require('./lib/totp.js');

const FORM = 'application/x-www-form-urlencoded';

// A browser: a jar, and a network address of its own on the loopback network.
class Browser {
	constructor(instance, address = '127.0.0.1') {
		this.i = instance;
		this.jar = {};
		this.agent = new https.Agent({ keepAlive: true, maxSockets: 16, ca: instance.ca, localAddress: address });
	}

	async ask(method, target, body, headers = {}) {
		const a = await this.i.request(method, target, { headers: { Cookie: cookies(this.jar), ...headers }, body, agent: this.agent });
		setCookies(this.jar, a);
		this.form = formKey(a) || this.form;
		return a;
	}

	get(target) { return this.ask('GET', target); }
	post(target, fields, headers = {}) {
		return this.ask('POST', target, new URLSearchParams({ form: this.form, ...fields }).toString(), { 'Content-Type': FORM, ...headers });
	}

	async signIn(email, password = PASSWORD) {
		await this.get('/sign-in');
		const a = await this.post('/sign-in', { email, password, next: '/' });
		if (a.status === 303 && a.headers.location === '/')
			await this.get('/settings');	// for the session's form key
		return a;
	}
	async signedIn() { return (await this.get('/settings')).status === 200; }
	close() { this.agent.destroy(); }
}

const evaluated = (i) => i.one('SELECT COALESCE(SUM(failures), 0) FROM signin_failure');

async function guesses(i) {
	const email = 'owner@example.org';
	const home = new Browser(i), stranger = new Browser(i, '127.0.0.2');
	same((await home.signIn(email)).status, 303, 'the owner signs in');
	same((await home.post('/sign-out', {})).headers['clear-site-data'] !== undefined, true, 'signing out clears what the browser keeps');
	check(!(await home.signedIn()), 'and ends the session');

	// A thousand from one address, sixteen at a time.
	await stranger.get('/sign-in');
	const seen = {};
	let next = 0;
	const before = evaluated(i);
	const one = async () => {
		while (next++ < 1000) {
			const a = await stranger.post('/sign-in', { email, password: 'guess-number-' + next });
			seen[a.status] = (seen[a.status] || 0) + 1;
			if (a.status === 429)
				check(Number(a.headers['retry-after']) > 0, 'Retry-After says how long');
			if (a.status === 303)
				check(false, 'a guess opened the door');
		}
	};
	await Promise.all(Array.from({ length: 16 }, one));
	const tried = evaluated(i) - before;
	same((seen[403] || 0) + (seen[429] || 0), 1000, 'each guess is refused ' + JSON.stringify(seen));
	check(tried > 0 && tried <= 20, 'of 1,000 guesses at most 20 are evaluated', tried);
	same(tried, seen[403], 'those that were evaluated are those that were answered so');
	// The right password comes too late for who has guessed so much.
	same((await stranger.post('/sign-in', { email, password: PASSWORD })).status, 429, 'the right one from there waits too');
	same((await home.signIn(email)).status, 303, 'the owner, in a browser that knows him, gets in');
	await home.post('/sign-out', {});

	// From a hundred addresses, three each.
	const middle = evaluated(i);
	const counts = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
		const b = new Browser(i, `127.0.1.${n + 1}`);
		await b.get('/sign-in');
		const codes = [];
		for (let k = 0; k < 3; k++)
			codes.push((await b.post('/sign-in', { email, password: `spread-${n}-${k}` })).status);
		b.close();
		return codes;
	}));
	check(counts.flat().every((s) => s === 403 || s === 429), 'each of them is refused');
	check(evaluated(i) - middle <= 20, 'of 300 guesses from 100 addresses at most 20 are evaluated', evaluated(i) - middle);
	same((await home.signIn(email)).status, 303, 'the owner still gets in');

	// Without such a browser: by a link to his mailbox, which makes one of the browser that opened it.
	const fresh = new Browser(i, '127.0.3.1');
	await fresh.get('/forgotten');
	const asked = i.mails(email).length;
	same((await fresh.post('/forgotten', { email })).status, 200, 'he asks for a link');
	const link = new URL((await i.mail(email, asked + 1)).links[0]).pathname;
	await fresh.get(link);
	same((await fresh.post(link, { password: PASSWORD + 'x', password_again: PASSWORD + 'x' })).status, 200, 'he sets a new password');
	same((await fresh.signIn(email, PASSWORD + 'x')).status, 303, 'and gets in at once, whoever else knocks');
	check(!(await home.signedIn()), 'a new password ends the sessions elsewhere');
	for (const b of [home, stranger, fresh])
		b.close();
}

// One from each of many addresses, so that nobody waits: the same answer, and the same time.  What else the machine does can only add to a
// time, so the quickest tenth of either is compared; where that is not enough on a busy machine, again with more, all of them together: what
// tells the two apart does so however often it is looked at.
async function unknown(i) {
	const known = [], strange = [], texts = new Set();
	const quick = (list) => [...list].sort((x, y) => x - y).slice(0, list.length / 10).reduce((sum, x) => sum + x, 0) / Math.floor(list.length / 10);
	const close = () => Math.abs(quick(known) - quick(strange)) < 0.25 * Math.max(quick(known), quick(strange)) + 2;
	for (let n = 0; n < 160 && (n < 40 || n % 40 || !close()); n++) {
		if (n && n % 40 === 0)
			i.sqlWrite('DELETE FROM guess');
		const pair = [[`timing${n % 8}@example.org`, known], [`nobody${n}@example.org`, strange]];
		for (const [email, times] of n % 2 ? pair.reverse() : pair) {
			const b = new Browser(i, `127.1.${n}.${times === known ? 1 : 2}`);
			await b.get('/sign-in');
			const begin = process.hrtime.bigint();
			const a = await b.post('/sign-in', { email, password: 'not the password' });
			times.push(Number(process.hrtime.bigint() - begin) / 1e6);
			same(a.status, 403, `${email}: refused`);
			texts.add(a.text.replace(email, 'E').replace(/name="form" value="[^"]*"/, ''));
			b.close();
		}
	}
	same(texts.size, 1, 'the same answer for known and unknown');
	check(close(), 'and the same time', `${quick(known).toFixed(1)} ms known, ${quick(strange).toFixed(1)} ms unknown, of ${known.length} each`);
	const r = new Browser(i, '127.2.0.1');
	await r.get('/forgotten');
	const answers = [];
	for (const email of ['timing0@example.org', 'nobody@example.org', 'no address', ''])
		answers.push((await r.post('/forgotten', { email })).text.replace(/name="form" value="[^"]*"/, ''));
	same(new Set(answers).size, 1, '"forgotten" answers the same whoever is named');
	r.close();
}

async function factor(i) {
	const email = 'factor@example.org';
	const b = new Browser(i, '127.4.0.1'), other = new Browser(i, '127.4.0.2');
	await b.signIn(email);
	let page = await b.get('/settings/factor/add');
	const secret = /class="secret mono">([A-Z2-7 ]+)</.exec(page.text)[1].replace(/ /g, '');
	const uri = qrText(page.text);
	check(uri.startsWith('otpauth://totp/localhost:factor%40example.org?secret=' + secret), 'the QR code says the same as the letters', uri);
	const offer = /name="offer" value="([^"]*)"/.exec(page.text)[1].replace(/&#43;/g, '+');
	const wrong = ['000000', '111111', '222222', '333333', '444444'].find((c) => ![-1, 0, 1, 2].some((n) => totp(secret, n) === c));
	page = await b.post('/settings/factor/add', { offer, code: wrong });
	same(page.status, 403, 'a wrong code adds nothing');
	check(page.text.includes(secret.slice(0, 4) + ' '), 'and the same secret is shown again');
	same((await b.post('/settings/factor/add', { offer: offer.slice(0, -8) + 'AAAAAAA=', code: totp(secret) })).status, 400, 'a secret that was not offered');
	const cookieBefore = b.jar['__Host-s'];
	const first = totp(secret);
	page = await b.post('/settings/factor/add', { offer, code: first });
	same(page.status, 200, 'the right code adds it');
	const codes = [...page.text.matchAll(/<code>([a-z2-7]{5}-[a-z2-7]{5})<\/code>/g)].map((m) => m[1]);
	same(codes.length, 10, 'ten recovery codes');
	check(b.jar['__Host-s'] !== cookieBefore, 'the session has a new value');
	const planted = new Browser(i);
	planted.jar = { '__Host-s': cookieBefore };
	check(!(await planted.signedIn()), 'the old one is dead');
	const stored = i.sql(`SELECT hex(totp) AS t FROM account WHERE totp IS NOT NULL`)[0].t;
	check(!Buffer.from(stored, 'hex').includes(base32(secret)), 'the secret is not stored in clear');

	// Sign-in: password, then a code; the one of enrolment was used.
	const half = await other.signIn(email);
	same([half.status, half.headers.location.startsWith('/sign-in/code')], [303, true], 'the password leads to the code');
	check(!(await other.signedIn()), 'half in is not in');
	await other.get('/sign-in/code');
	same((await other.post('/sign-in/code', { code: first })).status, 403, 'the code of enrolment is used up');
	const now = await nextCode(secret, first);
	const twice = await Promise.all([1, 2, 3, 4].map(async (n) => {
		const x = new Browser(i, `127.4.1.${n}`);
		await x.signIn(email);
		await x.get('/sign-in/code');
		const a = await x.post('/sign-in/code', { code: now });
		return { status: a.status, in: await x.signedIn() };
	}));
	same(twice.filter((t) => t.status === 303 && t.in).length, 1, 'a code used four times at once opens once ' + JSON.stringify(twice));
	same(twice.filter((t) => t.status === 403 && !t.in).length, 3, 'and is refused to the others');

	// A recovery code, with spaces and capitals; once.  The app's browser knows him: nobody else's tries are counted there.
	const rescue = async (code) => {
		const x = new Browser(i, '127.4.2.' + (1 + codes.indexOf(code.toLowerCase().replace(/ /g, '-'))));
		x.jar = Object.fromEntries(Object.entries(b.jar).filter(([k]) => k.startsWith('__Host-d')));
		await x.signIn(email);
		await x.get('/sign-in/code');
		const a = await x.post('/sign-in/code', { code });
		return a.status;
	};
	same(await rescue(codes[0].toUpperCase().replace('-', ' ')), 303, 'a recovery code opens');
	same(await rescue(codes[0]), 403, 'once');
	check((await b.get('/settings/factor')).text.includes(' 9'), 'nine are left');

	// Removing asks for a fresh proof.
	i.sqlWrite('UPDATE session SET proved = proved - 3600000000');
	let led = await b.post('/settings/factor/remove', {});
	check(led.status === 403 && led.text.includes('name="to" value="/settings/factor/remove"'), 'removing it asks who is there, and keeps what was asked for', led.brief);
	same((await b.post('/settings/factor/remove', { form: 'x' })).headers.location, '/step-up?next=/settings/factor', 'not from a form of another session');
	same(i.one('SELECT COUNT(*) FROM account WHERE totp IS NOT NULL'), 1, 'it is still there');
	await b.get('/step-up?next=/settings/factor');
	same((await b.post('/step-up', { code: '12', next: '/settings/factor' })).status, 403, 'a wrong code');
	led = await b.post('/step-up', { code: codes[1], next: '/settings/factor', to: '/sign-out' });
	same([led.status, led.headers.location], [303, '/settings/factor'], 'a right one leads back, never on to what asks for no proof');
	same((await b.post('/settings/factor/remove', {})).headers.location, '/settings/factor?done=factor_removed', 'now it is removed');
	same(i.one('SELECT COUNT(*) FROM account WHERE totp IS NOT NULL') + i.one('SELECT COUNT(*) FROM recovery_code'), 0, 'with its recovery codes');
	same(i.one('SELECT SUM(strong) FROM session WHERE account = (SELECT account FROM session WHERE session_hash = X\'' + hash(b.jar['__Host-s']) + '\')'), 0,
		'and no session counts as strong');
	same((await new Browser(i, '127.4.5.1').signIn(email)).headers.location, '/', 'the password alone signs in again');
	await until('three mails tell of it', () => i.mails(email).length >= 2);
	for (const x of [b, other])
		x.close();
}

const hash = (value) => crypto.createHash('sha256').update(value).digest('hex');
function base32(s) {
	let bits = '';
	for (const c of s)
		bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
	return Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
}

// A code of a later step than the one given: the next one is taken within the window.
async function nextCode(secret, used) {
	return until('the next code', () => [0, 1].map((n) => totp(secret, n)).find((c) => c !== used && c), 40);
}

async function links(i) {
	const email = 'invited@example.org';
	i.user(email, 'editor', { password: null });
	const mail = await i.mail(email);
	const link = new URL(mail.links[0]).pathname;
	check(/^\/password\/[a-z2-7]{52}$/.test(link), 'the invitation holds a link', link);
	check(!JSON.stringify(i.sql('SELECT * FROM signin_link')).includes(link.slice(10)), 'the link is not stored');
	await until('the mail with the link is forgotten when it is out', () => i.one('SELECT COUNT(*) FROM account_mail') === 0);
	const b = new Browser(i, '127.5.0.1');
	const page = await b.get(link);
	same([page.status, page.text.includes(email)], [200, true], 'the link opens a page that says for whom');
	same((await b.post(link, { password: 'short', password_again: 'short' })).status, 422, 'a short password');
	same((await b.post(link, { password: 'password', password_again: 'password' })).status, 422, 'a common password');
	same((await b.post(link, { password: PASSWORD, password_again: 'other' })).status, 422, 'two that differ');
	const jar = b.jar, form = b.form;
	const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => {
		const x = new Browser(i, `127.5.1.${n + 1}`);
		Object.assign(x, { jar: { ...jar }, form });
		return x.post(link, { password: PASSWORD + n, password_again: PASSWORD + n }).then((a) => { x.close(); return a.status; });
	}));
	same(answers.filter((s) => s === 200).length, 1, 'of 64 at the same time one sets the password ' + JSON.stringify(answers));
	check(answers.every((s) => [200, 410, 503].includes(s)), 'the others are told', answers);
	const winner = answers.indexOf(200);
	same((await b.signIn(email, PASSWORD + winner)).status, 303, 'it is the winner\'s');
	same((await b.get(link)).status, 410, 'the link is over');
	same(i.one("SELECT COUNT(*) FROM journal WHERE event = 'password.changed' AND account = (SELECT account FROM session ORDER BY created DESC LIMIT 1)"), 1, 'one entry');

	// An expired one, a replaced one, a disabled account's.
	const inMails = () => i.mails(email).flatMap((m) => m.links).filter((l) => l.includes('/password/'));
	const ask = async () => {
		const n = inMails().length;
		await b.get('/forgotten');
		await b.post('/forgotten', { email });
		return new URL((await until('a mail with a link', () => inMails()[n]))).pathname;
	};
	const older = await ask(), newer = await ask();
	same((await b.get(older)).status, 410, 'a newer link ends the older one');
	i.sqlWrite(`UPDATE signin_link SET expires = 1 WHERE used IS NULL`);
	same((await b.get(newer)).status, 410, 'an hour later it has expired');
	same((await b.get('/password/' + 'a'.repeat(52))).status, 404, 'one that never was');
	b.close();
}

async function sessions(i) {
	const email = 'sessions@example.org';
	// Fixation: what somebody planted before is not what is opened.
	const b = new Browser(i, '127.6.0.1');
	const planted = 'a'.repeat(52);
	b.jar['__Host-s'] = planted;
	await b.signIn(email);
	check(b.jar['__Host-s'] && b.jar['__Host-s'] !== planted, 'sign-in makes a value of its own');
	same(i.one(`SELECT COUNT(*) FROM session WHERE session_hash = X'${hash(planted)}'`), 0, 'the planted one is nobody\'s');
	check(await b.signedIn(), 'he is in');
	const attributes = (await new Browser(i, '127.6.0.9').signIn(email)).headers['set-cookie'].find((l) => l.startsWith('__Host-s='));
	check(/; Path=\/; Secure; HttpOnly; SameSite=Strict$/.test(attributes), 'the cookie is Secure, HttpOnly, SameSite=Strict, and ends with the browser', attributes);

	// The list, and ending one of them from another.
	const other = new Browser(i, '127.6.0.2');
	await other.signIn(email);
	const list = await b.get('/settings/sessions');
	const ids = [...list.text.matchAll(/name="session" value="([0-9a-f-]{36})"/g)].map((m) => m[1]);
	same(ids.length, 2, 'the others are listed');
	check(list.text.includes('127.6.0.2'), 'with their addresses');
	await b.post('/settings/sessions/end', { session: ids[0] });
	await b.post('/settings/sessions/end', { session: ids[1] });
	check(!(await other.signedIn()), 'an ended session is dead at once');
	check(await b.signedIn(), 'one\'s own lives');
	const foreign = new Browser(i, '127.6.0.3');
	await foreign.signIn('timing0@example.org');
	const own = i.sql(`SELECT hex(session) AS id FROM session WHERE session_hash = X'${hash(b.jar['__Host-s'])}'`)[0].id.toLowerCase();
	await foreign.post('/settings/sessions/end', { session: own.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') });
	check(await b.signedIn(), 'nobody ends another\'s');

	// CSRF.
	const form = b.form;
	const name = async () => /name="name"[^>]* value="([^"]*)"/.exec((await b.get('/settings')).text)[1];
	const was = await name();
	for (const [what, fields, headers] of [['no key', { form: '' }, {}], ['a foreign key', { form: foreign.form }, {}], ['another site', {}, { 'Sec-Fetch-Site': 'cross-site' }],
		['a sibling', {}, { 'Sec-Fetch-Site': 'same-site' }], ['another origin', {}, { Origin: 'https://evil.example' }]]) {
		b.form = form;
		const a = await b.post('/settings', { ...fields, name: 'Mallory' }, headers);
		same(a.status, 403, `${what}: refused`);
		same(await name(), was, `${what}: nothing changed`);
	}
	b.form = form;
	same((await b.post('/settings', { name: 'Alice', own_lang: 'en' }, { Origin: i.url, 'Sec-Fetch-Site': 'same-origin' })).status, 303, 'one\'s own form');
	same(await name(), 'Alice', 'changes the name');
	check((await b.get('/settings')).headers['content-language'] === 'en', 'and the language');

	// Idle and absolute ends.
	i.sqlWrite(`UPDATE session SET seen = seen - idle WHERE session_hash = X'${hash(b.jar['__Host-s'])}'`);
	check(!(await b.signedIn()), 'idle too long');
	await b.signIn(email);
	i.sqlWrite(`UPDATE session SET ends = ${Date.now() * 1000} WHERE session_hash = X'${hash(b.jar['__Host-s'])}'`);
	check(!(await b.signedIn()), 'over after its hours');
	// Where it led to is where it leads again; never elsewhere.
	for (const [next, wanted] of [['/settings/sessions', '/settings/sessions'], ['//evil.example', '/'], ['https://evil.example', '/'], ['/\\evil.example', '/'], ['/sign-out', '/'],
		['/nowhere', '/'], ['/settings?done=saved', '/settings?done=saved']]) {
		await b.get('/sign-in');
		same((await b.post('/sign-in', { email, password: PASSWORD, next })).headers.location, wanted, `next=${next}`);
	}
	const away = await new Browser(i).get('/settings/sessions?x=1&y=2');
	same([away.status, away.headers.location], [303, '/sign-in?next=/settings/sessions%3Fx%3D1%26y%3D2'], 'who is not signed in is led to sign in');
	// Disabled: out at once, everywhere.
	await b.signIn(email);
	check(await b.signedIn(), 'in again');
	i.verb('user', 'disable', i.dir, email);
	check(!(await b.signedIn()), 'a disabled account is out at once');
	same((await b.signIn(email)).status, 403, 'and does not get in');
	for (const x of [b, other, foreign])
		x.close();
}

async function tokens(i) {
	const b = new Browser(i, '127.7.0.1');
	await b.signIn('tokens@example.org');
	// A token sends without being asked for anything: where sending takes a second factor, so does making one.
	const weak = await b.get('/settings/tokens');
	check(weak.status === 200 && !/action="\/settings\/tokens"/.test(weak.text) && weak.text.includes('href="/settings/factor"'), 'with the password alone no token is offered, but the way to a second factor');
	const before = i.one('SELECT COUNT(*) FROM api_token');
	same([(await b.post('/settings/tokens', { name: 'Scanner', days: '30' })).status, i.one('SELECT COUNT(*) FROM api_token')], [403, before], 'nor is one made');
	i.sqlWrite(`UPDATE session SET strong = 1 WHERE session_hash = X'${hash(b.jar['__Host-s'])}'`);
	const made = await b.post('/settings/tokens', { name: 'Scanner <b>', days: '30' });
	const token = /class="secret mono">(pli_[^<]+)</.exec(made.text)[1];
	same((await i.request('GET', '/api/v1/letters', { token })).status, 200, 'a token made on the page works');
	const page = await b.get('/settings/tokens');
	check(!page.text.includes(token) && page.text.includes('Scanner &lt;b&gt;'), 'it is shown once, its name always');
	const id = [...page.text.matchAll(/name="token" value="([^"]+)"/g)].map((m) => m[1]).find((x) => page.text.indexOf('Scanner') < page.text.indexOf(x));
	const other = new Browser(i, '127.7.0.2');
	await other.signIn('timing1@example.org');
	same((await other.post('/settings/tokens/end', { token: id })).status, 404, 'nobody revokes another\'s');
	await b.post('/settings/tokens/end', { token: id });
	same((await i.request('GET', '/api/v1/letters', { token })).status, 401, 'revoked, it is dead');
	for (const x of [b, other])
		x.close();
}

main(async () => {
	const i = new Instance().make({ conf: '[limits]\nconnections_per_net = 0\n' });
	await i.serve();
	for (const name of ['owner', 'factor', 'sessions', 'tokens', ...Array.from({ length: 8 }, (_, n) => 'timing' + n)])
		i.user(name + '@example.org');
	await guesses(i);
	await unknown(i);
	await factor(i);
	await links(i);
	await sessions(i);
	await tokens(i);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
