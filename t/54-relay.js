#!/usr/bin/env node
// Goal: notices leave through a relay whatever it does: none is lost, at most one copy more with the same Message-ID where a connection
// broke after the final dot, a final refusal shows within a minute in the relay's own words, TLS is what was asked for, and the service
// of letters never notices.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main } = require('./lib/pli.js');
const { Relay, HANG, CUT, pair } = require('./lib/relay.js');

const QUICK = 'timeout_s = 2\nretry = 1s\n';

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

main(async () => {
	await good();
});
