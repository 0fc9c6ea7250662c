#!/usr/bin/env node
// Goal: notices leave through a relay whatever it does: none is lost, at most one copy more with the same Message-ID where a connection
// broke after the final dot, a final refusal shows within a minute in the relay's own words, TLS is what was asked for, and the service
// of letters never notices.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main } = require('./lib/pli.js');
const { Relay, HANG, CUT, pair } = require('./lib/relay.js');

const QUICK = 'timeout_s = 4\nretry = 1s\n';

let count = 0;

// An instance whose notices go to relay; more: further lines of [mail].
async function served(relay, more = '', { scheme = 'smtp', host = '127.0.0.1', lang = 'en' } = {}) {
	const i = new Instance('instance' + ++count).make({ lang, more: ['--mail', `${scheme}://${host}:${relay.port}`], conf: '[mail]\n' + QUICK + more });
	await i.serve();
	i.token('admin@example.org');
	i.sender = i.user('sender@example.org');
	return i;
}

async function letter(i, to, what = 'A letter') {
	const a = await i.json('POST', '/api/v1/letters', i.sender, { to: [].concat(to), subject: what });
	if (!check(a.status === 201, 'a deposit while the relay does as it likes', a.brief))
		throw new Error('no deposit');
	return a.headers.location;
}

const show = async (i, where) => (await i.request('GET', where, { token: i.sender })).json;
const recipient = async (i, where, n = 0) => (await show(i, where)).recipients[n];
const settled = (i, where, state, seconds = 20) => until(`${where} is ${state}`, async () => (await show(i, where)).recipients.every((r) => r.state === state) && show(i, where), seconds);
const rows = async (i, where, event) => (await i.request('GET', `/api/v1/journal?letter=${path.basename(where)}`, { token: i.sender })).json.entries.filter((e) => e.event === event);
const entries = (i, event) => i.sql(`SELECT entry FROM journal WHERE event = '${event}' ORDER BY seq`).map((r) => JSON.parse(r.entry));

async function good() {
	const relay = await new Relay().listen();
	const i = await served(relay, 'bounce_domain = bounces.example.org\n');
	const where = await letter(i, ['a@example.org', 'b@example.org']);
	const l = await settled(i, where, 'sent');
	same(relay.mails.length, 2, 'two mails');
	for (const [n, who] of ['a@example.org', 'b@example.org'].entries()) {
		const [m] = relay.to(who);
		check(m && new RegExp(`^To: (.*<)?${who}>?$`, 'm').test(m.data), `a mail of its own for ${who}`, m);
		check(/^bounce\+[a-z2-7]{26}\.[a-z2-7]{16}@bounces\.example\.org$/.test(m.from), 'a return address of its own', m.from);
		check(/^https:\/\/localhost:\d+\/l\/[a-z2-7]{52}$/m.test(m.data.replace(/\r/g, '')), 'the link', m.data);
		check(/^Feedback-ID: first:letter:pli:localhost$/m.test(m.data.replace(/\r/g, '')), 'what kind of mail, of whom', m.data);
		check(/^Auto-Submitted: auto-generated$/m.test(m.data.replace(/\r/g, '')), 'Auto-Submitted');
		check(/^250 2\.0\.0 Ok: queued as Q\d$/.test(l.recipients[n].reply), 'the relay\'s words on the page', l.recipients[n]);
		same(l.recipients[n].peer, `127.0.0.1 [127.0.0.1]:${relay.port}`, 'which relay');
	}
	check(relay.mails[0].from !== relay.mails[1].from && relay.mails[0].id !== relay.mails[1].id, 'addresses and ids differ');
	for (const e of entries(i, 'notice.sent')) {
		check(/^250 2\.0\.0 Ok: queued as Q\d$/.test(e.d.reply), 'the relay\'s words in the entry', e);
		same([e.d.peer, e.tls], [`127.0.0.1 [127.0.0.1]:${relay.port}`, undefined], 'peer and no TLS in the entry');
		check(relay.mails.some((m) => m.id === `<${e.d.msgid}>`), 'the Message-ID in the entry', e);
	}
	same(relay.log.filter((l) => l[1] === 'ehlo').length, relay.sessions, 'one greeting a session');
	// Sessions are kept.
	for (let n = 0; n < 5; n++)
		await settled(i, await letter(i, `n${n}@example.org`), 'sent');
	check(relay.sessions <= 2, 'no new session for mails one after the other', relay.sessions);
	// A session that the relay closed while it lay idle.
	for (const s of relay.open)
		s.socket.destroy();
	const after = await letter(i, 'again@example.org');
	await settled(i, after, 'sent');
	same(relay.to('again@example.org').length, 1, 'once');
	// 421 to the first word over an old session: a new one is taken at once.
	const old = new Set([...relay.open].map((s) => s.n));
	relay.script = (verb, s) => verb === 'mail' && old.has(s.n) ? { say: '421 4.4.2 idle too long', cut: true } : undefined;
	const third = await letter(i, 'third@example.org');
	await settled(i, third, 'sent', 5);
	same([relay.to('third@example.org').length, i.one('SELECT MAX(tries) FROM notice')], [1, 0], 'once, and no try counted');
	relay.script = null;
	// Resending is a new mail.
	await i.json('POST', after + '/resend', i.sender, {});
	await until('sent again', () => relay.to('again@example.org').length === 2);
	check(relay.to('again@example.org')[0].id !== relay.to('again@example.org')[1].id, 'a Message-ID of its own');
	await i.stop();
	await relay.close();
}


// What is answered to a recipient goes by his address, once: verb-what@example.org.  Every other recipient is served meanwhile.
async function faultsOfOneMail() {
	const relay = await new Relay({ extensions: [] }).listen();
	const i = await served(relay);
	const said = new Map();
	const FAULTS = { hang: HANG, cut: CUT, 421: { say: '421 4.3.2 going down', cut: true }, 450: '450 4.2.0 <who@example.org>: later', 451: '451 4.3.0 not now', garbage: 'so what' };
	relay.script = (verb, s) => {
		const m = /^(\w+)-(\w+)@/.exec(s.to[s.to.length - 1] || '');
		if (!m || m[1] !== verb || said.has(m[0]) || !FAULTS[m[2]])
			return undefined;
		said.set(m[0], Date.now());
		return FAULTS[m[2]];
	};
	const whom = ['rcpt-hang', 'rcpt-cut', 'rcpt-421', 'rcpt-450', 'rcpt-451', 'rcpt-garbage', 'data-hang', 'data-cut', 'data-421', 'data-451', 'data-garbage',
		'body-hang', 'body-cut', 'dot-hang', 'dot-cut', 'dot-421', 'dot-450', 'dot-451', 'good-one'].map((n) => n + '@example.org');
	const letters = [], times = [];
	for (const w of whom) {
		const begin = Date.now();
		letters.push(await letter(i, w));
		times.push(Date.now() - begin);
	}
	check(times.sort((a, b) => a - b)[times.length >> 1] < 2000, 'deposits do not wait for the relay', times);
	await until('every mail has had its fault', () => said.size === whom.length - 1, 20);
	await until('while it waits the page says why', async () => {
		const [r] = (await show(i, letters[whom.indexOf('rcpt-450@example.org')])).recipients;
		return r.state !== 'pending' || r.reply === '450 4.2.0 <(address)>: later';
	});
	for (const [n, w] of whom.entries()) {
		await settled(i, letters[n], 'sent', 40);
		const taken = relay.taken.filter((m) => m.to.includes(w));
		// A hang or a cut in the middle of the bytes shows to us as one after the final dot.
		const most = /^(dot|body)-/.test(w) ? 2 : 1;
		check(taken.length >= 1 && taken.length <= most && new Set(taken.map((m) => m.id)).size === 1, `${w}: one mail, or a repeat with the same Message-ID`, taken.map((m) => m.id));
		if (!/^dot-(hang|cut)/.test(w))
			same(relay.to(w).length, 1, `${w}: taken once for good`);
	}
	same(relay.taken.filter((m) => m.to[0] === 'dot-cut@example.org').length, 2, 'cut after the final dot: one repeat');
	same(i.one("SELECT COUNT(*) FROM notice WHERE doubts > 0 AND tries > 1"), 0, 'no more than that');
	same(entries(i, 'notice.sent').length, whom.length, 'one entry each');
	// Uncertain again and again: the second repeat waits for an hour.
	relay.script = (verb, s) => verb === 'dot' && s.to[0] === 'never@example.org' ? CUT : undefined;
	const never = await letter(i, 'never@example.org');
	await until('twice uncertain', () => i.one('SELECT MAX(doubts) FROM notice WHERE due IS NOT NULL') === 2, 20);
	check(i.one('SELECT MIN(due) FROM notice WHERE due IS NOT NULL') > (Date.now() + 3500e3) * 1000, 'then an hour goes by');
	same(relay.taken.filter((m) => m.to[0] === 'never@example.org').length, 2, 'at most one repeat');
	same((await recipient(i, never)).state, 'pending', 'and it is not given up');
	await i.stop();
	await relay.close();
}

async function refusals() {
	const relay = await new Relay().listen();
	const i = await served(relay);
	const WORDS = { rcpt: '550-5.1.1 <gone@example.org>: Recipient address rejected:\r\n550 5.1.1 User unknown', data: '554 5.7.1 no', dot: '552 5.3.4 too big for rcpt@example.org' };
	relay.script = (verb, s) => {
		const to = s.to[s.to.length - 1] || '';
		return to.startsWith(verb + '-gone') ? WORDS[verb] : undefined;
	};
	const some = await letter(i, ['rcpt-gone@example.org', 'fine@example.org']);
	const begin = Date.now();
	const l = await until('both are settled', async () => (await show(i, some)).recipients.every((r) => r.state !== 'pending') && show(i, some));
	check(Date.now() - begin < 60000, 'a final refusal shows within a minute', Date.now() - begin);
	same(l.recipients.map((r) => [r.state, r.sends]), [['failed', 0], ['sent', 1]], 'one failed, one sent');
	same(l.recipients[0].reply, '550 5.1.1 <(address)>: Recipient address rejected: 5.1.1 User unknown', 'the words, without an address');
	same(l.state, 'sent', 'the letter is sent');
	const page = (await (await i.signedIn('sender@example.org')).get('/letters/' + path.basename(some))).text;
	check(page.includes('550 5.1.1 &lt;(address)&gt;: Recipient address rejected: 5.1.1 User unknown'), 'the words on the letter\'s page, as text', page.slice(page.indexOf('rcpt-gone')).slice(0, 1500));
	same(page.split('550 5.1.1').length, 2, 'beside the one whom they are about');
	const [failed] = entries(i, 'notice.failed');
	same([failed.d.reply, failed.d.peer], [l.recipients[0].reply, l.recipients[0].peer], 'the same in the entry');
	check(!JSON.stringify(i.sql("SELECT entry FROM journal WHERE event LIKE 'notice.%'")).includes('@example.org"'), 'no address in an entry');
	same((await rows(i, some, 'notice.failed')).length, 1, 'a row in the journal');
	for (const verb of ['data', 'dot']) {
		const one = await letter(i, verb + '-gone@example.org');
		const r = (await settled(i, one, 'failed')).recipients[0];
		check(r.reply === WORDS[verb].replace('rcpt@example.org', '(address)'), verb + ': the words', r);
		same((await show(i, one)).state, 'failed', verb + ': the letter failed');
	}
	same(i.sql('SELECT tries FROM notice WHERE tries > 0').length, 0, 'nothing was tried again');
	// Sent again later, it arrives.
	relay.script = null;
	await i.json('POST', some + '/resend', i.sender, { recipients: ['rcpt-gone@example.org'] });
	await settled(i, some, 'sent');
	const verified = i.run(['journal', 'verify', i.dir]);
	same(verified.status, 0, 'journal verify', verified.stderr);
	await i.stop();
	await relay.close();
}

// The relay itself: nothing counts against a mail, everything goes out once it is back.
async function away() {
	const relay = await new Relay().listen();
	const port = relay.port;
	await relay.close();
	const i = await served(relay);
	const begin = Date.now(), letters = [];
	for (let n = 0; n < 30; n++)
		letters.push(await letter(i, `r${n}@example.org`));
	check(Date.now() - begin < 60000, 'deposits go on while there is no relay', Date.now() - begin);
	const waiting = await until('the page says what is wrong', async () => (await recipient(i, letters[0])).reply && recipient(i, letters[0]));
	check(/^no connection to the relay/.test(waiting.reply) && waiting.state === 'pending', 'nobody there', waiting);
	check(!/example\.org/.test(fs.readFileSync(i.log, 'utf8')), 'no address in the log');
	const FAULTS = [['connect', '421 4.3.2 not now'], ['connect', '554 5.3.2 no'], ['connect', HANG], ['connect', CUT], ['ehlo', CUT], ['ehlo', HANG], ['ehlo', { say: '421 4.3.2 bye', cut: true }], ['mail', { say: '421 4.3.2 bye', cut: true }]];
	await relay.listen(port);
	for (const w of letters)
		await settled(i, w, 'sent', 40);
	for (const [n, [verb, what]] of FAULTS.entries()) {
		let met = false;
		relay.script = (v) => v === verb && !met ? (met = true) && what : undefined;
		for (const s of relay.open)
			s.socket.destroy();
		await settled(i, await letter(i, `f${n}@example.org`), 'sent', 30);
		check(met, 'the fault was met: ' + verb, what);
		same(relay.taken.filter((m) => m.to[0] === `f${n}@example.org`).length, 1, `after ${verb}: once`);
	}
	for (let n = 0; n < 30; n++)
		same(relay.taken.filter((m) => m.to[0] === `r${n}@example.org`).length, 1, `r${n}: once`);
	same(i.one('SELECT COUNT(*) FROM notice WHERE tries > 0'), 0, 'no try counted');
	// Silence after MAIL, on a fresh connection and on one that was kept.
	for (const fresh of [true, false]) {
		let met = false;
		relay.script = (v) => v === 'mail' && !met ? (met = true) && HANG : undefined;
		if (fresh)
			for (const s of relay.open)
				s.socket.destroy();
		await settled(i, await letter(i, `silent-${fresh}@example.org`), 'sent', 30);
		same([met, relay.taken.filter((m) => m.to[0] === `silent-${fresh}@example.org`).length], [true, 1], 'silence after MAIL: once');
	}
	const log = fs.readFileSync(i.log, 'utf8');
	check(/"event":"relay.away"/.test(log) && /"event":"relay.back"/.test(log), 'the log tells of both');
	// A good-bye that is never answered holds nobody up.
	relay.script = (verb, s) => verb === 'quit' ? HANG : verb === 'rcpt' && /^no/.test(s.to[0]) ? '550 5.1.1 no' : undefined;
	const many = await letter(i, Array.from({ length: 25 }, (_, n) => `no${n}@example.org`));
	await settled(i, many, 'failed', 60);
	await i.stop();
	await relay.close();
}

// Kills in the middle: nothing is lost, and nothing arrives more than twice.
async function kills() {
	const relay = await new Relay().listen();
	const i = await served(relay, 'sessions = 3\n');
	i.deathsExpected = true;
	let held = 0;
	relay.script = (verb, s) => verb === 'dot' && /^held/.test(s.to[0]) && held++ < 3 ? HANG : undefined;
	const one = await letter(i, ['held1@example.org', 'held2@example.org', 'held3@example.org', ...Array.from({ length: 40 }, (_, n) => `q${n}@example.org`)]);
	await until('three hang after the final dot', () => held === 3);
	process.kill(i.children()['pli-courier'], 'SIGKILL');
	await settled(i, one, 'sent', 30);
	held = 0;
	const two = await letter(i, ['held4@example.org', 'held5@example.org', 'held6@example.org', ...Array.from({ length: 40 }, (_, n) => `p${n}@example.org`)]);
	await until('three hang again', () => held === 3);
	process.kill(i.children()['pli-front'], 'SIGKILL');
	await i.ready(20);
	await settled(i, two, 'sent', 30);
	const by = {};
	for (const m of relay.taken)
		(by[m.to[0]] = by[m.to[0]] || []).push(m.id);
	same(Object.keys(by).length, 86, 'everybody got one');
	check(Object.values(by).every((ids) => ids.length <= 2 && new Set(ids).size === 1), 'at most one repeat, with the same Message-ID', by);
	check(Object.entries(by).filter(([to, ids]) => !/^held/.test(to) && ids.length > 1).length <= 6, 'repeats are the exception');
	await i.stop();
	await relay.close();
}

main(async () => {
	await good();
	await faultsOfOneMail();
	await refusals();
	await away();
	await kills();
});
